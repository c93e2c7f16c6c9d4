// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/parameter_table.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/transport/icnn.hpp>

namespace ocellus::transport {

struct PicnnOptions {
  std::span<std::int64_t const> hidden = default_icnn_hidden;  ///< units of each hidden layer, at least one layer
  bool softplus_weights                = false;                ///< wz stands for log(1 + exp(wz))
};

/// Names and places of the parameters of a partially convex network: w.i, wxu.i, wx.i, wzu.i (weight, bias), wz.i, wu.i (weight).
[[nodiscard]] inline ParameterTable picnn_parameter_table(std::int64_t width, std::int64_t label_width, std::span<std::int64_t const> hidden) {
  return detail::picnn_network("ocellus::transport::picnn_parameter_table", width, label_width, hidden, false).table;
}

/// Bytes of workspace that `picnn` takes.
template <ExecutionSpace Exec, RealView<2> X, RealView<2> Label, RealView<1> Parameters>
[[nodiscard]] std::size_t picnn_workspace_size(Exec const&, X const& x, Label const& label, Parameters const& parameters, PicnnOptions const& options = {}) {
  auto const network = detail::picnn_network("ocellus::transport::picnn", extent(x, 1), extent(label, 1), options.hidden, options.softplus_weights);
  using Real         = element_t<X>;
  return workspace_bytes<Real>(element_count(parameters)) + detail::network_state_bytes<Real>(extent(x, 0), network.program.nodes, false);
}

/// A network that is convex in x and depends on a label: its value, and its gradient in x, a transport map for each label.
///
///     u_l = s(w_l u_{l-1});   z1 = s(wx_0(x .* wxu_0 u_1) + wu_0 u_1)^2;   z_{l+1} = s(wz(z_l .* softplus(wzu u)) + wx(x .* wxu u) + wu u)
///
/// with u_0 the label; the value is the same three terms at the last u, without s, a leaky ReLU of slope 0.2. x (n, d), label (n, k), parameters (P), laid out
/// by `picnn_parameter_table` -> value (n), gradient (n, d).
///
/// Errors: `std::invalid_argument` when something does not fit or there is no hidden layer.
/// Error bound: (layers (units + d) + 16) machine epsilons of the sum of absolute terms. Determinism: a row's bits depend on that row and the parameters alone.
/// Allocates: nothing. Synchronises: no.
/// Source: C. Bunne, A. Krause, M. Cuturi, "Supervised training of conditional Monge maps", 2022.
template <ExecutionSpace Exec, RealView<2> X, RealView<2> Label, RealView<1> Parameters, RealView<1> Value, RealView<2> Gradient>
  requires AccessibleFrom<Exec, X, Label, Parameters, Value, Gradient> && RealScalar<element_t<X>>
void picnn(Exec const& exec, X const& x, Label const& label, Parameters const& parameters, Value const& value, Gradient const& gradient,
           PicnnOptions const& options, WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::transport::picnn";
  using Real              = element_t<X>;
  std::int64_t const n = extent(x, 0), d = extent(x, 1);
  auto const network = detail::picnn_network(function, d, extent(label, 1), options.hidden, options.softplus_weights);
  require_equal(function, {"label.extent(0)", extent(label, 0)}, {"x.extent(0)", n});
  require_equal(function, {"parameters.extent(0)", extent(parameters, 0)},
                {"the size of the parameter table", static_cast<std::int64_t>(network.table.size())});
  require_equal(function, {"value.extent(0)", extent(value, 0)}, {"x.extent(0)", n});
  require_equal(function, {"gradient.extent(0)", extent(gradient, 0)}, {"x.extent(0)", n});
  require_equal(function, {"gradient.extent(1)", extent(gradient, 1)}, {"x.extent(1)", d});
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  auto const weights = workspace.template take<Real*>(function, parameters.size());
  auto const state   = detail::take_network_state<Real>(function, workspace, n, network.program.nodes, false);
  detail::prepare_weights(exec, function, network.program, parameters, weights.data());
  detail::run_network(exec, function, network.program, static_cast<Real const*>(weights.data()), x, label, none, state);
  detail::copy_node(exec, function, network.program, state.value, network.program.output, 1, n, value);
  detail::copy_node(exec, function, network.program, state.adjoint, network.program.input, d, n, gradient);
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, RealView<2> X, RealView<2> Label, RealView<1> Parameters, RealView<1> Value, RealView<2> Gradient>
  requires AccessibleFrom<Exec, X, Label, Parameters, Value, Gradient> && RealScalar<element_t<X>>
void picnn(Exec const& exec, X const& x, Label const& label, Parameters const& parameters, Value const& value, Gradient const& gradient,
           PicnnOptions const& options = {}) {
  WorkspaceFor<Exec> workspace(exec, picnn_workspace_size(exec, x, label, parameters, options));
  picnn(exec, x, label, parameters, value, gradient, options, workspace);
  exec.fence("ocellus::transport::picnn");
}

/// Work for n points and P parameters.
[[nodiscard]] constexpr Cost picnn_cost(double rows, double width, double label_width, double parameters, double bytes_per_element) {
  return {.flops         = 4 * rows * parameters,
          .special       = 0,
          .bytes_read    = (rows * (width + label_width) + parameters) * bytes_per_element,
          .bytes_written = rows * (width + 1) * bytes_per_element};
}

}  // namespace ocellus::transport
