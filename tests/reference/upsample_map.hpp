// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

namespace ocellus::reference {

/// Row-major images (batch, n0, n1) to (batch, m0, m1), bilinear with half-pixel centres.
inline std::vector<double> upsample_bilinear(std::vector<double> const& map, std::int64_t batch, std::array<std::int64_t, 2> n, std::array<std::int64_t, 2> m) {
  std::vector<double> output;
  auto const place = [](std::int64_t i, std::int64_t from, std::int64_t to) {
    double const at = (static_cast<double>(i) + 0.5) * static_cast<double>(from) / static_cast<double>(to) - 0.5;
    return std::clamp(at, 0.0, static_cast<double>(from - 1));
  };
  for (std::int64_t b = 0; b < batch; ++b) {
    for (std::int64_t i = 0; i < m[0]; ++i) {
      for (std::int64_t j = 0; j < m[1]; ++j) {
        double const y = place(i, n[0], m[0]), x = place(j, n[1], m[1]);
        double value = 0;
        for (std::int64_t r = 0; r < n[0]; ++r) {
          for (std::int64_t c = 0; c < n[1]; ++c) {
            double const hat = std::max(0.0, 1 - std::abs(y - static_cast<double>(r))) * std::max(0.0, 1 - std::abs(x - static_cast<double>(c)));
            if (hat > 0) value += hat * map[static_cast<std::size_t>((b * n[0] + r) * n[1] + c)];
          }
        }
        output.push_back(value);
      }
    }
  }
  return output;
}

/// One line: the cubic spline through its points, mirrored at the ends, by a dense linear system for its coefficients.
inline std::vector<double> upsample_spline_line(std::vector<double> const& line, std::int64_t size) {
  auto const n = static_cast<std::int64_t>(line.size());
  if (n == 1) return std::vector<double>(static_cast<std::size_t>(size), line[0]);
  auto const mirror = [n](std::int64_t i) {
    while (i < 0 || i >= n) i = i < 0 ? -i : 2 * (n - 1) - i;
    return static_cast<std::size_t>(i);
  };
  std::vector<std::vector<double>> system(line.size(), std::vector<double>(line.size() + 1, 0.0));
  for (std::int64_t i = 0; i < n; ++i) {
    auto& row = system[static_cast<std::size_t>(i)];
    row[mirror(i - 1)] += 1.0 / 6;
    row[mirror(i)] += 4.0 / 6;
    row[mirror(i + 1)] += 1.0 / 6;
    row.back() = line[static_cast<std::size_t>(i)];
  }
  for (std::size_t k = 0; k < line.size(); ++k) {  // diagonally dominant: no pivoting
    for (std::size_t i = 0; i < line.size(); ++i) {
      if (i == k) continue;
      double const factor = system[i][k] / system[k][k];
      for (std::size_t j = k; j <= line.size(); ++j) system[i][j] -= factor * system[k][j];
    }
  }
  auto const basis = [](double t) {
    t = std::abs(t);
    return t < 1 ? 2.0 / 3 - t * t + t * t * t / 2 : t < 2 ? (2 - t) * (2 - t) * (2 - t) / 6 : 0.0;
  };
  std::vector<double> output;
  for (std::int64_t i = 0; i < size; ++i) {
    double const at = size > 1 ? static_cast<double>(i) * static_cast<double>(n - 1) / static_cast<double>(size - 1) : 0.0;
    double value    = 0;
    for (std::int64_t k = -3; k < n + 3; ++k) value += basis(at - static_cast<double>(k)) * system[mirror(k)].back() / system[mirror(k)][mirror(k)];
    output.push_back(value);
  }
  return output;
}

/// Row-major stacks (batch, n0, n1, n2) to (batch, m0, m1, m2): one axis after the other.
inline std::vector<double> upsample_spline(std::vector<double> map, std::int64_t batch, std::array<std::int64_t, 3> n, std::array<std::int64_t, 3> m) {
  std::array<std::int64_t, 4> shape{batch, n[0], n[1], n[2]};
  for (std::size_t axis = 1; axis < 4; ++axis) {
    std::int64_t outer = 1, inner = 1;
    for (std::size_t i = 0; i < axis; ++i) outer *= shape[i];
    for (std::size_t i = axis + 1; i < 4; ++i) inner *= shape[i];
    std::int64_t const from = shape[axis], to = m[axis - 1];
    std::vector<double> next(static_cast<std::size_t>(outer * to * inner));
    for (std::int64_t o = 0; o < outer; ++o) {
      for (std::int64_t i = 0; i < inner; ++i) {
        std::vector<double> line;
        for (std::int64_t k = 0; k < from; ++k) line.push_back(map[static_cast<std::size_t>((o * from + k) * inner + i)]);
        auto const long_line = upsample_spline_line(line, to);
        for (std::int64_t k = 0; k < to; ++k) next[static_cast<std::size_t>((o * to + k) * inner + i)] = long_line[static_cast<std::size_t>(k)];
      }
    }
    shape[axis] = to;
    map         = next;
  }
  return map;
}

}  // namespace ocellus::reference
