// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ocellus/core/kokkos.hpp>

namespace ocellus::video {

/// What stands outside an image that is sampled.
enum class WarpEdge {
  zeros,       ///< 0
  border,      ///< the position is clamped
  reflection,  ///< the position is reflected about the centres of the border pixels
};

namespace detail {

/// A coordinate after the edge rule, and its derivative by the coordinate before.
struct SamplePosition {
  double at    = 0;
  double slope = 1;
};

KOKKOS_INLINE_FUNCTION SamplePosition sample_position(double at, std::int64_t size, WarpEdge edge) {
  SamplePosition p{at, 1};
  if (edge == WarpEdge::zeros || at != at) return p;
  double const last = static_cast<double>(size - 1);
  if (edge == WarpEdge::reflection) {
    if (size == 1) return {0, 0};
    if (p.at < 0) p = {-p.at, -1};
    double const turns = Kokkos::floor(p.at / last);
    double const rest  = p.at - turns * last;
    if (turns - 2 * Kokkos::floor(turns / 2) == 0)
      p.at = rest;
    else
      p = {last - rest, -p.slope};
    if (p.at != p.at) return p;  // of an infinite position
  }
  if (p.at <= 0) return {0, 0};
  if (p.at >= last) return {last, 0};
  return p;
}

/// Up to four pixels with their weights; those outside weigh 0. `start` is NaN for a position that is NaN, else 0.
template <class Real>
struct Sample {
  std::int64_t row[4] = {0, 0, 0, 0}, column[4] = {0, 0, 0, 0};
  Real weight[4] = {0, 0, 0, 0};
  Real start     = 0;
};

template <class Real>
KOKKOS_INLINE_FUNCTION Sample<Real> bilinear_sample(SamplePosition const& vertical, std::int64_t height, SamplePosition const& horizontal, std::int64_t width) {
  Sample<Real> s;
  double const y = vertical.at, x = horizontal.at;
  if (y != y || x != x) s.start = Kokkos::Experimental::quiet_NaN_v<Real>;
  if (!(y > -1 && y < static_cast<double>(height) && x > -1 && x < static_cast<double>(width))) return s;
  double const top = Kokkos::floor(y), left = Kokkos::floor(x), down = y - top, right = x - left;
  for (int k = 0; k < 4; ++k) {
    std::int64_t const i = static_cast<std::int64_t>(top) + k / 2, j = static_cast<std::int64_t>(left) + k % 2;
    if (i < 0 || i >= height || j < 0 || j >= width) continue;
    s.row[k]    = i;
    s.column[k] = j;
    s.weight[k] = static_cast<Real>((k / 2 == 0 ? 1 - down : down) * (k % 2 == 0 ? 1 - right : right));
  }
  return s;
}

template <class Real>
KOKKOS_INLINE_FUNCTION Sample<Real> nearest_sample(SamplePosition const& vertical, std::int64_t height, SamplePosition const& horizontal, std::int64_t width) {
  Sample<Real> s;
  double const y = vertical.at, x = horizontal.at;
  if (y != y || x != x) s.start = Kokkos::Experimental::quiet_NaN_v<Real>;
  if (!(y > -1 && y < static_cast<double>(height) && x > -1 && x < static_cast<double>(width))) return s;
  auto const i = static_cast<std::int64_t>(Kokkos::nearbyint(y)), j = static_cast<std::int64_t>(Kokkos::nearbyint(x));
  if (i < 0 || i >= height || j < 0 || j >= width) return s;
  s.row[0]    = i;
  s.column[0] = j;
  s.weight[0] = 1;
  return s;
}

/// The derivatives of a bilinear sample by its position, as weights of the same pixels.
template <class Real>
struct SampleSlopes {
  std::int64_t row[4] = {0, 0, 0, 0}, column[4] = {0, 0, 0, 0};
  Real by_row[4] = {0, 0, 0, 0}, by_column[4] = {0, 0, 0, 0};
  bool inside[4] = {false, false, false, false};
  Real start     = 0;
};

template <class Real>
KOKKOS_INLINE_FUNCTION SampleSlopes<Real> bilinear_slopes(SamplePosition const& vertical, std::int64_t height, SamplePosition const& horizontal,
                                                          std::int64_t width) {
  SampleSlopes<Real> s;
  double const y = vertical.at, x = horizontal.at;
  if (y != y || x != x) s.start = Kokkos::Experimental::quiet_NaN_v<Real>;
  if (!(y > -1 && y < static_cast<double>(height) && x > -1 && x < static_cast<double>(width))) return s;
  double const top = Kokkos::floor(y), left = Kokkos::floor(x), down = y - top, right = x - left;
  for (int k = 0; k < 4; ++k) {
    std::int64_t const i = static_cast<std::int64_t>(top) + k / 2, j = static_cast<std::int64_t>(left) + k % 2;
    if (i < 0 || i >= height || j < 0 || j >= width) continue;
    s.inside[k]    = true;
    s.row[k]       = i;
    s.column[k]    = j;
    s.by_row[k]    = static_cast<Real>((k / 2 == 0 ? -1.0 : 1.0) * (k % 2 == 0 ? 1 - right : right));
    s.by_column[k] = static_cast<Real>((k % 2 == 0 ? -1.0 : 1.0) * (k / 2 == 0 ? 1 - down : down));
  }
  return s;
}

}  // namespace detail
}  // namespace ocellus::video
