// SPDX-License-Identifier: Apache-2.0

// Shapes are ROWSxCOLUMNSxWIDTHxVECTORS.

#include <ocellus/transport/plan_apply.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void apply(benchmark::State& state, std::int64_t rows, std::int64_t columns, std::int64_t width, std::int64_t vectors, bool transpose) {
  auto const x = random_tensor<float**>(1, rows, width), y = random_tensor<float**>(2, columns, width),
             v = random_tensor<float**>(3, transpose ? rows : columns, vectors), output = random_tensor<float**>(4, transpose ? columns : rows, vectors);
  auto const f = random_tensor<float*>(5, rows), g = random_tensor<float*>(6, columns);
  run(state, "float", transport::plan_apply_cost(real(rows), real(columns), real(width), real(vectors), 4),
      [&](Exec const& exec) { transport::plan_apply(exec, x, y, none, none, f, g, v, output, {.epsilon = 2, .transpose = transpose}); });
}

OCELLUS_BENCHMARK("transport::plan_apply", "5000x5000x50x10", "float", apply, 5000, 5000, 50, 10, false);
OCELLUS_BENCHMARK("transport::plan_apply", "5000x5000x50x10:transpose", "float", apply, 5000, 5000, 50, 10, true);

}  // namespace
