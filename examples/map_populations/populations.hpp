// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <Kokkos_Core.hpp>

#include <ocellus/core/tensor.hpp>

#include "settings.hpp"

namespace ocellus::examples {

/// Two populations measured by the same features, standardised by the source's mean and deviation.
struct Populations {
  std::vector<std::string> features;        ///< (d)
  std::vector<std::string> left_out;        ///< features that do not vary in the source
  std::vector<double> mean, deviation;      ///< of the source, (d)
  std::vector<std::size_t> rows_x, rows_y;  ///< which rows of the tables they are, counted from 0
  HostTensor<double**> x, y;                ///< (n, d), (m, d)
};

/// Reads both tables, takes the rows that are asked for and the features that both have.
///
/// Errors: `UserError` or `io::FileError` when a file cannot be read, a column is missing, a feature holds something that is no finite number, a population has
/// fewer than 2 points, or no feature is left.
Populations read_populations(Settings const& settings);

}  // namespace ocellus::examples
