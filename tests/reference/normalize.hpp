// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

namespace ocellus::reference {

/// The values that are not NaN, ascending.
inline std::vector<double> known_sorted(std::vector<double> values) {
  std::erase_if(values, [](double v) { return std::isnan(v); });
  std::sort(values.begin(), values.end());
  return values;
}

/// Quantile numerator / denominator of sorted values by linear interpolation.
inline double quantile(std::vector<double> const& sorted, std::int64_t numerator, std::int64_t denominator) {
  if (sorted.empty()) return std::numeric_limits<double>::quiet_NaN();
  std::int64_t const position = numerator * (static_cast<std::int64_t>(sorted.size()) - 1);
  auto const low              = static_cast<std::size_t>(position / denominator);
  double const rest           = static_cast<double>(position % denominator) / static_cast<double>(denominator);
  return rest == 0 ? sorted[low] : sorted[low] * (1 - rest) + sorted[low + 1] * rest;
}

struct CentreAndScale {
  double centre, scale;
};

inline CentreAndScale standardize(std::vector<double> const& values) {
  auto const known = known_sorted(values);
  double mean = 0, square = 0;
  for (double const v : known) mean += v / static_cast<double>(known.size());
  for (double const v : known) square += (v - mean) * (v - mean) / static_cast<double>(known.size());
  bool const constant = !known.empty() && known.front() == known.back();
  return {known.empty() ? std::numeric_limits<double>::quiet_NaN() : mean, constant ? 1.0 : std::sqrt(square)};
}

inline CentreAndScale robustize(std::vector<double> const& values) {
  auto const known   = known_sorted(values);
  double const range = quantile(known, 3, 4) - quantile(known, 1, 4);
  return {quantile(known, 1, 2), range == 0 ? 1.0 : range};
}

inline CentreAndScale mad_robustize(std::vector<double> const& values, double epsilon, bool guarded) {
  auto known          = known_sorted(values);
  double const median = quantile(known, 1, 2);
  for (double& v : known) v = std::abs(v - median);
  double const mad = 1.4826 * quantile(known_sorted(known), 1, 2);
  return {median, guarded ? (mad == 0 ? 1.0 : mad) : mad + epsilon};
}

/// The value below which a standard normal variable stays with probability p, by bisection of the side with the smaller tail.
inline double inverse_normal(double p) {
  if (p > 0.5) return -inverse_normal(1 - p);
  double low = -40, high = 0;
  for (int step = 0; step < 200; ++step) {
    double const middle = 0.5 * (low + high);
    (0.5 * std::erfc(-middle / std::sqrt(2.0)) < p ? low : high) = middle;
  }
  return 0.5 * (low + high);
}

/// Normal score of x among reference values.
inline double normal_score(std::vector<double> const& values, double x, std::int64_t quantiles) {
  constexpr double limit = 5.199337582605575;
  auto const known       = known_sorted(values);
  if (known.empty() || std::isnan(x)) return std::numeric_limits<double>::quiet_NaN();
  std::int64_t const q = std::min(quantiles, static_cast<std::int64_t>(values.size()));
  std::vector<double> landmarks;
  for (std::int64_t k = 0; k < q; ++k) landmarks.push_back(q == 1 ? known[0] : quantile(known, k, q - 1));
  double u = 0;
  for (std::int64_t k = 0; k + 1 < q; ++k) {
    double const a = landmarks[static_cast<std::size_t>(k)], b = landmarks[static_cast<std::size_t>(k + 1)];
    if (a < x && x < b) u = (static_cast<double>(k) + (x - a) / (b - a)) / static_cast<double>(q - 1);
  }
  auto const run = std::equal_range(landmarks.begin(), landmarks.end(), x);
  if (run.first != run.second && q > 1) u = 0.5 * static_cast<double>((run.first - landmarks.begin()) + (run.second - landmarks.begin() - 1)) / static_cast<double>(q - 1);
  if (x + 1e-7 > landmarks.back()) u = 1;
  if (x - 1e-7 < landmarks.front()) u = 0;
  return u <= 0 ? -limit : u >= 1 ? limit : std::clamp(inverse_normal(u), -limit, limit);
}

}  // namespace ocellus::reference
