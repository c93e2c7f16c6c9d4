// SPDX-License-Identifier: Apache-2.0

// Shapes are IMAGESxCHANNELSxSIDExSIDE before the copies.

#include <ocellus/video/rotate4.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void rotate(benchmark::State& state, std::int64_t images, std::int64_t channels, std::int64_t side) {
  auto const x = random_tensor<float****>(1, images, channels, side, side), output = random_tensor<float****>(2, 4 * images, channels, side, side);
  run(state, "float", video::rotate4_cost(real(images * channels * side * side), 4), [&](Exec const& exec) { video::rotate4(exec, x, output); });
}

/// Reads what `rotate4` writes, and writes as much.
void unrotate(benchmark::State& state, std::int64_t images, std::int64_t channels, std::int64_t side) {
  auto const x = random_tensor<float****>(1, 4 * images, channels, side, side), output = random_tensor<float****>(2, images, 4 * channels, side, side);
  double const bytes = 4 * real(4 * images * channels * side * side);
  run(state, "float", {.bytes_read = bytes, .bytes_written = bytes}, [&](Exec const& exec) { video::unrotate4(exec, x, output); });
}

OCELLUS_BENCHMARK("video::rotate4", "4x16x256x256", "float", rotate, 4, 16, 256);
OCELLUS_BENCHMARK("video::unrotate4", "4x16x256x256", "float", unrotate, 4, 16, 256);

}  // namespace
