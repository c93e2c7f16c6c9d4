// SPDX-License-Identifier: Apache-2.0

// Shapes are IMAGESxTOKENSxWIDTH, a quarter kept. The backward pass writes the gradients of all tokens.

#include <ocellus/mae/gather_tokens.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

auto kept(std::int64_t images, std::int64_t tokens) {
  return filled_tensor<std::int64_t**>([=](std::int64_t i) { return i % (tokens / 4) * 4; }, images, tokens / 4);
}

void forward(benchmark::State& state, std::int64_t images, std::int64_t tokens, std::int64_t width) {
  auto const input = random_tensor<float***>(1, images, tokens, width), visible = random_tensor<float***>(2, images, tokens / 4, width);
  auto const keep = kept(images, tokens);
  run(state, "float", mae::gather_tokens_cost(real(images), real(tokens / 4), real(width), 4),
      [&](Exec const& exec) { mae::gather_tokens(exec, input, keep, visible); });
}

void backward(benchmark::State& state, std::int64_t images, std::int64_t tokens, std::int64_t width) {
  auto const gradient = random_tensor<float***>(1, images, tokens, width), visible = random_tensor<float***>(2, images, tokens / 4, width);
  auto const keep = kept(images, tokens);
  Cost const cost{.bytes_read = real(images * tokens * width), .bytes_written = 4 * real(images * tokens * width)};
  run(state, "float", cost, [&](Exec const& exec) { mae::gather_tokens_backward(exec, visible, keep, gradient); });
}

OCELLUS_BENCHMARK("mae::gather_tokens", "64x196x384", "float", forward, 64, 196, 384);
OCELLUS_BENCHMARK("mae::gather_tokens_backward", "64x196x384", "float", backward, 64, 196, 384);

}  // namespace
