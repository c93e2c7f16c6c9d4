// SPDX-License-Identifier: Apache-2.0

// Shapes are HEIGHTxWIDTH:iITERATIONS, flows to the centres of discs on a grid.

#include <ocellus/explain/follow_flows.hpp>

#include "support/benchmark.hpp"
#include "support/discs.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void follow(benchmark::State& state, std::int64_t side, std::int64_t iterations) {
  auto const flow    = disc_flow(side);
  auto const inside  = disc_mask(side);
  std::int64_t count = 0;
  for (std::int64_t i = 0; i < side * side; ++i) count += inside.data()[i] ? 1 : 0;
  auto const positions = random_tensor<float**>(1, count, 2);
  explain::FollowFlowsOptions const options{.iterations = iterations};
  WorkspaceFor<Exec> workspace(Exec(), explain::follow_flows_workspace_size(Exec(), flow, inside, positions, options));
  run(state, "float", explain::follow_flows_cost(real(side * side), real(count), real(iterations), 2, 4),
      [&](Exec const& exec) { explain::follow_flows(exec, flow, inside, positions, options, workspace); });
}

OCELLUS_BENCHMARK("explain::follow_flows", "512x512:i200", "float", follow, 512, 200);

}  // namespace
