// SPDX-License-Identifier: Apache-2.0

// Shapes are IMAGESxCHANNELSxHEIGHTxWIDTH; flows of up to 3 pixels.

#include <ocellus/video/flow_warp.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void warp(benchmark::State& state, std::int64_t images, std::int64_t channels, std::int64_t side) {
  auto const x = random_tensor<float****>(1, images, channels, side, side), output = random_tensor<float****>(2, images, channels, side, side);
  auto const flow = random_tensor_between<float****>(-3.0, 3.0, 3, images, 2, side, side);
  run(state, "float", video::flow_warp_cost(static_cast<double>(images * side * side), static_cast<double>(channels), 4),
      [&](Exec const& exec) { video::flow_warp(exec, x, flow, output); });
}

OCELLUS_BENCHMARK("video::flow_warp", "8x3x1024x1024", "float", warp, 8, 3, 1024);

}  // namespace
