// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/transport/brownian_bridge.hpp>

namespace ocellus::transport {

enum class FlowVariant {
  independent,          ///< x_t = (1-t) x0 + t x1 + sigma e,  u = x1 - x0
  target,               ///< x_t = t x1 + (1 - (1-sigma) t) e,  u = (x1 - (1-sigma) x_t) / (1 - (1-sigma) t)
  schrodinger_bridge,   ///< x_t = (1-t) x0 + t x1 + sigma (t (1-t))^{1/2} e,  u = (1-2t) / (2 t (1-t) + 1e-8) (x_t - (1-t) x0 - t x1) + x1 - x0
  variance_preserving,  ///< x_t = cos(pi t/2) x0 + sin(pi t/2) x1 + sigma e,  u = pi/2 (cos(pi t/2) x1 - sin(pi t/2) x0)
};

struct FlowMatchingTargetOptions {
  FlowVariant variant = FlowVariant::independent;
  double sigma        = 0.0;  ///< width of the noise, at least 0; above 0 for the Schroedinger bridge
};

namespace detail {

template <class Member, class X0, class X1, class Noise, class Time, class Xt, class Ut>
struct FlowRows {
  X0 x0;
  X1 x1;
  Noise noise;
  Time t;
  Xt x_t;
  Ut u_t;
  FlowVariant variant;
  double sigma;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t i) const {
    // In double: the bridge divides a difference by t (1 - t).
    double const time = static_cast<double>(t(i)), s = 1 - time;
    double const angle  = 1.5707963267948966 * time;
    double const cosine = Kokkos::cos(angle), sine = Kokkos::sin(angle);
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(x_t, 1)), [&](std::int64_t const k) {
      double const p = static_cast<double>(x0(i, k)), q = static_cast<double>(x1(i, k)), e = static_cast<double>(noise(i, k));
      double x = 0, u = 0;
      switch (variant) {
        case FlowVariant::independent:
          x = s * p + time * q + sigma * e;
          u = q - p;
          break;
        case FlowVariant::target: {
          double const width = 1 - (1 - sigma) * time;
          x                  = time * q + width * e;
          u                  = (q - (1 - sigma) * x) / width;
          break;
        }
        case FlowVariant::schrodinger_bridge: {
          double const away = sigma * Kokkos::sqrt(time * s) * e;
          x                 = s * p + time * q + away;
          u                 = (1 - 2 * time) / (2 * time * s + 1e-8) * away + q - p;
          break;
        }
        case FlowVariant::variance_preserving:
          x = cosine * p + sine * q + sigma * e;
          u = 1.5707963267948966 * (cosine * q - sine * p);
          break;
      }
      x_t(i, k) = static_cast<element_t<Xt>>(x);
      u_t(i, k) = static_cast<element_t<Ut>>(u);
    });
  }
};

}  // namespace detail

/// Points on probability paths between paired samples, and the velocities that flow matching regresses on.
///
///     x_t, u_t as `variant` says
///
/// x0, x1, noise (n, d), t (n) in (0, 1) -> x_t, u_t (n, d). Computed in double. NaN gives NaN; a time outside [0, 1] what the formula gives.
///
/// Errors: `std::invalid_argument` when something does not fit, sigma is negative, or is 0 for the Schroedinger bridge.
/// Error bound: 8 machine epsilons of double of each sum of terms, plus the rounding of the outputs. Determinism: an element depends on its inputs alone.
/// Allocates: nothing. Synchronises: no.
/// Source: A. Tong et al., "Improving and generalizing flow-based generative models with minibatch optimal transport", 2023; M. S. Albergo, E. Vanden-Eijnden,
/// "Building normalizing flows with stochastic interpolants", 2022; Y. Lipman et al., "Flow matching for generative modeling", 2022.
template <ExecutionSpace Exec, RealView<2> X0, RealView<2> X1, RealView<2> Noise, RealView<1> Time, RealView<2> Xt, RealView<2> Ut>
  requires AccessibleFrom<Exec, X0, X1, Noise, Time, Xt, Ut>
void flow_matching_target(Exec const& exec, X0 const& x0, X1 const& x1, Noise const& noise, Time const& t, Xt const& x_t, Ut const& u_t,
                          FlowMatchingTargetOptions const& options = {}) {
  constexpr auto function = "ocellus::transport::flow_matching_target";
  std::int64_t const n = extent(x0, 0), d = extent(x0, 1);
  bool const bridge = options.variant == FlowVariant::schrodinger_bridge;
  require(std::isfinite(options.sigma) && (bridge ? options.sigma > 0 : options.sigma >= 0), function, "sigma is ", options.sigma,
          bridge ? ", not a positive number" : ", not a number of at least 0");
  detail::require_same_shape(function, "x1", x1, "x0", n, d);
  detail::require_same_shape(function, "noise", noise, "x0", n, d);
  require_equal(function, {"t.extent(0)", extent(t, 0)}, {"x0.extent(0)", n});
  detail::require_same_shape(function, "x_t", x_t, "x0", n, d);
  detail::require_same_shape(function, "u_t", u_t, "x0", n, d);
  using Rows = detail::FlowRows<TeamMember<Exec>, X0, X1, Noise, Time, Xt, Ut>;
  for_each_row(exec, function, n, Rows{x0, x1, noise, t, x_t, u_t, options.variant, options.sigma});
}

/// Work for n points of d coordinates.
[[nodiscard]] constexpr Cost flow_matching_target_cost(double rows, double width, double bytes_per_element) {
  return {.flops         = 8 * rows * width,
          .special       = 2 * rows,
          .bytes_read    = rows * (3 * width + 1) * bytes_per_element,
          .bytes_written = 2 * rows * width * bytes_per_element};
}

}  // namespace ocellus::transport
