// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>

namespace ocellus::video::detail {

/// Added to the variance of the noise and to the diagonal of the prior's covariance.
inline constexpr double gaussian_floor = 1e-5;

/// A matrix of at most 3 x 3 with its size.
struct SmallMatrix {
  double at[3][3] = {{0, 0, 0}, {0, 0, 0}, {0, 0, 0}};
};

/// The factor A of a pixel, filled by rows into the upper left triangle: row i has `size` - i entries from column 0.
template <class Factor>
KOKKOS_INLINE_FUNCTION SmallMatrix factor_at(Factor const& factor, int size, std::int64_t n, std::int64_t y, std::int64_t x) {
  SmallMatrix a;
  int entry = 0;
  for (int i = 0; i < size; ++i) {
    for (int j = 0; j < size - i; ++j) a.at[i][j] = static_cast<double>(factor(n, entry++, y, x));
  }
  return a;
}

/// A^T A + `diagonal` I
KOKKOS_INLINE_FUNCTION SmallMatrix covariance_of(SmallMatrix const& a, int size, double diagonal) {
  SmallMatrix s;
  for (int i = 0; i < size; ++i) {
    for (int j = 0; j < size; ++j) {
      double sum = i == j ? diagonal : 0.0;
      for (int k = 0; k < size; ++k) sum += a.at[k][i] * a.at[k][j];
      s.at[i][j] = sum;
    }
  }
  return s;
}

/// The lower triangle L of S = L L^T.
KOKKOS_INLINE_FUNCTION SmallMatrix cholesky_of(SmallMatrix const& s, int size) {
  SmallMatrix l;
  for (int i = 0; i < size; ++i) {
    for (int j = 0; j <= i; ++j) {
      double sum = s.at[i][j];
      for (int k = 0; k < j; ++k) sum -= l.at[i][k] * l.at[j][k];
      l.at[i][j] = i == j ? Kokkos::sqrt(sum) : sum / l.at[j][j];
    }
  }
  return l;
}

/// S^-1 r in place of r.
KOKKOS_INLINE_FUNCTION void solve(SmallMatrix const& l, int size, double (&r)[3]) {
  for (int i = 0; i < size; ++i) {
    for (int k = 0; k < i; ++k) r[i] -= l.at[i][k] * r[k];
    r[i] /= l.at[i][i];
  }
  for (int i = size - 1; i >= 0; --i) {
    for (int k = i + 1; k < size; ++k) r[i] -= l.at[k][i] * r[k];
    r[i] /= l.at[i][i];
  }
}

/// mean (N, C, H, W), factor (N, C (C + 1) / 2, H, W), image (N, C, H, W), C from 1 to 3.
template <class Mean, class Factor, class Image>
void check_gaussian(std::string_view function, Mean const& mean, Factor const& factor, char const* name, Image const& image, double sigma) {
  std::int64_t const channels = extent(mean, 1);
  require(channels >= 1 && channels <= 3, function, "mean.extent(1) is ", channels, " but must be from 1 to 3");
  require(extent(factor, 1) == channels * (channels + 1) / 2, function, "factor.extent(1) is ", extent(factor, 1), " but ", channels, " channels need ",
          channels * (channels + 1) / 2);
  for (int axis = 0; axis < 4; ++axis) {
    require(extent(image, axis) == extent(mean, axis), function, name, ".extent(", axis, ") is ", extent(image, axis), " but mean.extent(", axis, ") is ",
            extent(mean, axis));
    require(axis == 1 || extent(factor, axis) == extent(mean, axis), function, "factor.extent(", axis, ") is ", extent(factor, axis), " but mean.extent(", axis,
            ") is ", extent(mean, axis));
  }
  require(sigma >= 0, function, "sigma is ", sigma, " but must not be negative");
}

}  // namespace ocellus::video::detail
