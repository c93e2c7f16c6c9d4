// SPDX-License-Identifier: Apache-2.0

// Shapes are ROWSxCOLUMNS:iITERATIONS, stored costs from 0 to 1 and epsilon 0.05; the tolerance is never met, so that all iterations are done.

#include <ocellus/transport/sinkhorn.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void solve(benchmark::State& state, std::int64_t rows, std::int64_t columns, std::int64_t iterations) {
  auto const cost = random_tensor_between<float**>(0.0, 1.0, 1, rows, columns);
  auto const f = random_tensor<float*>(2, rows), g = random_tensor<float*>(3, columns);
  WorkspaceFor<Exec> workspace(Exec(), transport::sinkhorn_workspace_size(Exec(), cost));
  transport::SinkhornOptions const options{.epsilon = 0.05, .tolerance = 1e-30, .max_iterations = iterations};
  run(state, "float", transport::sinkhorn_cost(static_cast<double>(rows), static_cast<double>(columns), static_cast<double>(iterations), 4),
      [&](Exec const& exec) { benchmark::DoNotOptimize(transport::sinkhorn(exec, cost, none, none, f, g, none, options, workspace)); });
}

OCELLUS_BENCHMARK("transport::sinkhorn", "10000x10000:i100", "float", solve, 10000, 10000, 100);
OCELLUS_BENCHMARK("transport::sinkhorn", "1000x1000:i100", "float", solve, 1000, 1000, 100);

}  // namespace
