// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/transport/detail/map_losses.hpp>
#include <ocellus/transport/icnn.hpp>

namespace ocellus::transport {

struct CellotLossesOptions {
  std::span<std::int64_t const> hidden = default_icnn_hidden;  ///< units of each hidden layer of both networks
  double penalty                       = 0.0;                  ///< lambda of sum ||relu(-W)||_F of g, added to loss_g
};

/// Bytes of workspace that `cellot_losses` takes.
template <ExecutionSpace Exec, RealView<2> Source, RealView<2> Target>
[[nodiscard]] std::size_t cellot_losses_workspace_size(Exec const&, Source const& source, Target const& target, CellotLossesOptions const& options = {}) {
  auto const network = detail::icnn_network("ocellus::transport::cellot_losses", extent(source, 1), options.hidden, 0.2, true, 1.0);
  return detail::map_losses_bytes<element_t<Source>>(network.program, network.table.size(), extent(source, 0), extent(target, 0));
}

/// The losses of a transport map learned as the gradient of a convex potential, and their gradients.
///
///     T = grad g,   loss_g = mean[f(T(x)) - <x, T(x)>] (+ penalty sum_l ||relu(-W_l)||_F of g),   loss_f = mean[f(y)] - mean[f(T(x))], T fixed
///     w2 = mean[f(T(x)) - <x, T(x)>] - mean f(y) + mean |x|^2 / 2 + mean |y|^2 / 2
///
/// f and g are `icnn` networks of leaky slope 0.2 with plain weights, parameters laid out by `icnn_parameter_table`. source (n, d), target (m, d), f (P), g (P)
/// -> loss_g, loss_f, w2 (), transport (n, d) = T(source), f_gradient (P) of loss_f, g_gradient (P) of loss_g. The places between tensors of the gradients are
/// left as they are.
///
/// Errors: `std::invalid_argument` when something does not fit or a batch is empty.
/// Error bound: 4 (layers (units + d) + 8) machine epsilons of each sum of absolute terms. Determinism: does not depend on the number of threads; sums over
/// samples go in blocks of 256. Allocates: nothing. Synchronises: no.
/// Source: A. V. Makkuva et al., "Optimal transport mapping via input convex neural networks", 2020; C. Bunne et al., "Learning single-cell perturbation responses
/// using neural optimal transport", 2023.
template <ExecutionSpace Exec, RealView<2> Source, RealView<2> Target, RealView<1> F, RealView<1> G, RealView<0> LossG, RealView<0> LossF, RealView<0> Distance,
          RealView<2> Map, RealView<1> GradientF, RealView<1> GradientG>
  requires AccessibleFrom<Exec, Source, Target, F, G, LossG, LossF, Distance, Map, GradientF, GradientG> && RealScalar<element_t<Source>>
void cellot_losses(Exec const& exec, Source const& source, Target const& target, F const& f, G const& g, LossG const& loss_g, LossF const& loss_f,
                   Distance const& w2, Map const& transport, GradientF const& f_gradient, GradientG const& g_gradient, CellotLossesOptions const& options,
                   WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::transport::cellot_losses";
  auto const network      = detail::icnn_network(function, extent(source, 1), options.hidden, 0.2, true, 1.0);
  detail::require_map_losses(function, network, source, target, f, g, transport, f_gradient, g_gradient);
  detail::map_losses(exec, function, network.program, source, target, none, none, f, g, loss_g, loss_f, w2, transport, f_gradient, g_gradient, options.penalty,
                     workspace);
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, RealView<2> Source, RealView<2> Target, RealView<1> F, RealView<1> G, RealView<0> LossG, RealView<0> LossF, RealView<0> Distance,
          RealView<2> Map, RealView<1> GradientF, RealView<1> GradientG>
  requires AccessibleFrom<Exec, Source, Target, F, G, LossG, LossF, Distance, Map, GradientF, GradientG> && RealScalar<element_t<Source>>
void cellot_losses(Exec const& exec, Source const& source, Target const& target, F const& f, G const& g, LossG const& loss_g, LossF const& loss_f,
                   Distance const& w2, Map const& transport, GradientF const& f_gradient, GradientG const& g_gradient,
                   CellotLossesOptions const& options = {}) {
  WorkspaceFor<Exec> workspace(exec, cellot_losses_workspace_size(exec, source, target, options));
  cellot_losses(exec, source, target, f, g, loss_g, loss_f, w2, transport, f_gradient, g_gradient, options, workspace);
  exec.fence("ocellus::transport::cellot_losses");
}

/// Work for batches of n and P parameters a network: g twice, once with tangents, f twice, and the gradients.
[[nodiscard]] constexpr Cost cellot_losses_cost(double rows, double width, double parameters, double bytes_per_element) {
  return {.flops         = 28 * rows * parameters,
          .special       = 0,
          .bytes_read    = 2 * (rows * width + parameters) * bytes_per_element,
          .bytes_written = (rows * width + 2 * parameters + 3) * bytes_per_element};
}

}  // namespace ocellus::transport
