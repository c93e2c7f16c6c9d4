// SPDX-License-Identifier: Apache-2.0

// Shapes are HEIGHTxWIDTH, discs on a grid; about 200 steps each.

#include <ocellus/explain/flow_error.hpp>

#include "support/benchmark.hpp"
#include "support/discs.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void error(benchmark::State& state, std::int64_t side) {
  auto const labels = disc_labels(side, disc_pitch, side * side);
  auto const flow   = random_tensor<float***>(1, 2, side, side);
  auto const result = random_tensor<float*>(2, side / 64 * (side / 64));
  WorkspaceFor<Exec> workspace(Exec(), explain::flow_error_workspace_size(Exec(), labels, flow, result));
  run(state, "double", explain::flow_error_cost(real(side * side), disc_share * real(side * side), 200, real(result.extent_int(0)), 4, 4),
      [&](Exec const& exec) { explain::flow_error(exec, labels, flow, result, workspace); });
}

OCELLUS_BENCHMARK("explain::flow_error", "512x512", "float", error, 512);

}  // namespace
