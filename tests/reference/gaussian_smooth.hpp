// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

namespace ocellus::reference {

/// -1 is the pixel 0 again, size the pixel size - 1.
inline std::int64_t mirrored(std::int64_t i, std::int64_t size) {
  while (i < 0 || i >= size) i = i < 0 ? -1 - i : 2 * size - 1 - i;
  return i;
}

/// One sum over the whole square kernel for each pixel of an image (height, width).
inline std::vector<double> gaussian_smooth(std::vector<double> const& input, std::int64_t height, std::int64_t width, double sigma) {
  if (sigma == 0) return input;
  auto const radius = static_cast<std::int64_t>(std::ceil(4 * sigma));
  double total      = 0;
  for (std::int64_t k = -radius; k <= radius; ++k) total += std::exp(-0.5 * static_cast<double>(k * k) / (sigma * sigma));
  std::vector<double> output(input.size());
  for (std::int64_t y = 0; y < height; ++y) {
    for (std::int64_t x = 0; x < width; ++x) {
      double sum = 0;
      for (std::int64_t v = -radius; v <= radius; ++v) {
        for (std::int64_t u = -radius; u <= radius; ++u) sum += std::exp(-0.5 * static_cast<double>(v * v + u * u) / (sigma * sigma)) * input[mirrored(y + v, height) * width + mirrored(x + u, width)];
      }
      output[y * width + x] = sum / (total * total);
    }
  }
  return output;
}

}  // namespace ocellus::reference
