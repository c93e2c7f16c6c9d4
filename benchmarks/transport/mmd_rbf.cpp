// SPDX-License-Identifier: Apache-2.0

// Shapes are ROWSxROWSxWIDTH, with the default bandwidths.

#include <ocellus/transport/mmd_rbf.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void discrepancy(benchmark::State& state, std::int64_t rows, std::int64_t columns, std::int64_t width) {
  auto const x = random_tensor<float**>(1, rows, width), y = random_tensor<float**>(2, columns, width);
  auto const mmd = make_tensor<float>(Exec(), "mmd");
  transport::MmdRbfOptions const options;
  WorkspaceFor<Exec> workspace(Exec(), transport::mmd_rbf_workspace_size(Exec(), x, y));
  run(state, "float", transport::mmd_rbf_cost(real(rows), real(columns), real(width), static_cast<double>(options.gammas.size()), 4),
      [&](Exec const& exec) { transport::mmd_rbf(exec, x, y, mmd, options, workspace); });
}

OCELLUS_BENCHMARK("transport::mmd_rbf", "2000x2000x50", "float", discrepancy, 2000, 2000, 50);

}  // namespace
