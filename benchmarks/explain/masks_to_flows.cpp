// SPDX-License-Identifier: Apache-2.0

// Shapes are HEIGHTxWIDTH:iITERATIONS, discs on a grid.

#include <ocellus/explain/masks_to_flows.hpp>

#include "support/benchmark.hpp"
#include "support/discs.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void flows(benchmark::State& state, std::int64_t side, std::int64_t iterations) {
  auto const labels = disc_labels(side, disc_pitch, side * side);
  auto const flow   = random_tensor<float***>(1, 2, side, side);
  explain::MasksToFlowsOptions const options{.iterations = iterations};
  WorkspaceFor<Exec> workspace(Exec(), explain::masks_to_flows_workspace_size(Exec(), labels, flow, options));
  run(state, "double", explain::masks_to_flows_cost(real(side * side), disc_share * real(side * side), real(iterations), 4, 4),
      [&](Exec const& exec) { explain::masks_to_flows(exec, labels, flow, options, workspace); });
}

OCELLUS_BENCHMARK("explain::masks_to_flows", "512x512:i200", "float", flows, 512, 200);

}  // namespace
