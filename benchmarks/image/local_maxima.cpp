// SPDX-License-Identifier: Apache-2.0

// Shapes are HEIGHTxWIDTH:rRADIUS, the distance transform of discs on a grid.

#include <ocellus/image/distance_transform.hpp>
#include <ocellus/image/local_maxima.hpp>

#include "support/benchmark.hpp"
#include "support/discs.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void maxima(benchmark::State& state, std::int64_t side, std::int64_t radius) {
  auto const mask   = disc_mask(side);
  auto const input  = random_tensor<float**>(1, side, side);
  auto const labels = random_tensor_between<std::int32_t**>(0, 1, 2, side, side);
  image::distance_transform(Exec(), mask, input);
  image::LocalMaximaOptions const options{.radius = radius};
  WorkspaceFor<Exec> workspace(Exec(), image::local_maxima_workspace_size(Exec(), input, mask, labels, options));
  run(state, "float", image::local_maxima_cost(real(side * side), 4),
      [&](Exec const& exec) { benchmark::DoNotOptimize(image::local_maxima(exec, input, mask, labels, options, workspace)); });
}

OCELLUS_BENCHMARK("image::local_maxima", "2048x2048:r5", "float", maxima, 2048, 5);

}  // namespace
