// SPDX-License-Identifier: Apache-2.0

// Shapes are OBJECTSxCHANNELSxSIDExSIDE of the crops, out of an image of 2048x2048.

#include <ocellus/image/crop_objects.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void crop(benchmark::State& state, std::int64_t objects, std::int64_t channels, std::int64_t side) {
  auto const image   = random_tensor<float***>(1, channels, 2048, 2048);
  auto const centres = random_tensor_between<float**>(0.0, 2047.0, 2, objects, 2);
  auto const crops   = random_tensor<float****>(3, objects, channels, side, side);
  run(state, "float", image::crop_objects_cost(static_cast<double>(crops.size()), 4),
      [&](Exec const& exec) { image::crop_objects(exec, image, centres, crops); });
}

OCELLUS_BENCHMARK("image::crop_objects", "1000x5x128x128", "float", crop, 1000, 5, 128);

}  // namespace
