// SPDX-License-Identifier: Apache-2.0

// Shapes are ROWSxCOLUMNS. Computed in double, whatever the type of the arrays.

#include <ocellus/linalg/svd.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void decompose(benchmark::State& state, std::int64_t rows, std::int64_t columns) {
  auto const input = random_tensor<float**>(1, rows, columns), u = random_tensor<float**>(2, rows, columns), v = random_tensor<float**>(3, columns, columns);
  auto const values = random_tensor<float*>(4, columns);
  run(state, "double", linalg::svd_cost(real(rows), real(columns), 4),
      [&](Exec const& exec) { benchmark::DoNotOptimize(linalg::svd(exec, input, u, values, v)); });
}

OCELLUS_BENCHMARK("linalg::svd", "1000x200", "float", decompose, 1000, 200);

}  // namespace
