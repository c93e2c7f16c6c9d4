// SPDX-License-Identifier: Apache-2.0

// Shapes are ROWSxCOLUMNSxWIDTH:iITERATIONS, coordinates from 0 to 1, epsilon a twentieth of the mean cost; the tolerance is never met.

#include <ocellus/transport/sinkhorn_divergence.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void solve(benchmark::State& state, std::int64_t rows, std::int64_t columns, std::int64_t width, std::int64_t iterations) {
  auto const x = random_tensor_between<float**>(0.0, 1.0, 1, rows, width), y = random_tensor_between<float**>(0.0, 1.0, 2, columns, width);
  transport::SinkhornDivergenceOptions const options{.epsilon = 0.05 * real(width) / 6, .tolerance = 1e-30, .max_iterations = iterations};
  WorkspaceFor<Exec> workspace(Exec(), transport::sinkhorn_divergence_workspace_size(Exec(), x, y));
  run(state, "float", transport::sinkhorn_divergence_cost(real(rows), real(columns), real(width), real(iterations), 4),
      [&](Exec const& exec) { benchmark::DoNotOptimize(transport::sinkhorn_divergence(exec, x, y, none, none, options, workspace)); });
}

OCELLUS_BENCHMARK("transport::sinkhorn_divergence", "1000x1000x50:i50", "float", solve, 1000, 1000, 50, 50);

}  // namespace
