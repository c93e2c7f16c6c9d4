// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include <ocellus/transport/sinkhorn_result.hpp>

#include "populations.hpp"

namespace ocellus::examples {

/// How one population becomes the other.
struct Mapping {
  HostTensor<double**> x, y, mapped;             ///< principal components: source (n, k), target (m, k), where the source goes (n, k)
  HostTensor<double**> mapped_features;          ///< the same in the features' own units, (n, d)
  HostTensor<double*> explained;                 ///< share of the variance, (k)
  HostTensor<double**> top_mass;                 ///< largest entries of each row of the plan, as shares of the row, (n, top)
  HostTensor<std::int64_t**> top_target;         ///< and their places
  HostTensor<double**> plan_blocks;              ///< mass between `blocks` groups of source points and of target points, each in the order of PC 1
  double mean_cost = 0, epsilon = 0, moved = 0;  ///< moved: root of the mean squared distance from x to mapped
  transport::SinkhornResult coupling;
  double divergence = 0, test_divergence = 0, p_value = 0;  ///< of all points; of those in the test
  std::vector<double> permuted;                             ///< divergences of shuffled populations
  std::int64_t test_x = 0, test_y = 0;                      ///< points in the test
  bool divergence_converged = false;

  static constexpr std::int64_t blocks = 48;
};

/// Errors: `UserError` when the iteration does not reach the tolerance.
Mapping map_populations(Populations const& populations, Settings const& settings);

}  // namespace ocellus::examples
