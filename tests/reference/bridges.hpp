// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstddef>

namespace ocellus::reference {

/// g(t) of the schedules constant, triangular, inverse triangular, decreasing.
template <class Real>
Real diffusivity(int schedule, Real g_max, Real t) {
  using std::abs;
  if (schedule == 1) return g_max - 2 * abs(t - Real(0.5)) * (g_max - Real(0.85));
  if (schedule == 2) return Real(0.01) - 2 * abs(t - Real(0.5)) * (Real(0.01) - g_max);
  if (schedule == 3) return g_max - t * t * (g_max - Real(0.1));
  return g_max;
}

/// The left Riemann sum of g^2 up to floor(t steps).
template <class Real>
Real beta(int schedule, Real g_max, int steps, Real t) {
  Real sum = 0;
  for (int k = 0; k < static_cast<int>(std::floor(t * Real(steps))); ++k) {
    Real const g = diffusivity(schedule, g_max, Real(k) / Real(steps));
    sum += g * g;
  }
  return sum / Real(steps);
}

}  // namespace ocellus::reference
