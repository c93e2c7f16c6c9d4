// SPDX-License-Identifier: Apache-2.0

// Shapes are IMAGESxCHANNELSxHEIGHTxWIDTH, patches of 16.

#include <ocellus/mae/unpatchify.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void unpatchify(benchmark::State& state, std::int64_t images, std::int64_t channels, std::int64_t side) {
  auto const image  = random_tensor<float****>(1, images, channels, side, side);
  auto const tokens = random_tensor<float***>(2, images, side / 16 * (side / 16), 256 * channels);
  run(state, "float", mae::unpatchify_cost(real(images * channels * side * side), 4),
      [&](Exec const& exec) { mae::unpatchify(exec, tokens, image, {.patch = 16}); });
}

OCELLUS_BENCHMARK("mae::unpatchify", "64x3x224x224", "float", unpatchify, 64, 3, 224);

}  // namespace
