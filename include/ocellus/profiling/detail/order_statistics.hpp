// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ocellus/core/kokkos.hpp>

namespace ocellus::profiling::detail {

/// Sorts values(first) ... values(first + count - 1) ascending, in place, by one thread. `Before` orders.
template <class Values, class Before>
KOKKOS_INLINE_FUNCTION void heap_sort(Values const& values, std::int64_t first, std::int64_t count, Before const& before) {
  auto const sift = [&](std::int64_t at, std::int64_t size) {
    auto const moved = values(first + at);
    while (true) {
      std::int64_t child = 2 * at + 1;
      if (child >= size) break;
      if (child + 1 < size && before(values(first + child), values(first + child + 1))) ++child;
      if (!before(moved, values(first + child))) break;
      values(first + at) = values(first + child);
      at                 = child;
    }
    values(first + at) = moved;
  };
  for (std::int64_t at = count / 2; at-- > 0;) sift(at, count);
  for (std::int64_t size = count; --size > 0;) {
    auto const largest   = values(first);
    values(first)        = values(first + size);
    values(first + size) = largest;
    sift(0, size);
  }
}

struct Ascending {
  template <class T>
  KOKKOS_INLINE_FUNCTION bool operator()(T a, T b) const {
    return a < b;
  }
};
struct Descending {
  template <class T>
  KOKKOS_INLINE_FUNCTION bool operator()(T a, T b) const {
    return a > b;
  }
};

/// Quantile numerator / denominator of sorted values by linear interpolation; an exact order statistic where the position is whole.
template <class Values>
KOKKOS_INLINE_FUNCTION double sorted_quantile(Values const& values, std::int64_t first, std::int64_t count, std::int64_t numerator, std::int64_t denominator) {
  if (count == 0) return Kokkos::Experimental::quiet_NaN_v<double>;
  std::int64_t const position = numerator * (count - 1), low = position / denominator, rest = position % denominator;
  double const below = static_cast<double>(values(first + low));
  if (rest == 0) return below;
  double const above = static_cast<double>(values(first + low + 1));
  if (below == above) return below;  // infinities too
  return below + (above - below) * (static_cast<double>(rest) / static_cast<double>(denominator));
}

/// The value that a standard normal variable stays below with probability p, 0 < p < 1: a rational start and two steps of Halley's iteration.
/// Source of the start: P. J. Acklam, "An algorithm for computing the inverse normal cumulative distribution function", 2003.
KOKKOS_INLINE_FUNCTION double inverse_normal(double p) {
  bool const upper  = p > 0.5;
  double const tail = upper ? 1.0 - p : p;
  double x;
  if (tail < 0.02425) {
    double const q = Kokkos::sqrt(-2.0 * Kokkos::log(tail));
    x = (((((-7.784894002430293e-03 * q - 3.223964580411365e-01) * q - 2.400758277161838e+00) * q - 2.549732539343734e+00) * q + 4.374664141464968e+00) * q +
         2.938163982698783e+00) /
        ((((7.784695709041462e-03 * q + 3.224671290700398e-01) * q + 2.445134137142996e+00) * q + 3.754408661907416e+00) * q + 1.0);
  } else {
    double const q = tail - 0.5, r = q * q;
    x = (((((-3.969683028665376e+01 * r + 2.209460984245205e+02) * r - 2.759285104469687e+02) * r + 1.383577518672690e+02) * r - 3.066479806614716e+01) * r +
         2.506628277459239e+00) *
        q /
        (((((-5.447609879822406e+01 * r + 1.615858368580409e+02) * r - 1.556989798598866e+02) * r + 6.680131188771972e+01) * r - 1.328068155288572e+01) * r +
         1.0);
  }
  for (int step = 0; step < 2; ++step) {
    double const error = 0.5 * Kokkos::erfc(-x * 0.70710678118654752440) - tail;
    double const u     = error * 2.50662827463100050242 * Kokkos::exp(0.5 * x * x);
    x -= u / (1.0 + 0.5 * x * u);
  }
  return upper ? -x : x;
}

}  // namespace ocellus::profiling::detail
