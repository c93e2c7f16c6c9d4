// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

namespace ocellus::reference {

/// Labels of the connected parts of a mask (height, width), numbered by their first pixels: each is filled from there with a stack.
inline std::vector<double> connected_components(std::vector<double> const& mask, std::int64_t height, std::int64_t width, bool eight) {
  std::vector<double> labels(mask.size(), 0);
  double count = 0;
  for (std::int64_t first = 0; first < height * width; ++first) {
    if (mask[first] == 0 || labels[first] != 0) continue;
    labels[first] = ++count;
    std::vector<std::int64_t> stack{first};
    while (!stack.empty()) {
      std::int64_t const at = stack.back(), y = at / width, x = at % width;
      stack.pop_back();
      for (std::int64_t v = y - 1; v <= y + 1; ++v) {
        for (std::int64_t u = x - 1; u <= x + 1; ++u) {
          if (v < 0 || v >= height || u < 0 || u >= width || (!eight && v != y && u != x)) continue;
          if (mask[v * width + u] == 0 || labels[v * width + u] != 0) continue;
          labels[v * width + u] = count;
          stack.push_back(v * width + u);
        }
      }
    }
  }
  return labels;
}

}  // namespace ocellus::reference
