// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

namespace ocellus::reference {

/// Numbers the pixels of a mask (height, width) that no pixel of the mask within the radius exceeds, nor equals if it comes earlier.
inline std::vector<double> local_maxima(std::vector<double> const& input, std::vector<double> const& mask, std::int64_t height, std::int64_t width, std::int64_t radius) {
  std::vector<double> labels(input.size(), 0);
  double count = 0;
  for (std::int64_t i = 0; i < height * width; ++i) {
    bool wins = mask[i] != 0;
    for (std::int64_t j = 0; j < height * width; ++j) {
      std::int64_t const dy = i / width - j / width, dx = i % width - j % width;
      if (mask[j] != 0 && dy * dy + dx * dx <= radius * radius && (input[j] > input[i] || (input[j] == input[i] && j < i))) wins = false;
    }
    if (wins) labels[i] = ++count;
  }
  return labels;
}

}  // namespace ocellus::reference
