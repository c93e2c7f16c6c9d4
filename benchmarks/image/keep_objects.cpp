// SPDX-License-Identifier: Apache-2.0

// Shapes are HEIGHTxWIDTH, discs on a grid.

#include <ocellus/image/keep_objects.hpp>

#include "support/benchmark.hpp"
#include "support/discs.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void keep(benchmark::State& state, std::int64_t side) {
  auto const labels  = disc_labels(side, disc_pitch, side * side);
  auto const output  = random_tensor_between<std::int32_t**>(0, 1, 1, side, side);
  auto const largest = side / 64 * (side / 64);
  image::KeepObjectsOptions const options{.minimum_area = 100};
  WorkspaceFor<Exec> workspace(Exec(), image::keep_objects_workspace_size(Exec(), labels, output, largest, options));
  run(state, "float", image::keep_objects_cost(real(side * side), 4),
      [&](Exec const& exec) { benchmark::DoNotOptimize(image::keep_objects(exec, labels, output, largest, options, workspace)); });
}

OCELLUS_BENCHMARK("image::keep_objects", "2048x2048", "int32", keep, 2048);

}  // namespace
