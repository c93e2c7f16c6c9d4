// SPDX-License-Identifier: Apache-2.0

// Shapes are HEIGHTxWIDTH of shapes, CHANNELSxHEIGHTxWIDTH of intensities; discs on a grid.

#include <ocellus/image/object_boxes.hpp>
#include <ocellus/image/object_measurements.hpp>

#include "support/benchmark.hpp"
#include "support/discs.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

auto boxes_of(Tensor<std::int32_t**, Exec> const& labels) {
  std::int64_t const across = extent(labels, 0) / 64;
  auto const boxes          = make_tensor<std::int64_t**>(Exec(), "boxes", across * across, 4);
  image::object_boxes(Exec(), labels, boxes);
  return boxes;
}

void shapes(benchmark::State& state, std::int64_t side) {
  auto const labels = disc_labels(side, disc_pitch, side * side);
  auto const boxes  = boxes_of(labels);
  auto const output = random_tensor<float**>(1, extent(boxes, 0), std::int64_t{image::shape_count});
  run(state, "double", image::object_measurements_cost(real(side * side), 1, 4), [&](Exec const& exec) { image::measure_shapes(exec, labels, boxes, output); });
}

void intensities(benchmark::State& state, std::int64_t channels, std::int64_t side) {
  auto const labels = disc_labels(side, disc_pitch, side * side);
  auto const boxes  = boxes_of(labels);
  auto const image  = random_tensor<float***>(1, channels, side, side);
  auto const output = random_tensor<float***>(2, extent(boxes, 0), channels, std::int64_t{image::intensity_count});
  run(state, "double", image::object_measurements_cost(real(side * side), real(channels), 4),
      [&](Exec const& exec) { image::measure_intensities(exec, labels, boxes, image, output); });
}

OCELLUS_BENCHMARK("image::measure_shapes", "2048x2048", "int32", shapes, 2048);
OCELLUS_BENCHMARK("image::measure_intensities", "5x2048x2048", "float", intensities, 5, 2048);

}  // namespace
