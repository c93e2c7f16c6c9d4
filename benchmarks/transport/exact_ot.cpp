// SPDX-License-Identifier: Apache-2.0

// Shapes are ROWSxCOLUMNS, costs from 0 to 1, uniform masses.

#include <ocellus/transport/assignment.hpp>
#include <ocellus/transport/exact_ot.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

// How many pivots and path steps there are depends on the costs, so no operations are counted.
void exact(benchmark::State& state, std::int64_t rows, std::int64_t columns) {
  auto const cost = random_tensor_between<double**>(0.0, 1.0, 1, rows, columns), plan = random_tensor<double**>(2, rows, columns);
  run(state, "double", {}, [&](Exec const& exec) { benchmark::DoNotOptimize(transport::exact_ot(exec, cost, none, none, none, none, plan)); });
}

void assign(benchmark::State& state, std::int64_t rows, std::int64_t columns) {
  auto const cost   = random_tensor_between<double**>(0.0, 1.0, 1, rows, columns);
  auto const chosen = make_tensor<std::int64_t*>(Exec(), "chosen", rows);
  run(state, "double", {}, [&](Exec const& exec) { benchmark::DoNotOptimize(transport::assignment(exec, cost, chosen)); });
}

OCELLUS_BENCHMARK("transport::exact_ot", "500x500", "double", exact, 500, 500);
OCELLUS_BENCHMARK("transport::exact_ot", "1500x1000", "double", exact, 1500, 1000);
OCELLUS_BENCHMARK("transport::assignment", "1000x1000", "double", assign, 1000, 1000);

}  // namespace
