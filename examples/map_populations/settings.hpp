// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace ocellus::examples {

/// What the user asked for.
struct Settings {
  std::filesystem::path source, target, out = "out/map_populations";
  std::string source_where, target_where;  ///< "column=value": rows to take; empty: all
  std::vector<std::string> features;       ///< empty: all columns that hold numbers in both tables
  std::string note;                        ///< shown at the top of the report
  std::int64_t components       = 20;      ///< principal components in which mass moves
  double epsilon                = 0.05;    ///< as a share of the mean cost
  double tolerance              = 1e-4;
  std::int64_t max_iterations   = 5000;
  std::int64_t top              = 3;    ///< targets written for each source point
  std::int64_t permutations     = 199;  ///< of the test; 0: no test
  std::int64_t permutation_rows = 400;  ///< of each population that enter the test, at most
  std::uint64_t seed            = 0;
};

}  // namespace ocellus::examples
