// SPDX-License-Identifier: Apache-2.0

// Shapes are ROWSxCOLUMNSxWIDTH:iITERATIONS, coordinates from 0 to 1, epsilon a twentieth of the mean cost; the tolerance is never met.

#include <ocellus/transport/sinkhorn_point_cloud.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void solve(benchmark::State& state, std::int64_t rows, std::int64_t columns, std::int64_t width, std::int64_t iterations) {
  auto const x = random_tensor_between<float**>(0.0, 1.0, 1, rows, width), y = random_tensor_between<float**>(0.0, 1.0, 2, columns, width);
  auto const f = random_tensor<float*>(3, rows), g = random_tensor<float*>(4, columns);
  WorkspaceFor<Exec> workspace(Exec(), transport::sinkhorn_point_cloud_workspace_size(Exec(), x, y));
  transport::SinkhornPointCloudOptions const options{.epsilon = 0.05 * static_cast<double>(width) / 6, .tolerance = 1e-30, .max_iterations = iterations};
  run(state, "float",
      transport::sinkhorn_point_cloud_cost(static_cast<double>(rows), static_cast<double>(columns), static_cast<double>(width), static_cast<double>(iterations),
                                           4),
      [&](Exec const& exec) { benchmark::DoNotOptimize(transport::sinkhorn_point_cloud(exec, x, y, none, none, f, g, options, workspace)); });
}

OCELLUS_BENCHMARK("transport::sinkhorn_point_cloud", "10000x10000x50:i100", "float", solve, 10000, 10000, 50, 100);

}  // namespace
