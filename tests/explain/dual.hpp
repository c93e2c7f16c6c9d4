// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Dual numbers, which carry a derivative along one direction through a templated oracle; and the check of a backward pass with them.

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace ocellus::test {

struct Dual {
  double value = 0, slope = 0;

  Dual() = default;
  Dual(double v) : value(v) {}  // NOLINT: numbers are dual numbers
  Dual(double v, double s) : value(v), slope(s) {}

  Dual& operator+=(Dual const& o) { return value += o.value, slope += o.slope, *this; }
  Dual& operator-=(Dual const& o) { return value -= o.value, slope -= o.slope, *this; }
  Dual& operator*=(Dual const& o) { return *this = *this * o; }
  Dual& operator/=(Dual const& o) { return *this = *this / o; }
  friend Dual operator+(Dual a, Dual const& b) { return a += b; }
  friend Dual operator-(Dual a, Dual const& b) { return a -= b; }
  friend Dual operator-(Dual const& a) { return {-a.value, -a.slope}; }
  friend Dual operator*(Dual const& a, Dual const& b) { return {a.value * b.value, a.slope * b.value + a.value * b.slope}; }
  friend Dual operator/(Dual const& a, Dual const& b) { return {a.value / b.value, (a.slope * b.value - a.value * b.slope) / (b.value * b.value)}; }
  friend bool operator<(Dual const& a, Dual const& b) { return a.value < b.value; }
  friend bool operator>(Dual const& a, Dual const& b) { return a.value > b.value; }
  friend Dual exp(Dual const& x) { return {std::exp(x.value), std::exp(x.value) * x.slope}; }
  friend Dual sqrt(Dual const& x) { return {std::sqrt(x.value), x.slope / (2 * std::sqrt(x.value))}; }
  friend Dual tanh(Dual const& x) { return {std::tanh(x.value), (1 - std::tanh(x.value) * std::tanh(x.value)) * x.slope}; }
  friend Dual erf(Dual const& x) { return {std::erf(x.value), 1.12837916709551257390 * std::exp(-x.value * x.value) * x.slope}; }
};

inline std::vector<Dual> along(std::vector<double> const& values, std::vector<double> const& direction) {
  std::vector<Dual> result(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) result[i] = {values[i], direction[i]};
  return result;
}

inline std::vector<double> moved(std::vector<double> values, std::vector<double> const& direction, double step) {
  for (std::size_t i = 0; i < values.size(); ++i) values[i] += step * direction[i];
  return values;
}

/// <J v, w> = <v, J^T w> for inputs x in the direction v, weights w of the outputs and a backward pass's gradient J^T w: within `bound` of the sum of absolute
/// terms. `forward`, a generic function object, is the oracle. J v comes from dual numbers, and must agree with central differences.
template <class Forward>
void expect_adjoint(Forward const& forward, std::vector<double> const& x, std::vector<double> const& v, std::vector<double> const& w,
                    std::vector<double> const& gradient, double bound) {
  ASSERT_EQ(gradient.size(), v.size());
  auto const slopes = forward(along(x, v));
  double const step = 1e-6;
  auto const ahead = forward(moved(x, v, step)), behind = forward(moved(x, v, -step));
  ASSERT_EQ(slopes.size(), w.size());
  double left = 0, right = 0, size = 0, difference = 0, numeric_size = 0;
  for (std::size_t i = 0; i < w.size(); ++i) {
    left += slopes[i].slope * w[i];
    size += std::abs(slopes[i].slope * w[i]);
    difference += (ahead[i] - behind[i]) / (2 * step) * w[i];
    numeric_size += std::abs(ahead[i] * w[i]);
  }
  for (std::size_t i = 0; i < v.size(); ++i) {
    right += gradient[i] * v[i];
    size += std::abs(gradient[i] * v[i]);
  }
  EXPECT_GT(size, 0.0) << "a gradient of zeros shows nothing";
  EXPECT_LE(std::abs(left - right), bound * size) << "dual numbers: " << left << ", backward pass: " << right;
  EXPECT_LE(std::abs(left - difference), 1e-6 * size + 1e-9 * numeric_size) << "dual numbers: " << left << ", central differences: " << difference;
}

}  // namespace ocellus::test
