// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/transport/detail/point_cloud_solver.hpp>
#include <ocellus/transport/ground_cost.hpp>
#include <ocellus/transport/sinkhorn_result.hpp>

namespace ocellus::transport {

struct SinkhornPointCloudOptions {
  double epsilon              = 0.0;   ///< strength of the entropy, above 0; there is no default
  double tolerance            = 1e-6;  ///< L1 error of the worse marginal as a share of the total mass
  std::int64_t max_iterations = 1000;  ///< of the last stage of epsilon
  double epsilon_start        = 0.0;   ///< above epsilon: anneal from here; 0: no annealing
  double epsilon_decay        = 0.5;   ///< factor from one stage of epsilon to the next
  GroundCost cost             = GroundCost::squared_euclidean;
  PlanReference reference     = PlanReference::product;
};

/// Bytes of workspace that `sinkhorn_point_cloud` takes: O((n + m) d).
template <ExecutionSpace Exec, RealView<2> X, RealView<2> Y>
[[nodiscard]] std::size_t sinkhorn_point_cloud_workspace_size(Exec const&, X const& x, Y const& y) {
  return detail::cloud_solver_bytes<element_t<X>>(extent(x, 0), extent(y, 0), extent(x, 1));
}

/// Balanced entropic transport between two point clouds; costs are computed as they are needed, and the plan is never stored.
///
///     C_ij = |x_i - y_j|^2, |x_i - y_j|, or 1 - cos(x_i, y_j);   otherwise as `sinkhorn`
///
/// x (n, d), y (m, d), a (n) or none, b (m) or none -> f (n), g (m), with sum_i a_i f_i = 0. The plan is at hand through `plan_apply`, `plan_top_entries`
/// and `barycentric_map`. Where a cloud lies does not matter: squared Euclidean clouds are moved to their own centres, and the potentials back.
///
/// Errors: as `sinkhorn`; also when the dimensions differ, a coordinate is NaN or infinite, or a point at the origin has no cosine.
/// Error bound: what `result.marginal_error` says; exponents carry (d + max |x'||y'| / epsilon) machine epsilons of centred points.
/// Determinism: does not depend on the number of threads; a problem in `sinkhorn_batched` gives the same bits.
/// Allocates: nothing. Synchronises: fences `exec`, once in 10 iterations.
/// Source: as `sinkhorn`; J. Feydy, "Geometric data analysis, beyond convolutions", 2020, for the map-reduce form.
template <ExecutionSpace Exec, RealView<2> X, RealView<2> Y, OptionalRealView<1> A, OptionalRealView<1> B, RealView<1> F, RealView<1> G>
  requires AccessibleFrom<Exec, X, Y, A, B, F, G> && RealScalar<element_t<X>> SinkhornResult sinkhorn_point_cloud(Exec const& exec, X const& x, Y const& y,
                                                                                                                  A const& a, B const& b, F const& f,
                                                                                                                  G const& g,
                                                                                                                  SinkhornPointCloudOptions const& options,
                                                                                                                  WorkspaceFor<Exec>& workspace) {
    constexpr auto function = "ocellus::transport::sinkhorn_point_cloud";
    auto settings           = detail::solver_settings(function, options);
    settings.reference      = options.reference;
    return detail::solve_clouds(exec, function, x, y, a, b, f, g, options.cost, settings, workspace);
  }

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, RealView<2> X, RealView<2> Y, OptionalRealView<1> A, OptionalRealView<1> B, RealView<1> F, RealView<1> G>
  requires AccessibleFrom<Exec, X, Y, A, B, F, G> && RealScalar<element_t<X>> SinkhornResult sinkhorn_point_cloud(Exec const& exec, X const& x, Y const& y,
                                                                                                                  A const& a, B const& b, F const& f,
                                                                                                                  G const& g,
                                                                                                                  SinkhornPointCloudOptions const& options) {
    WorkspaceFor<Exec> workspace(exec, sinkhorn_point_cloud_workspace_size(exec, x, y));
    auto const result = sinkhorn_point_cloud(exec, x, y, a, b, f, g, options, workspace);
    exec.fence("ocellus::transport::sinkhorn_point_cloud");
    return result;
  }

/// Work of `iterations`: a product of d terms and an exponential for each pair.
[[nodiscard]] constexpr Cost sinkhorn_point_cloud_cost(double rows, double columns, double width, double iterations, double bytes_per_element) {
  return {.flops         = 2 * rows * columns * width * iterations,
          .special       = rows * columns * iterations,
          .bytes_read    = (rows + columns) * width * bytes_per_element,
          .bytes_written = (rows + columns) * bytes_per_element};
}

}  // namespace ocellus::transport
