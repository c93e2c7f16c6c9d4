// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace ocellus::reference {

inline double psnr(std::vector<double> const& truth, std::vector<double> const& test, double data_range) {
  double sum = 0;
  for (std::size_t i = 0; i < truth.size(); ++i) sum += (truth[i] - test[i]) * (truth[i] - test[i]);
  return 10 * std::log10(data_range * data_range / (sum / static_cast<double>(truth.size())));
}

/// The edge pixel is repeated.
inline std::int64_t repeated_edge(std::int64_t i, std::int64_t size) {
  while (i < 0 || i >= size) i = i < 0 ? -1 - i : 2 * size - 1 - i;
  return i;
}

struct Ssim {
  std::vector<double> map;
  double mean = 0;
};

/// One sum over the whole square window for each pixel of (channels, height, width); moments are taken about the means, not as differences of large numbers.
template <class Weight>
Ssim ssim(std::vector<double> const& truth, std::vector<double> const& test, std::int64_t channels, std::int64_t height, std::int64_t width,
          std::int64_t window, Weight const& weight, bool sample_covariance, double c1, double c2) {
  Ssim result{std::vector<double>(truth.size()), 0};
  std::int64_t const radius = window / 2;
  double const n            = static_cast<double>(window * window);
  for (std::int64_t c = 0; c < channels; ++c) {
    for (std::int64_t y = 0; y < height; ++y) {
      for (std::int64_t x = 0; x < width; ++x) {
        auto const over_window = [&](auto const& term) {
          double sum = 0, total = 0;
          for (std::int64_t v = -radius; v <= radius; ++v) {
            for (std::int64_t u = -radius; u <= radius; ++u) {
              std::int64_t const i = (c * height + repeated_edge(y + v, height)) * width + repeated_edge(x + u, width);
              sum += weight(v) * weight(u) * term(truth[i], test[i]);
              total += weight(v) * weight(u);
            }
          }
          return sum / total;
        };
        double const a = over_window([](double p, double) { return p; }), b = over_window([](double, double q) { return q; });
        double const factor                      = sample_covariance ? n / (n - 1) : 1;
        double const aa                          = factor * over_window([&](double p, double) { return (p - a) * (p - a); });
        double const bb                          = factor * over_window([&](double, double q) { return (q - b) * (q - b); });
        double const ab                          = factor * over_window([&](double p, double q) { return (p - a) * (q - b); });
        double const s                           = (2 * a * b + c1) * (2 * ab + c2) / ((a * a + b * b + c1) * (aa + bb + c2));
        result.map[(c * height + y) * width + x] = s;
        bool const inner                         = y >= radius && y < height - radius && x >= radius && x < width - radius;
        if (inner) result.mean += s / static_cast<double>(channels * (height - 2 * radius) * (width - 2 * radius));
      }
    }
  }
  return result;
}

/// Along one axis of a line: low- and high-pass are not needed, only the high-pass of Daubechies' wavelet with 4 taps, at every second place.
inline std::vector<double> detail_of_line(std::vector<double> const& line) {
  double const root = std::sqrt(3.0), scale = 4 * std::sqrt(2.0);
  double const low[4] = {(1 + root) / scale, (3 + root) / scale, (3 - root) / scale, (1 - root) / scale};
  std::vector<double> details;
  auto const size = static_cast<std::int64_t>(line.size());
  for (std::int64_t place = 1; place < size + 3; place += 2) {
    double sum = 0;
    for (int tap = 0; tap < 4; ++tap) sum += (tap % 2 == 0 ? -1 : 1) * low[tap] * line[repeated_edge(place - tap, size)];
    details.push_back(sum);
  }
  return details;
}

inline double estimate_noise(std::vector<double> const& frame, std::int64_t height, std::int64_t width) {
  std::vector<std::vector<double>> rows;
  for (std::int64_t y = 0; y < height; ++y) rows.push_back(detail_of_line({frame.begin() + y * width, frame.begin() + (y + 1) * width}));
  std::vector<double> sizes;
  for (std::size_t x = 0; x < rows.front().size(); ++x) {
    std::vector<double> column;
    for (auto const& row : rows) column.push_back(row[x]);
    for (double const d : detail_of_line(column)) {
      if (d != 0) sizes.push_back(std::abs(d));
    }
  }
  std::sort(sizes.begin(), sizes.end());
  if (sizes.empty()) return std::nan("");
  std::size_t const half = sizes.size() / 2;
  return (sizes.size() % 2 == 1 ? sizes[half] : (sizes[half - 1] + sizes[half]) / 2) / 0.6744897501960817;
}

}  // namespace ocellus::reference
