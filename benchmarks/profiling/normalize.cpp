// SPDX-License-Identifier: Apache-2.0

// Shapes are ROWSxFEATURES:METHOD:gGROUPS, every fourth row a control. Fitted and applied.

#include <ocellus/profiling/normalize.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void normalize(benchmark::State& state, std::int64_t rows, std::int64_t features, std::int64_t groups, profiling::NormalizeMethod method) {
  auto const x = random_tensor<float**>(1, rows, features), output = random_tensor<float**>(2, rows, features);
  auto const control = filled_tensor<bool*>([](std::int64_t i) { return i % 4 == 0; }, rows);
  auto const group   = filled_tensor<std::int64_t*>([=](std::int64_t i) { return i / 4 % groups; }, rows);
  run(state, "double", profiling::normalize_cost(real(rows), real(features), 4),
      [&](Exec const& exec) { profiling::normalize(exec, x, control, group, output, {.method = method}); });
}

using enum profiling::NormalizeMethod;
OCELLUS_BENCHMARK("profiling::normalize", "10000x500:standardize:g10", "float", normalize, 10000, 500, 10, standardize);
OCELLUS_BENCHMARK("profiling::normalize", "10000x500:robustize:g10", "float", normalize, 10000, 500, 10, robustize);
OCELLUS_BENCHMARK("profiling::normalize", "10000x500:mad_robustize:g10", "float", normalize, 10000, 500, 10, mad_robustize);
OCELLUS_BENCHMARK("profiling::normalize", "10000x500:inverse_normal:g10", "float", normalize, 10000, 500, 10, inverse_normal);

}  // namespace
