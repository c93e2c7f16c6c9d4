// SPDX-License-Identifier: Apache-2.0

// Shapes are ROWSxCOLUMNS:iITERATIONS, costs from 0 to 1, epsilon 0.05, rho 1; the tolerance is never met.

#include <ocellus/transport/unbalanced_sinkhorn.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void solve(benchmark::State& state, std::int64_t rows, std::int64_t columns, std::int64_t iterations) {
  auto const cost = random_tensor_between<float**>(0.0, 1.0, 1, rows, columns);
  auto const f = random_tensor<float*>(2, rows), g = random_tensor<float*>(3, columns);
  transport::UnbalancedSinkhornOptions const options{.epsilon = 0.05, .rho1 = 1, .rho2 = 1, .tolerance = 1e-30, .max_iterations = iterations};
  WorkspaceFor<Exec> workspace(Exec(), transport::unbalanced_sinkhorn_workspace_size(Exec(), cost));
  run(state, "float", transport::unbalanced_sinkhorn_cost(real(rows), real(columns), real(iterations), 4),
      [&](Exec const& exec) { benchmark::DoNotOptimize(transport::unbalanced_sinkhorn(exec, cost, none, none, f, g, none, options, workspace)); });
}

OCELLUS_BENCHMARK("transport::unbalanced_sinkhorn", "1000x1000:i100", "float", solve, 1000, 1000, 100);

}  // namespace
