// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Square roots of covariances, on the host, in double, by Eigen.

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <Eigen/Dense>

#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/transport/detail/host_arrays.hpp>

namespace ocellus::transport::detail {

using HostMatrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using HostLine   = Eigen::VectorXd;

/// Runs `body` in a kernel of one iteration on the host, where Eigen does not start threads of its own: its blocking, and so its bits, would follow their
/// number.
template <class Body>
void in_host_kernel(char const* label, Body const& body) {
  Kokkos::DefaultHostExecutionSpace const host;
  Kokkos::parallel_for(label, Kokkos::RangePolicy<Kokkos::DefaultHostExecutionSpace>(host, 0, 1), [&](int) { body(); });
  host.fence(label);
}

/// V diag(value(l)) V^T of a symmetric matrix; negative eigenvalues count as zero. NaN where the eigenproblem fails.
template <class Value>
[[nodiscard]] HostMatrix function_of_symmetric(HostMatrix const& matrix, Value const& value) {
  if (!matrix.allFinite()) return HostMatrix::Constant(matrix.rows(), matrix.cols(), std::numeric_limits<double>::quiet_NaN());
  Eigen::SelfAdjointEigenSolver<HostMatrix> const solver(HostMatrix((matrix + matrix.transpose()) / 2));
  HostLine mapped      = solver.eigenvalues();
  double const largest = mapped.size() > 0 ? std::max(mapped(mapped.size() - 1), 0.0) : 0.0;
  for (auto& l : mapped) l = value(std::max(l, 0.0), largest);
  return solver.eigenvectors() * mapped.asDiagonal() * solver.eigenvectors().transpose();
}

[[nodiscard]] inline HostMatrix root_of(HostMatrix const& matrix) {
  return function_of_symmetric(matrix, [](double l, double) { return std::sqrt(l); });
}

template <class V>
void require_gaussian(std::string const& function, char const* mean_name, V const& covariance, std::int64_t mean_size, std::int64_t size, int which) {
  std::string const name = "covariance" + std::to_string(which);
  require_equal(function, {name + ".extent(0)", extent(covariance, 0)}, {"mean0.extent(0)", size});
  require_equal(function, {name + ".extent(1)", extent(covariance, 1)}, {"mean0.extent(0)", size});
  require_equal(function, {mean_name, mean_size}, {"mean0.extent(0)", size});
}

template <ExecutionSpace Exec, class V>
[[nodiscard]] HostMatrix to_matrix(Exec const& exec, std::string const& function, V const& view) {
  auto const values       = to_host(exec, function, view);
  std::int64_t const rows = extent(view, 0), columns = V::rank() == 2 ? extent(view, static_cast<int>(V::rank()) - 1) : 1;
  HostMatrix matrix(rows, columns);
  for (std::int64_t i = 0; i < rows * columns; ++i) matrix.data()[i] = values[static_cast<std::size_t>(i)];
  return matrix;
}

[[nodiscard]] inline std::vector<double> flatten(HostMatrix const& matrix) { return {matrix.data(), matrix.data() + matrix.size()}; }

}  // namespace ocellus::transport::detail
