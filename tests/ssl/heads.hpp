// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Small projection heads for the tests of those that have one.

#include <cstdint>
#include <string>
#include <vector>

#include <ocellus/core.hpp>

#include "support/gradients.hpp"

namespace ocellus::test {

/// A head from `widths[0]` features through layers of the other widths to `prototypes`, under DINO's names.
inline ParameterTable head_table(std::vector<std::int64_t> const& widths, std::int64_t prototypes) {
  ParameterTable table;
  for (std::size_t i = 0; i + 1 < widths.size(); ++i) {
    std::string const name = widths.size() == 2 ? "mlp" : "mlp." + std::to_string(2 * i);
    table.add(name + ".weight", {widths[i + 1], widths[i]});
    table.add(name + ".bias", {widths[i + 1]});
  }
  table.add("last_layer.weight_g", {prototypes, 1});
  table.add("last_layer.weight_v", {prototypes, widths.back()});
  return table;
}

/// The tensors in the table's order.
inline Arrays tensors_of(ParameterTable const& table, std::vector<double> const& flat) {
  Arrays tensors;
  for (auto const& entry : table.entries()) {
    auto const first = flat.begin() + static_cast<std::ptrdiff_t>(entry.offset);
    tensors.emplace_back(first, first + static_cast<std::ptrdiff_t>(entry.size()));
  }
  return tensors;
}

template <class Scalar, class Exec>
Tensor<Scalar*, typename Exec::memory_space> flat_of(std::vector<double> const& values) {
  Tensor<Scalar*, typename Exec::memory_space> const flat("flat", values.size());
  auto const host = Kokkos::create_mirror_view(flat);
  for (std::size_t i = 0; i < values.size(); ++i) host(i) = static_cast<Scalar>(values[i]);
  Kokkos::deep_copy(flat, host);
  return flat;
}

template <class Flat>
std::vector<double> flat_values(Flat const& flat) {
  auto const host = Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), flat);
  std::vector<double> values(host.size());
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<double>(host(i));
  return values;
}

}  // namespace ocellus::test
