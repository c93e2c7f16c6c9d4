// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Small heads of DINO for tests.

#include "reference/self_supervised.hpp"
#include "support/arrays.hpp"
#include "vit/random_parameters.hpp"

namespace ocellus::test {

/// The oracle on the tensors of a flat line.
template <class Real>
std::vector<Real> head_reference(ParameterTable const& table, std::vector<Real> const& line, std::vector<Real> const& x, std::size_t width) {
  NamedTensors<Real> const w{table, line};
  std::vector<std::vector<Real>> layers;
  if (table.find("mlp.weight") != nullptr) layers = {w("mlp.weight"), w("mlp.bias")};
  for (int i = 0; table.find("mlp." + std::to_string(i) + ".weight") != nullptr; i += 2) {
    layers.push_back(w("mlp." + std::to_string(i) + ".weight"));
    layers.push_back(w("mlp." + std::to_string(i) + ".bias"));
  }
  return reference::dino_head<Real>(x, width, layers, w("last_layer.weight_g"), w("last_layer.weight_v"));
}

/// Largest absolute value.
inline double largest(std::vector<double> const& values) {
  double most = 0;
  for (double const v : values) most = std::max(most, std::abs(v));
  return most;
}

}  // namespace ocellus::test
