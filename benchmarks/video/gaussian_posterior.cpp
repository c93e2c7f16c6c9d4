// SPDX-License-Identifier: Apache-2.0

// Shapes are IMAGESxCHANNELSxHEIGHTxWIDTH. Computed in double.

#include <ocellus/video/gaussian_posterior.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void posterior(benchmark::State& state, std::int64_t images, std::int64_t channels, std::int64_t side) {
  auto const mean = random_tensor<float****>(1, images, channels, side, side), noisy = random_tensor<float****>(2, images, channels, side, side),
             factor = random_tensor<float****>(3, images, channels * (channels + 1) / 2, side, side),
             output = random_tensor<float****>(4, images, channels, side, side);
  run(state, "double", video::gaussian_posterior_cost(real(images * side * side), real(channels), 4),
      [&](Exec const& exec) { video::gaussian_posterior(exec, mean, factor, noisy, output, {.sigma = 0.1}); });
}

OCELLUS_BENCHMARK("video::gaussian_posterior", "16x1x512x512", "float", posterior, 16, 1, 512);
OCELLUS_BENCHMARK("video::gaussian_posterior", "4x3x256x256", "float", posterior, 4, 3, 256);

}  // namespace
