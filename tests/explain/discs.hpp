// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Images of round objects and the flows of their shapes.

#include <cstdint>
#include <vector>

#include "reference/flows.hpp"
#include "support/arrays.hpp"

namespace ocellus::test {

/// Discs of labels 1.. at a grid of centres that chance moves; the last ones may touch.
inline std::vector<double> discs(std::int64_t height, std::int64_t width, std::uint32_t sample) {
  std::vector<double> labels(static_cast<std::size_t>(height * width), 0.0);
  auto const chance = random_values(400, sample);
  std::size_t next  = 0;
  double label      = 0;
  for (std::int64_t top = 8; top + 4 < height; top += 15) {
    for (std::int64_t left = 8; left + 4 < width && next + 3 < chance.size(); left += 14) {
      double const y = static_cast<double>(top) + chance[next++], x = static_cast<double>(left) + chance[next++], r = 5.5 + chance[next++] / 2;
      label += 1;
      bool drawn = false;
      for (std::int64_t j = 0; j < height; ++j) {
        for (std::int64_t i = 0; i < width; ++i) {
          double& at = labels[static_cast<std::size_t>(j * width + i)];
          if (at == 0 && std::hypot(static_cast<double>(j) - y, static_cast<double>(i) - x) < r) at = label, drawn = true;
        }
      }
      if (!drawn) label -= 1;
    }
  }
  return labels;
}

/// What a perfect network would give: five times the unit vectors.
inline std::vector<double> network_flow(std::vector<double> const& labels, std::int64_t height, std::int64_t width) {
  auto flow = reference::masks_to_flows(labels, height, width);
  for (double& value : flow) value = static_cast<double>(static_cast<float>(5 * value));
  return flow;
}

}  // namespace ocellus::test
