// SPDX-License-Identifier: Apache-2.0

// Shapes are ROWSxFEATURES:METHOD:gGROUPS.

#include <ocellus/profiling/aggregate.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void aggregate(benchmark::State& state, std::int64_t rows, std::int64_t features, std::int64_t groups, profiling::AggregateMethod method) {
  auto const x = random_tensor<float**>(1, rows, features), output = random_tensor<float**>(2, groups, features);
  auto const group = filled_tensor<std::int64_t*>([=](std::int64_t i) { return i % groups; }, rows);
  auto const keys  = make_tensor<std::int64_t*>(Exec(), "keys", groups);
  run(state, "double", profiling::aggregate_cost(real(rows), real(features), real(groups), 4),
      [&](Exec const& exec) { profiling::aggregate(exec, x, group, output, keys, {.method = method}); });
}

OCELLUS_BENCHMARK("profiling::aggregate", "10000x500:mean:g1000", "float", aggregate, 10000, 500, 1000, profiling::AggregateMethod::mean);
OCELLUS_BENCHMARK("profiling::aggregate", "10000x500:median:g1000", "float", aggregate, 10000, 500, 1000, profiling::AggregateMethod::median);

}  // namespace
