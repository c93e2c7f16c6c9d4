// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <span>
#include <string>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/transport/detail/network_program.hpp>
#include <ocellus/transport/icnn.hpp>

namespace ocellus::transport {

struct JkoStepOptions {
  std::span<std::int64_t const> hidden        = default_icnn_hidden;  ///< units of the potential's hidden layers
  std::span<std::int64_t const> energy_hidden = default_icnn_hidden;  ///< units of the energy's hidden layers; may be none
  double tau                                  = 1.0;                  ///< length of the step
  double slope                                = 0.01;                 ///< of the potential's activation
  bool softplus_weights                       = true;                 ///< W of the potential stands for log(1 + exp(W))
  double convex                               = 0.0;                  ///< the prediction is grad psi(x) + convex x
  double learning_rate = 0.01, beta1 = 0.5, beta2 = 0.9, adam_epsilon = 1e-8;
};

/// Names and places of the parameters of the energy: 0.weight, 0.bias, ...
[[nodiscard]] inline ParameterTable jko_energy_parameter_table(std::int64_t width, std::span<std::int64_t const> hidden) {
  return detail::energy_network("ocellus::transport::jko_energy_parameter_table", width, hidden).table;
}

namespace detail {

/// prediction = map + convex x.
template <class Member, class Real, class X>
struct JkoPrediction {
  Real const* map;
  X x;
  Real convex;
  Real* prediction;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t n) const {
    std::int64_t const width = extent(x, 1);
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, width),
                         [&](std::int64_t const k) { prediction[n * width + k] = map[n * width + k] + convex * static_cast<Real>(x(n, k)); });
  }
};

/// The derivative of the loss with respect to the prediction.
template <class Member, class Real, class X>
struct JkoDirection {
  Real const* adjoint;  ///< of the energy at the prediction
  std::int64_t nodes, input;
  X x;
  Real const* prediction;
  double tau;
  Real* direction;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t n) const {
    std::int64_t const width = extent(x, 1);
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, width), [&](std::int64_t const k) {
      double const moved       = static_cast<double>(prediction[n * width + k]) - static_cast<double>(x(n, k));
      direction[n * width + k] = static_cast<Real>(static_cast<double>(adjoint[n * nodes + input + k]) + 2 / tau * moved);
    });
  }
};

/// The energy's sum, and with a prediction the step's loss.
template <class Member, class Real, class X, class Loss>
struct JkoLoss {
  Real const* value;
  std::int64_t nodes, output;
  X x;
  Real const* prediction;  ///< null: the energy alone
  double tau;
  Loss loss;
  std::int64_t at;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t) const {
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      std::int64_t const width = extent(x, 1);
      double const sum         = ordered_sum<double>(extent(x, 0), [&](std::int64_t n) {
        double part = static_cast<double>(value[n * nodes + output]);
        for (std::int64_t k = 0; prediction != nullptr && k < width; ++k) {
          double const moved = static_cast<double>(prediction[n * width + k]) - static_cast<double>(x(n, k));
          part += moved * moved / tau;
        }
        return part;
      });
      if constexpr (Loss::rank() == 0)
        loss() = static_cast<element_t<Loss>>(sum);
      else
        loss(at) = static_cast<element_t<Loss>>(sum);
    });
  }
};

/// One step of Adam on one element.
template <class Member, class Real, class Parameters>
struct AdamStep {
  Parameters parameters;
  Real const* gradient;
  Real* first;
  Real* second;
  double rate, beta1, beta2, epsilon, correct1, correct2;
  bool start;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t block) const {
    std::int64_t const from = block * 64, size = extent(parameters, 0) - from < 64 ? extent(parameters, 0) - from : 64;
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, size), [&](std::int64_t const k) {
      double const g   = static_cast<double>(gradient[from + k]);
      double const m   = beta1 * (start ? 0.0 : static_cast<double>(first[from + k])) + (1 - beta1) * g;
      double const v   = beta2 * (start ? 0.0 : static_cast<double>(second[from + k])) + (1 - beta2) * g * g;
      first[from + k]  = static_cast<Real>(m);
      second[from + k] = static_cast<Real>(v);
      parameters(from + k) =
          static_cast<element_t<Parameters>>(static_cast<double>(parameters(from + k)) - rate * (m / correct1) / (Kokkos::sqrt(v / correct2) + epsilon));
    });
  }
};

template <class Member, class Real>
struct ZeroLine {
  Real* line;
  std::int64_t count;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t block) const {
    std::int64_t const from = block * 64, size = count - from < 64 ? count - from : 64;
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, size), [&](std::int64_t const k) { line[from + k] = 0; });
  }
};

}  // namespace detail

/// Bytes of workspace that `jko_step` takes.
template <ExecutionSpace Exec, RealView<2> X>
[[nodiscard]] std::size_t jko_step_workspace_size(Exec const&, X const& x, JkoStepOptions const& options = {}) {
  constexpr auto function = "ocellus::transport::jko_step";
  using Real              = element_t<X>;
  auto const potential    = detail::icnn_network(function, extent(x, 1), options.hidden, options.slope, options.softplus_weights, 1.0);
  auto const energy       = detail::energy_network(function, extent(x, 1), options.energy_hidden);
  std::int64_t const n    = extent(x, 0);
  return 4 * workspace_bytes<Real>(potential.table.size()) + workspace_bytes<Real>(energy.table.size()) +
         detail::network_state_bytes<Real>(n, potential.program.nodes, true) + detail::network_state_bytes<Real>(n, energy.program.nodes, false) +
         3 * workspace_bytes<Real>(static_cast<std::size_t>(n * extent(x, 1)));
}

/// A step of the Jordan-Kinderlehrer-Otto scheme: particles follow the gradient of a convex potential that Adam fits to an energy.
///
///     loss = sum_i E(p_i) + (1 / tau) sum_i |p_i - x_i|^2,   p = grad psi(x) + convex x
///
/// x (n, d), parameters (P) of psi, an `icnn` laid out by `icnn_parameter_table`, changed in place, energy_parameters (Q) of E, a softplus network laid out by
/// `jko_energy_parameter_table` -> losses (iterations), each before its update, gradient_map (n, d) = grad psi at the parameters before the last update, energy
/// () = sum_i E(x_i) and energy_gradient (n, d) at x. Adam starts from zero moments, with bias correction.
///
/// Errors: `std::invalid_argument` when something does not fit, tau is not positive, or losses is empty.
/// Error bound: a loss and a gradient as `cellot_losses`; Adam divides by the size of gradients, so that small ones lose it.
/// Determinism: does not depend on the number of threads. Allocates: nothing. Synchronises: no.
/// Source: C. Bunne, L. Papaxanthos, A. Krause, M. Cuturi, "Proximal optimal transport modeling of population dynamics", 2022.
template <ExecutionSpace Exec, RealView<2> X, RealView<1> Parameters, RealView<1> EnergyParameters, RealView<1> Losses, RealView<2> GradientMap,
          RealView<0> Energy, RealView<2> EnergyGradient>
  requires AccessibleFrom<Exec, X, Parameters, EnergyParameters, Losses, GradientMap, Energy, EnergyGradient> && RealScalar<element_t<X>>
void jko_step(Exec const& exec, X const& x, Parameters const& parameters, EnergyParameters const& energy_parameters, Losses const& losses,
              GradientMap const& gradient_map, Energy const& energy, EnergyGradient const& energy_gradient, JkoStepOptions const& options,
              WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::transport::jko_step";
  using Real              = element_t<X>;
  using Member            = TeamMember<Exec>;
  std::int64_t const n = extent(x, 0), d = extent(x, 1), iterations = extent(losses, 0);
  auto const potential = detail::icnn_network(function, d, options.hidden, options.slope, options.softplus_weights, 1.0);
  auto const well      = detail::energy_network(function, d, options.energy_hidden);
  auto const size      = static_cast<std::int64_t>(potential.table.size());
  require(options.tau > 0, function, "tau is ", options.tau, ", not a positive number");
  require(iterations >= 1, function, "losses.extent(0) (iterations) is 0");
  require_equal(function, {"parameters.extent(0)", extent(parameters, 0)}, {"the size of the parameter table", size});
  require_equal(function, {"energy_parameters.extent(0)", extent(energy_parameters, 0)},
                {"the size of the energy's parameter table", static_cast<std::int64_t>(well.table.size())});
  require_equal(function, {"gradient_map.extent(0)", extent(gradient_map, 0)}, {"x.extent(0)", n});
  require_equal(function, {"gradient_map.extent(1)", extent(gradient_map, 1)}, {"x.extent(1)", d});
  require_equal(function, {"energy_gradient.extent(0)", extent(energy_gradient, 0)}, {"x.extent(0)", n});
  require_equal(function, {"energy_gradient.extent(1)", extent(energy_gradient, 1)}, {"x.extent(1)", d});
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  auto const take    = [&](std::int64_t count) { return workspace.template take<Real*>(function, count); };
  auto const weights = take(size), gradient = take(size), first = take(size), second = take(size), e_weights = take(extent(energy_parameters, 0));
  auto const state       = detail::take_network_state<Real>(function, workspace, n, potential.program.nodes, true);
  auto const e_state     = detail::take_network_state<Real>(function, workspace, n, well.program.nodes, false);
  auto const map         = workspace.template take<Real**>(function, n, d);
  auto const prediction  = workspace.template take<Real**>(function, n, d);
  auto const direction   = workspace.template take<Real**>(function, n, d);
  Real const* const w    = weights.data();
  Real const* const we   = e_weights.data();
  std::string const name = function;
  detail::prepare_weights(exec, function, well.program, energy_parameters, e_weights.data());
  detail::run_network(exec, function, well.program, we, x, none, none, e_state);
  detail::copy_node(exec, function, well.program, e_state.adjoint, well.program.input, d, n, energy_gradient);
  for_each_row(exec, name + "::energy", 1,
               detail::JkoLoss<Member, Real, X, Energy>{e_state.value, well.program.nodes, well.program.output, x, nullptr, options.tau, energy, 0});
  for_each_row(exec, name + "::zero", (size + 63) / 64, detail::ZeroLine<Member, Real>{gradient.data(), size});
  for (std::int64_t k = 0; k < iterations; ++k) {
    detail::prepare_weights(exec, function, potential.program, parameters, weights.data());
    detail::run_network(exec, function, potential.program, w, x, none, none, state);
    detail::copy_node(exec, function, potential.program, state.adjoint, potential.program.input, d, n, map);
    if (k + 1 == iterations) detail::copy_node(exec, function, potential.program, state.adjoint, potential.program.input, d, n, gradient_map);
    for_each_row(exec, name + "::predict", n, detail::JkoPrediction<Member, Real, X>{map.data(), x, static_cast<Real>(options.convex), prediction.data()});
    detail::run_network(exec, function, well.program, we, prediction, none, none, e_state);
    for_each_row(
        exec, name + "::loss", 1,
        detail::JkoLoss<Member, Real, X, Losses>{e_state.value, well.program.nodes, well.program.output, x, prediction.data(), options.tau, losses, k});
    for_each_row(
        exec, name + "::direction", n,
        detail::JkoDirection<Member, Real, X>{e_state.adjoint, well.program.nodes, well.program.input, x, prediction.data(), options.tau, direction.data()});
    detail::run_network(exec, function, potential.program, w, x, none, direction, state);
    detail::parameter_gradients(exec, function, potential.program, parameters, state, n, 1.0, true, false, gradient);
    double const step = static_cast<double>(k + 1);
    for_each_row(exec, name + "::adam", (size + 63) / 64,
                 detail::AdamStep<Member, Real, Parameters>{parameters, gradient.data(), first.data(), second.data(), options.learning_rate, options.beta1,
                                                            options.beta2, options.adam_epsilon, 1 - std::pow(options.beta1, step),
                                                            1 - std::pow(options.beta2, step), k == 0});
  }
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, RealView<2> X, RealView<1> Parameters, RealView<1> EnergyParameters, RealView<1> Losses, RealView<2> GradientMap,
          RealView<0> Energy, RealView<2> EnergyGradient>
  requires AccessibleFrom<Exec, X, Parameters, EnergyParameters, Losses, GradientMap, Energy, EnergyGradient> && RealScalar<element_t<X>>
void jko_step(Exec const& exec, X const& x, Parameters const& parameters, EnergyParameters const& energy_parameters, Losses const& losses,
              GradientMap const& gradient_map, Energy const& energy, EnergyGradient const& energy_gradient, JkoStepOptions const& options = {}) {
  WorkspaceFor<Exec> workspace(exec, jko_step_workspace_size(exec, x, options));
  jko_step(exec, x, parameters, energy_parameters, losses, gradient_map, energy, energy_gradient, options, workspace);
  exec.fence("ocellus::transport::jko_step");
}

/// Work of the iterations for n particles and P parameters of the potential, Q of the energy.
[[nodiscard]] constexpr Cost jko_step_cost(double rows, double width, double parameters, double energy_parameters, double iterations,
                                           double bytes_per_element) {
  return {.flops         = iterations * rows * (16 * parameters + 4 * energy_parameters),
          .special       = 0,
          .bytes_read    = (rows * width + parameters + energy_parameters) * bytes_per_element,
          .bytes_written = (2 * rows * width + parameters + iterations + 1) * bytes_per_element};
}

}  // namespace ocellus::transport
