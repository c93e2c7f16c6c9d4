// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

namespace ocellus::reference {

/// Rows of `width` masked and scaled logits.
template <class Real>
std::vector<Real> softmax(std::vector<Real> const& logits, std::int64_t width) {
  using std::exp;
  std::vector<Real> output(logits.size());
  for (std::size_t first = 0; first < logits.size(); first += static_cast<std::size_t>(width)) {
    Real largest = -std::numeric_limits<Real>::infinity(), total = 0;
    bool spoiled = false;
    for (std::int64_t d = 0; d < width; ++d) {
      Real const z = logits[first + d];
      if (z > largest) largest = z;
      spoiled = spoiled || z != z || z == std::numeric_limits<Real>::infinity();
    }
    bool const absent = largest == -std::numeric_limits<Real>::infinity();
    for (std::int64_t d = 0; d < width && !absent; ++d) total += exp(logits[first + d] - largest);
    for (std::int64_t d = 0; d < width; ++d) {
      output[first + d] = spoiled ? std::numeric_limits<Real>::quiet_NaN() : absent ? Real(0) : exp(logits[first + d] - largest) / total;
    }
  }
  return output;
}

}  // namespace ocellus::reference
