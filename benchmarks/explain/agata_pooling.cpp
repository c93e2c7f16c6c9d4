// SPDX-License-Identifier: Apache-2.0

// Shapes are ROWSxWIDTHxHIDDEN:bBAGS, 128 values and 16 queries.

#include <ocellus/explain/agata_pooling.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

using Matrix  = Tensor<float**, Exec>;
using Vector  = Tensor<float*, Exec>;
using Weights = explain::AgataWeights<Matrix, Vector>;

Weights drawn(std::uint32_t sample, std::int64_t width, std::int64_t hidden, std::int64_t values, std::int64_t queries) {
  auto const matrix = [&](std::int64_t rows, std::int64_t columns) { return random_tensor_between<float**>(-0.1, 0.1, sample++, rows, columns); };
  auto const vector = [&](std::int64_t count) { return random_tensor_between<float*>(-0.1, 0.1, sample++, count); };
  return {matrix(hidden, width), vector(hidden), matrix(values, hidden), vector(values), matrix(queries, hidden)};
}

void forward(benchmark::State& state, std::int64_t rows, std::int64_t width, std::int64_t hidden, std::int64_t bags) {
  constexpr std::int64_t values = 128, queries = 16;
  auto const offsets  = filled_tensor<std::int64_t*>([=](std::int64_t i) { return i * (rows / bags); }, bags + 1);
  auto const features = random_tensor<float**>(1, rows, width);
  auto const weights  = drawn(2, width, hidden, values, queries);
  auto const scores = random_tensor<float**>(10, rows, queries), pooled = random_tensor<float**>(11, bags, values);
  WorkspaceFor<Exec> workspace(Exec(), explain::agata_pooling_workspace_size(Exec(), features, offsets, weights, scores, pooled));
  run(state, "float", explain::agata_pooling_cost(real(rows), real(width), real(hidden), real(values), real(queries), 4),
      [&](Exec const& exec) { explain::agata_pooling(exec, features, offsets, weights, scores, pooled, {}, workspace); });
}

void backward(benchmark::State& state, std::int64_t rows, std::int64_t width, std::int64_t hidden, std::int64_t bags) {
  constexpr std::int64_t values = 128, queries = 16;
  auto const offsets         = filled_tensor<std::int64_t*>([=](std::int64_t i) { return i * (rows / bags); }, bags + 1);
  auto const features        = random_tensor<float**>(1, rows, width);
  auto const weights         = drawn(2, width, hidden, values, queries);
  auto const gradients       = drawn(10, width, hidden, values, queries);
  auto const pooled_gradient = random_tensor<float**>(20, bags, values), features_gradient = random_tensor<float**>(21, rows, width);
  WorkspaceFor<Exec> workspace(
      Exec(), explain::agata_pooling_backward_workspace_size(Exec(), features, offsets, weights, pooled_gradient, features_gradient, gradients));
  run(state, "float", explain::agata_pooling_backward_cost(real(rows), real(width), real(hidden), real(values), real(queries), 4), [&](Exec const& exec) {
    explain::agata_pooling_backward(exec, features, offsets, weights, pooled_gradient, features_gradient, gradients, {}, workspace);
  });
}

OCELLUS_BENCHMARK("explain::agata_pooling", "20000x384x256:b20", "float", forward, 20000, 384, 256, 20);
OCELLUS_BENCHMARK("explain::agata_pooling_backward", "20000x384x256:b20", "float", backward, 20000, 384, 256, 20);

}  // namespace
