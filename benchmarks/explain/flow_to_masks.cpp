// SPDX-License-Identifier: Apache-2.0

// Shapes are HEIGHTxWIDTH:iITERATIONS, flows to the centres of discs on a grid.

#include <ocellus/explain/flow_to_masks.hpp>

#include "support/benchmark.hpp"
#include "support/discs.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void masks(benchmark::State& state, std::int64_t side, std::int64_t iterations) {
  auto const flow        = disc_flow(side);
  auto const inside      = disc_mask(side);
  auto const probability = filled_tensor<float**>([=](std::int64_t i) { return inside.data()[i] ? 5.0F : -5.0F; }, side, side);
  auto const output      = random_tensor_between<std::int32_t**>(0, 1, 1, side, side);
  explain::FlowToMasksOptions const options{.iterations = iterations};
  WorkspaceFor<Exec> workspace(Exec(), explain::flow_to_masks_workspace_size(Exec(), flow, probability, output, options));
  run(state, "float", explain::flow_to_masks_cost(real(side * side), disc_share * real(side * side), real(iterations), 2, 4),
      [&](Exec const& exec) { benchmark::DoNotOptimize(explain::flow_to_masks(exec, flow, probability, output, options, workspace)); });
}

OCELLUS_BENCHMARK("explain::flow_to_masks", "512x512:i200", "float", masks, 512, 200);

}  // namespace
