// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/linalg/detail/host_decomposition.hpp>

namespace ocellus::linalg {

struct SvdResult {
  bool converged = false;  ///< false for NaN or infinity in the input too; the outputs are NaN then
};

/// Thin singular value decomposition.
///
///     input = u diag(singular_values) v^T
///
/// input (M, N) -> u (M, R), singular_values (R) descending and not negative, v (N, R), R = min(M, N). Columns of u and v are orthonormal, those of zero
/// singular values too; the entry of largest magnitude of each column of v is positive. Computed in double precision on the host, by Eigen.
///
/// Errors: `std::invalid_argument` when an output does not fit.
/// Error bound: 8 max(M, N) machine epsilons of double times the largest singular value, plus the rounding of the output type.
/// Determinism: one host thread: bits do not depend on the number of threads.
/// Allocates: on the host, O(M N). Synchronises: fences `exec`, since the result says whether it converged.
/// Source: Eigen's JacobiSVD (up to 64 columns or rows) and BDCSVD.
template <ExecutionSpace Exec, RealView<2> Input, RealView<2> U, RealView<1> SingularValues, RealView<2> V>
  requires AccessibleFrom<Exec, Input, U, SingularValues, V> SvdResult svd(Exec const& exec, Input const& input, U const& u,
                                                                           SingularValues const& singular_values, V const& v) {
    constexpr auto function = "ocellus::linalg::svd";
    std::int64_t const rows = extent(input, 0), columns = extent(input, 1), rank = std::min(rows, columns);
    require_equal(function, {"u.extent(0)", extent(u, 0)}, {"input.extent(0)", rows});
    require_equal(function, {"u.extent(1)", extent(u, 1)}, {"the smaller extent of input", rank});
    require_equal(function, {"singular_values.extent(0)", extent(singular_values, 0)}, {"the smaller extent of input", rank});
    require_equal(function, {"v.extent(0)", extent(v, 0)}, {"input.extent(1)", columns});
    require_equal(function, {"v.extent(1)", extent(v, 1)}, {"the smaller extent of input", rank});
    if (rank == 0) return {true};
    auto const matrix       = detail::to_host_matrix(exec, input);
    double const nan        = std::numeric_limits<double>::quiet_NaN();
    detail::HostMatrix left = detail::HostMatrix::Constant(rows, rank, nan), right = detail::HostMatrix::Constant(columns, rank, nan);
    detail::HostLine values = detail::HostLine::Constant(rank, nan);
    bool converged          = false;
    if (matrix.allFinite()) {
      auto const keep = [&](auto const& solver) {
        if (solver.info() != Eigen::Success) return;
        left      = solver.matrixU();
        right     = solver.matrixV();
        values    = solver.singularValues();
        converged = true;
      };
      detail::in_host_kernel(function, [&]() {
        if (rank <= 64)
          keep(Eigen::JacobiSVD<detail::HostMatrix>(matrix, Eigen::ComputeThinU | Eigen::ComputeThinV));
        else
          keep(Eigen::BDCSVD<detail::HostMatrix>(matrix, Eigen::ComputeThinU | Eigen::ComputeThinV));
      });
      for (std::int64_t k = 0; k < rank; ++k) {
        double const sign = detail::sign_of_column(right, k);
        left.col(k) *= sign;
        right.col(k) *= sign;
      }
    }
    detail::from_host(exec, u, left);
    detail::from_host(exec, singular_values, values);
    detail::from_host(exec, v, right);
    return {converged};
  }

/// Work of a thin decomposition of M x N, about 6 max min^2 + 20 min^3.
[[nodiscard]] constexpr Cost svd_cost(double rows, double columns, double bytes_per_element) {
  double const most = rows > columns ? rows : columns, least = rows > columns ? columns : rows;
  return {.flops         = 6 * most * least * least + 20 * least * least * least,
          .special       = 0,
          .bytes_read    = rows * columns * bytes_per_element,
          .bytes_written = (rows + columns + 1) * least * bytes_per_element};
}

}  // namespace ocellus::linalg
