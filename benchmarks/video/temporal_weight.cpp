// SPDX-License-Identifier: Apache-2.0

// Shapes are FRAMESxMAPSxHEIGHTxWIDTH.

#include <ocellus/video/temporal_weight.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void weigh(benchmark::State& state, std::int64_t frames, std::int64_t maps, std::int64_t side) {
  auto const features = random_tensor<float****>(1, frames, maps, side, side);
  auto const output   = random_tensor<float***>(2, frames * maps, side, side);
  run(state, "float", video::temporal_weight_cost(real(frames * maps * side * side), 4),
      [&](Exec const& exec) { video::temporal_weight(exec, features, none, output); });
}

OCELLUS_BENCHMARK("video::temporal_weight", "5x32x256x256", "float", weigh, 5, 32, 256);

}  // namespace
