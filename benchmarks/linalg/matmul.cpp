// SPDX-License-Identifier: Apache-2.0

// Shapes are MxKxN. Those of vision transformers: 8 or 16 images of 196 patches through the first layer of the MLP of ViT-S and ViT-B.

#include <ocellus/linalg/matmul.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

template <class T>
Cost cost_of(std::int64_t m, std::int64_t k, std::int64_t n) {
  Cost cost          = linalg::matmul_cost(static_cast<double>(m), static_cast<double>(n), static_cast<double>(k), sizeof(T));
  cost.bytes_written = static_cast<double>(m * n) * sizeof(float);
  return cost;
}

template <class T>
void packed(benchmark::State& state, std::int64_t m, std::int64_t k, std::int64_t n) {
  auto const a = random_tensor<T**>(1, m, k);
  auto const b = linalg::pack_matrix(Exec(), random_tensor<T**>(2, k, n));
  auto const c = random_tensor<float**>(3, m, n);
  run(state, type_name<T>(), cost_of<T>(m, k, n), [&](Exec const& exec) { linalg::matmul(exec, a, b, c); });
}

template <class T>
void plain(benchmark::State& state, std::int64_t m, std::int64_t k, std::int64_t n, bool transposed) {
  auto const a = random_tensor<T**>(1, m, k);
  auto const b = transposed ? random_tensor<T**>(2, n, k) : random_tensor<T**>(2, k, n);
  auto const c = random_tensor<float**>(3, m, n);
  run(state, type_name<T>(), cost_of<T>(m, k, n), [&](Exec const& exec) { linalg::matmul(exec, a, b, c, {.transpose_b = transposed}); });
}

void with_workspace(benchmark::State& state, std::int64_t m, std::int64_t k, std::int64_t n) {
  auto const a = random_tensor<float**>(1, m, k), b = random_tensor<float**>(2, k, n), c = random_tensor<float**>(3, m, n);
  linalg::MatmulOptions const options;
  WorkspaceFor<Exec> workspace(Exec(), linalg::matmul_workspace_size(Exec(), a, b, none, none, none, c, options));
  run(state, "float", cost_of<float>(m, k, n), [&](Exec const& exec) { linalg::matmul(exec, a, b, none, none, none, c, options, workspace); });
}

/// Bias, GELU, LayerScale and residual ride along.
void with_epilogue(benchmark::State& state, std::int64_t m, std::int64_t k, std::int64_t n) {
  auto const a = random_tensor<float**>(1, m, k), residual = random_tensor<float**>(4, m, n), c = random_tensor<float**>(3, m, n);
  auto const b    = linalg::pack_matrix(Exec(), random_tensor<float**>(2, k, n));
  auto const bias = random_tensor<float*>(5, n), scale = random_tensor<float*>(6, n);
  run(state, "float", cost_of<float>(m, k, n),
      [&](Exec const& exec) { linalg::matmul(exec, a, b, bias, scale, residual, c, {.activation = linalg::Activation::gelu}); });
}

OCELLUS_BENCHMARK("linalg::matmul", "1568x384x1536:packed", "float", packed<float>, 1568, 384, 1536);
OCELLUS_BENCHMARK("linalg::matmul", "3136x768x3072:packed", "float", packed<float>, 3136, 768, 3072);
OCELLUS_BENCHMARK("linalg::matmul", "1568x1536x384:packed", "float", packed<float>, 1568, 1536, 384);
OCELLUS_BENCHMARK("linalg::matmul", "1568x384x1536:packed:epilogue", "float", with_epilogue, 1568, 384, 1536);
OCELLUS_BENCHMARK("linalg::matmul", "1568x384x1536:transpose_b", "float", plain<float>, 1568, 384, 1536, true);
OCELLUS_BENCHMARK("linalg::matmul", "1024x1024x1024", "float", plain<float>, 1024, 1024, 1024, false);
OCELLUS_BENCHMARK("linalg::matmul", "1024x1024x1024:workspace", "float", with_workspace, 1024, 1024, 1024);
OCELLUS_BENCHMARK("linalg::matmul", "4096x4096x4096", "float", plain<float>, 4096, 4096, 4096, false);
OCELLUS_BENCHMARK("linalg::matmul", "1024x1024x1024", "double", plain<double>, 1024, 1024, 1024, false);
OCELLUS_BENCHMARK("linalg::matmul", "1568x384x1536:packed", "bfloat16", packed<bfloat16>, 1568, 384, 1536);
OCELLUS_BENCHMARK("linalg::matmul", "3136x768x3072:packed", "bfloat16", packed<bfloat16>, 3136, 768, 3072);
OCELLUS_BENCHMARK("linalg::matmul", "1024x1024x1024", "bfloat16", plain<bfloat16>, 1024, 1024, 1024, false);

}  // namespace
