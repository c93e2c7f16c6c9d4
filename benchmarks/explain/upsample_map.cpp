// SPDX-License-Identifier: Apache-2.0

// Shapes are MAPSxSIDExSIDE of what comes out, from maps of 14x14.

#include <ocellus/explain/upsample_map.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void upsample(benchmark::State& state, std::int64_t maps, std::int64_t side) {
  auto const map = random_tensor<float***>(1, maps, 14, 14), output = random_tensor<float***>(2, maps, side, side);
  WorkspaceFor<Exec> workspace(Exec(), explain::upsample_map_workspace_size(Exec(), map, output));
  run(state, "float", explain::upsample_map_cost(static_cast<double>(map.size()), static_cast<double>(output.size()), false, 4),
      [&](Exec const& exec) { explain::upsample_map(exec, map, output, workspace); });
}

OCELLUS_BENCHMARK("explain::upsample_map", "256x224x224", "float", upsample, 256, 224);

}  // namespace
