// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

namespace ocellus::reference {

enum class Metric { squared_euclidean, manhattan, chebyshev };

/// x (N, D), y (M, D) -> (N, M).
template <class Real>
std::vector<Real> pairwise_distances(std::vector<Real> const& x, std::vector<Real> const& y, std::int64_t n, std::int64_t m, std::int64_t width, Metric metric) {
  using std::abs;
  std::vector<Real> output;
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < m; ++j) {
      Real value = 0;
      for (std::int64_t d = 0; d < width; ++d) {
        Real const difference = abs(x[static_cast<std::size_t>(i * width + d)] - y[static_cast<std::size_t>(j * width + d)]);
        if (metric == Metric::squared_euclidean) value += difference * difference;
        else if (metric == Metric::manhattan) value += difference;
        else if (!(difference <= value)) value = difference;
      }
      output.push_back(value);
    }
  }
  return output;
}

}  // namespace ocellus::reference
