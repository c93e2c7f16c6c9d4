// SPDX-License-Identifier: Apache-2.0

// Shapes are ROWSxROWSxCOLUMNS: distances of two sets of cells, feature by feature.

#include <ocellus/transport/wasserstein_1d.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void distances(benchmark::State& state, std::int64_t rows, std::int64_t others, std::int64_t columns) {
  auto const x = random_tensor<float**>(1, rows, columns), y = random_tensor<float**>(2, others, columns);
  auto const cost = random_tensor<float*>(3, columns);
  WorkspaceFor<Exec> workspace(Exec(), transport::wasserstein_1d_workspace_size(Exec(), x, y));
  run(state, "float", transport::wasserstein_1d_cost(real(rows), real(others), real(columns), 4),
      [&](Exec const& exec) { transport::wasserstein_1d(exec, x, y, none, none, cost, {}, workspace); });
}

OCELLUS_BENCHMARK("transport::wasserstein_1d", "2000x3000x500", "float", distances, 2000, 3000, 500);

}  // namespace
