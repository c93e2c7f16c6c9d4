// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/parameter_table.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/transport/detail/network_program.hpp>

namespace ocellus::transport {

inline constexpr std::array<std::int64_t, 4> default_icnn_hidden = {64, 64, 64, 64};

struct IcnnOptions {
  std::span<std::int64_t const> hidden = default_icnn_hidden;  ///< units of each hidden layer, at least one layer
  double slope                         = 0.2;                  ///< of the activation where its argument is not positive
  bool softplus_weights                = false;                ///< W stands for log(1 + exp(beta W)) / beta
  double softplus_beta                 = 1.0;
};

/// Names and places of the parameters of an input-convex network on d inputs: A.i.weight, A.i.bias (i = 0..L), W.i.weight (i = 0..L-1).
[[nodiscard]] inline ParameterTable icnn_parameter_table(std::int64_t width, std::span<std::int64_t const> hidden) {
  return detail::icnn_network("ocellus::transport::icnn_parameter_table", width, hidden, 0.2, false, 1.0).table;
}

/// Bytes of workspace that `icnn` takes.
template <ExecutionSpace Exec, RealView<2> X, RealView<1> Parameters>
[[nodiscard]] std::size_t icnn_workspace_size(Exec const&, X const& x, Parameters const& parameters, IcnnOptions const& options = {}) {
  auto const network =
      detail::icnn_network("ocellus::transport::icnn", extent(x, 1), options.hidden, options.slope, options.softplus_weights, options.softplus_beta);
  using Real = element_t<X>;
  return workspace_bytes<Real>(element_count(parameters)) + detail::network_state_bytes<Real>(extent(x, 0), network.program.nodes, false);
}

/// An input-convex network: its value, and its gradient in x, which is a transport map where the W are not negative.
///
///     z1 = s(A0 x + b0)^2,  z_{l+1} = s(W_l z_l + A_l x + b_l),  value = W_L z_L + A_L x + b_L,  gradient = dvalue/dx;   s = leaky ReLU
///
/// x (n, d), parameters (P), laid out by `icnn_parameter_table` -> value (n), gradient (n, d). The activation's derivative at 0 is `slope`. NaN in a row spoils
/// that row.
///
/// Errors: `std::invalid_argument` when something does not fit or there is no hidden layer.
/// Error bound: (layers (units + d) + 8) machine epsilons of the sum of absolute terms. Determinism: a row's bits depend on that row and the parameters alone.
/// Allocates: nothing. Synchronises: no.
/// Source: B. Amos, L. Xu, J. Z. Kolter, "Input convex neural networks", 2017; C. Bunne et al., "Learning single-cell perturbation responses using neural optimal
/// transport", 2023.
template <ExecutionSpace Exec, RealView<2> X, RealView<1> Parameters, RealView<1> Value, RealView<2> Gradient>
  requires AccessibleFrom<Exec, X, Parameters, Value, Gradient> && RealScalar<element_t<X>>
void icnn(Exec const& exec, X const& x, Parameters const& parameters, Value const& value, Gradient const& gradient, IcnnOptions const& options,
          WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::transport::icnn";
  using Real              = element_t<X>;
  std::int64_t const n = extent(x, 0), d = extent(x, 1);
  auto const network = detail::icnn_network(function, d, options.hidden, options.slope, options.softplus_weights, options.softplus_beta);
  require_equal(function, {"parameters.extent(0)", extent(parameters, 0)},
                {"the size of the parameter table", static_cast<std::int64_t>(network.table.size())});
  require_equal(function, {"value.extent(0)", extent(value, 0)}, {"x.extent(0)", n});
  require_equal(function, {"gradient.extent(0)", extent(gradient, 0)}, {"x.extent(0)", n});
  require_equal(function, {"gradient.extent(1)", extent(gradient, 1)}, {"x.extent(1)", d});
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  auto const weights = workspace.template take<Real*>(function, parameters.size());
  auto const state   = detail::take_network_state<Real>(function, workspace, n, network.program.nodes, false);
  detail::prepare_weights(exec, function, network.program, parameters, weights.data());
  detail::run_network(exec, function, network.program, static_cast<Real const*>(weights.data()), x, none, none, state);
  detail::copy_node(exec, function, network.program, state.value, network.program.output, 1, n, value);
  detail::copy_node(exec, function, network.program, state.adjoint, network.program.input, d, n, gradient);
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, RealView<2> X, RealView<1> Parameters, RealView<1> Value, RealView<2> Gradient>
  requires AccessibleFrom<Exec, X, Parameters, Value, Gradient> && RealScalar<element_t<X>>
void icnn(Exec const& exec, X const& x, Parameters const& parameters, Value const& value, Gradient const& gradient, IcnnOptions const& options = {}) {
  WorkspaceFor<Exec> workspace(exec, icnn_workspace_size(exec, x, parameters, options));
  icnn(exec, x, parameters, value, gradient, options, workspace);
  exec.fence("ocellus::transport::icnn");
}

/// Work for n points and P parameters: each enters forward and backward.
[[nodiscard]] constexpr Cost icnn_cost(double rows, double width, double parameters, double bytes_per_element) {
  return {.flops         = 4 * rows * parameters,
          .special       = 0,
          .bytes_read    = (rows * width + parameters) * bytes_per_element,
          .bytes_written = rows * (width + 1) * bytes_per_element};
}

}  // namespace ocellus::transport
