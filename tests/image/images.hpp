// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include <ocellus/core.hpp>

namespace ocellus::test {

/// 1 with probability `share`, else 0.
inline std::vector<double> random_mask(std::int64_t height, std::int64_t width, double share, std::uint32_t sample = 0) {
  RandomSequence const sequence{.seed = 20240601, .stream = RandomStream::test, .step = 1, .sample = sample};
  std::vector<double> mask(static_cast<std::size_t>(height * width));
  for (std::size_t i = 0; i < mask.size(); ++i) mask[i] = sequence.uniform(i) < share ? 1 : 0;
  return mask;
}

/// Whole numbers 0 .. most.
inline std::vector<double> random_integers(std::size_t count, int most, std::uint32_t sample = 0) {
  RandomSequence const sequence{.seed = 20240601, .stream = RandomStream::test, .step = 2, .sample = sample};
  std::vector<double> values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = std::floor(static_cast<double>(sequence.uniform(i)) * (most + 1));
  return values;
}

struct Disc {
  double y, x, radius;
};

/// Each pixel's first disc: 1, 2, ...; 0 where there is none.
inline std::vector<double> disc_labels(std::vector<Disc> const& discs, std::int64_t height, std::int64_t width) {
  std::vector<double> labels(static_cast<std::size_t>(height * width), 0);
  for (std::int64_t y = 0; y < height; ++y) {
    for (std::int64_t x = 0; x < width; ++x) {
      double& label = labels[static_cast<std::size_t>(y * width + x)];
      for (std::size_t k = 0; k < discs.size() && label == 0; ++k) {
        double const dy = static_cast<double>(y) - discs[k].y, dx = static_cast<double>(x) - discs[k].x;
        if (dy * dy + dx * dx <= discs[k].radius * discs[k].radius) label = static_cast<double>(k + 1);
      }
    }
  }
  return labels;
}

}  // namespace ocellus::test
