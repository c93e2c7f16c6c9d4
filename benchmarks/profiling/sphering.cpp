// SPDX-License-Identifier: Apache-2.0

// Shapes are ROWSxFEATURES: the fit on all rows, and its application to them.

#include <ocellus/profiling/sphering.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void fit_sphering(benchmark::State& state, std::int64_t rows, std::int64_t features) {
  auto const x = random_tensor<float**>(1, rows, features);
  run(state, "double", profiling::fit_sphering_cost(static_cast<double>(rows), static_cast<double>(features)),
      [&](Exec const& exec) { benchmark::DoNotOptimize(profiling::fit_sphering(exec, x, none)); });
}

void apply_sphering(benchmark::State& state, std::int64_t rows, std::int64_t features) {
  auto const x = random_tensor<float**>(1, rows, features), y = random_tensor<float**>(2, rows, features);
  auto const few = Kokkos::subview(x, Kokkos::make_pair(std::size_t{0}, static_cast<std::size_t>(4 * features)), Kokkos::ALL);
  auto const fit = profiling::fit_sphering(Exec(), few, none);
  run(state, "double", linalg::matmul_cost(static_cast<double>(rows), static_cast<double>(features), static_cast<double>(features), 4),
      [&](Exec const& exec) { profiling::apply_sphering(exec, fit, x, y); });
}

OCELLUS_BENCHMARK("profiling::fit_sphering", "5000x500", "float", fit_sphering, 5000, 500);
OCELLUS_BENCHMARK("profiling::apply_sphering", "20000x500", "float", apply_sphering, 20000, 500);

}  // namespace
