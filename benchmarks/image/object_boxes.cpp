// SPDX-License-Identifier: Apache-2.0

// Shapes are HEIGHTxWIDTH, discs on a grid.

#include <ocellus/image/object_boxes.hpp>

#include "support/benchmark.hpp"
#include "support/discs.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void boxes(benchmark::State& state, std::int64_t side) {
  auto const labels = disc_labels(side, disc_pitch, side * side);
  auto const output = make_tensor<std::int64_t**>(Exec(), "boxes", side / 64 * (side / 64), 4);
  run(state, "float", image::object_boxes_cost(real(side * side), 4), [&](Exec const& exec) { image::object_boxes(exec, labels, output); });
}

OCELLUS_BENCHMARK("image::object_boxes", "2048x2048", "int32", boxes, 2048);

}  // namespace
