// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <limits>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/transport/detail/point_cloud_solver.hpp>
#include <ocellus/transport/sinkhorn_point_cloud.hpp>

namespace ocellus::transport {

enum class DivergenceValue {
  regularised,     ///< V is the regularised cost, by its dual value
  transport_cost,  ///< V is <P, C>
};

struct SinkhornDivergenceOptions {
  double epsilon              = 0.0;   ///< strength of the entropy, above 0; there is no default
  double tolerance            = 1e-6;  ///< as `sinkhorn` (rho infinite) or `unbalanced_sinkhorn`, for each of the three problems
  std::int64_t max_iterations = 1000;  ///< of the last stage of epsilon, for each of the three problems
  double epsilon_start        = 0.0;   ///< above epsilon: anneal from here; 0: no annealing
  double epsilon_decay        = 0.5;   ///< factor from one stage of epsilon to the next
  GroundCost cost             = GroundCost::squared_euclidean;
  DivergenceValue value       = DivergenceValue::regularised;
  double rho                  = std::numeric_limits<double>::infinity();  ///< penalty of both marginals; infinite: exact
};

struct SinkhornDivergenceResult {
  bool converged    = false;  ///< all three problems did
  double divergence = std::numeric_limits<double>::quiet_NaN();
  SinkhornResult xy, xx, yy;
};

namespace detail {

template <class Options>
[[nodiscard]] SolverSettings divergence_settings(std::string const& function, Options const& options) {
  auto settings = solver_settings(function, options);
  require(options.rho > 0, function, "rho is ", options.rho, ", not a positive number or infinity");
  settings.rho1 = settings.rho2 = options.rho;
  return settings;
}

}  // namespace detail

/// Bytes of workspace that `sinkhorn_divergence` takes: O((n + m) d).
template <ExecutionSpace Exec, RealView<2> X, RealView<2> Y>
[[nodiscard]] std::size_t sinkhorn_divergence_workspace_size(Exec const&, X const& x, Y const& y) {
  std::int64_t const longer = extent(x, 0) > extent(y, 0) ? extent(x, 0) : extent(y, 0);
  return detail::cloud_solver_bytes<element_t<X>>(longer, longer, extent(x, 1));
}

/// Sinkhorn divergence of two point clouds: entropic transport without its bias, zero for equal clouds.
///
///     S = V(x, y) - V(x, x) / 2 - V(y, y) / 2  (+ epsilon / 2 (m_a - m_b)^2 with a finite rho),   V as `value` says, product reference
///
/// x (n, d), y (m, d), a (n) or none, b (m) or none. The terms of a cloud with itself take averaged symmetric updates, f <- (f + T f) / 2.
/// With `transport_cost` the value may be slightly negative.
///
/// Errors: as `sinkhorn_point_cloud`; also when rho is not positive. With a finite rho total masses may differ.
/// Error bound: that of three calls of `sinkhorn_point_cloud`; the difference of their values cancels.
/// Determinism: does not depend on the number of threads. Allocates: nothing. Synchronises: fences `exec`.
/// Source: J. Feydy et al., "Interpolating between optimal transport and MMD using Sinkhorn divergences", 2019; T. Sejourne et al., "Sinkhorn divergences for
/// unbalanced optimal transport", 2019.
template <ExecutionSpace Exec, RealView<2> X, RealView<2> Y, OptionalRealView<1> A, OptionalRealView<1> B>
  requires AccessibleFrom<Exec, X, Y, A, B> && RealScalar<element_t<X>> SinkhornDivergenceResult sinkhorn_divergence(Exec const& exec, X const& x, Y const& y,
                                                                                                                     A const& a, B const& b,
                                                                                                                     SinkhornDivergenceOptions const& options,
                                                                                                                     WorkspaceFor<Exec>& workspace) {
    constexpr auto function = "ocellus::transport::sinkhorn_divergence";
    auto settings           = detail::divergence_settings(function, options);
    detail::require_clouds(function, x, y, a, b);
    SinkhornDivergenceResult result;
    double total_a = 0, total_b = 0;
    {
      typename WorkspaceFor<Exec>::Scope const scope(workspace);
      auto const solution = detail::solve_clouds_in(detail::LaunchRunner<Exec>{exec, function}, x, y, a, b, options.cost, settings, workspace);
      result.xy           = solution.outcome.result;
      total_a             = solution.problem.total_a;
      total_b             = solution.problem.total_b;
    }
    settings.symmetric = true;
    {
      typename WorkspaceFor<Exec>::Scope const scope(workspace);
      result.xx = detail::solve_clouds_in(detail::LaunchRunner<Exec>{exec, function}, x, x, a, a, options.cost, settings, workspace).outcome.result;
    }
    {
      typename WorkspaceFor<Exec>::Scope const scope(workspace);
      result.yy = detail::solve_clouds_in(detail::LaunchRunner<Exec>{exec, function}, y, y, b, b, options.cost, settings, workspace).outcome.result;
    }
    // The dual value has an error of second order in the potentials, where the objective at a plan has one of first order in its marginals.
    auto const value  = [&](SinkhornResult const& r) { return options.value == DivergenceValue::regularised ? r.dual_value : r.transport_cost; };
    result.divergence = value(result.xy) - 0.5 * (value(result.xx) + value(result.yy));
    if (!settings.balanced() && options.value == DivergenceValue::regularised)
      result.divergence += 0.5 * options.epsilon * (total_a - total_b) * (total_a - total_b);
    result.converged = result.xy.converged && result.xx.converged && result.yy.converged;
    return result;
  }

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, RealView<2> X, RealView<2> Y, OptionalRealView<1> A, OptionalRealView<1> B>
  requires AccessibleFrom<Exec, X, Y, A, B> && RealScalar<element_t<X>> SinkhornDivergenceResult sinkhorn_divergence(Exec const& exec, X const& x, Y const& y,
                                                                                                                     A const& a, B const& b,
                                                                                                                     SinkhornDivergenceOptions const& options) {
    WorkspaceFor<Exec> workspace(exec, sinkhorn_divergence_workspace_size(exec, x, y));
    auto const result = sinkhorn_divergence(exec, x, y, a, b, options, workspace);
    exec.fence("ocellus::transport::sinkhorn_divergence");
    return result;
  }

/// Work of `iterations` of the three problems.
[[nodiscard]] constexpr Cost sinkhorn_divergence_cost(double rows, double columns, double width, double iterations, double bytes_per_element) {
  return sinkhorn_point_cloud_cost(rows, columns, width, iterations, bytes_per_element) +
         sinkhorn_point_cloud_cost(rows, rows, width, iterations, bytes_per_element) +
         sinkhorn_point_cloud_cost(columns, columns, width, iterations, bytes_per_element);
}

}  // namespace ocellus::transport
