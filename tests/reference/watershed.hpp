// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <tuple>
#include <vector>

namespace ocellus::reference {

/// Sweeps over an image (height, width): each pixel of the mask takes the least (highest level on the way, steps, seed) of its own and its eight
/// neighbours' of the last sweep.
inline std::vector<double> watershed(std::vector<double> const& landscape, std::vector<double> const& seeds, std::vector<double> const& mask, std::int64_t height, std::int64_t width) {
  using Claim = std::tuple<double, std::int64_t, double>;
  Claim const nothing{INFINITY, 0, 0};
  std::vector<Claim> claims(landscape.size(), nothing);
  for (std::size_t i = 0; i < claims.size(); ++i) {
    if (mask[i] != 0 && seeds[i] != 0) claims[i] = {-INFINITY, 0, seeds[i]};
  }
  for (bool changes = true; changes;) {
    changes           = false;
    auto const before = claims;
    for (std::int64_t i = 0; i < height * width; ++i) {
      if (mask[i] == 0) continue;
      for (std::int64_t v = std::max<std::int64_t>(0, i / width - 1); v <= std::min(height - 1, i / width + 1); ++v) {
        for (std::int64_t u = std::max<std::int64_t>(0, i % width - 1); u <= std::min(width - 1, i % width + 1); ++u) {
          if (before[v * width + u] == nothing || v * width + u == i) continue;
          auto const [level, steps, seed] = before[v * width + u];
          Claim const claim{std::max(level, landscape[i]), steps + 1, seed};
          if (claim < claims[i]) claims[i] = claim, changes = true;
        }
      }
    }
  }
  std::vector<double> labels;
  for (auto const& claim : claims) labels.push_back(std::get<2>(claim));
  return labels;
}

}  // namespace ocellus::reference
