// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/transport/plan_apply.hpp>
#include <ocellus/transport/sinkhorn_point_cloud.hpp>

namespace ocellus::transport {

/// Bytes of workspace that `sinkhorn_point_cloud_backward` takes.
template <ExecutionSpace Exec, RealView<2> X, RealView<2> Y>
[[nodiscard]] std::size_t sinkhorn_point_cloud_backward_workspace_size(Exec const&, X const& x, Y const& y) {
  return workspace_bytes<double>(detail::solver_partials(extent(x, 0), extent(y, 0)));
}

/// Gradients of the regularised cost of `sinkhorn_point_cloud` (product reference), by the envelope theorem: potentials are held.
///
///     x_gradient_i = sum_j P_ij dC(x_i, y_j)/dx_i,   a_gradient = f,   b_gradient = g,   each of the last two less its mean under the masses
///
/// x (n, d), y (m, d), a (n) or none, b (m) or none, and f (n), g (m) of a converged forward pass -> x_gradient (n, d), y_gradient (m, d), a_gradient (n),
/// b_gradient (m). Written, or added to what is there with `accumulate`. The Euclidean cost's gradient is 0 where x = y. Gradients of masses are known up to a
/// constant, since masses keep their total.
///
/// Errors: `std::invalid_argument` when something does not fit, epsilon is not positive, or the reference is not `product`.
/// Error bound: as `plan_apply`, relative to P |dC|; what the potentials lack enters to second order in the cost and to first order here.
/// Determinism: a row's bits depend on that row and the other side alone. Allocates: nothing. Synchronises: fences `exec`, to centre the gradients of masses.
template <ExecutionSpace Exec, RealView<2> X, RealView<2> Y, OptionalRealView<1> A, OptionalRealView<1> B, RealView<1> F, RealView<1> G, RealView<2> XGradient,
          RealView<2> YGradient, RealView<1> AGradient, RealView<1> BGradient>
  requires AccessibleFrom<Exec, X, Y, A, B, F, G, XGradient, YGradient, AGradient, BGradient> && RealScalar<element_t<X>>
void sinkhorn_point_cloud_backward(Exec const& exec, X const& x, Y const& y, A const& a, B const& b, F const& f, G const& g, XGradient const& x_gradient,
                                   YGradient const& y_gradient, AGradient const& a_gradient, BGradient const& b_gradient,
                                   SinkhornPointCloudOptions const& options, WorkspaceFor<Exec>& workspace, bool accumulate = false) {
  constexpr auto function = "ocellus::transport::sinkhorn_point_cloud_backward";
  using Real              = element_t<X>;
  std::int64_t const n = extent(x, 0), m = extent(y, 0);
  detail::require_plan(function, x, y, a, b, f, g, options.epsilon);
  require(options.reference == PlanReference::product, function, "the reference must be product");
  require(n > 0, function, "x is empty");
  require(m > 0, function, "y is empty");
  require_equal(function, {"x_gradient.extent(0)", extent(x_gradient, 0)}, {"x.extent(0)", n});
  require_equal(function, {"x_gradient.extent(1)", extent(x_gradient, 1)}, {"x.extent(1)", extent(x, 1)});
  require_equal(function, {"y_gradient.extent(0)", extent(y_gradient, 0)}, {"y.extent(0)", m});
  require_equal(function, {"y_gradient.extent(1)", extent(y_gradient, 1)}, {"y.extent(1)", extent(y, 1)});
  require_equal(function, {"a_gradient.extent(0)", extent(a_gradient, 0)}, {"x.extent(0)", n});
  require_equal(function, {"b_gradient.extent(0)", extent(b_gradient, 0)}, {"y.extent(0)", m});
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  auto const partials = workspace.template take<double*>(function, detail::solver_partials(n, m));
  auto const plan     = detail::cloud_plan(x, y, a, b, f, g, options.cost, PlanReference::product, options.epsilon);
  detail::launch_cloud_gradient(exec, std::string(function) + "::x", plan, x_gradient, 1.0, accumulate);
  detail::launch_cloud_gradient(exec, std::string(function) + "::y", plan.transposed(), y_gradient, 1.0, accumulate);
  detail::launch_mass_gradient(exec, std::string(function) + "::a", detail::mass_array<Real>(a, n), detail::line_of(f), n, a_gradient, 1.0, accumulate,
                               partials.data());
  detail::launch_mass_gradient(exec, std::string(function) + "::b", detail::mass_array<Real>(b, m), detail::line_of(g), m, b_gradient, 1.0, accumulate,
                               partials.data());
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, RealView<2> X, RealView<2> Y, OptionalRealView<1> A, OptionalRealView<1> B, RealView<1> F, RealView<1> G, RealView<2> XGradient,
          RealView<2> YGradient, RealView<1> AGradient, RealView<1> BGradient>
  requires AccessibleFrom<Exec, X, Y, A, B, F, G, XGradient, YGradient, AGradient, BGradient> && RealScalar<element_t<X>>
void sinkhorn_point_cloud_backward(Exec const& exec, X const& x, Y const& y, A const& a, B const& b, F const& f, G const& g, XGradient const& x_gradient,
                                   YGradient const& y_gradient, AGradient const& a_gradient, BGradient const& b_gradient,
                                   SinkhornPointCloudOptions const& options, bool accumulate = false) {
  WorkspaceFor<Exec> workspace(exec, sinkhorn_point_cloud_backward_workspace_size(exec, x, y));
  sinkhorn_point_cloud_backward(exec, x, y, a, b, f, g, x_gradient, y_gradient, a_gradient, b_gradient, options, workspace, accumulate);
  exec.fence("ocellus::transport::sinkhorn_point_cloud_backward");
}

/// Work for both clouds' gradients.
[[nodiscard]] constexpr Cost sinkhorn_point_cloud_backward_cost(double rows, double columns, double width, double bytes_per_element) {
  return 2.0 * plan_apply_cost(rows, columns, width, width, bytes_per_element);
}

}  // namespace ocellus::transport
