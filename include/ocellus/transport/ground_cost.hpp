// SPDX-License-Identifier: Apache-2.0
#pragma once

/// What moving a unit of mass costs, and the measure that the entropy of a plan is relative to. Shared by all entropic transport.
///
/// Types and an element function: nothing is launched. Errors: none. Determinism: exact. Allocates: nothing.

#include <cstdint>

#include <ocellus/core/kokkos.hpp>

namespace ocellus::transport {

enum class GroundCost {
  squared_euclidean,  ///< |x - y|^2, without a factor 1/2
  euclidean,          ///< |x - y|
  cosine,             ///< 1 - <x, y> / (|x| |y|)
};

enum class PlanReference {
  product,   ///< P = a_i b_j exp((f_i + g_j - C_ij) / epsilon)
  counting,  ///< P = exp((f_i + g_j - C_ij) / epsilon)
};

/// The cost of two points of `width` coordinates, `x_stride` and `y_stride` apart in memory. Squared distances are formed from differences; the cosine of a
/// point at the origin is taken as 0.
template <class Real, class X, class Y>
KOKKOS_INLINE_FUNCTION Real ground_cost(GroundCost cost, X const* x, std::int64_t x_stride, Y const* y, std::int64_t y_stride, std::int64_t width) {
  if (cost == GroundCost::cosine) {
    Real xx = 0, yy = 0;
    for (std::int64_t k = 0; k < width; ++k) {
      Real const u = static_cast<Real>(x[k * x_stride]), v = static_cast<Real>(y[k * y_stride]);
      xx += u * u;
      yy += v * v;
    }
    Real const p = xx > Real(0) ? Real(1) / Kokkos::sqrt(xx) : Real(0), q = yy > Real(0) ? Real(1) / Kokkos::sqrt(yy) : Real(0);
    if (p == Real(0) || q == Real(0)) return Real(1);
    // 1 - <u, v> = |u - v|^2 / 2 for unit vectors, without the cancellation.
    Real sum = 0;
    for (std::int64_t k = 0; k < width; ++k) {
      Real const difference = static_cast<Real>(x[k * x_stride]) * p - static_cast<Real>(y[k * y_stride]) * q;
      sum += difference * difference;
    }
    return sum / Real(2);
  }
  Real sum = 0;
  for (std::int64_t k = 0; k < width; ++k) {
    Real const difference = static_cast<Real>(x[k * x_stride]) - static_cast<Real>(y[k * y_stride]);
    sum += difference * difference;
  }
  return cost == GroundCost::euclidean ? Kokkos::sqrt(sum) : sum;
}

}  // namespace ocellus::transport
