// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The two losses of a pair of convex potentials, with their gradients, for plain and for label-conditioned networks.

#include <cstdint>
#include <string>

#include <ocellus/transport/detail/network_program.hpp>

namespace ocellus::transport::detail {

/// v = (df/dx at T - x) / n: the direction along which g's parameters move the loss.
template <class Member, class Real, class X>
struct MapDirection {
  Real const* adjoint;  ///< of f at T
  std::int64_t nodes, input;
  X x;
  double samples;
  Real* direction;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t n) const {
    std::int64_t const width = extent(x, 1);
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, width), [&](std::int64_t const k) {
      direction[n * width + k] = static_cast<Real>((static_cast<double>(adjoint[n * nodes + input + k]) - static_cast<double>(x(n, k))) / samples);
    });
  }
};

/// sum relu(-W)^2 of one weight, into its place; and lambda relu(-W) / |relu(-W)| taken off the gradient.
template <class Member, class Parameters, class Gradient>
struct NegativeWeights {
  NetworkProgram program;
  Parameters parameters;
  double penalty;
  double* norms;
  Gradient gradient;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t at) const {
    NetworkStep const& s = program.steps[at];
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      norms[at] = 0;
      if (s.kind != StepKind::linear || !s.positive) return;
      double sum = 0;
      for (std::int64_t k = 0; k < s.in_size * s.out_size; ++k) {
        double const w = static_cast<double>(parameters(s.weight + k));
        if (w < 0) sum += w * w;
      }
      double const norm = Kokkos::sqrt(sum);
      norms[at]         = norm;
      for (std::int64_t k = 0; norm > 0 && k < s.in_size * s.out_size; ++k) {
        double const w = static_cast<double>(parameters(s.weight + k));
        if (w < 0) gradient(s.weight + k) = static_cast<element_t<Gradient>>(static_cast<double>(gradient(s.weight + k)) + penalty * w / norm);
      }
    });
  }
};

template <class Member, class Real, class X, class Y, class LossG, class LossF, class Distance>
struct CombineMapLosses {
  NetworkProgram f;
  X source;
  Y target;
  Real const* at_map;     ///< f's numbers at T(source)
  Real const* at_target;  ///< f's numbers at target
  Real const* map;
  double const* norms;
  int steps;
  double penalty;
  LossG loss_g;
  LossF loss_f;
  Distance w2;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t) const {
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      std::int64_t const n = extent(source, 0), m = extent(target, 0), width = extent(source, 1);
      double const mapped =
          ordered_sum<double>(n, [&](std::int64_t i) { return static_cast<double>(at_map[i * f.nodes + f.output]); }) / static_cast<double>(n);
      double const own =
          ordered_sum<double>(m, [&](std::int64_t i) { return static_cast<double>(at_target[i * f.nodes + f.output]); }) / static_cast<double>(m);
      double const inner = ordered_sum<double>(n,
                                               [&](std::int64_t i) {
                                                 double sum = 0;
                                                 for (std::int64_t k = 0; k < width; ++k)
                                                   sum += static_cast<double>(source(i, k)) * static_cast<double>(map[i * width + k]);
                                                 return sum;
                                               }) /
                           static_cast<double>(n);
      auto const squares = [&](auto const& cloud) {
        std::int64_t const count = extent(cloud, 0);
        return ordered_sum<double>(count,
                                   [&](std::int64_t i) {
                                     double sum = 0;
                                     for (std::int64_t k = 0; k < width; ++k) sum += static_cast<double>(cloud(i, k)) * static_cast<double>(cloud(i, k));
                                     return sum;
                                   }) /
               static_cast<double>(count);
      };
      double regular = 0;
      for (int at = 0; at < steps; ++at) regular += norms[at];
      loss_g() = static_cast<element_t<LossG>>(mapped - inner + penalty * regular);
      loss_f() = static_cast<element_t<LossF>>(own - mapped);
      w2()     = static_cast<element_t<Distance>>(mapped - inner - own + 0.5 * squares(source) + 0.5 * squares(target));
    });
  }
};

template <class Real>
[[nodiscard]] std::size_t map_losses_bytes(NetworkProgram const& program, std::size_t parameters, std::int64_t n, std::int64_t m) {
  return 2 * workspace_bytes<Real>(parameters) + network_state_bytes<Real>(n, program.nodes, true) + network_state_bytes<Real>(n, program.nodes, false) +
         network_state_bytes<Real>(m, program.nodes, false) + 2 * workspace_bytes<Real>(static_cast<std::size_t>(n * program.width)) +
         workspace_bytes<double>(network_step_limit);
}

/// `network`: of f and g alike, in which the weights that must not be negative are marked `positive` for the penalty; what runs has them plain.
template <ExecutionSpace Exec, class X, class Y, class SourceLabel, class TargetLabel, class F, class G, class LossG, class LossF, class Distance, class Map,
          class GradientF, class GradientG>
void map_losses(Exec const& exec, std::string const& function, NetworkProgram const& marked, X const& source, Y const& target, SourceLabel const& source_label,
                TargetLabel const& target_label, F const& f, G const& g, LossG const& loss_g, LossF const& loss_f, Distance const& w2, Map const& map,
                GradientF const& f_gradient, GradientG const& g_gradient, double penalty, WorkspaceFor<Exec>& workspace) {
  using Real   = element_t<X>;
  using Member = TeamMember<Exec>;
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  std::int64_t const n = extent(source, 0), m = extent(target, 0), width = extent(source, 1);
  NetworkProgram program = marked;
  for (int at = 0; at < program.count; ++at) program.steps[at].positive = false;
  auto const f_weights = workspace.template take<Real*>(function, f.size());
  auto const g_weights = workspace.template take<Real*>(function, g.size());
  auto const of_g      = take_network_state<Real>(function, workspace, n, program.nodes, true);
  auto const at_map    = take_network_state<Real>(function, workspace, n, program.nodes, false);
  auto const at_target = take_network_state<Real>(function, workspace, m, program.nodes, false);
  auto const mapped    = workspace.template take<Real**>(function, n, width);
  auto const direction = workspace.template take<Real**>(function, n, width);
  auto const norms     = workspace.template take<double*>(function, network_step_limit);
  prepare_weights(exec, function, program, f, f_weights.data());
  prepare_weights(exec, function, program, g, g_weights.data());
  Real const* const wf = f_weights.data();
  Real const* const wg = g_weights.data();
  run_network(exec, function, program, wg, source, source_label, none, of_g);
  copy_node(exec, function, program, of_g.adjoint, program.input, width, n, mapped);
  copy_node(exec, function, program, of_g.adjoint, program.input, width, n, map);
  run_network(exec, function, program, wf, mapped, source_label, none, at_map);
  run_network(exec, function, program, wf, target, target_label, none, at_target);
  for_each_row(exec, function + "::direction", n,
               MapDirection<Member, Real, X>{at_map.adjoint, program.nodes, program.input, source, static_cast<double>(n), direction.data()});
  run_network(exec, function, program, wg, source, source_label, direction, of_g);
  parameter_gradients(exec, function, program, g, of_g, n, 1.0, true, false, g_gradient);
  parameter_gradients(exec, function, program, f, at_map, n, -1.0 / static_cast<double>(n), false, false, f_gradient);
  parameter_gradients(exec, function, program, f, at_target, m, 1.0 / static_cast<double>(m), false, true, f_gradient);
  for_each_row(exec, function + "::penalty", program.count, NegativeWeights<Member, G, GradientG>{marked, g, penalty, norms.data(), g_gradient});
  for_each_row(exec, function + "::losses", 1,
               CombineMapLosses<Member, Real, X, Y, LossG, LossF, Distance>{program, source, target, at_map.value, at_target.value, mapped.data(), norms.data(),
                                                                            program.count, penalty, loss_g, loss_f, w2});
}

template <class X, class Y, class F, class G, class Map, class GradientF, class GradientG>
void require_map_losses(std::string const& function, NetworkBuilder const& network, X const& source, Y const& target, F const& f, G const& g, Map const& map,
                        GradientF const& f_gradient, GradientG const& g_gradient) {
  auto const size = static_cast<std::int64_t>(network.table.size());
  require(extent(source, 0) > 0 && extent(target, 0) > 0, function, "source.extent(0) is ", extent(source, 0), " and target.extent(0) is ", extent(target, 0),
          "; neither may be 0");
  require_equal(function, {"target.extent(1)", extent(target, 1)}, {"source.extent(1)", extent(source, 1)});
  require_equal(function, {"f.extent(0)", extent(f, 0)}, {"the size of the parameter table", size});
  require_equal(function, {"g.extent(0)", extent(g, 0)}, {"the size of the parameter table", size});
  require_equal(function, {"f_gradient.extent(0)", extent(f_gradient, 0)}, {"f.extent(0)", size});
  require_equal(function, {"g_gradient.extent(0)", extent(g_gradient, 0)}, {"g.extent(0)", size});
  require_equal(function, {"transport.extent(0)", extent(map, 0)}, {"source.extent(0)", extent(source, 0)});
  require_equal(function, {"transport.extent(1)", extent(map, 1)}, {"source.extent(1)", extent(source, 1)});
}

}  // namespace ocellus::transport::detail
