// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/transport/sinkhorn.hpp>

namespace ocellus::transport {

struct UnbalancedSinkhornOptions {
  double epsilon              = 0.0;                                      ///< strength of the entropy, above 0; there is no default
  double rho1                 = std::numeric_limits<double>::infinity();  ///< penalty of the rows' marginal; left out: it is exact
  double rho2                 = std::numeric_limits<double>::infinity();  ///< of the columns'
  double tolerance            = 1e-6;                                     ///< largest change of a potential divided by epsilon
  std::int64_t max_iterations = 1000;                                     ///< of the last stage of epsilon
  double epsilon_start        = 0.0;                                      ///< above epsilon: anneal from here; 0: no annealing
  double epsilon_decay        = 0.5;                                      ///< factor from one stage of epsilon to the next
  PlanReference reference     = PlanReference::product;
};

/// Bytes of workspace that `unbalanced_sinkhorn` takes: a few numbers a row and a column.
template <ExecutionSpace Exec, RealView<2> CostMatrix>
[[nodiscard]] std::size_t unbalanced_sinkhorn_workspace_size(Exec const&, CostMatrix const& cost) {
  return detail::stored_solver_bytes<element_t<CostMatrix>>(extent(cost, 0), extent(cost, 1));
}

/// Entropic transport whose marginals may depart from the masses at a price.
///
///     min_P <P, C> + epsilon KL(P, R) + rho1 KL(P 1, a) + rho2 KL(P^T 1, b),   KL(p, q) = sum p log(p / q) - p + q
///
/// with R = a b^T (product) or 1 (counting; then sum P (log P - 1) in place of KL(P, 1)). A rho left out makes that marginal exact (semi-relaxed), both the
/// balanced problem. cost (n, m), a (n) or none, b (m) or none (uniform) -> f (n), g (m), which are unique unless both marginals are exact, and plan (n, m) or
/// none. Total masses may differ. With tau = rho / (rho + epsilon), the plan of `counting` is that of software that takes tau_a and tau_b.
///
/// Errors: as `sinkhorn`, but totals may differ unless both marginals are exact; also when a rho is not positive.
/// Error bound: potentials to about `result.potential_change` epsilon / (1 - phi), phi the contraction rate, and (max |C| / epsilon + 8) machine epsilons.
/// Determinism: as `sinkhorn`. Allocates: nothing. Synchronises: fences `exec`, once in 10 iterations.
/// Source: L. Chizat, G. Peyre, B. Schmitzer, F.-X. Vialard, "Scaling algorithms for unbalanced optimal transport problems", 2018.
template <ExecutionSpace Exec, RealView<2> CostMatrix, OptionalRealView<1> A, OptionalRealView<1> B, RealView<1> F, RealView<1> G, OptionalRealView<2> Plan>
  requires AccessibleFrom<Exec, CostMatrix, A, B, F, G, Plan> && RealScalar<element_t<CostMatrix>> SinkhornResult
  unbalanced_sinkhorn(Exec const& exec, CostMatrix const& cost, A const& a, B const& b, F const& f, G const& g, Plan const& plan,
                      UnbalancedSinkhornOptions const& options, WorkspaceFor<Exec>& workspace) {
    constexpr auto function = "ocellus::transport::unbalanced_sinkhorn";
    auto settings           = detail::solver_settings(function, options);
    require(options.rho1 > 0, function, "rho1 is ", options.rho1, ", not a positive number or infinity");
    require(options.rho2 > 0, function, "rho2 is ", options.rho2, ", not a positive number or infinity");
    settings.reference = options.reference;
    settings.rho1      = options.rho1;
    settings.rho2      = options.rho2;
    return detail::solve_stored(exec, function, cost, a, b, f, g, plan, settings, workspace);
  }

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, RealView<2> CostMatrix, OptionalRealView<1> A, OptionalRealView<1> B, RealView<1> F, RealView<1> G, OptionalRealView<2> Plan>
  requires AccessibleFrom<Exec, CostMatrix, A, B, F, G, Plan> && RealScalar<element_t<CostMatrix>> SinkhornResult unbalanced_sinkhorn(
      Exec const& exec, CostMatrix const& cost, A const& a, B const& b, F const& f, G const& g, Plan const& plan, UnbalancedSinkhornOptions const& options) {
    WorkspaceFor<Exec> workspace(exec, unbalanced_sinkhorn_workspace_size(exec, cost));
    auto const result = unbalanced_sinkhorn(exec, cost, a, b, f, g, plan, options, workspace);
    exec.fence("ocellus::transport::unbalanced_sinkhorn");
    return result;
  }

/// Work of `iterations`, as of `sinkhorn`.
[[nodiscard]] constexpr Cost unbalanced_sinkhorn_cost(double rows, double columns, double iterations, double bytes_per_element) {
  return sinkhorn_cost(rows, columns, iterations, bytes_per_element);
}

}  // namespace ocellus::transport
