// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <vector>

namespace ocellus::reference {

/// GELU of each element, by erf or in the tanh form.
template <class Real>
std::vector<Real> gelu(std::vector<Real> x, bool tanh_form) {
  using std::erf, std::tanh;
  for (auto& v : x) v = v * 0.5 * (1.0 + (tanh_form ? tanh(std::sqrt(2 / M_PI) * (v + 0.044715 * v * v * v)) : erf(v / std::sqrt(2.0))));
  return x;
}

}  // namespace ocellus::reference
