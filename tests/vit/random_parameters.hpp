// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include <ocellus/core/parameter_table.hpp>

#include "support/arrays.hpp"

namespace ocellus::test {

/// Random values for every tensor of a table, of a size that keeps activations near 1; `parameters(name)` gives one back as doubles, empty when the table lacks
/// it.
template <class Scalar, class Exec>
struct RandomParameters {
  ParameterTable table;
  std::vector<double> values;
  Tensor<Scalar*, typename Exec::memory_space> view;

  explicit RandomParameters(ParameterTable const& of) : table(of), values(random_values(of.size(), 77, 0.3)), view("ocellus::test::parameters", of.size()) {
    auto const host = Kokkos::create_mirror_view(view);
    for (std::size_t i = 0; i < values.size(); ++i) host(i) = static_cast<Scalar>(values[i]);
    Kokkos::deep_copy(view, host);
  }

  [[nodiscard]] std::vector<double> operator()(std::string const& name) const {
    auto const* const entry = table.find(name);
    if (entry == nullptr) return {};
    auto const first = values.begin() + static_cast<std::ptrdiff_t>(entry->offset);
    return {first, first + static_cast<std::ptrdiff_t>(entry->size())};
  }
};

/// The same lookup in any flat line of numbers, dual ones too.
template <class Real>
struct NamedTensors {
  ParameterTable const& table;
  std::vector<Real> const& values;

  [[nodiscard]] std::vector<Real> operator()(std::string const& name) const {
    auto const* const entry = table.find(name);
    if (entry == nullptr) return {};
    auto const first = values.begin() + static_cast<std::ptrdiff_t>(entry->offset);
    return {first, first + static_cast<std::ptrdiff_t>(entry->size())};
  }
};

/// A line under a table, with zeros in the gaps between tensors, which nobody writes.
[[nodiscard]] inline std::vector<double> without_gaps(ParameterTable const& table, std::vector<double> const& line) {
  std::vector<double> result(line.size(), 0.0);
  for (auto const& entry : table.entries()) {
    for (std::size_t i = entry.offset; i < entry.offset + entry.size(); ++i) result[i] = line[i];
  }
  return result;
}

/// Items [first, last) of `size` numbers each.
template <class Real>
[[nodiscard]] std::vector<Real> items(std::vector<Real> const& all, std::int64_t first, std::int64_t last, std::int64_t size) {
  return {all.begin() + static_cast<std::ptrdiff_t>(first * size), all.begin() + static_cast<std::ptrdiff_t>(last * size)};
}

}  // namespace ocellus::test
