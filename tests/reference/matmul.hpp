// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

namespace ocellus::reference {

enum class Activated { none, relu, gelu };

/// a (M, K), b (K, N), row-major, or their transposes; empty bias, scale, residual: left out.
template <class Real>
struct Matmul {
  std::int64_t rows = 0, columns = 0, inner = 0;
  bool transpose_a = false, transpose_b = false;
  double alpha         = 1;
  Activated activation = Activated::none;
  std::vector<Real> bias = {}, scale = {}, residual = {};

  Real a_at(std::vector<Real> const& a, std::int64_t i, std::int64_t k) const { return a[static_cast<std::size_t>(transpose_a ? k * rows + i : i * inner + k)]; }
  Real b_at(std::vector<Real> const& b, std::int64_t k, std::int64_t j) const { return b[static_cast<std::size_t>(transpose_b ? j * inner + k : k * columns + j)]; }

  std::vector<Real> operator()(std::vector<Real> const& a, std::vector<Real> const& b) const {
    using std::erf, std::sqrt;
    std::vector<Real> output;
    for (std::int64_t i = 0; i < rows; ++i) {
      for (std::int64_t j = 0; j < columns; ++j) {
        Real value = 0;
        for (std::int64_t k = 0; k < inner; ++k) value += a_at(a, i, k) * b_at(b, k, j);
        value *= alpha;
        if (!bias.empty()) value += bias[static_cast<std::size_t>(j)];
        if (activation == Activated::relu && value < 0) value = 0;
        if (activation == Activated::gelu) value = value / 2 * (1 + erf(value / sqrt(2.0)));
        if (!scale.empty()) value *= scale[static_cast<std::size_t>(j)];
        if (!residual.empty()) value += residual[static_cast<std::size_t>(i * columns + j)];
        output.push_back(value);
      }
    }
    return output;
  }

  /// The sum of the absolute terms of each element: the unit of its error.
  std::vector<Real> magnitudes(std::vector<Real> const& a, std::vector<Real> const& b) const {
    using std::abs;
    std::vector<Real> output;
    for (std::int64_t i = 0; i < rows; ++i) {
      for (std::int64_t j = 0; j < columns; ++j) {
        Real value = 0;
        for (std::int64_t k = 0; k < inner; ++k) value += abs(a_at(a, i, k) * b_at(b, k, j));
        value *= abs(alpha);
        if (!bias.empty()) value += abs(bias[static_cast<std::size_t>(j)]);
        if (!scale.empty()) value *= abs(scale[static_cast<std::size_t>(j)]);
        if (!residual.empty()) value += abs(residual[static_cast<std::size_t>(i * columns + j)]);
        output.push_back(value);
      }
    }
    return output;
  }
};

}  // namespace ocellus::reference
