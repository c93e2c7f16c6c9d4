// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <Eigen/Dense>

#include <ocellus/core/host_copy.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/linalg/detail/lapack.hpp>

namespace ocellus::linalg::detail {

using HostMatrix = Eigen::MatrixXd;
using HostLine   = Eigen::VectorXd;

/// A copy of a View in double precision on the host; waits for `exec`.
template <ExecutionSpace Exec, AnyView V>
[[nodiscard]] HostMatrix to_host_matrix(Exec const& exec, V const& view) {
  auto const host = copy_to_host(exec, "ocellus::linalg::to_host", view);
  HostMatrix matrix(extent(view, 0), extent(view, 1));
  for (std::int64_t i = 0; i < matrix.rows(); ++i) {
    for (std::int64_t j = 0; j < matrix.cols(); ++j) matrix(i, j) = static_cast<double>(host(i, j));
  }
  return matrix;
}

/// Writes `value(i...)` into a View of rank 1 or 2 and waits for `exec`.
template <ExecutionSpace Exec, AnyView V, class Value>
void from_host(Exec const& exec, V const& view, Value const& value) {
  using Scalar    = typename V::non_const_value_type;
  auto const host = ocellus::detail::host_tensor_like("ocellus::linalg::from_host", view);
  for (std::int64_t i = 0; i < extent(view, 0); ++i) {
    if constexpr (V::rank() == 1) {
      host(i) = static_cast<Scalar>(value(i));
    } else {
      for (std::int64_t j = 0; j < extent(view, 1); ++j) host(i, j) = static_cast<Scalar>(value(i, j));
    }
  }
  copy_from_host(exec, "ocellus::linalg::from_host", host, view);
}

/// Runs `body` in a kernel of one iteration on the host, where Eigen does not start threads of its own: its blocking, and so its bits, would follow their
/// number.
template <class Body>
void in_host_kernel(char const* label, Body const& body) {
  Kokkos::DefaultHostExecutionSpace const host;
  Kokkos::parallel_for(label, Kokkos::RangePolicy<Kokkos::DefaultHostExecutionSpace>(host, 0, 1), [&](int) { body(); });
  host.fence(label);
}

/// +1 or -1, such that the entry of largest magnitude (the first of equal ones) becomes positive.
inline double sign_of_column(HostMatrix const& matrix, std::int64_t column) {
  double largest = 0, sign = 1;
  for (std::int64_t i = 0; i < matrix.rows(); ++i) {
    if (std::abs(matrix(i, column)) > largest) {
      largest = std::abs(matrix(i, column));
      sign    = matrix(i, column) < 0 ? -1 : 1;
    }
  }
  return sign;
}

struct HostEigen {
  HostLine values;
  HostMatrix vectors;
  bool converged = false;
};

/// Eigenvalues in ascending order and vectors of a symmetric matrix (lower triangle), signs fixed; NaN everywhere when it does not converge.
inline HostEigen host_symmetric_eigen(HostMatrix const& matrix, char const* label) {
  std::int64_t const size = matrix.rows();
  HostEigen result{HostLine::Constant(size, std::numeric_limits<double>::quiet_NaN()),
                   HostMatrix::Constant(size, size, std::numeric_limits<double>::quiet_NaN()), false};
  if (size == 0) {
    result.converged = true;
    return result;
  }
  bool finite = true;
  for (std::int64_t i = 0; i < size; ++i) {
    for (std::int64_t j = 0; j <= i; ++j) finite = finite && std::isfinite(matrix(i, j));
  }
  if (!finite) return result;
  in_host_kernel(label, [&]() {
    if constexpr (has_lapack) {
      HostMatrix vectors = matrix;
      HostLine values(size);
      if (!lapack_symmetric_eigen(size, vectors.data(), values.data())) return;
      result.values    = values;
      result.vectors   = vectors;
      result.converged = true;
      return;
    }
    Eigen::SelfAdjointEigenSolver<HostMatrix> const solver(matrix);
    if (solver.info() != Eigen::Success) return;
    result.values    = solver.eigenvalues();
    result.vectors   = solver.eigenvectors();
    result.converged = true;
  });
  for (std::int64_t k = 0; k < size; ++k) result.vectors.col(k) *= sign_of_column(result.vectors, k);
  return result;
}

}  // namespace ocellus::linalg::detail
