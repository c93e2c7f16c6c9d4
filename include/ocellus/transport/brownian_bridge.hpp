// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/transport/diffusivity_schedule.hpp>

namespace ocellus::transport {

struct BrownianBridgeOptions {
  Diffusivity schedule = Diffusivity::constant;
  double g_max         = 1.0;
};

namespace detail {

/// Arrays (n, d) must have the extents of the first one.
template <class V>
void require_same_shape(char const* function, std::string const& name, V const& view, std::string const& like_name, std::int64_t rows, std::int64_t width) {
  require_equal(function, {name + ".extent(0)", extent(view, 0)}, {like_name + ".extent(0)", rows});
  require_equal(function, {name + ".extent(1)", extent(view, 1)}, {like_name + ".extent(1)", width});
}

template <class Member, class X0, class X1, class Noise, class Time, class Output>
struct BridgePoints {
  X0 x0;
  X1 x1;
  Noise noise;
  Time t;
  Output output;
  BrownianBridgeOptions options;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t i) const {
    using Real        = accumulate_of_t<Output>;
    double const time = static_cast<double>(t(i));
    Real const s = static_cast<Real>(1 - time), u = static_cast<Real>(time);
    Real const spread = static_cast<Real>(diffusivity(options.schedule, options.g_max, time) * Kokkos::sqrt(time * (1 - time)));
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(output, 1)), [&](std::int64_t const k) {
      output(i, k) =
          static_cast<element_t<Output>>(s * static_cast<Real>(x0(i, k)) + u * static_cast<Real>(x1(i, k)) + spread * static_cast<Real>(noise(i, k)));
    });
  }
};

}  // namespace detail

/// Points of a Brownian bridge between paired ends.
///
///     x_t = (1 - t) x0 + t x1 + g(t) (t (1 - t))^{1/2} noise,   g as in `diffusivity_schedule`
///
/// x0, x1, noise (n, d), t (n) in [0, 1] -> x_t (n, d). A time outside [0, 1] gives NaN.
///
/// Errors: `std::invalid_argument` when something does not fit.
/// Error bound: 8 machine epsilons of |x0| + |x1| + |g noise|. Determinism: an element depends on its inputs alone. Allocates: nothing. Synchronises: no.
/// Source: V. R. Somnath et al., "Aligned diffusion Schroedinger bridges", 2023.
template <ExecutionSpace Exec, RealView<2> X0, RealView<2> X1, RealView<2> Noise, RealView<1> Time, RealView<2> Output>
  requires AccessibleFrom<Exec, X0, X1, Noise, Time, Output>
void brownian_bridge(Exec const& exec, X0 const& x0, X1 const& x1, Noise const& noise, Time const& t, Output const& x_t,
                     BrownianBridgeOptions const& options = {}) {
  constexpr auto function = "ocellus::transport::brownian_bridge";
  std::int64_t const n = extent(x0, 0), d = extent(x0, 1);
  detail::require_same_shape(function, "x1", x1, "x0", n, d);
  detail::require_same_shape(function, "noise", noise, "x0", n, d);
  require_equal(function, {"t.extent(0)", extent(t, 0)}, {"x0.extent(0)", n});
  detail::require_same_shape(function, "x_t", x_t, "x0", n, d);
  for_each_row(exec, function, n, detail::BridgePoints<TeamMember<Exec>, X0, X1, Noise, Time, Output>{x0, x1, noise, t, x_t, options});
}

/// Work for n points of d coordinates.
[[nodiscard]] constexpr Cost brownian_bridge_cost(double rows, double width, double bytes_per_element) {
  return {
      .flops = 5 * rows * width, .special = rows, .bytes_read = rows * (3 * width + 1) * bytes_per_element, .bytes_written = rows * width * bytes_per_element};
}

}  // namespace ocellus::transport
