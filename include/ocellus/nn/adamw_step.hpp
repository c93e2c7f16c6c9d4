// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>

namespace ocellus::nn {

struct AdamwStepOptions {
  double learning_rate = 1e-3;
  double beta1         = 0.9;    ///< of the first moment, in [0, 1)
  double beta2         = 0.999;  ///< of the second
  double epsilon       = 1e-8;   ///< outside the root
  double weight_decay  = 0.01;
  std::int64_t step    = 1;  ///< counts from 1
};

namespace detail {

/// A run of `chunk` elements a call.
template <class Member, class Parameter, class Gradient, class Moment>
struct AdamwChunks {
  using Real = accumulate_of_t<Moment>;
  Parameter parameter;
  Gradient gradient;
  Moment first_moment, second_moment;
  Real keep, beta1, rest1, beta2, rest2, rate, correction1, correction2, epsilon;
  static constexpr std::int64_t chunk = 2048;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t item) const {
    std::int64_t const first = item * chunk, left = extent(parameter, 0) - first, count = left < chunk ? left : chunk;
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, count), [&](std::int64_t const offset) {
      std::int64_t const i = first + offset;
      Real const g         = static_cast<Real>(gradient(i));
      Real const m         = beta1 * static_cast<Real>(first_moment(i)) + rest1 * g;
      Real const v         = beta2 * static_cast<Real>(second_moment(i)) + rest2 * g * g;
      Real const p         = keep * static_cast<Real>(parameter(i)) - rate * (m / correction1) / (Kokkos::sqrt(v / correction2) + epsilon);
      first_moment(i)      = static_cast<element_t<Moment>>(m);
      second_moment(i)     = static_cast<element_t<Moment>>(v);
      parameter(i)         = static_cast<element_t<Parameter>>(p);
    });
  }
};

}  // namespace detail

/// One step of Adam with decoupled weight decay, in place.
///
///     p *= 1 - learning_rate weight_decay;   m = beta1 m + (1 - beta1) g;   v = beta2 v + (1 - beta2) g^2
///     p -= learning_rate (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + epsilon),   t = step
///
/// parameter (P), gradient (P), first_moment (P), second_moment (P) -> all but the gradient, changed in place. Other shapes: `as_line`. The moments start as
/// zeros. The corrections 1 - beta^t are computed in double precision on the host.
///
/// Errors: `std::invalid_argument` when step is below 1, when a beta is outside [0, 1), or when the shapes differ.
/// Error bound: 8 machine epsilons of the accumulation type, relative to |p| + learning_rate |m| / (sqrt(v) + epsilon), plus the rounding of the storage type.
/// Determinism: an element's bits depend on that element alone.
/// Allocates: nothing. Synchronises: no.
/// Source: I. Loshchilov, F. Hutter, "Decoupled weight decay regularization", arXiv 1711.05101.
template <ExecutionSpace Exec, RealView<1> Parameter, RealView<1> Gradient, RealView<1> Moment>
  requires AccessibleFrom<Exec, Parameter, Gradient, Moment>
void adamw_step(Exec const& exec, Parameter const& parameter, Gradient const& gradient, Moment const& first_moment, Moment const& second_moment,
                AdamwStepOptions const& options = {}) {
  constexpr auto function = "ocellus::nn::adamw_step";
  require(options.step >= 1, function, "step is ", options.step, " but steps count from 1");
  require(options.beta1 >= 0.0 && options.beta1 < 1.0, function, "beta1 is ", options.beta1, ", not in [0, 1)");
  require(options.beta2 >= 0.0 && options.beta2 < 1.0, function, "beta2 is ", options.beta2, ", not in [0, 1)");
  std::int64_t const count = extent(parameter, 0);
  require_equal(function, {"gradient.extent(0)", extent(gradient, 0)}, {"parameter.extent(0)", count});
  require_equal(function, {"first_moment.extent(0)", extent(first_moment, 0)}, {"parameter.extent(0)", count});
  require_equal(function, {"second_moment.extent(0)", extent(second_moment, 0)}, {"parameter.extent(0)", count});
  using Kernel   = detail::AdamwChunks<TeamMember<Exec>, Parameter, Gradient, Moment>;
  using Real     = typename Kernel::Real;
  auto const t   = static_cast<double>(options.step);
  auto const in  = [](double value) { return static_cast<Real>(value); };
  Kernel const k = {parameter,
                    gradient,
                    first_moment,
                    second_moment,
                    in(1.0 - options.learning_rate * options.weight_decay),
                    in(options.beta1),
                    in(1.0 - options.beta1),
                    in(options.beta2),
                    in(1.0 - options.beta2),
                    in(options.learning_rate),
                    in(1.0 - std::pow(options.beta1, t)),
                    in(1.0 - std::pow(options.beta2, t)),
                    in(options.epsilon)};
  for_each_row(exec, function, (count + Kernel::chunk - 1) / Kernel::chunk, k);
}

/// Work of a step on `count` parameters.
[[nodiscard]] constexpr Cost adamw_step_cost(double count, double bytes_per_element) {
  return {.flops = 11 * count, .special = 4 * count, .bytes_read = 4 * count * bytes_per_element, .bytes_written = 3 * count * bytes_per_element};
}

}  // namespace ocellus::nn
