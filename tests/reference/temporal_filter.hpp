// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

namespace ocellus::reference {

/// One step outside at a time.
inline std::int64_t source_frame(std::int64_t frame, std::int64_t frames, bool reflect) {
  if (!reflect || frames == 1) return std::clamp<std::int64_t>(frame, 0, frames - 1);
  while (frame < 0 || frame >= frames) frame = frame < 0 ? -frame : 2 * (frames - 1) - frame;
  return frame;
}

/// The frames of the window of `pixel` round frame t. Clips are (frames, pixels).
inline std::vector<double> window_of(std::vector<double> const& clip, std::int64_t frames, std::int64_t pixels, std::int64_t t, std::int64_t pixel,
                                     std::int64_t window, bool reflect) {
  std::vector<double> values;
  for (std::int64_t k = -(window / 2); k <= window / 2; ++k) values.push_back(clip[source_frame(t + k, frames, reflect) * pixels + pixel]);
  return values;
}

/// Weight i of n frames; |i - n/2| / (n/2) with whole halves.
inline double profile_weight(std::int64_t i, std::int64_t n, double level, double least, double most) {
  double const half = static_cast<double>(n / 2), d = std::abs(static_cast<double>(i) - half) / half;
  return least + (most - least) * (1 - std::pow(1 - d, level));
}

/// Least squares by the normal equations: row `derivative` of derivative! (A^T A)^-1 A^T, with A of powers of k.
inline std::vector<double> savitzky_golay_weights(std::int64_t window, std::int64_t order, std::int64_t derivative) {
  std::int64_t const n = order + 1, radius = window / 2;
  std::vector<double> weights(window, 0.0);
  if (derivative > order) return weights;
  std::vector<double> matrix(n * (n + 1), 0.0);  // A^T A | unit vector
  for (std::int64_t k = -radius; k <= radius; ++k) {
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::int64_t j = 0; j < n; ++j) matrix[i * (n + 1) + j] += std::pow(k, i + j);
    }
  }
  matrix[derivative * (n + 1) + n] = 1;
  for (std::int64_t c = 0; c < n; ++c) {
    std::int64_t pivot = c;
    for (std::int64_t r = c; r < n; ++r) pivot = std::abs(matrix[r * (n + 1) + c]) > std::abs(matrix[pivot * (n + 1) + c]) ? r : pivot;
    for (std::int64_t j = 0; j <= n; ++j) std::swap(matrix[c * (n + 1) + j], matrix[pivot * (n + 1) + j]);
    for (std::int64_t r = 0; r < n; ++r) {
      if (r == c) continue;
      double const factor = matrix[r * (n + 1) + c] / matrix[c * (n + 1) + c];
      for (std::int64_t j = 0; j <= n; ++j) matrix[r * (n + 1) + j] -= factor * matrix[c * (n + 1) + j];
    }
  }
  for (std::int64_t k = -radius; k <= radius; ++k) {
    for (std::int64_t i = 0; i < n; ++i)
      weights[k + radius] += matrix[i * (n + 1) + n] / matrix[i * (n + 1) + i] * std::pow(k, i) * std::tgamma(derivative + 1);
  }
  return weights;
}

/// Applies `method(window of t) -> value` to every pixel of every frame.
template <class Method>
std::vector<double> temporal_filter(std::vector<double> const& clip, std::int64_t frames, std::int64_t pixels, std::int64_t window, bool reflect,
                                    Method const& method) {
  std::vector<double> output(clip.size());
  for (std::int64_t t = 0; t < frames; ++t) {
    for (std::int64_t p = 0; p < pixels; ++p) output[t * pixels + p] = method(window_of(clip, frames, pixels, t, p, window, reflect));
  }
  return output;
}

/// Element `rank` of the sorted window; NaN where it holds one.
inline double element_of_rank(std::vector<double> window, std::int64_t rank) {
  for (double const x : window) {
    if (std::isnan(x)) return x;
  }
  std::sort(window.begin(), window.end());
  return window[rank];
}

inline double weighted_sum(std::vector<double> const& window, std::vector<double> const& weights) {
  double sum = 0;
  for (std::size_t k = 0; k < window.size(); ++k) sum += weights[k] * window[k];
  return sum;
}

inline double bilateral(std::vector<double> const& window, double sigma_time, double sigma_value) {
  double sum = 0, total = 0;
  auto const radius = static_cast<std::int64_t>(window.size() / 2);
  for (std::int64_t k = -radius; k <= radius; ++k) {
    double const d = window[k + radius] - window[radius];
    double const w = std::exp(-0.5 * static_cast<double>(k * k) / (sigma_time * sigma_time)) * std::exp(-0.5 * d * d / (sigma_value * sigma_value));
    sum += w * window[k + radius];
    total += w;
  }
  return sum / total;
}

inline std::vector<double> exponential(std::vector<double> const& clip, std::int64_t frames, std::int64_t pixels, double alpha) {
  std::vector<double> output(clip);
  for (std::int64_t i = pixels; i < frames * pixels; ++i) output[i] = alpha * clip[i] + (1 - alpha) * output[i - pixels];
  return output;
}

}  // namespace ocellus::reference
