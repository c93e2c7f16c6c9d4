// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>

namespace ocellus::transport {

struct DsbChainOptions {
  bool mean_match = true;   ///< the network gives the next mean; else what is added to x
  bool sample     = false;  ///< leaves the last noise out
};

namespace detail {

template <class V>
[[nodiscard]] KOKKOS_INLINE_FUNCTION bool is_given(V const& view) {
  if constexpr (std::is_same_v<V, None>)
    return false;
  else
    return is_present(view);
}

template <class Member, class X0, class Gammas, class Noise, class Mean, class Variance, class Matrix, class Offset, class Slope, class Positions,
          class Targets>
struct DsbPaths {
  X0 x0;
  Gammas gammas;
  Noise noise;
  Mean mean;
  Variance variance;
  Matrix matrix;
  Offset offset;
  Slope slope;
  Positions positions;
  Targets targets;
  bool has_prior, mean_match, sample;

  using Real = element_t<Positions>;

  /// Component k of F at the point that `point(c)` gives.
  template <class Point>
  KOKKOS_INLINE_FUNCTION Real next_mean(Point const& point, std::int64_t k, Real gamma, Real time) const {
    if constexpr (!std::is_same_v<Mean, None> && !std::is_same_v<Variance, None>) {
      if (has_prior) return point(k) - gamma * ((point(k) - static_cast<Real>(mean(k))) / static_cast<Real>(variance(k)));
    }
    if constexpr (!std::is_same_v<Matrix, None> && !std::is_same_v<Offset, None> && !std::is_same_v<Slope, None>) {
      Real sum = static_cast<Real>(offset(k)) + time * static_cast<Real>(slope(k));
      for (std::int64_t c = 0; c < extent(x0, 1); ++c) sum += point(c) * static_cast<Real>(matrix(k, c));
      return mean_match ? sum : point(k) + sum;
    }
    return Kokkos::Experimental::quiet_NaN_v<Real>;
  }

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t i) const {
    std::int64_t const steps = extent(gammas, 0), width = extent(x0, 1);
    double passed = 0;
    for (std::int64_t step = 0; step < steps; ++step) {
      double const g = static_cast<double>(gammas(step));
      passed += g;
      Real const gamma = static_cast<Real>(g), time = static_cast<Real>(passed), spread = static_cast<Real>(Kokkos::sqrt(2 * g));
      bool const quiet  = sample && step + 1 == steps;
      auto const before = [&](std::int64_t c) { return step == 0 ? static_cast<Real>(x0(i, c)) : positions(i, step - 1, c); };
      auto const after  = [&](std::int64_t c) { return positions(i, step, c); };
      Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, width), [&](std::int64_t const k) {
        Real const next       = next_mean(before, k, gamma, time);
        targets(i, step, k)   = next;
        positions(i, step, k) = quiet ? next : next + spread * static_cast<Real>(noise(step, i, k));
      });
      Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, width),
                           [&](std::int64_t const k) { targets(i, step, k) = targets(i, step, k) - next_mean(after, k, gamma, time); });
    }
  }
};

template <class Member, class Gammas, class Times>
struct DsbTimes {
  Gammas gammas;
  Times times;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t) const {
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      double passed = 0;
      for (std::int64_t step = 0; step < extent(gammas, 0); ++step) {
        passed += static_cast<double>(gammas(step));
        times(step) = static_cast<element_t<Times>>(passed);
      }
    });
  }
};

}  // namespace detail

/// The forward chain of a diffusion Schroedinger bridge, and what the backward network is fitted to.
///
///     x_{k+1} = F(x_k) + (2 gamma_k)^{1/2} noise_k,   target_k = F(x_k) - F(x_{k+1}),   t_k = gamma_0 + ... + gamma_k
///     prior given: F = x - gamma_k (x - mean) / variance;   network given: F = net(x, t_k), or x + net(x, t_k) without `mean_match`,
///     net = x net_matrix^T + net_offset + t net_slope
///
/// x0 (N, d), gammas (K) >= 0, noise (K, N, d); prior_mean, prior_variance (d), or net_matrix (d, d), net_offset, net_slope (d), the others none -> positions
/// (N, K, d) after each step and targets (N, K, d), of float or double, times (K).
///
/// Errors: `std::invalid_argument` when something does not fit, or not exactly one of prior and network is whole.
/// Error bound: K (d + 6) machine epsilons of the largest term times the growth of F. Determinism: a path depends on its start and noise alone.
/// Allocates: nothing. Synchronises: no.
/// Source: V. De Bortoli, J. Thornton, J. Heng, A. Doucet, "Diffusion Schroedinger bridge", 2021.
template <ExecutionSpace Exec, RealView<2> X0, RealView<1> Gammas, RealView<3> Noise, OptionalRealView<1> Mean, OptionalRealView<1> Variance,
          OptionalRealView<2> Matrix, OptionalRealView<1> Offset, OptionalRealView<1> Slope, RealView<3> Positions, RealView<3> Targets, RealView<1> Times>
  requires AccessibleFrom<Exec, X0, Gammas, Noise, Mean, Variance, Matrix, Offset, Slope, Positions, Targets, Times> && RealScalar<element_t<Positions>>
void dsb_chain(Exec const& exec, X0 const& x0, Gammas const& gammas, Noise const& noise, Mean const& prior_mean, Variance const& prior_variance,
               Matrix const& net_matrix, Offset const& net_offset, Slope const& net_slope, Positions const& positions, Targets const& targets,
               Times const& times, DsbChainOptions const& options = {}) {
  constexpr auto function = "ocellus::transport::dsb_chain";
  std::int64_t const n = extent(x0, 0), d = extent(x0, 1), steps = extent(gammas, 0);
  bool const prior   = detail::is_given(prior_mean) && detail::is_given(prior_variance);
  bool const network = detail::is_given(net_matrix) && detail::is_given(net_offset) && detail::is_given(net_slope);
  int const arrays   = detail::is_given(prior_mean) + detail::is_given(prior_variance) + detail::is_given(net_matrix) + detail::is_given(net_offset) +
                     detail::is_given(net_slope);
  require(prior != network && arrays == (prior ? 2 : 3), function,
          "either prior_mean and prior_variance, or net_matrix, net_offset and net_slope must be given");
  require_equal(function, {"noise.extent(0)", extent(noise, 0)}, {"gammas.extent(0)", steps});
  require_equal(function, {"noise.extent(1)", extent(noise, 1)}, {"x0.extent(0)", n});
  require_equal(function, {"noise.extent(2)", extent(noise, 2)}, {"x0.extent(1)", d});
  auto const line = [&](auto const& view, std::string const& name) {
    if constexpr (!std::is_same_v<std::remove_cvref_t<decltype(view)>, None>) {
      for (int axis = 0; is_present(view) && axis < static_cast<int>(std::remove_cvref_t<decltype(view)>::rank()); ++axis)
        require_equal(function, {name + ".extent(" + std::to_string(axis) + ")", extent(view, axis)}, {"x0.extent(1)", d});
    }
  };
  line(prior_mean, "prior_mean");
  line(prior_variance, "prior_variance");
  line(net_matrix, "net_matrix");
  line(net_offset, "net_offset");
  line(net_slope, "net_slope");
  auto const path = [&](auto const& view, std::string const& name) {
    require_equal(function, {name + ".extent(0)", extent(view, 0)}, {"x0.extent(0)", n});
    require_equal(function, {name + ".extent(1)", extent(view, 1)}, {"gammas.extent(0)", steps});
    require_equal(function, {name + ".extent(2)", extent(view, 2)}, {"x0.extent(1)", d});
  };
  path(positions, "positions");
  path(targets, "targets");
  require_equal(function, {"times.extent(0)", extent(times, 0)}, {"gammas.extent(0)", steps});
  using Paths = detail::DsbPaths<TeamMember<Exec>, X0, Gammas, Noise, Mean, Variance, Matrix, Offset, Slope, Positions, Targets>;
  for_each_row(
      exec, function, n,
      Paths{x0, gammas, noise, prior_mean, prior_variance, net_matrix, net_offset, net_slope, positions, targets, prior, options.mean_match, options.sample});
  for_each_row(exec, "ocellus::transport::dsb_chain::times", 1, detail::DsbTimes<TeamMember<Exec>, Gammas, Times>{gammas, times});
}

/// Work for N chains of K steps with a network.
[[nodiscard]] constexpr Cost dsb_chain_cost(double chains, double width, double steps, double bytes_per_element) {
  return {.flops         = chains * steps * width * (4 * width + 8),
          .special       = steps,
          .bytes_read    = (chains * width * (steps + 1) + width * (width + 2) + steps) * bytes_per_element,
          .bytes_written = (2 * chains * width + 1) * steps * bytes_per_element};
}

}  // namespace ocellus::transport
