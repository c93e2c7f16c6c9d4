// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

namespace ocellus::reference {

inline double cosine(std::vector<double> const& x, std::vector<double> const& y) {
  double product = 0, xx = 0, yy = 0;
  for (std::size_t d = 0; d < x.size(); ++d) product += x[d] * y[d], xx += x[d] * x[d], yy += y[d] * y[d];
  return xx == 0 || yy == 0 ? 0.0 : product / (std::sqrt(xx) * std::sqrt(yy));
}

inline double pearson(std::vector<double> const& x, std::vector<double> const& y) {
  auto const centred = [](std::vector<double> row) {
    double mean = 0;
    for (double const v : row) mean += (v - row[0]) / static_cast<double>(row.size());
    double const origin = row.empty() ? 0.0 : row[0];
    for (double& v : row) v = v - origin - mean;
    return row;
  };
  return cosine(centred(x), centred(y));
}

/// Ranks from 1; equal values share their mean rank.
inline std::vector<double> mean_ranks(std::vector<double> const& row) {
  std::vector<double> ranks;
  for (double const v : row) {
    auto const below = std::count_if(row.begin(), row.end(), [&](double o) { return o < v; }), equal = std::count(row.begin(), row.end(), v);
    ranks.push_back(static_cast<double>(below) + 0.5 * static_cast<double>(equal + 1));
  }
  return ranks;
}

inline double spearman(std::vector<double> const& x, std::vector<double> const& y) { return pearson(mean_ranks(x), mean_ranks(y)); }

inline double euclidean(std::vector<double> const& x, std::vector<double> const& y) {
  double sum = 0;
  for (std::size_t d = 0; d < x.size(); ++d) sum += (x[d] - y[d]) * (x[d] - y[d]);
  return std::sqrt(sum);
}

inline double manhattan(std::vector<double> const& x, std::vector<double> const& y) {
  double sum = 0;
  for (std::size_t d = 0; d < x.size(); ++d) sum += std::abs(x[d] - y[d]);
  return sum;
}

inline double chebyshev(std::vector<double> const& x, std::vector<double> const& y) {
  double most = 0;
  for (std::size_t d = 0; d < x.size(); ++d) most = std::max(most, std::abs(x[d] - y[d]));
  return most;
}

/// Row i of a row-major matrix.
inline std::vector<double> row_of(std::vector<double> const& matrix, std::size_t i, std::size_t width) {
  return {matrix.begin() + static_cast<std::ptrdiff_t>(i * width), matrix.begin() + static_cast<std::ptrdiff_t>((i + 1) * width)};
}

}  // namespace ocellus::reference
