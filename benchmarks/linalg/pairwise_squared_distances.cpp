// SPDX-License-Identifier: Apache-2.0

// Shapes are ROWSxROWSxFEATURES.

#include <ocellus/linalg/pairwise_squared_distances.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void distances(benchmark::State& state, std::int64_t rows, std::int64_t others, std::int64_t width) {
  auto const x = random_tensor<float**>(1, rows, width), y = random_tensor<float**>(2, others, width), d = random_tensor<float**>(3, rows, others);
  run(state, "float", linalg::pairwise_squared_distances_cost(static_cast<double>(rows), static_cast<double>(others), static_cast<double>(width), 4),
      [&](Exec const& exec) { linalg::pairwise_squared_distances(exec, x, y, d); });
}

OCELLUS_BENCHMARK("linalg::pairwise_squared_distances", "2000x5000x384", "float", distances, 2000, 5000, 384);

}  // namespace
