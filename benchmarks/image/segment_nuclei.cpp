// SPDX-License-Identifier: Apache-2.0

// Shapes are HEIGHTxWIDTH, discs on a grid with noise.

#include <ocellus/image/segment_nuclei.hpp>

#include "support/benchmark.hpp"
#include "support/discs.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void segment(benchmark::State& state, std::int64_t side) {
  auto const mask   = disc_mask(side);
  auto const noise  = random_tensor_between<float**>(0, 0.1, 1, side, side);
  auto const image  = filled_tensor<float**>([=](std::int64_t i) { return (mask.data()[i] ? 1.0F : 0.0F) + noise.data()[i]; }, side, side);
  auto const labels = random_tensor_between<std::int32_t**>(0, 1, 2, side, side);
  image::SegmentNucleiOptions const options{.diameter = 50};
  WorkspaceFor<Exec> workspace(Exec(), image::segment_nuclei_workspace_size(Exec(), image, labels, options));
  run(state, "float", image::segment_nuclei_cost(real(side * side), options.diameter),
      [&](Exec const& exec) { benchmark::DoNotOptimize(image::segment_nuclei(exec, image, labels, options, workspace)); });
}

OCELLUS_BENCHMARK("image::segment_nuclei", "1024x1024", "float", segment, 1024);

}  // namespace
