// SPDX-License-Identifier: Apache-2.0

// Shapes are SIZExSIZE. Computed in double, whatever the type of the arrays.

#include <ocellus/linalg/symmetric_eigen.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void decompose(benchmark::State& state, std::int64_t size) {
  auto const input = random_tensor<float**>(1, size, size), vectors = random_tensor<float**>(2, size, size);
  auto const values = random_tensor<float*>(3, size);
  run(state, "double", linalg::symmetric_eigen_cost(real(size), 4),
      [&](Exec const& exec) { benchmark::DoNotOptimize(linalg::symmetric_eigen(exec, input, values, vectors)); });
}

OCELLUS_BENCHMARK("linalg::symmetric_eigen", "384x384", "float", decompose, 384);

}  // namespace
