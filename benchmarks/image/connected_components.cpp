// SPDX-License-Identifier: Apache-2.0

// Shapes are HEIGHTxWIDTH, with a disc 51 pixels wide every 64.

#include <ocellus/image/connected_components.hpp>

#include "support/discs.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void parts_of(benchmark::State& state, std::int64_t side) {
  auto const mask   = disc_mask(side);
  auto const labels = make_tensor<std::int32_t**>(Exec(), "labels", side, side);
  WorkspaceFor<Exec> workspace(Exec(), image::connected_components_workspace_size(Exec(), mask, labels));
  run(state, "bool", image::connected_components_cost(static_cast<double>(side * side)),
      [&](Exec const& exec) { benchmark::DoNotOptimize(image::connected_components(exec, mask, labels, {}, workspace)); });
}

OCELLUS_BENCHMARK("image::connected_components", "2048x2048", "bool", parts_of, 2048);

}  // namespace
