// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace ocellus::reference {

/// The edge of 256 bins between the extremes that has the largest variance between the classes; `square_root`: bins of the root of the distance from the least.
inline double otsu_threshold(std::vector<double> const& input, bool square_root) {
  double low = INFINITY, high = -INFINITY;
  for (double const v : input) {
    if (std::isfinite(v)) low = std::min(low, v), high = std::max(high, v);
  }
  if (!(low < high)) return low;
  std::vector<double> bins;
  for (double const v : input) {
    if (!std::isfinite(v)) continue;
    double const share = (v - low) / (high - low);
    bins.push_back(std::min(255.0, std::floor(256 * (square_root ? std::sqrt(share) : share))));
  }
  double best = -1, edge = 0;
  for (int e = 1; e < 256; ++e) {
    double below = 0, above = 0, sum_below = 0, sum_above = 0;
    for (double const b : bins) (b < e ? below : above) += 1, (b < e ? sum_below : sum_above) += b + 0.5;
    if (below == 0 || above == 0) continue;
    double const difference = sum_below / below - sum_above / above, between = below * above * difference * difference;
    if (between > best * (1 + 1e-12)) best = between, edge = e;
  }
  double const share = edge / 256;
  return low + (square_root ? share * share : share) * (high - low);
}

}  // namespace ocellus::reference
