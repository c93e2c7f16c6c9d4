// SPDX-License-Identifier: Apache-2.0

// Shapes are QUERIESxPOINTSxWIDTH.

#include <ocellus/transport/barycentric_map.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void map(benchmark::State& state, std::int64_t queries, std::int64_t points, std::int64_t width) {
  auto const query = random_tensor<float**>(1, queries, width), y = random_tensor<float**>(2, points, width),
             output = random_tensor<float**>(3, queries, width);
  auto const g      = random_tensor<float*>(4, points);
  run(state, "float", transport::barycentric_map_cost(real(queries), real(points), real(width), 4),
      [&](Exec const& exec) { transport::barycentric_map(exec, query, y, none, g, output, {.epsilon = 2}); });
}

OCELLUS_BENCHMARK("transport::barycentric_map", "5000x5000x50", "float", map, 5000, 5000, 50);

}  // namespace
