// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace ocellus::reference {

/// Squared distance of each pixel of a mask (height, width) to the nearest one outside it: every pair is looked at.
inline std::vector<double> squared_distance_transform(std::vector<double> const& mask, std::int64_t height, std::int64_t width) {
  std::vector<double> output(mask.size());
  for (std::int64_t i = 0; i < height * width; ++i) {
    double nearest = INFINITY;
    for (std::int64_t j = 0; j < height * width; ++j) {
      double const dy = static_cast<double>(i / width - j / width), dx = static_cast<double>(i % width - j % width);
      if (mask[j] == 0) nearest = std::min(nearest, dy * dy + dx * dx);
    }
    output[i] = nearest;
  }
  return output;
}

}  // namespace ocellus::reference
