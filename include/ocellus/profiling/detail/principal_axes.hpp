// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include <ocellus/core/tensor.hpp>
#include <ocellus/linalg/covariance.hpp>
#include <ocellus/linalg/gram.hpp>
#include <ocellus/linalg/svd.hpp>
#include <ocellus/linalg/symmetric_eigen.hpp>

namespace ocellus::profiling::detail {

/// The singular values (descending) and right vectors of a host matrix; least(rows, columns) of them.
struct PrincipalAxes {
  HostTensor<double*> values;
  HostTensor<double**> vectors;
  bool converged = false;
};

/// Squared singular values below this share of the largest are not taken from a covariance: it squares the condition, and small ones would lose their digits.
inline constexpr double least_eigenvalue = 1e-6;

/// Where the columns are independent enough (`least_eigenvalue`), from the eigenvectors of the covariance of the rows (of their inner products, where they are
/// not centred); else from the singular value decomposition. `x` is in host memory and not in use.
[[nodiscard]] inline PrincipalAxes principal_axes(char const* label, HostTensor<double**> const& x, bool centred) {
  Kokkos::DefaultHostExecutionSpace const host;
  std::int64_t const rows = extent(x, 0), columns = extent(x, 1), least = std::min(rows, columns);
  PrincipalAxes axes{make_host_tensor<double*>(label, least), make_host_tensor<double**>(label, columns, least)};
  if (rows > columns) {
    auto const squares = make_host_tensor<double**>(label, columns, columns), vectors = make_host_tensor<double**>(label, columns, columns);
    auto const lengths = make_host_tensor<double*>(label, columns);
    if (centred)
      linalg::covariance(host, x, none, squares, lengths);
    else
      linalg::gram(host, x, squares);
    bool const converged = linalg::symmetric_eigen(host, squares, lengths, vectors).converged;
    if (converged && columns > 0 && lengths(0) > least_eigenvalue * lengths(columns - 1)) {
      for (std::int64_t j = 0; j < columns; ++j) {
        axes.values(j) = std::sqrt(lengths(columns - 1 - j) * (centred ? static_cast<double>(rows - 1) : 1.0));
        for (std::int64_t d = 0; d < columns; ++d) axes.vectors(d, j) = vectors(d, columns - 1 - j);
      }
      axes.converged = true;
      return axes;
    }
  }
  auto const u   = make_host_tensor<double**>(label, rows, least);
  axes.converged = linalg::svd(host, x, u, axes.values, axes.vectors).converged;
  return axes;
}

}  // namespace ocellus::profiling::detail
