// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

namespace ocellus::reference {

template <class Real>
std::vector<Real> log_sum_exp(std::vector<Real> const& input, std::int64_t width) {
  using std::exp, std::log;
  std::vector<Real> output;
  for (std::size_t first = 0; first < input.size(); first += static_cast<std::size_t>(width)) {
    Real largest = -std::numeric_limits<Real>::infinity();
    for (std::int64_t d = 0; d < width; ++d) largest = input[first + d] > largest ? input[first + d] : largest;
    Real const shift = largest - largest == 0 ? largest : Real(0);
    Real total       = 0;
    for (std::int64_t d = 0; d < width; ++d) total += exp(input[first + d] - shift);
    output.push_back(shift + log(total));
  }
  return output;
}

}  // namespace ocellus::reference
