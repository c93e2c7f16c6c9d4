// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

namespace ocellus::reference {

/// Average precision of a list of (similarity, is positive): falling similarity, a positive before a negative of equal similarity.
inline double average_precision(std::vector<std::pair<double, bool>> ranked) {
  std::sort(ranked.begin(), ranked.end(), [](auto const& a, auto const& b) { return a.first > b.first || (a.first == b.first && a.second && !b.second); });
  double sum = 0, positives = 0;
  for (std::size_t k = 0; k < ranked.size(); ++k) {
    if (ranked[k].second) sum += ++positives / static_cast<double>(k + 1);
  }
  return positives == 0 ? std::numeric_limits<double>::quiet_NaN() : sum / positives;
}

/// Mean of the average precision over all rankings of `positives` among `total`, and AP scaled so that it becomes 0.
inline double normalized_average_precision(double ap, double positives, double total) {
  double harmonic = 0;
  for (double k = 1; k <= total; ++k) harmonic += 1 / k;
  double const mu = positives == total ? 1.0 : ((positives - 1) / (total - 1) * (total - harmonic) + harmonic) / total;
  return std::clamp((ap - mu) / std::max(1 - mu, 1e-10), -1.0, 1.0);
}

}  // namespace ocellus::reference
