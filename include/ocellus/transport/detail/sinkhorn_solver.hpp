// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The iteration behind every entropic solver, over costs that are a function of two indices.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>

#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/transport/detail/host_sweep.hpp>
#include <ocellus/transport/detail/masses.hpp>
#include <ocellus/transport/detail/sinkhorn_kernels.hpp>
#include <ocellus/transport/detail/solver_costs.hpp>
#include <ocellus/transport/detail/solver_runner.hpp>
#include <ocellus/transport/sinkhorn_result.hpp>

namespace ocellus::transport::detail {

/// Iterations between two looks at the marginals.
inline constexpr std::int64_t solver_check_interval = 10;
/// Iterations of each stage of annealing before the last, at most.
inline constexpr std::int64_t solver_stage_iterations = 50;

struct SolverSettings {
  double epsilon              = 0;
  double tolerance            = 1e-6;
  std::int64_t max_iterations = 1000;
  double epsilon_start        = 0;
  double epsilon_decay        = 0.5;
  PlanReference reference     = PlanReference::product;
  double rho1                 = std::numeric_limits<double>::infinity();
  double rho2                 = std::numeric_limits<double>::infinity();
  bool symmetric              = false;  ///< x against x: f = g, by averaged updates

  [[nodiscard]] bool balanced() const { return std::isinf(rho1) && std::isinf(rho2); }
};

/// The common options of the public functions.
template <class Options>
[[nodiscard]] SolverSettings solver_settings(std::string const& function, Options const& options) {
  SolverSettings settings;
  settings.epsilon        = options.epsilon;
  settings.tolerance      = options.tolerance;
  settings.max_iterations = options.max_iterations;
  settings.epsilon_start  = options.epsilon_start;
  settings.epsilon_decay  = options.epsilon_decay;
  require(std::isfinite(settings.epsilon) && settings.epsilon > 0, function, "epsilon is ", settings.epsilon, ", not a positive number");
  require(settings.tolerance >= 0, function, "tolerance is ", settings.tolerance, ", not a number of at least 0");
  require(settings.max_iterations >= 1, function, "max_iterations is ", settings.max_iterations, ", not at least 1");
  require(std::isfinite(settings.epsilon_start) && settings.epsilon_start >= 0, function, "epsilon_start is ", settings.epsilon_start,
          ", not a number of at least 0");
  require(settings.epsilon_decay > 0 && settings.epsilon_decay < 1, function, "epsilon_decay is ", settings.epsilon_decay, ", not between 0 and 1");
  return settings;
}

/// What is transported: masses, sizes, and what was taken off the costs.
template <class Real>
struct SolverProblem {
  std::int64_t rows = 0, columns = 0;
  MassArray<Real> a, b;
  double total_a = 0, total_b = 0;
  double const* row_linear    = nullptr;
  double const* column_linear = nullptr;
  double shift                = 0;
  double radius_x = 1, radius_y = 1;  ///< of clouds
};

template <class Real>
struct SolverArrays {
  Real *row, *column, *spare, *row_constant, *column_constant, *row_change, *column_change, *row_log_sum, *column_log_sum, *row_mass, *column_mass, *row_cost,
      *column_cost;
  double* partials;
  SweepCosts<Real> sweep;  ///< of hosts
  bool swept = false;      ///< the last stage went by sweeps
};

/// Heights of the columns from their exponents.
template <class Runner, class Real>
void set_heights(Runner const& run, SweepCosts<Real> const& sweep, Real const* exponent) {
  run.rows("::heights", (sweep.padded + 63) / 64, SetHeights<typename Runner::Member, Real>{sweep, exponent});
}

[[nodiscard]] inline std::size_t solver_partials(std::int64_t rows, std::int64_t columns) {
  return static_cast<std::size_t>(8 * reduction_blocks(rows > columns ? rows : columns));
}

template <class Real>
[[nodiscard]] std::size_t solver_arrays_bytes(std::int64_t rows, std::int64_t columns, std::int64_t width, bool with_buffer = false) {
  return sweep_bytes<Real>(rows, columns, width) +
         (with_buffer ? workspace_bytes<Real>(static_cast<std::size_t>(sweep_rows * sweep_width<Real>(columns))) : 0) +
         7 * workspace_bytes<Real>(static_cast<std::size_t>(rows)) + 6 * workspace_bytes<Real>(static_cast<std::size_t>(columns)) +
         workspace_bytes<double>(solver_partials(rows, columns));
}

template <class Real, MemorySpace Space>
[[nodiscard]] SolverArrays<Real> take_solver_arrays(std::string const& function, Workspace<Space>& workspace, std::int64_t rows, std::int64_t columns,
                                                    std::int64_t width, bool with_buffer = false) {
  auto const line = [&](std::int64_t count) { return workspace.template take<Real*>(function, count).data(); };
  SolverArrays<Real> arrays;
  arrays.row             = line(rows);
  arrays.spare           = line(rows);
  arrays.row_constant    = line(rows);
  arrays.row_change      = line(rows);
  arrays.row_log_sum     = line(rows);
  arrays.row_mass        = line(rows);
  arrays.row_cost        = line(rows);
  arrays.column          = line(columns);
  arrays.column_constant = line(columns);
  arrays.column_change   = line(columns);
  arrays.column_log_sum  = line(columns);
  arrays.column_mass     = line(columns);
  arrays.column_cost     = line(columns);
  arrays.sweep           = take_sweep<Real>(function, workspace, rows, columns, width, with_buffer);
  arrays.partials        = workspace.template take<double*>(function, solver_partials(rows, columns)).data();
  return arrays;
}

/// The result, and what turns exponents into potentials.
template <class Real>
struct SolverOutcome {
  SinkhornResult result;
  SidePotential<Real> row, column;
  double row_constant = 0, column_constant = 0;  ///< added to the potentials
  Real inverse_epsilon = 0, scale = 0;           ///< P_ij = exp(row_i + column_j - C_ij inverse_epsilon + scale)
};

/// One stage: iterates at one epsilon until the tolerance or the limit. Returns the iterations, and whether the tolerance was met, or NaN appeared.
struct StageEnd {
  std::int64_t iterations = 0;
  double change           = std::numeric_limits<double>::infinity();
  bool met = false, finite = true;
};

template <class Real, class Runner, class Costs>
[[nodiscard]] StageEnd solver_stage(Runner const& run, Costs const& costs, SolverProblem<Real> const& problem, SolverSettings const& settings, double epsilon,
                                    double tolerance, std::int64_t max_iterations, SolverArrays<Real>& arrays) {
  using Member         = typename Runner::Member;
  std::int64_t const n = problem.rows, m = problem.columns;
  double const share1 = std::isinf(settings.rho1) ? 1.0 : settings.rho1 / (settings.rho1 + epsilon);
  double const share2 = std::isinf(settings.rho2) ? 1.0 : settings.rho2 / (settings.rho2 + epsilon);
  Real const phi1 = static_cast<Real>(share1), phi2 = static_cast<Real>(share2), inverse = static_cast<Real>(1.0 / epsilon);
  bool const of_potential = !settings.balanced();
  Transposed<Costs> const transposed{costs};
  StageEnd end;
  arrays.swept = false;
  if constexpr (Runner::is_host) {
    arrays.swept = prepare_sweep<Real>(run, arrays.sweep, costs, problem.radius_x, problem.radius_y, epsilon);
    if (arrays.swept) set_heights(run, arrays.sweep, settings.symmetric ? arrays.row : arrays.column);
  }
  for (std::int64_t k = 0; k < max_iterations; ++k) {
    bool stepped = false;
    if constexpr (Runner::is_host) {
      if (arrays.swept) {
        Real* const after = settings.symmetric ? arrays.spare : arrays.row;
        run.rows(
            "::rows", sweep_groups(n),
            SweepRows<Member, Real>{arrays.sweep, phi1, arrays.row, after, arrays.row_constant, problem.a, arrays.row_change, settings.symmetric, of_potential},
            sweep_buffer_bytes<Real>(m));
        if (settings.symmetric) {
          std::swap(arrays.row, arrays.spare);
          set_heights(run, arrays.sweep, arrays.row);
        } else {
          run.rows("::columns", (m + 63) / 64,
                   SweepColumns<Member, Real, Transposed<Costs>>{arrays.sweep, transposed, inverse, phi2, arrays.row, arrays.column, arrays.column_constant,
                                                                 arrays.column_change, of_potential});
        }
        stepped = true;
      }
    }
    if (stepped) {
      // done in one pass
    } else if (settings.symmetric) {
      run.rows("::rows", n,
               UpdateRows<Member, Real, Costs>{costs, m, inverse, phi1, arrays.row, arrays.row, arrays.spare, arrays.row_constant, problem.a, arrays.row_change,
                                               true, of_potential});
      std::swap(arrays.row, arrays.spare);
    } else {
      run.rows("::rows", n,
               UpdateRows<Member, Real, Costs>{costs, m, inverse, phi1, arrays.column, arrays.row, arrays.row, arrays.row_constant, problem.a,
                                               arrays.row_change, false, of_potential});
      run.rows("::columns", m,
               UpdateRows<Member, Real, Transposed<Costs>>{transposed, n, inverse, phi2, arrays.row, arrays.column, arrays.column, arrays.column_constant,
                                                           problem.b, arrays.column_change, false, of_potential});
    }
    end.iterations  = k + 1;
    bool const last = k + 1 == max_iterations;
    if (!last && (k + 1) % solver_check_interval != 0) continue;
    auto const rows = run.template totals<1, 1>("::change", n, ChangeTerm<Real>{arrays.row_change, of_potential}, arrays.partials);
    end.change      = of_potential ? rows.value[1] : rows.value[0];
    if (of_potential && !settings.symmetric) {
      auto const columns = run.template totals<1, 1>("::change", m, ChangeTerm<Real>{arrays.column_change, of_potential}, arrays.partials);
      end.change         = columns.value[1] > end.change || std::isnan(columns.value[1]) ? columns.value[1] : end.change;
    }
    if (k == 0 && !settings.symmetric) continue;  // the first rows had no exponents before
    end.finite = std::isfinite(end.change);
    if (!end.finite) break;
    end.met = end.change <= tolerance;
    if (end.met) break;
  }
  return end;
}

/// Solves from zero potentials. Waits for `exec`.
template <class Real, class Runner, class Costs>
[[nodiscard]] SolverOutcome<Real> solve_entropic(Runner const& run, Costs const& costs, SolverProblem<Real> const& problem, SolverSettings const& settings,
                                                 SolverArrays<Real>& arrays) {
  using Member         = typename Runner::Member;
  std::int64_t const n = problem.rows, m = problem.columns;
  bool const counting = settings.reference == PlanReference::counting;
  double const mass = problem.total_a > problem.total_b ? problem.total_a : problem.total_b, epsilon = settings.epsilon;
  double const scale_of_tolerance = settings.balanced() ? mass : 1.0;
  auto const phi_at               = [](double rho, double e) { return std::isinf(rho) ? 1.0 : rho / (rho + e); };
  auto const start                = [&](double e, bool first) {
    run.rows(
                       "::start", n,
                       StartSide<Member, Real>{problem.a, counting, static_cast<Real>(phi_at(settings.rho1, e)), arrays.row_constant, arrays.row, first, !settings.symmetric});
    if (settings.symmetric) return;
    run.rows("::start", m,
                            StartSide<Member, Real>{problem.b, counting, static_cast<Real>(phi_at(settings.rho2, e)), arrays.column_constant, arrays.column, first, false});
  };
  double now = epsilon;
  if (settings.epsilon_start > epsilon) now = settings.epsilon_start;
  start(now, true);
  while (now > epsilon) {
    double const looser = std::max(settings.tolerance, 1e-3) * scale_of_tolerance;
    auto const end      = solver_stage(run, costs, problem, settings, now, looser, solver_stage_iterations, arrays);
    if (!end.finite) break;
    double const next = std::max(epsilon, now * settings.epsilon_decay);
    auto const ratio  = static_cast<Real>(now / next);
    run.rows("::rescale", n, RescaleSide<Member, Real>{problem.a, counting, ratio, arrays.row});
    if (!settings.symmetric) run.rows("::rescale", m, RescaleSide<Member, Real>{problem.b, counting, ratio, arrays.column});
    now = next;
    start(now, false);
  }
  auto const end = solver_stage(run, costs, problem, settings, epsilon, settings.tolerance * scale_of_tolerance, settings.max_iterations, arrays);

  // A constant that was taken off the costs goes to f where that marginal is exact, else to both in the shares that leave the iteration as it is.
  double const phi1 = phi_at(settings.rho1, epsilon), phi2 = phi_at(settings.rho2, epsilon);
  double to_f = 1, to_g = 0;
  if (settings.symmetric) {
    to_f = to_g = phi1 / (1 + phi1);
  } else if (phi1 < 1 || phi2 < 1) {
    to_f = phi1 * (1 - phi2) / (1 - phi1 * phi2);
    to_g = phi2 * (1 - phi1) / (1 - phi1 * phi2);
  }
  SolverOutcome<Real> outcome;
  outcome.inverse_epsilon = static_cast<Real>(1.0 / epsilon);
  outcome.scale           = static_cast<Real>((to_f + to_g - 1) * problem.shift / epsilon);
  Real* const column      = settings.symmetric ? arrays.row : arrays.column;
  bool measured           = false;
  if constexpr (Runner::is_host) {
    if (arrays.swept) {
      run.rows("::measure_rows", sweep_groups(n),
               SweepMeasureRows<Member, Real, Costs>{arrays.sweep, costs, outcome.inverse_epsilon, outcome.scale, column, arrays.row, arrays.row_log_sum,
                                                     arrays.row_mass, arrays.row_cost},
               sweep_buffer_bytes<Real>(m));
      run.rows("::measure_columns", m,
               SweepMeasureColumns<Member, Real, Transposed<Costs>>{arrays.sweep, Transposed<Costs>{costs}, outcome.inverse_epsilon, outcome.scale, arrays.row,
                                                                    column, arrays.column_log_sum, arrays.column_mass});
      measured = true;
    }
  }
  if (!measured) {
    run.rows("::measure_rows", n,
             MeasureRows<Member, Real, Costs>{costs, m, outcome.inverse_epsilon, outcome.scale, column, arrays.row, arrays.row_log_sum, arrays.row_mass,
                                              arrays.row_cost});
    run.rows("::measure_columns", m,
             MeasureRows<Member, Real, Transposed<Costs>>{Transposed<Costs>{costs}, n, outcome.inverse_epsilon, outcome.scale, arrays.row, column,
                                                          arrays.column_log_sum, arrays.column_mass, arrays.column_cost});
  }
  outcome.row       = {problem.a, counting, epsilon, phi1, arrays.row, arrays.row_log_sum, problem.row_linear};
  outcome.column    = {problem.b, counting, epsilon, phi2, column, arrays.column_log_sum, problem.column_linear};
  bool const exact1 = std::isinf(settings.rho1), exact2 = std::isinf(settings.rho2);
  auto const totals = [&](SidePotential<Real> const& side, Real const* held, Real const* cost, double rho, double constant, std::int64_t count) {
    return run.template totals<8, 0>("::totals", count, SideTerm<Real>{side, held, cost, std::isinf(rho) ? 0.0 : rho, constant}, arrays.partials);
  };
  outcome.row_constant    = to_f * problem.shift;
  outcome.column_constant = to_g * problem.shift;
  auto rows               = totals(outcome.row, arrays.row_mass, arrays.row_cost, settings.rho1, outcome.row_constant, n);
  auto const columns      = totals(outcome.column, arrays.column_mass, nullptr, settings.rho2, outcome.column_constant, m);
  double const held       = rows.value[0];
  auto& result            = outcome.result;
  result.iterations       = end.iterations;
  result.epsilon          = epsilon;
  result.cost_shift       = problem.shift;
  result.total_mass       = held;
  result.row_error        = rows.value[5];
  result.column_error     = columns.value[5];
  result.marginal_error   = exact1 && exact2 ? std::max(result.row_error, result.column_error) : exact1 ? result.row_error : exact2 ? result.column_error : 0.0;
  if (!settings.balanced()) result.potential_change = end.change;
  result.transport_cost   = rows.value[1] + rows.value[2] + columns.value[2] + problem.shift * held;
  double const volume     = counting ? 0.0 : problem.total_a * problem.total_b;
  result.regularised_cost = rows.value[4] + columns.value[4] + epsilon * (volume - held) + (exact1 ? 0.0 : settings.rho1 * rows.value[6]) +
                            (exact2 ? 0.0 : settings.rho2 * columns.value[6]);
  result.dual_value =
      (exact1 ? rows.value[3] : -settings.rho1 * rows.value[7]) + (exact2 ? columns.value[3] : -settings.rho2 * columns.value[7]) + epsilon * (volume - held);
  bool const finite = end.finite && std::isfinite(result.transport_cost) && std::isfinite(result.regularised_cost) && std::isfinite(result.row_error) &&
                      std::isfinite(result.column_error);
  bool const within = settings.balanced() ? result.marginal_error <= settings.tolerance * mass : end.met;
  result.converged  = finite && within;
  result.reason     = !finite ? SinkhornStop::not_finite : within ? SinkhornStop::converged : end.met ? SinkhornStop::rounding : SinkhornStop::iteration_limit;
  // The gauge: sum_i a_i f_i = 0 where potentials are known up to a constant; f = g of a cloud with itself is a gauge of its own.
  if (settings.balanced() && !settings.symmetric) {
    double const constant = rows.value[3] / problem.total_a;
    outcome.row_constant -= constant;
    outcome.column_constant += constant;
  }
  return outcome;
}

/// Writes f and g, either of them a View or none.
template <class Runner, class Real, class F, class G>
void write_potentials(Runner const& run, SolverOutcome<Real> const& outcome, SolverProblem<Real> const& problem, F const& f, G const& g) {
  using Member = typename Runner::Member;
  if constexpr (!std::is_same_v<F, None>) run.rows("::potentials", problem.rows, WritePotential<Member, Real, F>{outcome.row, outcome.row_constant, f});
  if constexpr (!std::is_same_v<G, None>)
    run.rows("::potentials", problem.columns, WritePotential<Member, Real, G>{outcome.column, outcome.column_constant, g});
}

}  // namespace ocellus::transport::detail
