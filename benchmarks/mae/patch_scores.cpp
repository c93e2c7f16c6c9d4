// SPDX-License-Identifier: Apache-2.0

// Shapes are IMAGESxHEIGHTxWIDTH, patches of 16.

#include <ocellus/mae/patch_scores.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void scores(benchmark::State& state, std::int64_t images, std::int64_t side) {
  auto const map   = random_tensor<float***>(1, images, side, side);
  auto const score = random_tensor<float**>(2, images, side / 16 * (side / 16));
  run(state, "float", mae::patch_scores_cost(real(images * side * side), real(score.extent_int(1) * images), 4),
      [&](Exec const& exec) { mae::patch_scores(exec, map, score, {.patch = 16}); });
}

OCELLUS_BENCHMARK("mae::patch_scores", "64x224x224", "float", scores, 64, 224);

}  // namespace
