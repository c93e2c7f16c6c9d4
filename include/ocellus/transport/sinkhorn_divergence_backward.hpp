// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/transport/plan_apply.hpp>
#include <ocellus/transport/sinkhorn_divergence.hpp>

namespace ocellus::transport {

namespace detail {

/// Adds `factor` times the gradients of one term's regularised cost: potentials are solved for and held. A cloud with itself (`settings.symmetric`) gets the
/// gradient of its first argument alone, which is half of the whole.
template <ExecutionSpace Exec, class X, class Y, class A, class B, class XGradient, class YGradient, class AGradient, class BGradient>
[[nodiscard]] SinkhornResult add_term_gradient(Exec const& exec, std::string const& function, X const& x, Y const& y, A const& a, B const& b, GroundCost cost,
                                               SolverSettings const& settings, XGradient const& x_gradient, YGradient const& y_gradient,
                                               AGradient const& a_gradient, BGradient const& b_gradient, double factor, bool add,
                                               WorkspaceFor<Exec>& workspace) {
  using Real = element_t<X>;
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  auto const f        = workspace.template take<Real*>(function, extent(x, 0));
  auto const g        = workspace.template take<Real*>(function, extent(y, 0));
  auto const solution = solve_clouds_in(LaunchRunner<Exec>{exec, function}, x, y, a, b, cost, settings, workspace);
  write_potentials(LaunchRunner<Exec>{exec, function}, solution.outcome, solution.problem, f, g);
  auto const plan = cloud_plan(x, y, a, b, f, g, cost, PlanReference::product, settings.epsilon);
  launch_cloud_gradient(exec, function + "::x", plan, x_gradient, factor, add);
  launch_mass_gradient(exec, function + "::a", solution.problem.a, line_of(f), extent(x, 0), a_gradient, factor, add, solution.arrays.partials);
  if constexpr (!std::is_same_v<YGradient, None>) {
    launch_cloud_gradient(exec, function + "::y", plan.transposed(), y_gradient, factor, add);
    launch_mass_gradient(exec, function + "::b", solution.problem.b, line_of(g), extent(y, 0), b_gradient, factor, add, solution.arrays.partials);
  }
  return solution.outcome.result;
}

}  // namespace detail

/// Bytes of workspace that `sinkhorn_divergence_backward` takes.
template <ExecutionSpace Exec, RealView<2> X, RealView<2> Y>
[[nodiscard]] std::size_t sinkhorn_divergence_backward_workspace_size(Exec const& exec, X const& x, Y const& y) {
  std::int64_t const longer = extent(x, 0) > extent(y, 0) ? extent(x, 0) : extent(y, 0);
  return sinkhorn_divergence_workspace_size(exec, x, y) + 2 * workspace_bytes<element_t<X>>(static_cast<std::size_t>(longer));
}

/// Gradients of the balanced Sinkhorn divergence of the regularised costs, by the envelope theorem; solves the three problems.
///
///     x_gradient_i = sum_j P_ij dC(x_i, y_j)/dx_i - sum_j Q_ij dC(x_i, x_j)/dx_i,   a_gradient = f_xy - f_xx, less its mean under a;   y and b likewise
///
/// x (n, d), y (m, d), a (n) or none, b (m) or none -> x_gradient (n, d), y_gradient (m, d), a_gradient (n), b_gradient (m). Written, or added to what is there
/// with `accumulate`. Returns what the three solvers said; `divergence` is the value.
///
/// Errors: as `sinkhorn_divergence`; also when rho is finite or `value` is not `regularised`, or a gradient does not fit.
/// Error bound: that of `sinkhorn_point_cloud_backward`, twice; at the optimum for x = y both parts cancel.
/// Determinism: does not depend on the number of threads. Allocates: nothing. Synchronises: fences `exec`.
template <ExecutionSpace Exec, RealView<2> X, RealView<2> Y, OptionalRealView<1> A, OptionalRealView<1> B, RealView<2> XGradient, RealView<2> YGradient,
          RealView<1> AGradient, RealView<1> BGradient>
  requires AccessibleFrom<Exec, X, Y, A, B, XGradient, YGradient, AGradient, BGradient> && RealScalar<element_t<X>> SinkhornDivergenceResult
  sinkhorn_divergence_backward(Exec const& exec, X const& x, Y const& y, A const& a, B const& b, XGradient const& x_gradient, YGradient const& y_gradient,
                               AGradient const& a_gradient, BGradient const& b_gradient, SinkhornDivergenceOptions const& options,
                               WorkspaceFor<Exec>& workspace, bool accumulate = false) {
    constexpr auto function = "ocellus::transport::sinkhorn_divergence_backward";
    auto settings           = detail::divergence_settings(function, options);
    require(settings.balanced(), function, "rho is ", options.rho, ", but only exact marginals (rho infinite) have gradients");
    require(options.value == DivergenceValue::regularised, function, "value must be regularised");
    detail::require_clouds(function, x, y, a, b);
    std::int64_t const n = extent(x, 0), m = extent(y, 0);
    require_equal(function, {"x_gradient.extent(0)", extent(x_gradient, 0)}, {"x.extent(0)", n});
    require_equal(function, {"x_gradient.extent(1)", extent(x_gradient, 1)}, {"x.extent(1)", extent(x, 1)});
    require_equal(function, {"y_gradient.extent(0)", extent(y_gradient, 0)}, {"y.extent(0)", m});
    require_equal(function, {"y_gradient.extent(1)", extent(y_gradient, 1)}, {"y.extent(1)", extent(y, 1)});
    require_equal(function, {"a_gradient.extent(0)", extent(a_gradient, 0)}, {"x.extent(0)", n});
    require_equal(function, {"b_gradient.extent(0)", extent(b_gradient, 0)}, {"y.extent(0)", m});
    SinkhornDivergenceResult result;
    result.xy = detail::add_term_gradient(exec, function, x, y, a, b, options.cost, settings, x_gradient, y_gradient, a_gradient, b_gradient, 1.0, accumulate,
                                          workspace);
    settings.symmetric = true;
    result.xx = detail::add_term_gradient(exec, function, x, x, a, a, options.cost, settings, x_gradient, none, a_gradient, none, -1.0, true, workspace);
    result.yy = detail::add_term_gradient(exec, function, y, y, b, b, options.cost, settings, y_gradient, none, b_gradient, none, -1.0, true, workspace);
    result.divergence = result.xy.dual_value - 0.5 * (result.xx.dual_value + result.yy.dual_value);
    result.converged  = result.xy.converged && result.xx.converged && result.yy.converged;
    exec.fence(function);
    return result;
  }

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, RealView<2> X, RealView<2> Y, OptionalRealView<1> A, OptionalRealView<1> B, RealView<2> XGradient, RealView<2> YGradient,
          RealView<1> AGradient, RealView<1> BGradient>
  requires AccessibleFrom<Exec, X, Y, A, B, XGradient, YGradient, AGradient, BGradient> && RealScalar<element_t<X>> SinkhornDivergenceResult
  sinkhorn_divergence_backward(Exec const& exec, X const& x, Y const& y, A const& a, B const& b, XGradient const& x_gradient, YGradient const& y_gradient,
                               AGradient const& a_gradient, BGradient const& b_gradient, SinkhornDivergenceOptions const& options, bool accumulate = false) {
    WorkspaceFor<Exec> workspace(exec, sinkhorn_divergence_backward_workspace_size(exec, x, y));
    auto const result = sinkhorn_divergence_backward(exec, x, y, a, b, x_gradient, y_gradient, a_gradient, b_gradient, options, workspace, accumulate);
    exec.fence("ocellus::transport::sinkhorn_divergence_backward");
    return result;
  }

/// Work of `iterations` of the three problems and of their gradients.
[[nodiscard]] constexpr Cost sinkhorn_divergence_backward_cost(double rows, double columns, double width, double iterations, double bytes_per_element) {
  return sinkhorn_divergence_cost(rows, columns, width, iterations, bytes_per_element) + 4.0 * plan_apply_cost(rows, columns, width, width, bytes_per_element);
}

}  // namespace ocellus::transport
