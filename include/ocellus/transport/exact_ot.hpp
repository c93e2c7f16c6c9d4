// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/transport/detail/host_arrays.hpp>
#include <ocellus/transport/detail/masses.hpp>
#include <ocellus/transport/detail/network_simplex.hpp>

namespace ocellus::transport {

struct ExactOtOptions {
  std::int64_t max_pivots = 0;  ///< 0: 1000 (n + m) + n m
};

struct ExactOtResult {
  bool converged        = false;  ///< optimal: the dual value meets the cost to rounding
  std::int64_t pivots   = 0;
  double total_cost     = std::numeric_limits<double>::quiet_NaN();  ///< <P, C>
  double dual_value     = std::numeric_limits<double>::quiet_NaN();  ///< <a, f> + <b, g>: no plan costs less, but for the violation
  double dual_violation = std::numeric_limits<double>::quiet_NaN();  ///< max(0, f_i + g_j - C_ij), before f and g are rounded to their type
  double marginal_error = std::numeric_limits<double>::quiet_NaN();  ///< L1, the worse side, not divided by the mass
};

namespace detail {

/// Masses as integers of a total of about 2^60: what the simplex adds and subtracts is exact then, and degenerate flows are exact zeros.
inline std::vector<std::int64_t> integer_masses(std::vector<double> const& masses, double total) {
  std::vector<std::int64_t> result(masses.size());
  for (std::size_t i = 0; i < masses.size(); ++i) result[i] = static_cast<std::int64_t>(std::llround(masses[i] / total * 1152921504606846976.0));
  return result;
}

}  // namespace detail

/// Exact optimal transport with its certificate, by the primal network simplex on the host, in double.
///
///     min_P <P, C>,  P 1 = a,  P^T 1 = b,  P >= 0;    max <a, f> + <b, g>,  f_i + g_j <= C_ij
///
/// cost (n, m), a (n) or none, b (m) or none (uniform) -> f (n) or none, g (m) or none, plan (n, m) or none. The plan has at most n + m - 1 entries that are not
/// zero. Where totals differ by rounding, b is scaled to that of a. f and g are made feasible by one c-transform each, so that weak duality holds to rounding.
///
/// Errors: `std::invalid_argument` when something does not fit, a side is empty, a mass is negative, NaN or infinite, a total mass is zero, totals differ by more
/// than 1e-5, or cost holds NaN or infinity. Reaching `max_pivots` is no error: the plan is feasible, and `converged` false.
/// Error bound: n + m machine epsilons of double of the largest cost times the mass, plus the rounding of the outputs.
/// Determinism: one host thread; the pivots are a function of the input. Allocates: on the host, O(n m). Synchronises: fences `exec`.
/// Source: R. K. Ahuja, T. L. Magnanti, J. B. Orlin, "Network flows", 1993, chapter 11 (strongly feasible trees, block search).
template <ExecutionSpace Exec, RealView<2> CostMatrix, OptionalRealView<1> A, OptionalRealView<1> B, OptionalRealView<1> F, OptionalRealView<1> G,
          OptionalRealView<2> Plan>
  requires AccessibleFrom<Exec, CostMatrix, A, B, F, G, Plan> ExactOtResult exact_ot(Exec const& exec, CostMatrix const& cost, A const& a, B const& b,
                                                                                     F const& f, G const& g, Plan const& plan,
                                                                                     ExactOtOptions const& options = {}) {
    constexpr auto function = "ocellus::transport::exact_ot";
    std::int64_t const n = extent(cost, 0), m = extent(cost, 1);
    require(n > 0, function, "cost has no rows: the side of a is empty");
    require(m > 0, function, "cost has no columns: the side of b is empty");
    detail::require_masses(function, "a.extent(0)", a, {"cost.extent(0)", n});
    detail::require_masses(function, "b.extent(0)", b, {"cost.extent(1)", m});
    detail::require_masses(function, "f.extent(0)", f, {"cost.extent(0)", n});
    detail::require_masses(function, "g.extent(0)", g, {"cost.extent(1)", m});
    if constexpr (!std::is_same_v<Plan, None>) {
      if (is_present(plan)) {
        require_equal(function, {"plan.extent(0)", extent(plan, 0)}, {"cost.extent(0)", n});
        require_equal(function, {"plan.extent(1)", extent(plan, 1)}, {"cost.extent(1)", m});
      }
    }
    auto const costs = detail::to_host(exec, function, cost);
    for (double const c : costs) require(std::isfinite(c), function, "cost holds NaN or infinity");
    auto mass_a = detail::to_host(exec, function, a), mass_b = detail::to_host(exec, function, b);
    double const total_a = detail::check_host_masses(function, "a", mass_a, n), total_b = detail::check_host_masses(function, "b", mass_b, m);
    detail::require_equal_totals(function, total_a, total_b);
    auto integers_a = detail::integer_masses(mass_a, total_a), integers_b = detail::integer_masses(mass_b, total_b);
    std::int64_t difference = 0;
    for (auto const x : integers_a) difference += x;
    for (auto const x : integers_b) difference -= x;
    *std::max_element(integers_b.begin(), integers_b.end()) += difference;

    // The smallest cost is taken off: large constants would cost digits.
    double const shift = *std::min_element(costs.begin(), costs.end());
    std::vector<double> shifted(costs);
    for (double& c : shifted) c -= shift;
    detail::NetworkSimplex simplex(n, m, shifted, integers_a, integers_b);
    ExactOtResult result;
    bool const optimal = simplex.run(options.max_pivots > 0 ? options.max_pivots : 1000 * (n + m) + n * m);
    result.pivots      = simplex.pivots();
    auto const un = static_cast<std::size_t>(n), um = static_cast<std::size_t>(m);
    std::vector<double> flow(un * um, 0.0), row(un), column(um), held_row(un, 0.0), held_column(um, 0.0);
    double const unit = total_a / 1152921504606846976.0;
    result.total_cost = 0;
    simplex.for_each_basic([&](std::int64_t i, std::int64_t j, std::int64_t amount) {
      auto const at = static_cast<std::size_t>(i) * um + static_cast<std::size_t>(j);
      flow[at]      = static_cast<double>(amount) * unit;
    });
    double excess = 0;
    for (std::size_t i = 0; i < un; ++i) {
      for (std::size_t j = 0; j < um; ++j) {
        double const p = flow[i * um + j];
        if (p == 0) continue;
        excess += p * shifted[i * um + j];
        held_row[i] += p;
        held_column[j] += p;
      }
    }
    double held = 0;
    for (double const p : held_row) held += p;
    result.total_cost = excess + shift * held;
    // Feasible potentials: f as the tree has it, relative to the first row, then g and f by c-transforms.
    double const infinity = std::numeric_limits<double>::infinity();
    for (std::size_t i = 0; i < un; ++i) row[i] = simplex.row_potential(static_cast<std::int64_t>(i));
    for (std::size_t j = 0; j < um; ++j) {
      double least = infinity;
      for (std::size_t i = 0; i < un; ++i) least = std::min(least, shifted[i * um + j] - row[i]);
      column[j] = least;
    }
    for (std::size_t i = 0; i < un; ++i) {
      double least = infinity;
      for (std::size_t j = 0; j < um; ++j) least = std::min(least, shifted[i * um + j] - column[j]);
      row[i] = least;
    }
    // Gauge: the smallest f that carries mass is zero, then the shift goes to f.
    double least = infinity;
    for (std::size_t i = 0; i < un; ++i) least = mass_a[i] > 0 ? std::min(least, row[i]) : least;
    for (double& value : row) value -= least;
    for (double& value : column) value += least;
    result.dual_violation = 0;
    result.dual_value     = 0;
    double error_a = 0, error_b = 0;
    for (std::size_t i = 0; i < un; ++i) {
      for (std::size_t j = 0; j < um; ++j) result.dual_violation = std::max(result.dual_violation, row[i] + column[j] - shifted[i * um + j]);
      result.dual_value += mass_a[i] * row[i];
      error_a += std::abs(held_row[i] - mass_a[i]);
      row[i] += shift;
    }
    for (std::size_t j = 0; j < um; ++j) {
      result.dual_value += mass_b[j] * column[j];
      error_b += std::abs(held_column[j] - mass_b[j]);
    }
    double scale = 0;
    for (double const c : shifted) scale = std::max(scale, c);
    bool const closed = std::abs(excess - result.dual_value) <= scale * (1e-12 * total_a + std::abs(total_a - total_b)) * static_cast<double>(n + m);
    result.dual_value += shift * total_a;
    result.marginal_error = std::max(error_a, error_b);
    result.converged      = optimal && closed && simplex.artificial_flow() == 0;
    detail::to_device(exec, function, f, row);
    detail::to_device(exec, function, g, column);
    detail::to_device(exec, function, plan, flow);
    return result;
  }

/// Work of about `pivots` pivots, each of which looks at about sqrt(n m) arcs and n + m nodes.
[[nodiscard]] constexpr Cost exact_ot_cost(double rows, double columns, double pivots, double bytes_per_element) {
  return {.flops         = pivots * (rows + columns),
          .special       = 0,
          .bytes_read    = (rows * columns + rows + columns) * bytes_per_element,
          .bytes_written = (rows * columns + rows + columns) * bytes_per_element};
}

}  // namespace ocellus::transport
