// SPDX-License-Identifier: Apache-2.0

// Shapes are ROWSxFEATURES:kCOMPONENTS:bBATCHES, every fourth row a control. Fitted and applied, in double.

#include <ocellus/profiling/pca_center_scale.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void pca_center_scale(benchmark::State& state, std::int64_t rows, std::int64_t features, std::int64_t components, std::int64_t batches) {
  auto const x = random_tensor<float**>(1, rows, features), output = random_tensor<float**>(2, rows, components);
  auto const control = filled_tensor<bool*>([](std::int64_t i) { return i % 4 == 0; }, rows);
  auto const batch   = filled_tensor<std::int64_t*>([=](std::int64_t i) { return i / 4 % batches; }, rows);
  run(state, "double", profiling::pca_center_scale_cost(real(rows), real(features), real(components), 4),
      [&](Exec const& exec) { profiling::pca_center_scale(exec, x, control, batch, output, {.components = components}); });
}

OCELLUS_BENCHMARK("profiling::pca_center_scale", "10000x500:k50:b10", "float", pca_center_scale, 10000, 500, 50, 10);

}  // namespace
