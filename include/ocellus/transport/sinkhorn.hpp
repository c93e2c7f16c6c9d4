// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/transport/detail/sinkhorn_solver.hpp>
#include <ocellus/transport/ground_cost.hpp>
#include <ocellus/transport/sinkhorn_result.hpp>

namespace ocellus::transport {

struct SinkhornOptions {
  double epsilon              = 0.0;   ///< strength of the entropy, above 0; there is no default
  double tolerance            = 1e-6;  ///< L1 error of the worse marginal as a share of the total mass
  std::int64_t max_iterations = 1000;  ///< of the last stage of epsilon
  double epsilon_start        = 0.0;   ///< above epsilon: anneal from here; 0: no annealing
  double epsilon_decay        = 0.5;   ///< factor from one stage of epsilon to the next
  PlanReference reference     = PlanReference::product;
};

namespace detail {

/// Bytes of a solver on a stored matrix.
template <class Real>
[[nodiscard]] std::size_t stored_solver_bytes(std::int64_t rows, std::int64_t columns) {
  return solver_arrays_bytes<Real>(rows, columns, 0) + workspace_bytes<Real>(static_cast<std::size_t>(2 * rows));
}

/// Balanced and unbalanced transport of a stored matrix: checks, reads masses and costs, solves, writes.
template <ExecutionSpace Exec, class Cost, class A, class B, class F, class G, class Plan>
SinkhornResult solve_stored(Exec const& exec, std::string const& function, Cost const& cost, A const& a, B const& b, F const& f, G const& g, Plan const& plan,
                            SolverSettings const& settings, WorkspaceFor<Exec>& workspace) {
  using Real           = element_t<Cost>;
  std::int64_t const n = extent(cost, 0), m = extent(cost, 1);
  require(n > 0, function, "cost has no rows: the side of a is empty");
  require(m > 0, function, "cost has no columns: the side of b is empty");
  require_masses(function, "a.extent(0)", a, {"cost.extent(0)", n});
  require_masses(function, "b.extent(0)", b, {"cost.extent(1)", m});
  require_equal(function, {"f.extent(0)", extent(f, 0)}, {"cost.extent(0)", n});
  require_equal(function, {"g.extent(0)", extent(g, 0)}, {"cost.extent(1)", m});
  if constexpr (!std::is_same_v<Plan, None>) {
    if (is_present(plan)) {
      require_equal(function, {"plan.extent(0)", extent(plan, 0)}, {"cost.extent(0)", n});
      require_equal(function, {"plan.extent(1)", extent(plan, 1)}, {"cost.extent(1)", m});
    }
  }
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  auto arrays        = take_solver_arrays<Real>(function, workspace, n, m, 0);
  auto const scratch = workspace.template take<Real*>(function, 2 * n);
  LaunchRunner<Exec> const run{exec, function};
  SolverProblem<Real> problem;
  problem.rows    = n;
  problem.columns = m;
  problem.a       = mass_array<Real>(a, n);
  problem.b       = mass_array<Real>(b, m);
  problem.total_a = read_masses<Real>(run, "a", a, n, arrays.partials);
  problem.total_b = read_masses<Real>(run, "b", b, m, arrays.partials);
  if (settings.balanced()) require_equal_totals(function, problem.total_a, problem.total_b);
  auto const costs   = read_costs<Real>(run, cost, scratch.data(), arrays.partials);
  problem.shift      = static_cast<double>(costs.shift);
  auto const outcome = solve_entropic(run, costs, problem, settings, arrays);
  write_potentials(run, outcome, problem, f, g);
  if constexpr (!std::is_same_v<Plan, None>) {
    if (is_present(plan)) {
      bool written = false;
      if constexpr (is_host_execution_v<Exec>) {
        if (arrays.swept) run.rows("::plan", n, SweepPlan<TeamMember<Exec>, Real, Plan>{arrays.sweep, outcome.scale, arrays.row, plan});
        written = arrays.swept;
      }
      if (!written)
        run.rows("::plan", n,
                 WritePlan<TeamMember<Exec>, Real, StoredCosts<Real>, Plan>{costs, outcome.inverse_epsilon, outcome.scale, arrays.row, arrays.column, plan});
    }
  }
  exec.fence(function);
  return outcome.result;
}

}  // namespace detail

/// Bytes of workspace that `sinkhorn` takes: a few numbers a row and a column.
template <ExecutionSpace Exec, RealView<2> CostMatrix>
[[nodiscard]] std::size_t sinkhorn_workspace_size(Exec const&, CostMatrix const& cost) {
  return detail::stored_solver_bytes<element_t<CostMatrix>>(extent(cost, 0), extent(cost, 1));
}

/// Balanced entropic transport of a given cost matrix, in the log domain.
///
///     min_P <P, C> + epsilon KL(P, a b^T)  (product; counting: <P, C> + epsilon sum P (log P - 1)),   P 1 = a,  P^T 1 = b
///
/// cost (n, m), of any sign, a (n) or none, b (m) or none (uniform, 1/n and 1/m) -> f (n), g (m), with sum_i a_i f_i = 0, and plan (n, m) or none. float or
/// double throughout. A row or column without mass has a plan of exact zeros; its potential is the one that the others determine (product) or -infinity
/// (counting). While iterating the smallest cost is taken off, so that a constant added to all costs changes no plan.
///
/// Errors: `std::invalid_argument` when something does not fit, epsilon is not positive, a mass is negative, NaN or infinite, a total mass is zero, totals differ
/// by more than 1e-5, cost holds NaN or infinity, or a side is empty. Not converging is no error: the result says so, and what was reached.
/// Error bound: what `result.marginal_error` says; exponents carry (max |C| / epsilon + 8) machine epsilons.
/// Determinism: a row's step depends on its costs and the other side's potentials alone; sums over rows go in blocks of 256.
/// Allocates: nothing. Synchronises: fences `exec`, once in 10 iterations.
/// Source: M. Cuturi, "Sinkhorn distances", 2013; G. Peyre, M. Cuturi, "Computational optimal transport", 2019, section 4.4.
template <ExecutionSpace Exec, RealView<2> CostMatrix, OptionalRealView<1> A, OptionalRealView<1> B, RealView<1> F, RealView<1> G, OptionalRealView<2> Plan>
  requires AccessibleFrom<Exec, CostMatrix, A, B, F, G, Plan> && RealScalar<element_t<CostMatrix>> SinkhornResult
  sinkhorn(Exec const& exec, CostMatrix const& cost, A const& a, B const& b, F const& f, G const& g, Plan const& plan, SinkhornOptions const& options,
           WorkspaceFor<Exec>& workspace) {
    constexpr auto function = "ocellus::transport::sinkhorn";
    auto settings           = detail::solver_settings(function, options);
    settings.reference      = options.reference;
    return detail::solve_stored(exec, function, cost, a, b, f, g, plan, settings, workspace);
  }

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, RealView<2> CostMatrix, OptionalRealView<1> A, OptionalRealView<1> B, RealView<1> F, RealView<1> G, OptionalRealView<2> Plan>
  requires AccessibleFrom<Exec, CostMatrix, A, B, F, G, Plan> && RealScalar<element_t<CostMatrix>> SinkhornResult
  sinkhorn(Exec const& exec, CostMatrix const& cost, A const& a, B const& b, F const& f, G const& g, Plan const& plan, SinkhornOptions const& options) {
    WorkspaceFor<Exec> workspace(exec, sinkhorn_workspace_size(exec, cost));
    auto const result = sinkhorn(exec, cost, a, b, f, g, plan, options, workspace);
    exec.fence("ocellus::transport::sinkhorn");
    return result;
  }

/// Work of `iterations` on an n x m matrix: an exponential, an addition and a multiplication for each entry in each half step.
[[nodiscard]] constexpr Cost sinkhorn_cost(double rows, double columns, double iterations, double bytes_per_element) {
  return {.flops         = 6 * rows * columns * iterations,
          .special       = rows * columns * iterations,
          .bytes_read    = rows * columns * iterations * bytes_per_element,
          .bytes_written = (rows + columns) * bytes_per_element};
}

}  // namespace ocellus::transport
