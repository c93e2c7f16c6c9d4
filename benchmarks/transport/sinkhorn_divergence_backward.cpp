// SPDX-License-Identifier: Apache-2.0

// Shapes are ROWSxCOLUMNSxWIDTH:iITERATIONS, coordinates from 0 to 1, epsilon a twentieth of the mean cost; the tolerance is never met.

#include <ocellus/transport/sinkhorn_divergence_backward.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void solve(benchmark::State& state, std::int64_t rows, std::int64_t columns, std::int64_t width, std::int64_t iterations) {
  auto const x = random_tensor_between<float**>(0.0, 1.0, 1, rows, width), y = random_tensor_between<float**>(0.0, 1.0, 2, columns, width);
  auto const x_gradient = random_tensor<float**>(3, rows, width), y_gradient = random_tensor<float**>(4, columns, width);
  auto const a_gradient = random_tensor<float*>(5, rows), b_gradient = random_tensor<float*>(6, columns);
  transport::SinkhornDivergenceOptions const options{.epsilon = 0.05 * real(width) / 6, .tolerance = 1e-30, .max_iterations = iterations};
  WorkspaceFor<Exec> workspace(Exec(), transport::sinkhorn_divergence_backward_workspace_size(Exec(), x, y));
  run(state, "float", transport::sinkhorn_divergence_backward_cost(real(rows), real(columns), real(width), real(iterations), 4), [&](Exec const& exec) {
    benchmark::DoNotOptimize(
        transport::sinkhorn_divergence_backward(exec, x, y, none, none, x_gradient, y_gradient, a_gradient, b_gradient, options, workspace));
  });
}

OCELLUS_BENCHMARK("transport::sinkhorn_divergence_backward", "1000x1000x50:i50", "float", solve, 1000, 1000, 50, 50);

}  // namespace
