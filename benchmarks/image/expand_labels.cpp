// SPDX-License-Identifier: Apache-2.0

// Shapes are HEIGHTxWIDTH:dDISTANCE, discs on a grid.

#include <ocellus/image/expand_labels.hpp>

#include "support/benchmark.hpp"
#include "support/discs.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void expand(benchmark::State& state, std::int64_t side, std::int64_t distance) {
  auto const labels = disc_labels(side, disc_pitch, side * side);
  auto const output = random_tensor_between<std::int32_t**>(0, 1, 1, side, side);
  image::ExpandLabelsOptions const options{.distance = distance};
  WorkspaceFor<Exec> workspace(Exec(), image::expand_labels_workspace_size(Exec(), labels, output, options));
  run(state, "float", image::expand_labels_cost(real(side * side), real(distance)),
      [&](Exec const& exec) { image::expand_labels(exec, labels, output, options, workspace); });
}

OCELLUS_BENCHMARK("image::expand_labels", "2048x2048:d5", "int32", expand, 2048, 5);

}  // namespace
