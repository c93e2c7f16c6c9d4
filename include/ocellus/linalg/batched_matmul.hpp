// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/tuning.hpp>
#include <ocellus/linalg/detail/matmul_kernel.hpp>
#include <ocellus/linalg/matmul.hpp>
#include <ocellus/linalg/tuning/matmul_tuning.hpp>

namespace ocellus::linalg {

struct BatchedMatmulOptions {
  bool transpose_a = false;  ///< a is (., K, M)
  bool transpose_b = false;  ///< b is (., N, K)
  double alpha     = 1.0;    ///< factor of the products
};

/// Many small matrix products.
///
///     output[i] = alpha * op(a[i]) op(b[i]) + bias
///
/// a (B or 1, M, K), b (B or 1, K, N), bias (N) or none -> output (B, M, N). A batch extent of 1 means the same matrix for every i; B is the larger batch
/// extent.
///
/// Errors: `std::invalid_argument` when batch extents differ and neither is 1, when inner extents differ, or when the output does not fit.
/// Error bound: K machine epsilons of the accumulation type, relative to |alpha| sum |a| |b|, plus the rounding of the output.
/// Determinism: as `matmul`; element i has the bits that `matmul` gives it.
/// Allocates: nothing. Synchronises: no.
template <class Tuning = void, ExecutionSpace Exec, RealView<3> A, RealView<3> B, OptionalRealView<1> Bias, RealView<3> Output>
  requires AccessibleFrom<Exec, A, B, Bias, Output>
void batched_matmul(Exec const& exec, A const& a, B const& b, Bias const& bias, Output const& output, BatchedMatmulOptions const& options = {}) {
  constexpr auto function = "ocellus::linalg::batched_matmul";
  bool const ta = options.transpose_a, tb = options.transpose_b;
  std::int64_t const batches_a = extent(a, 0), batches_b = extent(b, 0);
  require(batches_a == batches_b || batches_a == 1 || batches_b == 1, function, "b.extent(0) (batch) is ", batches_b, " but a.extent(0) is ", batches_a,
          ", and neither is 1");
  require_equal(function, {tb ? "b.extent(2) (inner)" : "b.extent(1) (inner)", extent(b, tb ? 2 : 1)},
                {ta ? "a.extent(1)" : "a.extent(2)", extent(a, ta ? 1 : 2)});
  require_equal(function, {"output.extent(0)", extent(output, 0)}, {"the batch", batches_a == 1 ? batches_b : batches_a});
  require_equal(function, {"output.extent(1)", extent(output, 1)}, {ta ? "a.extent(2)" : "a.extent(1)", extent(a, ta ? 2 : 1)});
  require_equal(function, {"output.extent(2)", extent(output, 2)}, {tb ? "b.extent(1)" : "b.extent(2)", extent(b, tb ? 1 : 2)});
  if constexpr (!std::is_same_v<Bias, None>) {
    if (is_present(bias)) require_equal(function, {"bias.extent(0)", extent(bias, 0)}, {"output.extent(2)", extent(output, 2)});
  }
  using Real       = std::common_type_t<accumulate_of_t<A>, accumulate_of_t<B>>;
  using Epilogue   = detail::Epilogue<Real, element_t<Bias> const, float const, float const>;
  auto const left  = detail::strided_matrix(a, ta);
  auto const right = detail::strided_matrix(b, tb);
  detail::MatmulProblem<element_t<A>, element_t<B>, element_t<Output>, Epilogue> problem;
  problem.a              = {left.data, left.row_stride, left.column_stride, left.batch_stride};
  problem.b              = {right.data, right.row_stride, right.column_stride, right.batch_stride};
  problem.output         = detail::strided_matrix(output);
  problem.epilogue.alpha = static_cast<Real>(options.alpha);
  if constexpr (!std::is_same_v<Bias, None>) problem.epilogue.bias = {bias.data(), static_cast<std::int64_t>(bias.stride(0))};
  problem.batches = extent(output, 0);
  problem.rows    = extent(output, 1);
  problem.columns = extent(output, 2);
  problem.inner   = extent(a, ta ? 1 : 2);
  detail::launch_matmul<tuning_row_t<Tuning, MatmulTuning<Exec, Real>>, Real>(exec, "ocellus::linalg::batched_matmul", problem);
}

/// The plain products: no bias.
template <class Tuning = void, ExecutionSpace Exec, RealView<3> A, RealView<3> B, RealView<3> Output>
  requires AccessibleFrom<Exec, A, B, Output>
void batched_matmul(Exec const& exec, A const& a, B const& b, Output const& output, BatchedMatmulOptions const& options = {}) {
  batched_matmul<Tuning>(exec, a, b, none, output, options);
}

/// Work of `batches` products (rows x inner) (inner x columns).
[[nodiscard]] constexpr Cost batched_matmul_cost(double batches, double rows, double columns, double inner, double bytes_per_element) {
  return batches * matmul_cost(rows, columns, inner, bytes_per_element);
}

}  // namespace ocellus::linalg
