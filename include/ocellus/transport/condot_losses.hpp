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
#include <ocellus/transport/picnn.hpp>

namespace ocellus::transport {

struct CondotLossesOptions {
  std::span<std::int64_t const> hidden = default_icnn_hidden;  ///< units of each hidden layer of both networks
  double penalty                       = 0.0;                  ///< lambda of sum ||relu(-wz)||_F of g, added to loss_g
};

/// Bytes of workspace that `condot_losses` takes.
template <ExecutionSpace Exec, RealView<2> Source, RealView<2> Target, RealView<2> Label>
[[nodiscard]] std::size_t condot_losses_workspace_size(Exec const&, Source const& source, Target const& target, Label const& label,
                                                       CondotLossesOptions const& options = {}) {
  auto const network = detail::picnn_network("ocellus::transport::condot_losses", extent(source, 1), extent(label, 1), options.hidden, true);
  return detail::map_losses_bytes<element_t<Source>>(network.program, network.table.size(), extent(source, 0), extent(target, 0));
}

/// The losses of label-conditioned transport maps, and their gradients: `cellot_losses` with `picnn` networks.
///
///     T = grad_x g(., label),   loss_g = mean[f(T(x)) - <x, T(x)>] (+ penalty sum_l ||relu(-wz_l)||_F of g),   loss_f = mean[f(y)] - mean[f(T(x))], T fixed
///
/// source (n, d), target (n, d), label (n, k) of both, f (P), g (P), parameters laid out by `picnn_parameter_table` -> loss_g, loss_f, w2 (), transport (n, d),
/// f_gradient (P) of loss_f, g_gradient (P) of loss_g. w2 as in `cellot_losses`. The places between tensors of the gradients are left as they are.
///
/// Errors: `std::invalid_argument` when something does not fit or the batch is empty.
/// Error bound: 4 (layers (units + d) + 16) machine epsilons of each sum of absolute terms. Determinism: does not depend on the number of threads; sums over
/// samples go in blocks of 256. Allocates: nothing. Synchronises: no.
/// Source: C. Bunne, A. Krause, M. Cuturi, "Supervised training of conditional Monge maps", 2022.
template <ExecutionSpace Exec, RealView<2> Source, RealView<2> Target, RealView<2> Label, RealView<1> F, RealView<1> G, RealView<0> LossG, RealView<0> LossF,
          RealView<0> Distance, RealView<2> Map, RealView<1> GradientF, RealView<1> GradientG>
  requires AccessibleFrom<Exec, Source, Target, Label, F, G, LossG, LossF, Distance, Map, GradientF, GradientG> && RealScalar<element_t<Source>>
void condot_losses(Exec const& exec, Source const& source, Target const& target, Label const& label, F const& f, G const& g, LossG const& loss_g,
                   LossF const& loss_f, Distance const& w2, Map const& transport, GradientF const& f_gradient, GradientG const& g_gradient,
                   CondotLossesOptions const& options, WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::transport::condot_losses";
  auto const network      = detail::picnn_network(function, extent(source, 1), extent(label, 1), options.hidden, true);
  require_equal(function, {"label.extent(0)", extent(label, 0)}, {"source.extent(0)", extent(source, 0)});
  require_equal(function, {"target.extent(0)", extent(target, 0)}, {"source.extent(0)", extent(source, 0)});
  detail::require_map_losses(function, network, source, target, f, g, transport, f_gradient, g_gradient);
  detail::map_losses(exec, function, network.program, source, target, label, label, f, g, loss_g, loss_f, w2, transport, f_gradient, g_gradient,
                     options.penalty, workspace);
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, RealView<2> Source, RealView<2> Target, RealView<2> Label, RealView<1> F, RealView<1> G, RealView<0> LossG, RealView<0> LossF,
          RealView<0> Distance, RealView<2> Map, RealView<1> GradientF, RealView<1> GradientG>
  requires AccessibleFrom<Exec, Source, Target, Label, F, G, LossG, LossF, Distance, Map, GradientF, GradientG> && RealScalar<element_t<Source>>
void condot_losses(Exec const& exec, Source const& source, Target const& target, Label const& label, F const& f, G const& g, LossG const& loss_g,
                   LossF const& loss_f, Distance const& w2, Map const& transport, GradientF const& f_gradient, GradientG const& g_gradient,
                   CondotLossesOptions const& options = {}) {
  WorkspaceFor<Exec> workspace(exec, condot_losses_workspace_size(exec, source, target, label, options));
  condot_losses(exec, source, target, label, f, g, loss_g, loss_f, w2, transport, f_gradient, g_gradient, options, workspace);
  exec.fence("ocellus::transport::condot_losses");
}

/// Work for batches of n and P parameters a network: g twice, once with tangents, f twice, and the gradients.
[[nodiscard]] constexpr Cost condot_losses_cost(double rows, double width, double parameters, double bytes_per_element) {
  return {.flops         = 28 * rows * parameters,
          .special       = 0,
          .bytes_read    = 2 * (rows * width + parameters) * bytes_per_element,
          .bytes_written = (rows * width + 2 * parameters + 3) * bytes_per_element};
}

}  // namespace ocellus::transport
