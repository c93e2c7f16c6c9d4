// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "support/arrays.hpp"

namespace ocellus::test {

/// Correlated rows: feature d carries part of feature d - 1, an offset and a scale of its own.
inline std::vector<double> correlated_rows(std::int64_t rows, std::int64_t features, std::uint32_t sample = 1) {
  auto values = random_values(static_cast<std::size_t>(rows * features), sample);
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t d = 0; d < features; ++d) {
      auto& x = values[static_cast<std::size_t>(i * features + d)];
      if (d > 0) x += 0.5 * values[static_cast<std::size_t>(i * features + d - 1)];
      x = static_cast<double>(static_cast<float>(x * (1.0 + 0.2 * static_cast<double>(d)) + 0.1 * static_cast<double>(d)));
    }
  }
  return values;
}

/// Covariance (ddof 1) of the rows that `use` marks, row-major.
inline std::vector<double> covariance_of(std::vector<double> const& values, std::int64_t features, std::vector<bool> const& use, int ddof = 1) {
  std::vector<double> mean(static_cast<std::size_t>(features), 0.0), result(static_cast<std::size_t>(features * features), 0.0);
  double count = 0;
  for (std::size_t i = 0; i < use.size(); ++i) {
    if (!use[i]) continue;
    ++count;
    for (std::int64_t d = 0; d < features; ++d)
      mean[static_cast<std::size_t>(d)] += values[i * static_cast<std::size_t>(features) + static_cast<std::size_t>(d)];
  }
  for (double& m : mean) m /= count;
  for (std::size_t i = 0; i < use.size(); ++i) {
    if (!use[i]) continue;
    for (std::int64_t a = 0; a < features; ++a) {
      for (std::int64_t b = 0; b < features; ++b) {
        auto const at = [&](std::int64_t d) {
          return values[i * static_cast<std::size_t>(features) + static_cast<std::size_t>(d)] - mean[static_cast<std::size_t>(d)];
        };
        result[static_cast<std::size_t>(a * features + b)] += at(a) * at(b) / (count - ddof);
      }
    }
  }
  return result;
}

inline std::vector<double> identity(std::int64_t size) {
  std::vector<double> result(static_cast<std::size_t>(size * size), 0.0);
  for (std::int64_t i = 0; i < size; ++i) result[static_cast<std::size_t>(i * size + i)] = 1.0;
  return result;
}

/// Every row but each third is a control.
inline std::vector<bool> controls_of(std::int64_t rows) {
  std::vector<bool> use(static_cast<std::size_t>(rows));
  for (std::size_t i = 0; i < use.size(); ++i) use[i] = i % 3 != 0;
  return use;
}

inline std::vector<double> as_numbers(std::vector<bool> const& mask) { return std::vector<double>(mask.begin(), mask.end()); }

}  // namespace ocellus::test
