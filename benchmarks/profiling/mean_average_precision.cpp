// SPDX-License-Identifier: Apache-2.0

// Shapes are ROWS:gGROUPS.

#include <ocellus/profiling/mean_average_precision.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void mean(benchmark::State& state, std::int64_t rows, std::int64_t groups) {
  auto const precision = random_tensor_between<double*>(0, 1, 1, rows), output = random_tensor<double*>(2, groups),
             normalized = random_tensor<double*>(3, groups);
  auto const positives  = filled_tensor<std::int64_t*>([](std::int64_t) { return 5; }, rows),
             total      = filled_tensor<std::int64_t*>([](std::int64_t) { return 1000; }, rows);
  auto const group      = filled_tensor<std::int64_t*>([=](std::int64_t i) { return i % groups; }, rows);
  auto const keys       = make_tensor<std::int64_t*>(Exec(), "keys", groups);
  run(state, "double", profiling::mean_average_precision_cost(real(rows), 8),
      [&](Exec const& exec) { profiling::mean_average_precision(exec, precision, positives, total, group, keys, output, normalized); });
}

OCELLUS_BENCHMARK("profiling::mean_average_precision", "10000:g1000", "double", mean, 10000, 1000);

}  // namespace
