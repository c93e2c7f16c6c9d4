// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

namespace ocellus::reference {

/// Objects of a label image (height, width) grow by `distance` steps: over 4 neighbours in odd steps, over 8 in even ones; the smaller label wins.
inline std::vector<double> expand_labels(std::vector<double> labels, std::int64_t height, std::int64_t width, std::int64_t distance) {
  for (std::int64_t step = 1; step <= distance; ++step) {
    auto const before = labels;
    for (std::int64_t i = 0; i < height * width; ++i) {
      for (std::int64_t j = 0; before[i] == 0 && j < height * width; ++j) {
        std::int64_t const dy = i / width - j / width, dx = i % width - j % width, squared = dy * dy + dx * dx;
        if (before[j] != 0 && squared <= (step % 2 == 0 ? 2 : 1) && (labels[i] == 0 || before[j] < labels[i])) labels[i] = before[j];
      }
    }
  }
  return labels;
}

}  // namespace ocellus::reference
