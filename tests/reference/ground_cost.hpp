// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstddef>
#include <vector>

namespace ocellus::reference {

enum class Ground { squared_euclidean, euclidean, cosine };

/// All costs of two clouds of `width` coordinates, row-major.
template <class Real>
std::vector<Real> ground_costs(Ground kind, std::vector<Real> const& x, std::vector<Real> const& y, std::size_t width) {
  using std::sqrt;
  std::size_t const n = x.size() / width, m = y.size() / width;
  std::vector<Real> cost(n * m);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < m; ++j) {
      Real squared = 0, xx = 0, yy = 0, xy = 0;
      for (std::size_t k = 0; k < width; ++k) {
        Real const p = x[i * width + k], q = y[j * width + k];
        squared += (p - q) * (p - q);
        xx += p * p;
        yy += q * q;
        xy += p * q;
      }
      cost[i * m + j] = kind == Ground::squared_euclidean ? squared : kind == Ground::euclidean ? sqrt(squared) : Real(1) - xy / sqrt(xx * yy);
    }
  }
  return cost;
}

}  // namespace ocellus::reference
