// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

namespace ocellus::reference {

/// The terms of one image (channels, pixels) by the name of the method.
inline std::vector<double> cam_terms(std::string const& method, std::vector<double> const& a, std::vector<double> const& g, std::int64_t channels,
                                     std::int64_t pixels) {
  std::vector<double> terms(a.size());
  for (std::int64_t k = 0; k < channels; ++k) {
    auto const at = [&](std::int64_t p) { return static_cast<std::size_t>(k * pixels + p); };
    double sum_a = 0, sum_g = 0, sum_ga = 0;
    for (std::int64_t p = 0; p < pixels; ++p) {
      sum_a += a[at(p)];
      if (!g.empty()) sum_g += g[at(p)], sum_ga += g[at(p)] * a[at(p)];
    }
    double weight = 0;
    if (method == "grad_cam") weight = sum_g / static_cast<double>(pixels);
    if (method == "xgrad_cam") weight = sum_ga / (sum_a + 1e-7);
    if (method == "grad_cam_plus_plus") {
      for (std::int64_t p = 0; p < pixels; ++p) {
        double const s = g[at(p)];
        if (s != 0) weight += std::max(s, 0.0) * s * s / (2 * s * s + sum_a * s * s * s + 1e-6);
      }
    }
    for (std::int64_t p = 0; p < pixels; ++p) {
      double const x = a[at(p)], s = g.empty() ? 0.0 : g[at(p)];
      terms[at(p)] = method == "hires_cam"      ? s * x
                     : method == "layer_cam"    ? std::max(s, 0.0) * x
                     : method == "element_wise" ? std::max(s * x, 0.0)
                     : method == "eigen_cam"    ? x
                                                : weight * x;
    }
  }
  return terms;
}

/// The projection of centred terms on their leading direction, found by power iteration.
inline std::vector<double> cam_projection(std::vector<double> terms, std::int64_t channels, std::int64_t pixels) {
  auto const at = [&](std::int64_t k, std::int64_t p) -> double& { return terms[static_cast<std::size_t>(k * pixels + p)]; };
  for (std::int64_t k = 0; k < channels; ++k) {
    double mean = 0;
    for (std::int64_t p = 0; p < pixels; ++p) mean += at(k, p) / static_cast<double>(pixels);
    for (std::int64_t p = 0; p < pixels; ++p) at(k, p) -= mean;
  }
  std::vector<double> v(static_cast<std::size_t>(channels), 1.0), map(static_cast<std::size_t>(pixels), 0.0);
  for (std::size_t k = 0; k < v.size(); ++k) v[k] += 0.1 * static_cast<double>(k);
  for (int iteration = 0; iteration < 20000; ++iteration) {
    std::fill(map.begin(), map.end(), 0.0);
    for (std::int64_t k = 0; k < channels; ++k) {
      for (std::int64_t p = 0; p < pixels; ++p) map[static_cast<std::size_t>(p)] += at(k, p) * v[static_cast<std::size_t>(k)];
    }
    double norm = 0;
    std::vector<double> next(v.size(), 0.0);
    for (std::int64_t k = 0; k < channels; ++k) {
      for (std::int64_t p = 0; p < pixels; ++p) next[static_cast<std::size_t>(k)] += at(k, p) * map[static_cast<std::size_t>(p)];
      norm += next[static_cast<std::size_t>(k)] * next[static_cast<std::size_t>(k)];
    }
    for (std::size_t k = 0; k < v.size(); ++k) v[k] = norm > 0 ? next[k] / std::sqrt(norm) : 0.0;
  }
  std::size_t largest = 0;
  for (std::size_t k = 1; k < v.size(); ++k) {
    if (std::abs(v[k]) > std::abs(v[largest])) largest = k;
  }
  double const sign = !v.empty() && v[largest] < 0 ? -1 : 1;
  std::fill(map.begin(), map.end(), 0.0);
  for (std::int64_t k = 0; k < channels; ++k) {
    for (std::int64_t p = 0; p < pixels; ++p) map[static_cast<std::size_t>(p)] += sign * at(k, p) * v[static_cast<std::size_t>(k)];
  }
  return map;
}

/// (map - min) / (1e-7 + max of map - min).
inline std::vector<double> min_max(std::vector<double> map) {
  if (map.empty()) return map;
  double const low  = *std::min_element(map.begin(), map.end());
  double const high = *std::max_element(map.begin(), map.end()) - low;
  for (double& value : map) value = (value - low) / (1e-7 + high);
  return map;
}

/// The map of one image, before any rescaling.
inline std::vector<double> grad_cam(std::string const& method, bool projects, std::vector<double> const& a, std::vector<double> const& g, std::int64_t channels,
                                    std::int64_t pixels) {
  auto const terms = cam_terms(method, a, g, channels, pixels);
  std::vector<double> map(static_cast<std::size_t>(pixels), 0.0);
  if (projects || method == "eigen_cam") {
    map = cam_projection(terms, channels, pixels);
  } else {
    for (std::size_t i = 0; i < terms.size(); ++i) map[i % static_cast<std::size_t>(pixels)] += terms[i];
  }
  for (double& value : map) value = std::max(value, 0.0);
  return map;
}

}  // namespace ocellus::reference
