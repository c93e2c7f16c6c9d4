// SPDX-License-Identifier: Apache-2.0

// Shapes are WIDTH, with the map. Computed in double on the host.

#include <ocellus/transport/bures_wasserstein.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void distance(benchmark::State& state, std::int64_t width) {
  auto const spd = [=](double diagonal) {
    return filled_tensor<double**>(
        [=](std::int64_t i) { return (i / width == i % width ? diagonal : 0.0) + 0.5 / (1.0 + std::abs(static_cast<double>(i / width - i % width))); }, width,
        width);
  };
  auto const first = spd(4), second = spd(9), map = spd(0);
  auto const m0 = random_tensor<double*>(1, width), m1 = random_tensor<double*>(2, width), offset = random_tensor<double*>(3, width);
  run(state, "double", transport::bures_wasserstein_cost(real(width), 8),
      [&](Exec const& exec) { benchmark::DoNotOptimize(transport::bures_wasserstein(exec, m0, first, m1, second, map, offset)); });
}

OCELLUS_BENCHMARK("transport::bures_wasserstein", "200", "double", distance, 200);

}  // namespace
