// SPDX-License-Identifier: Apache-2.0

// Shapes are ROWSxROWSxFEATURES:METRIC.

#include <ocellus/linalg/pairwise_distances.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void distances(benchmark::State& state, std::int64_t rows, std::int64_t others, std::int64_t width, linalg::DistanceMetric metric) {
  auto const x = random_tensor<float**>(1, rows, width), y = random_tensor<float**>(2, others, width), output = random_tensor<float**>(3, rows, others);
  run(state, "float", linalg::pairwise_distances_cost(real(rows), real(others), real(width), 4),
      [&](Exec const& exec) { linalg::pairwise_distances(exec, x, y, output, {.metric = metric}); });
}

using enum linalg::DistanceMetric;
OCELLUS_BENCHMARK("linalg::pairwise_distances", "2000x5000x384:sqeuclidean", "float", distances, 2000, 5000, 384, squared_euclidean);
OCELLUS_BENCHMARK("linalg::pairwise_distances", "2000x5000x384:cityblock", "float", distances, 2000, 5000, 384, manhattan);
OCELLUS_BENCHMARK("linalg::pairwise_distances", "2000x5000x384:chebyshev", "float", distances, 2000, 5000, 384, chebyshev);

}  // namespace
