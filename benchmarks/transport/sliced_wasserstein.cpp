// SPDX-License-Identifier: Apache-2.0

// Shapes are ROWSxROWSxWIDTHxPROJECTIONS.

#include <ocellus/transport/sliced_wasserstein.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void distance(benchmark::State& state, std::int64_t rows, std::int64_t others, std::int64_t width, std::int64_t count) {
  auto const x = random_tensor<float**>(1, rows, width), y = random_tensor<float**>(2, others, width), projections = random_tensor<float**>(3, width, count);
  auto const result = make_tensor<float>(Exec(), "distance");
  WorkspaceFor<Exec> workspace(Exec(), transport::sliced_wasserstein_workspace_size(Exec(), x, y, projections));
  run(state, "float", transport::sliced_wasserstein_cost(real(rows), real(others), real(width), real(count), 4),
      [&](Exec const& exec) { transport::sliced_wasserstein(exec, x, y, projections, none, none, result, {}, workspace); });
}

OCELLUS_BENCHMARK("transport::sliced_wasserstein", "5000x5000x50x100", "float", distance, 5000, 5000, 50, 100);

}  // namespace
