// SPDX-License-Identifier: Apache-2.0

// Shapes are ROWSxWIDTHxHIDDEN:bBAGS, gated, one branch.

#include <ocellus/explain/attention_mil.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

using Matrix  = Tensor<float**, Exec>;
using Vector  = Tensor<float*, Exec>;
using Weights = explain::AttentionMilWeights<Matrix, Vector>;

Weights drawn(std::uint32_t sample, std::int64_t width, std::int64_t hidden) {
  auto const matrix = [&](std::int64_t rows, std::int64_t columns) { return random_tensor_between<float**>(-0.1, 0.1, sample++, rows, columns); };
  auto const vector = [&](std::int64_t count) { return random_tensor_between<float*>(-0.1, 0.1, sample++, count); };
  return {matrix(hidden, width), vector(hidden), matrix(1, hidden), vector(1), matrix(hidden, width), vector(hidden)};
}

void forward(benchmark::State& state, std::int64_t rows, std::int64_t width, std::int64_t hidden, std::int64_t bags) {
  auto const offsets   = filled_tensor<std::int64_t*>([=](std::int64_t i) { return i * (rows / bags); }, bags + 1);
  auto const features  = random_tensor<float**>(1, rows, width);
  auto const weights   = drawn(2, width, hidden);
  auto const attention = random_tensor<float**>(10, rows, 1);
  auto const pooled    = random_tensor<float***>(11, bags, 1, width);
  WorkspaceFor<Exec> workspace(Exec(), explain::attention_mil_workspace_size(Exec(), features, offsets, weights, attention, pooled));
  run(state, "float", explain::attention_mil_cost(real(rows), real(width), real(hidden), 1, true, 4),
      [&](Exec const& exec) { explain::attention_mil(exec, features, offsets, weights, attention, pooled, {}, workspace); });
}

void backward(benchmark::State& state, std::int64_t rows, std::int64_t width, std::int64_t hidden, std::int64_t bags) {
  auto const offsets           = filled_tensor<std::int64_t*>([=](std::int64_t i) { return i * (rows / bags); }, bags + 1);
  auto const features          = random_tensor<float**>(1, rows, width);
  auto const weights           = drawn(2, width, hidden);
  auto const gradients         = drawn(10, width, hidden);
  auto const pooled_gradient   = random_tensor<float***>(20, bags, 1, width);
  auto const features_gradient = random_tensor<float**>(21, rows, width);
  WorkspaceFor<Exec> workspace(
      Exec(), explain::attention_mil_backward_workspace_size(Exec(), features, offsets, weights, pooled_gradient, features_gradient, gradients));
  run(state, "float", explain::attention_mil_backward_cost(real(rows), real(width), real(hidden), 1, true, 4), [&](Exec const& exec) {
    explain::attention_mil_backward(exec, features, offsets, weights, pooled_gradient, features_gradient, gradients, {}, workspace);
  });
}

OCELLUS_BENCHMARK("explain::attention_mil", "20000x384x128:b20", "float", forward, 20000, 384, 128, 20);
OCELLUS_BENCHMARK("explain::attention_mil_backward", "20000x384x128:b20", "float", backward, 20000, 384, 128, 20);

}  // namespace
