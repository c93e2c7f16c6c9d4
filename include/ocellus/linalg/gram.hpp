// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/linalg/matmul.hpp>

namespace ocellus::linalg {

enum class GramOf { columns, rows };

struct GramOptions {
  GramOf of = GramOf::columns;  ///< columns: input^T input; rows: input input^T
};

/// The matrix of all inner products of the columns or of the rows; nothing is centred. The part above the diagonal is copied from below: half the work of
/// `matmul`.
///
///     output = input^T input  or  input input^T
///
/// input (N, D) -> output (D, D) or (N, N), symmetric bit for bit.
///
/// Errors: `std::invalid_argument` when the output does not fit.
/// Error bound: as `matmul` with K = N (columns) or D (rows).
/// Determinism: as `matmul`.
/// Allocates: nothing. Synchronises: no.
template <class Tuning = void, ExecutionSpace Exec, RealView<2> Input, RealView<2> Output>
  requires AccessibleFrom<Exec, Input, Output>
void gram(Exec const& exec, Input const& input, Output const& output, GramOptions const& options = {}) {
  constexpr auto function = "ocellus::linalg::gram";
  int const axis          = options.of == GramOf::columns ? 1 : 0;
  char const* const name  = axis == 1 ? "input.extent(1)" : "input.extent(0)";
  require_equal(function, {"output.extent(0)", extent(output, 0)}, {name, extent(input, axis)});
  require_equal(function, {"output.extent(1)", extent(output, 1)}, {name, extent(input, axis)});
  MatmulOptions const options_of_product{.transpose_a = axis == 1, .transpose_b = axis == 0};
  using Stored       = element_t<Input>;
  auto const strided = detail::strided_matrix(input, axis == 0);
  detail::StridedMatrix<Stored const> const right{strided.data, strided.row_stride, strided.column_stride, 0};
  detail::product<Tuning, Stored>(exec, input, right, none, none, none, output, options_of_product, true);
}

/// Work of `gram` over N x D: half of the product, by symmetry.
[[nodiscard]] constexpr Cost gram_cost(double rows, double columns, double bytes_per_element, GramOf of = GramOf::columns) {
  double const size = of == GramOf::columns ? columns : rows, inner = of == GramOf::columns ? rows : columns;
  return {.flops = size * (size + 1) * inner, .special = 0, .bytes_read = rows * columns * bytes_per_element, .bytes_written = size * size * bytes_per_element};
}

}  // namespace ocellus::linalg
