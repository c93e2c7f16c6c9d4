// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Entropic transport between two point clouds, shared by the functions on clouds.

#include <cstdint>
#include <string>

#include <ocellus/transport/detail/sinkhorn_solver.hpp>

namespace ocellus::transport::detail {

template <class Real>
[[nodiscard]] std::size_t cloud_solver_bytes(std::int64_t rows, std::int64_t columns, std::int64_t width, bool with_buffer = false) {
  return solver_arrays_bytes<Real>(rows, columns, width, with_buffer) + prepared_clouds_bytes<Real>(rows, columns, width);
}

/// Checks of two clouds and their masses.
template <class X, class Y, class A, class B>
void require_clouds(std::string const& function, X const& x, Y const& y, A const& a, B const& b) {
  static_assert(std::is_same_v<element_t<X>, element_t<Y>>, "ocellus::transport: both clouds must have one scalar type");
  require_equal(function, {"y.extent(1)", extent(y, 1)}, {"x.extent(1)", extent(x, 1)});
  require(extent(x, 0) > 0, function, "x is empty");
  require(extent(y, 0) > 0, function, "y is empty");
  require_masses(function, "a.extent(0)", a, {"x.extent(0)", extent(x, 0)});
  require_masses(function, "b.extent(0)", b, {"y.extent(0)", extent(y, 0)});
}

/// A cloud problem solved: the result, and what gives the plan while the workspace lives.
template <class Real>
struct CloudSolution {
  SolverOutcome<Real> outcome;
  SolverProblem<Real> problem;
  PreparedClouds<Real> clouds;
  SolverArrays<Real> arrays;
};

/// Solves two clouds (`settings.symmetric`: x against itself) and leaves the solution in the workspace.
template <class Runner, class X, class Y, class A, class B>
[[nodiscard]] CloudSolution<element_t<X>> solve_clouds_in(Runner const& run, X const& x, Y const& y, A const& a, B const& b, GroundCost cost,
                                                          SolverSettings const& settings, Workspace<typename Runner::Space>& workspace,
                                                          bool with_buffer = false) {
  using Real = element_t<X>;
  CloudSolution<Real> solution;
  std::int64_t const n = extent(x, 0), m = extent(y, 0);
  solution.arrays = take_solver_arrays<Real>(run.function, workspace, n, m, extent(x, 1), with_buffer);
  auto& problem   = solution.problem;
  problem.rows    = n;
  problem.columns = m;
  problem.a       = mass_array<Real>(a, n);
  problem.b       = mass_array<Real>(b, m);
  problem.total_a = read_masses<Real>(run, "a", a, n, solution.arrays.partials);
  problem.total_b = read_masses<Real>(run, "b", b, m, solution.arrays.partials);
  if (settings.balanced()) require_equal_totals(run.function, problem.total_a, problem.total_b);
  solution.clouds    = prepare_clouds<Real>(run, x, y, cost, settings.balanced() && cost == GroundCost::squared_euclidean, workspace, solution.arrays.partials);
  problem.row_linear = solution.clouds.row_linear;
  problem.column_linear = solution.clouds.column_linear;
  problem.shift         = solution.clouds.shift;
  problem.radius_x      = solution.clouds.radius_x;
  problem.radius_y      = solution.clouds.radius_y;
  solution.outcome      = solve_entropic(run, solution.clouds.costs, problem, settings, solution.arrays);
  return solution;
}

template <ExecutionSpace Exec, class X, class Y, class A, class B, class F, class G>
SinkhornResult solve_clouds(Exec const& exec, std::string const& function, X const& x, Y const& y, A const& a, B const& b, F const& f, G const& g,
                            GroundCost cost, SolverSettings const& settings, WorkspaceFor<Exec>& workspace) {
  require_clouds(function, x, y, a, b);
  require_equal(function, {"f.extent(0)", extent(f, 0)}, {"x.extent(0)", extent(x, 0)});
  require_equal(function, {"g.extent(0)", extent(g, 0)}, {"y.extent(0)", extent(y, 0)});
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  auto const solution = solve_clouds_in(LaunchRunner<Exec>{exec, function}, x, y, a, b, cost, settings, workspace);
  write_potentials(LaunchRunner<Exec>{exec, function}, solution.outcome, solution.problem, f, g);
  exec.fence(function);
  return solution.outcome.result;
}

}  // namespace ocellus::transport::detail
