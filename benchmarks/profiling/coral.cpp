// SPDX-License-Identifier: Apache-2.0

// Shapes are ROWSxFEATURES:bBATCHES, every fourth row a control. Fitted and applied, in double.

#include <ocellus/profiling/coral.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void coral(benchmark::State& state, std::int64_t rows, std::int64_t features, std::int64_t batches) {
  auto const x = random_tensor<float**>(1, rows, features), output = random_tensor<float**>(2, rows, features);
  auto const control = filled_tensor<bool*>([](std::int64_t i) { return i % 4 == 0; }, rows);
  auto const batch   = filled_tensor<std::int64_t*>([=](std::int64_t i) { return i / 4 % batches; }, rows);
  run(state, "double", profiling::coral_cost(real(rows), real(features), real(batches), 4),
      [&](Exec const& exec) { profiling::coral(exec, x, control, batch, output); });
}

OCELLUS_BENCHMARK("profiling::coral", "10000x256:b10", "float", coral, 10000, 256, 10);

}  // namespace
