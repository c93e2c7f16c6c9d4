// SPDX-License-Identifier: Apache-2.0

// Shapes are PROBLEMSxROWSxCOLUMNSxWIDTH:iITERATIONS, coordinates from 0 to 1, epsilon a twentieth of the mean cost; the tolerance is never met.

#include <ocellus/transport/sinkhorn_batched.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void solve(benchmark::State& state, std::int64_t problems, std::int64_t rows, std::int64_t columns, std::int64_t width, std::int64_t iterations) {
  auto const x         = random_tensor_between<float**>(0.0, 1.0, 1, problems * rows, width),
             y         = random_tensor_between<float**>(0.0, 1.0, 2, problems * columns, width);
  auto const x_offsets = filled_tensor<std::int64_t*>([=](std::int64_t i) { return i * rows; }, problems + 1);
  auto const y_offsets = filled_tensor<std::int64_t*>([=](std::int64_t i) { return i * columns; }, problems + 1);
  auto const f = random_tensor<float*>(3, problems * rows), g = random_tensor<float*>(4, problems * columns);
  auto const spent = random_tensor<double*>(5, problems), objective = random_tensor<double*>(6, problems);
  transport::SinkhornBatchedOptions const options{.epsilon = 0.05 * static_cast<double>(width) / 6, .tolerance = 1e-30, .max_iterations = iterations};
  run(state, "float",
      transport::sinkhorn_batched_cost(static_cast<double>(problems), static_cast<double>(rows), static_cast<double>(columns), static_cast<double>(width),
                                       static_cast<double>(iterations), 4),
      [&](Exec const& exec) {
        benchmark::DoNotOptimize(transport::sinkhorn_batched(exec, x, y, x_offsets, y_offsets, none, none, f, g, spent, objective, none, options));
      });
}

OCELLUS_BENCHMARK("transport::sinkhorn_batched", "10000x60x50x50:i100", "float", solve, 10000, 60, 50, 50, 100);

}  // namespace
