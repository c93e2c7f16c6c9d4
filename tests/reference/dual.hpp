// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>

namespace ocellus::reference {

/// A number with its derivative along one direction: an oracle that is a template over its scalar, run on these, gives J v beside its value.
struct Dual {
  double value = 0, slope = 0;

  Dual() = default;
  Dual(double v) : value(v) {}
  Dual(double v, double s) : value(v), slope(s) {}

  Dual& operator+=(Dual const& o) { return *this = Dual(value + o.value, slope + o.slope); }
  Dual& operator-=(Dual const& o) { return *this = Dual(value - o.value, slope - o.slope); }
  Dual& operator*=(Dual const& o) { return *this = Dual(value * o.value, slope * o.value + value * o.slope); }
  Dual& operator/=(Dual const& o) { return *this = Dual(value / o.value, (slope - value / o.value * o.slope) / o.value); }
  friend Dual operator+(Dual a, Dual const& b) { return a += b; }
  friend Dual operator-(Dual a, Dual const& b) { return a -= b; }
  friend Dual operator*(Dual a, Dual const& b) { return a *= b; }
  friend Dual operator/(Dual a, Dual const& b) { return a /= b; }
  friend Dual operator-(Dual const& a) { return {-a.value, -a.slope}; }
  friend bool operator<(Dual const& a, Dual const& b) { return a.value < b.value; }
  friend bool operator>(Dual const& a, Dual const& b) { return a.value > b.value; }
  friend bool operator==(Dual const& a, Dual const& b) { return a.value == b.value; }
};

inline Dual exp(Dual const& x) { return {std::exp(x.value), std::exp(x.value) * x.slope}; }
inline Dual log(Dual const& x) { return {std::log(x.value), x.slope / x.value}; }
inline Dual sqrt(Dual const& x) { return {std::sqrt(x.value), x.slope / (2 * std::sqrt(x.value))}; }
inline Dual tanh(Dual const& x) { return {std::tanh(x.value), x.slope * (1 - std::tanh(x.value) * std::tanh(x.value))}; }
inline Dual erf(Dual const& x) { return {std::erf(x.value), x.slope * 1.12837916709551257390 * std::exp(-x.value * x.value)}; }

}  // namespace ocellus::reference
