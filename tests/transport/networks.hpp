// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Parameters of small networks for tests, as a flat line and by name.

#include <ocellus/core/parameter_table.hpp>

#include "reference/convex_networks.hpp"
#include "transport/problems.hpp"

namespace ocellus::test {

/// The tensors of a flat line.
inline reference::Tensors tensors_of(ParameterTable const& table, std::vector<double> const& flat) {
  reference::Tensors tensors;
  for (auto const& entry : table.entries()) {
    auto const from     = flat.begin() + static_cast<std::ptrdiff_t>(entry.offset);
    tensors[entry.name] = {from, from + static_cast<std::ptrdiff_t>(entry.size())};
  }
  return tensors;
}

/// Rows `i` of a row-major array.
inline std::vector<double> row_of(std::vector<double> const& all, std::size_t i, std::size_t width) {
  return {all.begin() + static_cast<std::ptrdiff_t>(i * width), all.begin() + static_cast<std::ptrdiff_t>((i + 1) * width)};
}

/// Compares what lies in tensors, not the places between them; `want` by central differences.
inline void expect_gradient(ParameterTable const& table, std::vector<double> const& got, std::vector<double> const& want, double tolerance) {
  double scale = 0;
  for (double const w : want) scale = std::max(scale, std::abs(w));
  for (auto const& entry : table.entries()) {
    for (std::size_t k = entry.offset; k < entry.offset + entry.size(); ++k)
      EXPECT_NEAR(got[k], want[k], tolerance * (scale + 0.1)) << entry.name << " element " << k - entry.offset;
  }
}

}  // namespace ocellus::test
