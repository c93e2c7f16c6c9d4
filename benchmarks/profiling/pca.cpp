// SPDX-License-Identifier: Apache-2.0

// Shapes are ROWSxFEATURES:kCOMPONENTS. Fitted and applied, in double.

#include <ocellus/profiling/pca.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void pca(benchmark::State& state, std::int64_t rows, std::int64_t features, std::int64_t components) {
  auto const x = random_tensor<float**>(1, rows, features), scores = random_tensor<float**>(2, rows, components);
  run(state, "double", profiling::pca_cost(real(rows), real(features), real(components), 4), [&](Exec const& exec) {
    auto const fit = profiling::fit_pca(exec, x, none, {.components = components});
    profiling::apply_pca(exec, fit, x, scores);
  });
}

OCELLUS_BENCHMARK("profiling::pca", "10000x500:k50", "float", pca, 10000, 500, 50);

}  // namespace
