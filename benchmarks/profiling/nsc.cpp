// SPDX-License-Identifier: Apache-2.0

// Shapes are ROWSxFEATURES, ten rows a compound, five compounds a mechanism, four batches.

#include <ocellus/profiling/nsc.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void nsc(benchmark::State& state, std::int64_t rows, std::int64_t features) {
  auto const x         = random_tensor<float**>(1, rows, features);
  auto const label     = filled_tensor<std::int64_t*>([](std::int64_t i) { return i / 50; }, rows);
  auto const compound  = filled_tensor<std::int64_t*>([](std::int64_t i) { return i / 10; }, rows);
  auto const batch     = filled_tensor<std::int64_t*>([](std::int64_t i) { return i % 4; }, rows);
  auto const predicted = make_tensor<std::int64_t*>(Exec(), "predicted", rows);
  auto const accuracy  = make_tensor<double>(Exec(), "accuracy");
  run(state, "float", profiling::nsc_cost(real(rows), real(features), 4),
      [&](Exec const& exec) { profiling::nsc(exec, x, label, compound, batch, predicted, accuracy); });
}

OCELLUS_BENCHMARK("profiling::nsc", "10000x500", "float", nsc, 10000, 500);

}  // namespace
