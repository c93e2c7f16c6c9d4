// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/linalg/detail/host_decomposition.hpp>

namespace ocellus::linalg {

struct SymmetricEigenResult {
  bool converged = false;  ///< false for NaN or infinity in the input too; the outputs are NaN then
};

/// Eigenvalues and eigenvectors of a symmetric matrix.
///
///     input = V diag(eigenvalues) V^T
///
/// input (D, D), of which only the lower triangle is read -> eigenvalues (D) ascending, eigenvectors (D, D) orthonormal, column k belonging to eigenvalue k;
/// its entry of largest magnitude is positive. Computed in double precision on the host, by Eigen, or by LAPACK where `OCELLUS_ENABLE_LAPACK` is defined.
///
/// Errors: `std::invalid_argument` when the input is not square or an output does not fit.
/// Error bound: 8 D machine epsilons of double times the norm of the input, plus the rounding of the output type.
/// Determinism: one host thread: bits do not depend on the number of threads. LAPACK's are those of the library that is linked; one with threads of its own may
/// let them follow their number.
/// Allocates: on the host, O(D^2). Synchronises: fences `exec`, since the result says whether it converged.
/// Source: Eigen's SelfAdjointEigenSolver (tridiagonalisation and implicit QR); LAPACK's dsyevd (tridiagonalisation, divide and conquer).
template <ExecutionSpace Exec, RealView<2> Input, RealView<1> Eigenvalues, RealView<2> Eigenvectors>
  requires AccessibleFrom<Exec, Input, Eigenvalues, Eigenvectors> SymmetricEigenResult symmetric_eigen(Exec const& exec, Input const& input,
                                                                                                       Eigenvalues const& eigenvalues,
                                                                                                       Eigenvectors const& eigenvectors) {
    constexpr auto function = "ocellus::linalg::symmetric_eigen";
    require_equal(function, {"input.extent(1)", extent(input, 1)}, {"input.extent(0)", extent(input, 0)});
    require_equal(function, {"eigenvalues.extent(0)", extent(eigenvalues, 0)}, {"input.extent(0)", extent(input, 0)});
    require_equal(function, {"eigenvectors.extent(0)", extent(eigenvectors, 0)}, {"input.extent(0)", extent(input, 0)});
    require_equal(function, {"eigenvectors.extent(1)", extent(eigenvectors, 1)}, {"input.extent(0)", extent(input, 0)});
    auto const eigen = detail::host_symmetric_eigen(detail::to_host_matrix(exec, input), function);
    detail::from_host(exec, eigenvalues, eigen.values);
    detail::from_host(exec, eigenvectors, eigen.vectors);
    return {eigen.converged};
  }

/// Work of a full symmetric eigenproblem of size D, about 9 D^3.
[[nodiscard]] constexpr Cost symmetric_eigen_cost(double size, double bytes_per_element) {
  return {.flops         = 9 * size * size * size,
          .special       = 0,
          .bytes_read    = size * (size + 1) / 2 * bytes_per_element,
          .bytes_written = size * (size + 1) * bytes_per_element};
}

}  // namespace ocellus::linalg
