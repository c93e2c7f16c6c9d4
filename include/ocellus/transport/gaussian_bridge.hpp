// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/transport/detail/gaussian_algebra.hpp>

namespace ocellus::transport {

struct GaussianBridgeOptions {
  double omega = 1.0;  ///< the reference is omega times Brownian motion; above 0
};

/// The Schroedinger bridge between two Gaussians in closed form, with reference omega W_t.
///
///     C = Cov(x0, x1) = (S0 S1 + omega^4/4 I)^{1/2} - omega^2/2 I
///     mean_t = (1-t) m0 + t m1,   S_t = (1-t)^2 S0 + t^2 S1 + t (1-t) (C + C^T) + omega^2 t (1-t) I
///     b(t, x) = [t S1 + (1-t) C^T - (1-t) S0 - t C - omega^2 t I] S_t^{-1} (x - mean_t) + m1 - m0
///
/// mean0, mean1 (d), covariance0, covariance1 (d, d), times (K) in [0, 1] or none, query (q, d) or none -> cross_covariance (d, d) or none, means (K, d) or none,
/// covariances (K, d, d) or none, drifts (K, q, d) or none. Either covariance may be singular (a point): C = S0^{1/2} phi(S0^{1/2} S1 S0^{1/2}) S0^{1/2} S1 with
/// phi(l) = 1 / ((l + omega^4/4)^{1/2} + omega^2/2), without an inverse; where S_t is singular too, at an end, its pseudo-inverse stands for the inverse.
///
/// Errors: `std::invalid_argument` when a covariance is not square, something does not fit, or omega is not positive. A time outside [0, 1] or NaN gives NaN.
/// Error bound: 256 d machine epsilons of double of tr(S0 + S1) + omega^2; the drift that times the condition of S_t; plus the rounding of the outputs.
/// Determinism: one host thread. Allocates: on the host, O(d^2 + K (d^2 + q d)). Synchronises: fences `exec`.
/// Source: C. Bunne, Y.-P. Hsieh, M. Cuturi, A. Krause, "The Schroedinger bridge between Gaussian measures has a closed form", 2023.
template <ExecutionSpace Exec, RealView<1> Mean0, RealView<2> Covariance0, RealView<1> Mean1, RealView<2> Covariance1, OptionalRealView<1> Times,
          OptionalRealView<2> Query, OptionalRealView<2> CrossCovariance, OptionalRealView<2> Means, OptionalRealView<3> Covariances,
          OptionalRealView<3> Drifts>
  requires AccessibleFrom<Exec, Mean0, Covariance0, Mean1, Covariance1, Times, Query, CrossCovariance, Means, Covariances, Drifts>
void gaussian_bridge(Exec const& exec, Mean0 const& mean0, Covariance0 const& covariance0, Mean1 const& mean1, Covariance1 const& covariance1,
                     Times const& times, Query const& query, CrossCovariance const& cross_covariance, Means const& means, Covariances const& covariances,
                     Drifts const& drifts, GaussianBridgeOptions const& options = {}) {
  constexpr auto function = "ocellus::transport::gaussian_bridge";
  std::int64_t const d    = extent(mean0, 0);
  require(std::isfinite(options.omega) && options.omega > 0, function, "omega is ", options.omega, ", not a positive number");
  detail::require_gaussian(function, "mean0.extent(0)", covariance0, d, d, 0);
  detail::require_gaussian(function, "mean1.extent(0)", covariance1, extent(mean1, 0), d, 1);
  std::int64_t steps = 0, queries = 0;
  if constexpr (!std::is_same_v<Times, None>) steps = is_present(times) ? extent(times, 0) : 0;
  if constexpr (!std::is_same_v<Query, None>) {
    queries = is_present(query) ? extent(query, 0) : 0;
    if (is_present(query)) require_equal(function, {"query.extent(1)", extent(query, 1)}, {"mean0.extent(0)", d});
  }
  auto const check = [&](auto const& view, std::initializer_list<NamedExtent> wanted, char const* name) {
    using V = std::remove_cvref_t<decltype(view)>;
    if constexpr (!std::is_same_v<V, None>) {
      if (!is_present(view)) return;
      int axis = 0;
      for (auto const& want : wanted) {
        require_equal(function, {std::string(name) + ".extent(" + std::to_string(axis) + ")", extent(view, axis)}, want);
        ++axis;
      }
    }
  };
  NamedExtent const by_mean{"mean0.extent(0)", d}, by_time{"times.extent(0)", steps}, by_query{"query.extent(0)", queries};
  check(cross_covariance, {by_mean, by_mean}, "cross_covariance");
  check(means, {by_time, by_mean}, "means");
  check(covariances, {by_time, by_mean, by_mean}, "covariances");
  check(drifts, {by_time, by_query, by_mean}, "drifts");

  auto const m0 = detail::to_matrix(exec, function, mean0), m1 = detail::to_matrix(exec, function, mean1);
  auto const s0 = detail::to_matrix(exec, function, covariance0), s1 = detail::to_matrix(exec, function, covariance1);
  auto const t_values = detail::to_host(exec, function, times), q_values = detail::to_host(exec, function, query);
  auto const at = [](std::int64_t i) { return static_cast<std::size_t>(i); };
  detail::HostMatrix cross(d, d);
  std::vector<double> mean_values(at(steps * d)), covariance_values(at(steps * d * d)), drift_values(at(steps * queries * d));
  detail::in_host_kernel(function, [&]() {
    double const variance = options.omega * options.omega, half = variance / 2;
    auto const root   = detail::root_of(s0);
    auto const middle = detail::function_of_symmetric(root * s1 * root, [half](double l, double) { return 1 / (std::sqrt(l + half * half) + half); });
    cross             = root * middle * root * s1;
    detail::HostMatrix const unit = detail::HostMatrix::Identity(d, d);
    for (std::int64_t k = 0; k < steps; ++k) {
      double const given = t_values[at(k)], t = given >= 0 && given <= 1 ? given : std::numeric_limits<double>::quiet_NaN(), s = 1 - t;
      detail::HostMatrix const mean  = s * m0 + t * m1;
      detail::HostMatrix spread      = s * s * s0 + t * t * s1 + t * s * (cross + cross.transpose()) + variance * t * s * unit;
      spread                         = ((spread + spread.transpose()) / 2).eval();
      detail::HostMatrix const slope = t * s1 + s * cross.transpose() - s * s0 - t * cross - variance * t * unit;
      double const size              = static_cast<double>(d);
      auto const inverse             = detail::function_of_symmetric(
                      spread, [size](double l, double largest) { return l > size * std::numeric_limits<double>::epsilon() * largest ? 1 / l : 0.0; });
      detail::HostMatrix const gain = slope * inverse;
      for (std::int64_t i = 0; i < d; ++i) {
        mean_values[at(k * d + i)] = mean(i, 0);
        for (std::int64_t j = 0; j < d; ++j) covariance_values[at((k * d + i) * d + j)] = spread(i, j);
      }
      for (std::int64_t q = 0; q < queries; ++q) {
        for (std::int64_t i = 0; i < d; ++i) {
          double sum = m1(i, 0) - m0(i, 0);
          for (std::int64_t j = 0; j < d; ++j) sum += gain(i, j) * (q_values[at(q * d + j)] - mean(j, 0));
          drift_values[at((k * queries + q) * d + i)] = sum;
        }
      }
    }
  });
  detail::to_device(exec, function, cross_covariance, detail::flatten(cross));
  detail::to_device(exec, function, means, mean_values);
  detail::to_device(exec, function, covariances, covariance_values);
  detail::to_device(exec, function, drifts, drift_values);
}

/// Work for K times and q points a time.
[[nodiscard]] constexpr Cost gaussian_bridge_cost(double width, double times, double queries, double bytes_per_element) {
  return {.flops         = (30 + 12 * times) * width * width * width + 2 * times * queries * width * width,
          .special       = (2 + times) * width,
          .bytes_read    = (2 * width * (width + 1) + times + queries * width) * bytes_per_element,
          .bytes_written = (width * width + times * (width + width * width + queries * width)) * bytes_per_element};
}

}  // namespace ocellus::transport
