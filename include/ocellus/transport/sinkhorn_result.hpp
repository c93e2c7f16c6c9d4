// SPDX-License-Identifier: Apache-2.0
#pragma once

/// What every entropic solver says about its run. Allocates: nothing. Errors: none. Determinism: as the solver.

#include <cstdint>
#include <limits>

namespace ocellus::transport {

enum class SinkhornStop {
  converged,        ///< the tolerance was reached, and what was reached was measured again at the end
  iteration_limit,  ///< `max_iterations` came first
  rounding,         ///< the iteration met the tolerance, but the plan, measured again, does not: it is below what rounding allows
  not_finite,       ///< a potential or a cost became NaN or infinite
};

struct SinkhornResult {
  bool converged          = false;  ///< implies finite costs and potentials, and marginals (unbalanced: potentials) within the tolerance
  SinkhornStop reason     = SinkhornStop::iteration_limit;
  std::int64_t iterations = 0;                                         ///< of the last stage of epsilon
  double marginal_error   = std::numeric_limits<double>::quiet_NaN();  ///< L1, the worse of the sides whose marginal is exact, not divided by the mass
  double row_error        = std::numeric_limits<double>::quiet_NaN();  ///< sum_i |sum_j P_ij - a_i|
  double column_error     = std::numeric_limits<double>::quiet_NaN();
  double potential_change = std::numeric_limits<double>::quiet_NaN();  ///< unbalanced: the last largest change of a potential, divided by epsilon
  double total_mass       = std::numeric_limits<double>::quiet_NaN();  ///< sum P
  double transport_cost   = std::numeric_limits<double>::quiet_NaN();  ///< <P, C>
  double regularised_cost = std::numeric_limits<double>::quiet_NaN();  ///< the objective at P
  double dual_value       = std::numeric_limits<double>::quiet_NaN();  ///< a lower bound of the optimal objective, for any potentials
  double cost_shift       = 0;                                         ///< the constant that was taken off every cost while iterating
  double epsilon          = 0;                                         ///< of the plan
};

}  // namespace ocellus::transport
