// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Whether a backward pass is the transpose of its forward pass's derivative.

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "arrays.hpp"
#include "reference/dual.hpp"

namespace ocellus::test {

using Arrays     = std::vector<std::vector<double>>;
using DualArrays = std::vector<std::vector<reference::Dual>>;

/// <J v, w> = <v, J^T w> for each input by itself and three directions v: J v from the oracle run on dual numbers, J^T w = `gradients`, w the gradient of the
/// output; relative to the sum of absolute terms. An empty gradient is not checked. `oracle` maps DualArrays (one an input) to one vector of Dual.
template <class Oracle>
void expect_adjoint(Oracle const& oracle, Arrays const& inputs, std::vector<double> const& output_gradient, Arrays const& gradients, double tolerance) {
  ASSERT_EQ(inputs.size(), gradients.size());
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (gradients[i].empty()) continue;
    ASSERT_EQ(inputs[i].size(), gradients[i].size()) << "input " << i;
    for (std::uint32_t direction = 0; direction < 3; ++direction) {
      auto const v = random_values(inputs[i].size(), 1000 + direction);
      DualArrays duals(inputs.size());
      for (std::size_t k = 0; k < inputs.size(); ++k) {
        for (std::size_t e = 0; e < inputs[k].size(); ++e) duals[k].emplace_back(inputs[k][e], k == i ? v[e] : 0.0);
      }
      auto const output = oracle(duals);
      ASSERT_EQ(output.size(), output_gradient.size());
      double forward = 0, backward = 0, size = 0;
      for (std::size_t e = 0; e < output.size(); ++e) {
        forward += output[e].slope * output_gradient[e];
        size += std::abs(output[e].slope * output_gradient[e]);
      }
      for (std::size_t e = 0; e < v.size(); ++e) {
        backward += v[e] * gradients[i][e];
        size += std::abs(v[e] * gradients[i][e]);
      }
      EXPECT_LE(std::abs(forward - backward), tolerance * size) << "input " << i << ": <J v, w> = " << forward << ", <v, J^T w> = " << backward;
    }
  }
}

/// The same with J v by central differences of `forward`, which maps Arrays to one vector of double.
template <class Forward>
void expect_central_differences(Forward const& forward, Arrays const& inputs, std::vector<double> const& output_gradient, Arrays const& gradients,
                                double tolerance = 1e-7) {
  constexpr double step = 1e-5;
  ASSERT_EQ(inputs.size(), gradients.size());
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (gradients[i].empty()) continue;
    auto const v = random_values(inputs[i].size(), 2000);
    Arrays low = inputs, high = inputs;
    for (std::size_t e = 0; e < v.size(); ++e) low[i][e] -= step * v[e], high[i][e] += step * v[e];
    auto const below = forward(low), above = forward(high);
    double slope = 0, backward = 0, size = 0;
    for (std::size_t e = 0; e < below.size(); ++e) {
      double const term = (above[e] - below[e]) / (2 * step) * output_gradient[e];
      slope += term;
      size += std::abs(term);
    }
    for (std::size_t e = 0; e < v.size(); ++e) {
      backward += v[e] * gradients[i][e];
      size += std::abs(v[e] * gradients[i][e]);
    }
    EXPECT_LE(std::abs(slope - backward), tolerance * size) << "input " << i << ": differences " << slope << ", <v, J^T w> = " << backward;
  }
}

/// 1e-5 in float, 1e-12 in double.
template <class Scalar>
constexpr double adjoint_tolerance = sizeof(Scalar) == 4 ? 1e-5 : 1e-12;

}  // namespace ocellus::test
