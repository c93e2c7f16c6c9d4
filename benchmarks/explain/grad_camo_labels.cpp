// SPDX-License-Identifier: Apache-2.0

// Shapes are HEIGHTxWIDTH:LABELS; cells are discs on a grid, half of the image is background.

#include <ocellus/explain/grad_camo_labels.hpp>

#include "support/discs.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void score_cells(benchmark::State& state, std::int64_t side, std::int64_t count) {
  auto const map    = random_tensor<float**>(1, side, side);
  auto const across = std::ceil(std::sqrt(static_cast<double>(count)));
  auto const labels = disc_labels(side, static_cast<double>(side) / across, count);
  auto const score = random_tensor<float*>(2, count), neighbour = random_tensor<float*>(3, count);
  auto const background = make_tensor<float>(Exec(), "background");
  auto const valid      = make_tensor<bool>(Exec(), "valid");
  WorkspaceFor<Exec> workspace(Exec(), explain::grad_camo_labels_workspace_size(Exec(), map, labels, score, neighbour, background, valid));
  run(state, "float", explain::grad_camo_labels_cost(static_cast<double>(side * side), static_cast<double>(count), 4, 4),
      [&](Exec const& exec) { explain::grad_camo_labels(exec, map, labels, score, neighbour, background, valid, workspace); });
}

OCELLUS_BENCHMARK("explain::grad_camo_labels", "2048x2048:1000", "float", score_cells, 2048, 1000);

}  // namespace
