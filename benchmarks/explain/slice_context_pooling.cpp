// SPDX-License-Identifier: Apache-2.0

// Shapes are ROWSxWIDTH:sSLICES, 256 embedded features, 128 hidden, gated, attention over the slices.

#include <ocellus/explain/slice_context_pooling.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

using Matrix  = Tensor<float**, Exec>;
using Vector  = Tensor<float*, Exec>;
using Weights = explain::SliceContextWeights<Matrix, Vector>;

Weights drawn(std::uint32_t sample, std::int64_t width, std::int64_t embedded, std::int64_t hidden) {
  auto const matrix = [&](std::int64_t rows, std::int64_t columns) { return random_tensor_between<float**>(-0.1, 0.1, sample++, rows, columns); };
  auto const vector = [&](std::int64_t count) { return random_tensor_between<float*>(-0.1, 0.1, sample++, count); };
  return {matrix(embedded, width),
          vector(embedded),
          {matrix(hidden, embedded), vector(hidden), matrix(1, hidden), vector(1), matrix(hidden, embedded), vector(hidden)},
          matrix(1, embedded),
          vector(1)};
}

void forward(benchmark::State& state, std::int64_t rows, std::int64_t width, std::int64_t slices) {
  constexpr std::int64_t embedded = 256, hidden = 128;
  auto const offsets  = filled_tensor<std::int64_t*>([=](std::int64_t i) { return i * (rows / slices); }, slices + 1);
  auto const features = random_tensor<float**>(1, rows, width);
  auto const weights  = drawn(2, width, embedded, hidden);
  auto const pooled = random_tensor<float*>(20, embedded), attention = random_tensor<float*>(21, slices);
  auto const means = random_tensor<float**>(22, slices, embedded);
  WorkspaceFor<Exec> workspace(Exec(), explain::slice_context_pooling_workspace_size(Exec(), features, offsets, weights, pooled, means, attention));
  run(state, "float", explain::slice_context_pooling_cost(real(rows), real(slices), real(width), real(embedded), real(hidden), true, 4),
      [&](Exec const& exec) { explain::slice_context_pooling(exec, features, offsets, weights, pooled, means, attention, {}, workspace); });
}

void backward(benchmark::State& state, std::int64_t rows, std::int64_t width, std::int64_t slices) {
  constexpr std::int64_t embedded = 256, hidden = 128;
  auto const offsets           = filled_tensor<std::int64_t*>([=](std::int64_t i) { return i * (rows / slices); }, slices + 1);
  auto const features          = random_tensor<float**>(1, rows, width);
  auto const weights           = drawn(2, width, embedded, hidden);
  auto const gradients         = drawn(20, width, embedded, hidden);
  auto const pooled_gradient   = random_tensor<float*>(40, embedded);
  auto const features_gradient = random_tensor<float**>(41, rows, width);
  WorkspaceFor<Exec> workspace(
      Exec(), explain::slice_context_pooling_backward_workspace_size(Exec(), features, offsets, weights, pooled_gradient, features_gradient, gradients));
  run(state, "float", explain::slice_context_pooling_backward_cost(real(rows), real(slices), real(width), real(embedded), real(hidden), true, 4),
      [&](Exec const& exec) {
        explain::slice_context_pooling_backward(exec, features, offsets, weights, pooled_gradient, features_gradient, gradients, {}, workspace);
      });
}

OCELLUS_BENCHMARK("explain::slice_context_pooling", "20000x384:s50", "float", forward, 20000, 384, 50);
OCELLUS_BENCHMARK("explain::slice_context_pooling_backward", "20000x384:s50", "float", backward, 20000, 384, 50);

}  // namespace
