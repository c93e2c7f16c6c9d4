// SPDX-License-Identifier: Apache-2.0

// Shapes are HEIGHTxWIDTH, with a disc 51 pixels wide every 64.

#include <ocellus/image/distance_transform.hpp>

#include "support/discs.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void distances(benchmark::State& state, std::int64_t side) {
  auto const mask   = disc_mask(side);
  auto const output = random_tensor<float**>(1, side, side);
  WorkspaceFor<Exec> workspace(Exec(), image::distance_transform_workspace_size(Exec(), mask, output));
  run(state, "float", image::distance_transform_cost(static_cast<double>(side * side), 4),
      [&](Exec const& exec) { image::distance_transform(exec, mask, output, {}, workspace); });
}

OCELLUS_BENCHMARK("image::distance_transform", "2048x2048", "float", distances, 2048);

}  // namespace
