// SPDX-License-Identifier: Apache-2.0

// Shapes are WIDTHxTIMESxQUERIES, all results. Computed in double on the host.

#include <ocellus/transport/gaussian_bridge.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void bridge(benchmark::State& state, std::int64_t width, std::int64_t count, std::int64_t queries) {
  auto const spd = [=](double diagonal) {
    return filled_tensor<double**>(
        [=](std::int64_t i) { return (i / width == i % width ? diagonal : 0.0) + 0.5 / (1.0 + std::abs(static_cast<double>(i / width - i % width))); }, width,
        width);
  };
  auto const first = spd(4), second = spd(9), cross = spd(0), query = random_tensor<double**>(1, queries, width),
             means = random_tensor<double**>(2, count, width);
  auto const m0 = random_tensor<double*>(3, width), m1 = random_tensor<double*>(4, width), times = random_tensor_between<double*>(0.1, 0.9, 5, count);
  auto const covariances = random_tensor<double***>(6, count, width, width), drifts = random_tensor<double***>(7, count, queries, width);
  run(state, "double", transport::gaussian_bridge_cost(real(width), real(count), real(queries), 8),
      [&](Exec const& exec) { transport::gaussian_bridge(exec, m0, first, m1, second, times, query, cross, means, covariances, drifts); });
}

OCELLUS_BENCHMARK("transport::gaussian_bridge", "100x10x1000", "double", bridge, 100, 10, 1000);

}  // namespace
