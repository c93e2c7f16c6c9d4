// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace ocellus::reference {

/// The score of one image; 0 without mass.
template <class Real>
Real grad_camo(std::vector<Real> const& map, std::vector<double> const& mask, bool subtract_minimum = false) {
  Real inside(0), all(0);
  for (std::size_t i = 0; i < map.size(); ++i) {
    Real mass = map[i];
    if (subtract_minimum)
      mass = map[i] - *std::min_element(map.begin(), map.end());
    else if (!(mass > Real(0)))
      mass = Real(0);
    inside += mass * Real(mask[i]);
    all += mass;
  }
  return all > Real(0) ? inside / all : Real(0);
}

struct LabelShares {
  std::vector<double> score, neighbour;
  double background = 0;
  bool valid        = false;
};

/// The shares of labels 1..count of one image.
inline LabelShares grad_camo_labels(std::vector<double> const& map, std::vector<double> const& labels, std::int64_t count) {
  LabelShares shares;
  double all = 0, background = 0;
  std::vector<double> own(static_cast<std::size_t>(count), 0.0);
  for (std::size_t i = 0; i < map.size(); ++i) {
    double const mass = std::max(map[i], 0.0);
    all += mass;
    if (labels[i] == 0) background += mass;
    if (labels[i] >= 1 && labels[i] <= static_cast<double>(count)) own[static_cast<std::size_t>(labels[i] - 1)] += mass;
  }
  shares.valid      = all > 0;
  shares.background = all > 0 ? background / all : 0.0;
  for (double const mass : own) {
    shares.score.push_back(all > 0 ? mass / all : 0.0);
    shares.neighbour.push_back(all > 0 ? 1 - shares.background - mass / all : 0.0);
  }
  return shares;
}

}  // namespace ocellus::reference
