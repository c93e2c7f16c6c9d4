// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

namespace ocellus::reference {

/// Rows of `width` elements, row-major; empty weight or bias: left out.
template <class Real>
std::vector<Real> layer_norm(std::vector<Real> const& input, std::vector<Real> const& weight, std::vector<Real> const& bias, std::int64_t width, double epsilon) {
  using std::sqrt;
  std::vector<Real> output(input.size());
  for (std::size_t first = 0; first < input.size(); first += static_cast<std::size_t>(width)) {
    Real mean = 0;
    for (std::int64_t d = 0; d < width; ++d) mean += input[first + d];
    mean /= static_cast<double>(width);
    Real variance = 0;
    for (std::int64_t d = 0; d < width; ++d) variance += (input[first + d] - mean) * (input[first + d] - mean);
    variance /= static_cast<double>(width);
    for (std::int64_t d = 0; d < width; ++d) {
      Real value = (input[first + d] - mean) / sqrt(variance + epsilon);
      if (!weight.empty()) value *= weight[d];
      if (!bias.empty()) value += bias[d];
      output[first + d] = value;
    }
  }
  return output;
}

}  // namespace ocellus::reference
