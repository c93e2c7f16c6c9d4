// SPDX-License-Identifier: Apache-2.0

// Shapes are IMAGESxTOKENSxWIDTH, a quarter visible.

#include <ocellus/mae/unshuffle_tokens.hpp>

#include "support/autoencoder.hpp"
#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void forward(benchmark::State& state, std::int64_t images, std::int64_t tokens, std::int64_t width) {
  auto const visible = random_tensor<float***>(1, images, tokens / 4, width), output = random_tensor<float***>(2, images, tokens, width);
  auto const mask_token = random_tensor<float*>(3, width);
  auto const restore    = shuffled_places(images, tokens);
  run(state, "float", mae::unshuffle_tokens_cost(real(images), real(tokens / 4), real(tokens), real(width), 4),
      [&](Exec const& exec) { mae::unshuffle_tokens(exec, visible, mask_token, restore, output); });
}

/// Reads what the forward pass writes.
void backward(benchmark::State& state, std::int64_t images, std::int64_t tokens, std::int64_t width) {
  auto const visible = random_tensor<float***>(1, images, tokens / 4, width), gradient = random_tensor<float***>(2, images, tokens, width);
  auto const mask_token = random_tensor<float*>(3, width);
  auto const restore    = shuffled_places(images, tokens);
  Cost const cost{.bytes_read = 4 * real(images * tokens * width), .bytes_written = real(images * tokens * width)};
  run(state, "float", cost, [&](Exec const& exec) { mae::unshuffle_tokens_backward(exec, gradient, restore, visible, mask_token); });
}

OCELLUS_BENCHMARK("mae::unshuffle_tokens", "64x196x512", "float", forward, 64, 196, 512);
OCELLUS_BENCHMARK("mae::unshuffle_tokens_backward", "64x196x512", "float", backward, 64, 196, 512);

}  // namespace
