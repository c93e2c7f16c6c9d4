// SPDX-License-Identifier: Apache-2.0

// Shapes are ROWSxCOLUMNSxWIDTH:kK.

#include <ocellus/transport/plan_top_entries.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void top(benchmark::State& state, std::int64_t rows, std::int64_t columns, std::int64_t width, std::int64_t k) {
  auto const x = random_tensor<float**>(1, rows, width), y = random_tensor<float**>(2, columns, width), values = random_tensor<float**>(3, rows, k);
  auto const f = random_tensor<float*>(4, rows), g = random_tensor<float*>(5, columns);
  auto const chosen = make_tensor<std::int64_t**>(Exec(), "chosen", rows, k);
  run(state, "float", transport::plan_top_entries_cost(real(rows), real(columns), real(width), real(k), 4),
      [&](Exec const& exec) { transport::plan_top_entries(exec, x, y, none, none, f, g, values, chosen, {.epsilon = 2}); });
}

OCELLUS_BENCHMARK("transport::plan_top_entries", "5000x5000x50:k10", "float", top, 5000, 5000, 50, 10);

}  // namespace
