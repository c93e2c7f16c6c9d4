// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

namespace ocellus::reference {

template <class Real>
struct Covariance {
  std::vector<Real> mean, covariance;
};

/// Rows of `width` elements; empty weights are ones.
template <class Real>
Covariance<Real> covariance(std::vector<Real> const& input, std::vector<Real> const& weights, std::int64_t rows, std::int64_t width, int ddof) {
  auto const weight = [&](std::int64_t n) { return weights.empty() ? Real(1) : weights[static_cast<std::size_t>(n)]; };
  auto const at     = [&](std::int64_t n, std::int64_t d) { return input[static_cast<std::size_t>(n * width + d)]; };
  Real v1 = 0, v2 = 0;
  for (std::int64_t n = 0; n < rows; ++n) v1 += weight(n), v2 += weight(n) * weight(n);
  Covariance<Real> result;
  for (std::int64_t d = 0; d < width; ++d) {
    Real sum = 0;
    for (std::int64_t n = 0; n < rows; ++n) sum += weight(n) * at(n, d);
    result.mean.push_back(sum / v1);
  }
  for (std::int64_t i = 0; i < width; ++i) {
    for (std::int64_t j = 0; j < width; ++j) {
      Real sum = 0;
      for (std::int64_t n = 0; n < rows; ++n) sum += weight(n) * (at(n, i) - result.mean[static_cast<std::size_t>(i)]) * (at(n, j) - result.mean[static_cast<std::size_t>(j)]);
      result.covariance.push_back(sum / (v1 - ddof * v2 / v1));
    }
  }
  return result;
}

}  // namespace ocellus::reference
