// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

namespace ocellus::reference {

enum class Outside { zeros, border, reflection };

/// A coordinate brought inside, one reflection at a time.
inline double brought_inside(double at, std::int64_t size, Outside rule) {
  double const last = static_cast<double>(size - 1);
  if (rule == Outside::border) return at < 0 ? 0 : at > last ? last : at;
  if (rule == Outside::reflection) {
    if (size == 1) return 0;
    while (at < 0 || at > last) at = at < 0 ? -at : 2 * last - at;
  }
  return at;
}

/// x (images, channels, height, width), flow (images, 2, height, width). Every pixel weighs max(0, 1 - |dy|) max(0, 1 - |dx|), which is the bilinear form.
inline std::vector<double> flow_warp(std::vector<double> const& x, std::vector<double> const& flow, std::int64_t images, std::int64_t channels,
                                     std::int64_t height, std::int64_t width, Outside rule, bool nearest) {
  std::vector<double> output(x.size());
  std::int64_t const plane = height * width;
  for (std::int64_t n = 0; n < images; ++n) {
    for (std::int64_t p = 0; p < plane; ++p) {
      double row    = brought_inside(static_cast<double>(p / width) + flow[(2 * n + 1) * plane + p], height, rule);
      double column = brought_inside(static_cast<double>(p % width) + flow[2 * n * plane + p], width, rule);
      if (nearest) row = std::nearbyint(row), column = std::nearbyint(column);
      for (std::int64_t c = 0; c < channels; ++c) {
        double sum = 0;
        for (std::int64_t q = 0; q < plane; ++q) {
          double const dy = std::abs(row - static_cast<double>(q / width)), dx = std::abs(column - static_cast<double>(q % width));
          if (dy < 1 && dx < 1) sum += (1 - dy) * (1 - dx) * x[(n * channels + c) * plane + q];
        }
        output[(n * channels + c) * plane + p] = sum;
      }
    }
  }
  return output;
}

}  // namespace ocellus::reference
