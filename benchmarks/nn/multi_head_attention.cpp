// SPDX-License-Identifier: Apache-2.0

// Shapes are HEADSxTOKENSxWIDTH, all heads of all images together: 48 are 8 images of ViT-S.

#include <ocellus/nn/multi_head_attention.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

Cost forward_cost(std::int64_t heads, std::int64_t tokens, std::int64_t width) {
  auto const n = static_cast<double>(tokens), d = static_cast<double>(width);
  return nn::multi_head_attention_cost(1, static_cast<double>(heads), n, n, d, d, 4);
}

/// With a key mask each image, six heads, keeps three keys in four.
void forward(benchmark::State& state, std::int64_t heads, std::int64_t tokens, std::int64_t width, bool masked) {
  std::int64_t const images = heads / 6;
  auto const query = random_tensor<float****>(1, images, 6, tokens, width), key = random_tensor<float****>(2, images, 6, tokens, width),
             value  = random_tensor<float****>(3, images, 6, tokens, width);
  auto const output = random_tensor<float****>(4, images, 6, tokens, width);
  auto const sums   = random_tensor<float***>(5, images, 6, tokens);
  auto const kept   = filled_tensor<bool**>([](std::int64_t i) { return i % 4 != 3; }, images, tokens);
  run(state, "float", forward_cost(heads, tokens, width), [&](Exec const& exec) {
    if (masked)
      nn::multi_head_attention(exec, query, key, value, none, kept, output, sums);
    else
      nn::multi_head_attention(exec, query, key, value, none, none, output, sums);
  });
}

/// The backward pass, alone or behind the forward one. Useful operations: five products a backward pass, two a forward one.
void backward(benchmark::State& state, std::int64_t heads, std::int64_t tokens, std::int64_t width, bool with_forward) {
  std::int64_t const images = heads / 6;
  auto const query = random_tensor<float****>(1, images, 6, tokens, width), key = random_tensor<float****>(2, images, 6, tokens, width),
             value  = random_tensor<float****>(3, images, 6, tokens, width);
  auto const output = random_tensor<float****>(4, images, 6, tokens, width), output_gradient = random_tensor<float****>(5, images, 6, tokens, width);
  auto const query_gradient = random_tensor<float****>(6, images, 6, tokens, width), key_gradient = random_tensor<float****>(7, images, 6, tokens, width),
             value_gradient = random_tensor<float****>(8, images, 6, tokens, width);
  auto const sums           = random_tensor<float***>(9, images, 6, tokens);
  nn::multi_head_attention(Exec(), query, key, value, none, none, output, sums);
  WorkspaceFor<Exec> workspace(Exec(), nn::multi_head_attention_backward_workspace_size(Exec(), query));
  auto const n = static_cast<double>(tokens), d = static_cast<double>(width);
  Cost cost = nn::multi_head_attention_backward_cost(1, static_cast<double>(heads), n, n, d, d, 4);
  if (with_forward) cost = cost + forward_cost(heads, tokens, width);
  run(state, "float", cost, [&](Exec const& exec) {
    if (with_forward) nn::multi_head_attention(exec, query, key, value, none, none, output, sums);
    nn::multi_head_attention_backward(exec, output_gradient, query, key, value, none, none, output, sums, query_gradient, key_gradient, value_gradient, {},
                                      workspace);
  });
}

OCELLUS_BENCHMARK("nn::multi_head_attention", "48x197x64", "float", forward, 48, 197, 64, false);
OCELLUS_BENCHMARK("nn::multi_head_attention", "48x785x64", "float", forward, 48, 785, 64, false);
OCELLUS_BENCHMARK("nn::multi_head_attention", "48x3137x64", "float", forward, 48, 3137, 64, false);
OCELLUS_BENCHMARK("nn::multi_head_attention", "48x785x64:key_mask", "float", forward, 48, 785, 64, true);
OCELLUS_BENCHMARK("nn::multi_head_attention_backward", "48x785x64", "float", backward, 48, 785, 64, false);
OCELLUS_BENCHMARK("nn::multi_head_attention_backward", "48x785x64:with_forward", "float", backward, 48, 785, 64, true);

}  // namespace
