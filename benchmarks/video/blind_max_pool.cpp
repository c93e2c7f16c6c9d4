// SPDX-License-Identifier: Apache-2.0

// Shapes are IMAGESxCHANNELSxHEIGHTxWIDTH.

#include <ocellus/video/blind_max_pool.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void pool(benchmark::State& state, std::int64_t images, std::int64_t channels, std::int64_t side) {
  auto const x = random_tensor<float****>(1, images, channels, side, side), output = random_tensor<float****>(2, images, channels, side / 2, side / 2);
  run(state, "float", video::blind_max_pool_cost(real(images * channels * side * side), 4), [&](Exec const& exec) { video::blind_max_pool(exec, x, output); });
}

OCELLUS_BENCHMARK("video::blind_max_pool", "4x48x256x256", "float", pool, 4, 48, 256);

}  // namespace
