// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/linalg/detail/host_decomposition.hpp>

namespace ocellus::linalg {

struct SpdSqrtOptions {
  double diagonal_shift = 0.0;  ///< added to the diagonal first
};

struct SpdSqrtResult {
  bool converged  = false;  ///< false for NaN or infinity in the input too; the output is NaN then
  double smallest = 0.0;    ///< smallest eigenvalue after the shift
};

/// Symmetric square root of a positive semidefinite matrix.
///
///     input + diagonal_shift I = V diag(l) V^T,   output = V diag(sqrt(max(l, 0))) V^T
///
/// input (D, D), of which only the lower triangle is read -> output (D, D), symmetric bit for bit. Negative eigenvalues count as zero.
/// Computed in double precision on the host, by Eigen.
///
/// Errors: `std::invalid_argument` when the input is not square or the output does not fit.
/// Error bound: 16 D machine epsilons of double times the norm of the output, plus the rounding of the output type.
/// Determinism: one host thread: bits do not depend on the number of threads.
/// Allocates: on the host, O(D^2). Synchronises: fences `exec`, since the result says whether it converged.
template <ExecutionSpace Exec, RealView<2> Input, RealView<2> Output>
  requires AccessibleFrom<Exec, Input, Output> SpdSqrtResult spd_sqrt(Exec const& exec, Input const& input, Output const& output,
                                                                      SpdSqrtOptions const& options = {}) {
    constexpr auto function = "ocellus::linalg::spd_sqrt";
    require_equal(function, {"input.extent(1)", extent(input, 1)}, {"input.extent(0)", extent(input, 0)});
    require_equal(function, {"output.extent(0)", extent(output, 0)}, {"input.extent(0)", extent(input, 0)});
    require_equal(function, {"output.extent(1)", extent(output, 1)}, {"input.extent(0)", extent(input, 0)});
    auto matrix = detail::to_host_matrix(exec, input);
    matrix.diagonal().array() += options.diagonal_shift;
    auto const eigen  = detail::host_symmetric_eigen(matrix, function);
    auto const factor = [](double value) { return std::sqrt(std::max(value, 0.0)); };
    detail::HostMatrix root(matrix.rows(), matrix.cols());
    for (std::int64_t i = 0; i < root.rows(); ++i) {
      for (std::int64_t j = 0; j <= i; ++j) {
        double sum = 0;
        for (std::int64_t k = 0; k < root.rows(); ++k) sum += eigen.vectors(i, k) * factor(eigen.values(k)) * eigen.vectors(j, k);
        root(i, j) = root(j, i) = sum;
      }
    }
    detail::from_host(exec, output, root);
    return {eigen.converged, root.rows() > 0 ? eigen.values(0) : 0.0};
  }

/// Work of the eigenproblem and the product of its factors.
[[nodiscard]] constexpr Cost spd_sqrt_cost(double size, double bytes_per_element) {
  return {.flops         = 11 * size * size * size,
          .special       = size,
          .bytes_read    = size * (size + 1) / 2 * bytes_per_element,
          .bytes_written = size * size * bytes_per_element};
}

}  // namespace ocellus::linalg
