// SPDX-License-Identifier: Apache-2.0

// Shapes are HEIGHTxWIDTH, with a disc 51 pixels wide every 64, flooded from a pixel at each centre down the negative distance to the background.

#include <ocellus/image/distance_transform.hpp>
#include <ocellus/image/watershed.hpp>

#include "support/discs.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void flood(benchmark::State& state, std::int64_t side) {
  constexpr auto pitch     = static_cast<std::int64_t>(disc_pitch);
  std::int64_t const discs = side / pitch;
  auto const mask          = disc_mask(side);
  auto const distance      = random_tensor<float**>(1, side, side);
  image::distance_transform(Exec(), mask, distance);
  auto const landscape = filled_tensor<float**>([=](std::int64_t i) { return -distance.data()[i]; }, side, side);
  auto const seed_at   = [=](std::int64_t i) {
    std::int64_t const y = i / side, x = i % side;
    return static_cast<std::int32_t>(y % pitch == pitch / 2 && x % pitch == pitch / 2 ? y / pitch * discs + x / pitch + 1 : 0);
  };
  auto const seeds  = filled_tensor<std::int32_t**>(seed_at, side, side);
  auto const labels = make_tensor<std::int32_t**>(Exec(), "labels", side, side);
  WorkspaceFor<Exec> workspace(Exec(), image::watershed_workspace_size(Exec(), landscape, seeds, mask, labels));
  run(state, "float", image::watershed_cost(static_cast<double>(side * side), disc_pitch * 0.4),
      [&](Exec const& exec) { benchmark::DoNotOptimize(image::watershed(exec, landscape, seeds, mask, labels, {}, workspace)); });
}

OCELLUS_BENCHMARK("image::watershed", "2048x2048", "float", flood, 2048);

}  // namespace
