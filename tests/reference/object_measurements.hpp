// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

namespace ocellus::reference {

/// Area, centre (y, x), major axis, minor axis, eccentricity, perimeter and extent of each object of a label image (height, width): rows of 8.
inline std::vector<double> object_shapes(std::vector<double> const& labels, std::int64_t height, std::int64_t width, std::int64_t objects) {
  auto const label_at = [&](std::int64_t y, std::int64_t x) { return y < 0 || y >= height || x < 0 || x >= width ? -1.0 : labels[y * width + x]; };
  std::vector<double> output;
  for (std::int64_t k = 1; k <= objects; ++k) {
    double n = 0, cy = 0, cx = 0, edges = 0, top = INFINITY, left = INFINITY, bottom = -INFINITY, right = -INFINITY;
    for (std::int64_t y = 0; y < height; ++y) {
      for (std::int64_t x = 0; x < width; ++x) {
        if (label_at(y, x) != static_cast<double>(k)) continue;
        n += 1, cy += static_cast<double>(y), cx += static_cast<double>(x);
        top = std::min(top, static_cast<double>(y)), bottom = std::max(bottom, static_cast<double>(y)), left = std::min(left, static_cast<double>(x)),
        right = std::max(right, static_cast<double>(x));
        for (auto const& [dy, dx] : {std::pair{-1, 0}, std::pair{1, 0}, std::pair{0, -1}, std::pair{0, 1}})
          edges += label_at(y + dy, x + dx) != static_cast<double>(k);
      }
    }
    cy /= n, cx /= n;
    double yy = 0, xx = 0, yx = 0;
    for (std::int64_t i = 0; i < height * width; ++i) {
      if (labels[i] != static_cast<double>(k)) continue;
      double const dy = static_cast<double>(i / width) - cy, dx = static_cast<double>(i % width) - cx;
      yy += dy * dy / n, xx += dx * dx / n, yx += dy * dx / n;
    }
    double const root = std::sqrt((yy - xx) * (yy - xx) + 4 * yx * yx), large = (yy + xx + root) / 2, small = std::max(0.0, (yy + xx - root) / 2);
    for (double const v : {n, cy, cx, 4 * std::sqrt(large), 4 * std::sqrt(small), large > 0 ? std::sqrt(1 - small / large) : 0.0, std::acos(-1.0) / 4 * edges,
                           n / ((bottom - top + 1) * (right - left + 1))})
      output.push_back(v);
  }
  return output;
}

/// Mean, deviation, minimum, maximum and sum of each object in each channel of an image (channels, height, width): (objects, channels, 5).
inline std::vector<double> object_intensities(std::vector<double> const& labels, std::vector<double> const& image, std::int64_t channels,
                                              std::int64_t objects) {
  std::vector<double> output;
  for (std::int64_t k = 1; k <= objects; ++k) {
    for (std::int64_t c = 0; c < channels; ++c) {
      std::vector<double> values;
      for (std::size_t i = 0; i < labels.size(); ++i) {
        if (labels[i] == static_cast<double>(k)) values.push_back(image[static_cast<std::size_t>(c) * labels.size() + i]);
      }
      double const n = static_cast<double>(values.size());
      double sum = 0, squares = 0, least = values.empty() ? NAN : INFINITY, most = values.empty() ? NAN : -INFINITY;
      for (double const v : values) sum += v, least = std::min(least, v), most = std::max(most, v);
      for (double const v : values) squares += (v - sum / n) * (v - sum / n);
      for (double const v : {sum / n, std::sqrt(squares / n), least, most, sum}) output.push_back(v);
    }
  }
  return output;
}

}  // namespace ocellus::reference
