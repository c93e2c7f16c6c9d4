// SPDX-License-Identifier: Apache-2.0

// Shapes are BATCHxMxKxN: the two products of attention over 8 images of 197 tokens with 6 heads.

#include <ocellus/linalg/batched_matmul.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void products(benchmark::State& state, std::int64_t batches, std::int64_t m, std::int64_t k, std::int64_t n, bool transposed) {
  auto const a = random_tensor<float***>(1, batches, m, k);
  auto const b = transposed ? random_tensor<float***>(2, batches, n, k) : random_tensor<float***>(2, batches, k, n);
  auto const c = random_tensor<float***>(3, batches, m, n);
  run(state, "float", linalg::batched_matmul_cost(static_cast<double>(batches), static_cast<double>(m), static_cast<double>(n), static_cast<double>(k), 4),
      [&](Exec const& exec) { linalg::batched_matmul(exec, a, b, c, {.transpose_b = transposed}); });
}

OCELLUS_BENCHMARK("linalg::batched_matmul", "48x197x64x197:transpose_b", "float", products, 48, 197, 64, 197, true);
OCELLUS_BENCHMARK("linalg::batched_matmul", "48x197x197x64", "float", products, 48, 197, 197, 64, false);

}  // namespace
