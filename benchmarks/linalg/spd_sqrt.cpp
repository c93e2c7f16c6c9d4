// SPDX-License-Identifier: Apache-2.0

// Shapes are SIZExSIZE, a random symmetric matrix whose shifted eigenvalues are positive. Computed in double.

#include <ocellus/linalg/spd_sqrt.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void root(benchmark::State& state, std::int64_t size) {
  auto const input = random_tensor<float**>(1, size, size), output = random_tensor<float**>(2, size, size);
  run(state, "double", linalg::spd_sqrt_cost(real(size), 4),
      [&](Exec const& exec) { benchmark::DoNotOptimize(linalg::spd_sqrt(exec, input, output, {.diagonal_shift = 100})); });
}

OCELLUS_BENCHMARK("linalg::spd_sqrt", "384x384", "float", root, 384);

}  // namespace
