// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/tuning.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/linalg/activation.hpp>
#include <ocellus/linalg/detail/matmul_kernel.hpp>
#include <ocellus/linalg/pack_matrix.hpp>
#include <ocellus/linalg/tuning/matmul_tuning.hpp>

namespace ocellus::linalg {

struct MatmulOptions {
  bool transpose_a      = false;             ///< a is (K, M)
  bool transpose_b      = false;             ///< b is (N, K): a layer's weight. Must be false for a packed b, which knows
  double alpha          = 1.0;               ///< factor of the product
  Activation activation = Activation::none;  ///< applied after the bias
  bool accumulate       = false;             ///< the chain of sums goes on from what the output holds; for a product without alpha and epilogue
};

namespace detail {

/// The rows and columns of op(b), whether b is a View or packed.
template <class B>
[[nodiscard]] std::int64_t inner_of(B const& b, bool transposed) {
  if constexpr (is_packed_matrix_v<B>)
    return b.rows();
  else
    return extent(b, transposed ? 1 : 0);
}
template <class B>
[[nodiscard]] std::int64_t columns_of(B const& b, bool transposed) {
  if constexpr (is_packed_matrix_v<B>)
    return b.columns();
  else
    return extent(b, transposed ? 0 : 1);
}

template <class A, class B, class Bias, class Scale, class Residual, class Output>
void check_matmul(A const& a, B const& b, Bias const& bias, Scale const& scale, Residual const& residual, Output const& output, MatmulOptions const& options) {
  constexpr auto function = "ocellus::linalg::matmul";
  bool const ta = options.transpose_a, tb = options.transpose_b;
  if constexpr (is_packed_matrix_v<B>) require(!tb, function, "transpose_b is set, but a packed b knows whether it was transposed");
  require_equal(function, {tb ? "b.extent(1) (inner)" : "b.extent(0) (inner)", inner_of(b, tb)}, {ta ? "a.extent(0)" : "a.extent(1)", extent(a, ta ? 0 : 1)});
  require_equal(function, {"output.extent(0)", extent(output, 0)}, {ta ? "a.extent(1)" : "a.extent(0)", extent(a, ta ? 1 : 0)});
  require_equal(function, {"output.extent(1)", extent(output, 1)}, {tb ? "b.extent(0)" : "b.extent(1)", columns_of(b, tb)});
  if constexpr (!std::is_same_v<Bias, None>) {
    if (is_present(bias)) require_equal(function, {"bias.extent(0)", extent(bias, 0)}, {"output.extent(1)", extent(output, 1)});
  }
  if constexpr (!std::is_same_v<Scale, None>) {
    if (is_present(scale)) require_equal(function, {"scale.extent(0)", extent(scale, 0)}, {"output.extent(1)", extent(output, 1)});
  }
  if constexpr (!std::is_same_v<Residual, None>) {
    if (is_present(residual)) {
      require_equal(function, {"residual.extent(0)", extent(residual, 0)}, {"output.extent(0)", extent(output, 0)});
      require_equal(function, {"residual.extent(1)", extent(residual, 1)}, {"output.extent(1)", extent(output, 1)});
    }
  }
  require(!options.accumulate ||
              (options.alpha == 1.0 && options.activation == Activation::none && !is_present(bias) && !is_present(scale) && !is_present(residual)),
          function, "accumulate goes with a plain product only: no alpha, bias, activation, scale or residual");
}

/// The checked product with a right operand as the kernels see it.
template <class Tuning, class Stored, ExecutionSpace Exec, class A, class Right, class Bias, class Scale, class Residual, class Output, class Options>
void product(Exec const& exec, A const& a, Right const& right, Bias const& bias, Scale const& scale, Residual const& residual, Output const& output,
             Options const& options, bool symmetric = false) {
  using Real          = std::common_type_t<accumulate_of_t<A>, accumulate_t<Stored>>;
  using EpilogueOfAll = Epilogue<Real, element_t<Bias> const, element_t<Scale> const, element_t<Residual> const>;
  MatmulProblem<element_t<A>, Stored, element_t<Output>, EpilogueOfAll, Right> problem;
  problem.epilogue.alpha      = static_cast<Real>(options.alpha);
  problem.epilogue.activation = options.activation;
  if constexpr (!std::is_same_v<Bias, None>) problem.epilogue.bias = {bias.data(), static_cast<std::int64_t>(bias.stride(0))};
  if constexpr (!std::is_same_v<Scale, None>) problem.epilogue.scale = {scale.data(), static_cast<std::int64_t>(scale.stride(0))};
  if constexpr (!std::is_same_v<Residual, None>)
    problem.epilogue.residual = {residual.data(), static_cast<std::int64_t>(residual.stride(0)), static_cast<std::int64_t>(residual.stride(1)), 0};
  auto const left   = strided_matrix(a, options.transpose_a);
  problem.a         = {left.data, left.row_stride, left.column_stride, 0};
  problem.b         = right;
  problem.output    = strided_matrix(output);
  problem.rows      = extent(output, 0);
  problem.columns   = extent(output, 1);
  problem.inner     = extent(a, options.transpose_a ? 0 : 1);
  problem.symmetric = symmetric;
  if constexpr (requires { options.accumulate; }) problem.accumulate = options.accumulate;
  launch_matmul<tuning_row_t<Tuning, MatmulTuning<Exec, Real>>, Real>(exec, symmetric ? "ocellus::linalg::gram" : "ocellus::linalg::matmul", problem);
}

}  // namespace detail

/// Matrix product with a fused epilogue.
///
///     output = activation(alpha * op(a) op(b) + bias) * scale + residual, evaluated in that order
///
/// a (M, K), b (K, N) as a View or packed, bias (N), scale (N), residual (M, N), each of the last three or none -> output (M, N). Any storage types; `residual`
/// may be `output`. gelu is x/2 (1 + erf(x / sqrt 2)); relu of NaN is NaN. With K = 0 the product is zero and the epilogue still runs.
/// With accumulate, output = output + op(a) op(b): each element's chain starts from what is there, so a K cut in two (between pairs or blocks of 32 where they
/// are the steps), the second part accumulated, equals the whole bit for bit where the output is of the accumulation type.
///
/// Errors: `std::invalid_argument` when inner extents differ, when output, bias, scale or residual does not fit, or when accumulate meets alpha or an epilogue.
/// Error bound: K machine epsilons of the accumulation type, relative to |alpha| sum |a| |b|, plus 4 for the epilogue (gelu: 8), plus the rounding of the
/// output. Where AVX512-BF16 or AMX multiplies two bfloat16 operands, subnormal numbers count as zero.
/// Determinism: an element is one chain of multiply-adds over ascending k: its bits depend on its row of a and its column of b alone, not on M, N, the tile,
/// the tuning row, packing or the number of threads. Two bfloat16 operands on a host compiled for AVX512-BF16 make a chain over ascending pairs (k, k + 1), k even;
/// on one compiled for AMX a chain over blocks of 32 terms, each the sum of two chains: its even terms and its odd ones.
/// Allocates: nothing; hosts pack blocks in Kokkos' scratch memory of the threads, which grows to the largest asked for. Synchronises: no.
template <class Tuning = void, ExecutionSpace Exec, RealView<2> A, MatmulWeights B, OptionalRealView<1> Bias, OptionalRealView<1> Scale,
          OptionalRealView<2> Residual, RealView<2> Output>
  requires AccessibleFrom<Exec, A, B, Bias, Scale, Residual, Output>
void matmul(Exec const& exec, A const& a, B const& b, Bias const& bias, Scale const& scale, Residual const& residual, Output const& output,
            MatmulOptions const& options = {}) {
  using Stored = typename B::non_const_value_type;
  detail::check_matmul(a, b, bias, scale, residual, output, options);
  if constexpr (is_packed_matrix_v<B>) {
    detail::PackedPanels<Stored> const right{b.memory().data(), b.rows()};
    detail::product<Tuning, Stored>(exec, a, right, bias, scale, residual, output, options);
  } else {
    auto const strided = detail::strided_matrix(b, options.transpose_b);
    detail::StridedMatrix<Stored const> const right{strided.data, strided.row_stride, strided.column_stride, 0};
    detail::product<Tuning, Stored>(exec, a, right, bias, scale, residual, output, options);
  }
}

/// Bytes of workspace that `matmul` takes to pack b: none for a packed one.
template <ExecutionSpace Exec, RealView<2> A, MatmulWeights B, OptionalRealView<1> Bias, OptionalRealView<1> Scale, OptionalRealView<2> Residual,
          RealView<2> Output>
[[nodiscard]] std::size_t matmul_workspace_size(Exec const&, A const&, B const& b, Bias const&, Scale const&, Residual const&, Output const&,
                                                MatmulOptions const& options = {}) {
  using Stored = typename B::non_const_value_type;
  if constexpr (is_packed_matrix_v<B>)
    return 0;
  else
    return workspace_bytes<Stored>(static_cast<std::size_t>(detail::panel_count(detail::columns_of(b, options.transpose_b)) *
                                                            detail::panel_size<Stored>(detail::inner_of(b, options.transpose_b))));
}

/// The same with a workspace, in which b is packed once for all threads: faster where both M and N are large and there are many threads.
template <class Tuning = void, ExecutionSpace Exec, RealView<2> A, MatmulWeights B, OptionalRealView<1> Bias, OptionalRealView<1> Scale,
          OptionalRealView<2> Residual, RealView<2> Output>
  requires AccessibleFrom<Exec, A, B, Bias, Scale, Residual, Output>
void matmul(Exec const& exec, A const& a, B const& b, Bias const& bias, Scale const& scale, Residual const& residual, Output const& output,
            MatmulOptions const& options, WorkspaceFor<Exec>& workspace) {
  if constexpr (is_packed_matrix_v<B>) {
    matmul<Tuning>(exec, a, b, bias, scale, residual, output, options);
  } else {
    using Stored = typename B::non_const_value_type;
    detail::check_matmul(a, b, bias, scale, residual, output, options);
    typename WorkspaceFor<Exec>::Scope const scope(workspace);
    std::int64_t const inner = detail::inner_of(b, options.transpose_b), columns = detail::columns_of(b, options.transpose_b);
    auto const packed  = workspace.template take<Stored*>("ocellus::linalg::matmul", detail::panel_count(columns) * detail::panel_size<Stored>(inner));
    auto const strided = detail::strided_matrix(b, options.transpose_b);
    detail::StridedMatrix<Stored const> const source{strided.data, strided.row_stride, strided.column_stride, 0};
    detail::launch_pack(exec, "ocellus::linalg::matmul::pack", source, inner, columns, packed.data());
    detail::product<Tuning, Stored>(exec, a, detail::PackedPanels<Stored>{packed.data(), inner}, bias, scale, residual, output, options);
  }
}

/// The plain product: no bias, scale or residual.
template <class Tuning = void, ExecutionSpace Exec, RealView<2> A, MatmulWeights B, RealView<2> Output>
  requires AccessibleFrom<Exec, A, B, Output>
void matmul(Exec const& exec, A const& a, B const& b, Output const& output, MatmulOptions const& options = {}) {
  matmul<Tuning>(exec, a, b, none, none, none, output, options);
}

/// Work of a product (rows x inner) (inner x columns) of elements of `bytes_per_element` bytes.
[[nodiscard]] constexpr Cost matmul_cost(double rows, double columns, double inner, double bytes_per_element) {
  return {.flops         = 2 * rows * columns * inner,
          .special       = 0,
          .bytes_read    = (rows + columns) * inner * bytes_per_element,
          .bytes_written = rows * columns * bytes_per_element};
}

}  // namespace ocellus::linalg
