// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>

namespace ocellus::transport {

enum class Diffusivity {
  constant,            ///< g_max
  triangular,          ///< g_max - 2 |t - 1/2| (g_max - 0.85)
  inverse_triangular,  ///< 0.01 - 2 |t - 1/2| (0.01 - g_max)
  decreasing,          ///< g_max - t^2 (g_max - 0.1)
};

struct DiffusivityScheduleOptions {
  Diffusivity schedule = Diffusivity::constant;
  double g_max         = 1.0;
  std::int64_t steps   = 1;  ///< of the sum in beta, at least 1
};

/// g(t), in double.
KOKKOS_INLINE_FUNCTION double diffusivity(Diffusivity schedule, double g_max, double t) {
  double const slope = 2 * Kokkos::abs(t - 0.5);
  switch (schedule) {
    case Diffusivity::triangular:
      return g_max - slope * (g_max - 0.85);
    case Diffusivity::inverse_triangular:
      return 0.01 - slope * (0.01 - g_max);
    case Diffusivity::decreasing:
      return g_max - t * t * (g_max - 0.1);
    default:
      return g_max;
  }
}

/// beta(t) = (1/steps) sum_{k < floor(t steps)} g(k / steps)^2, in double.
KOKKOS_INLINE_FUNCTION double accumulated_diffusivity(Diffusivity schedule, double g_max, std::int64_t steps, double t) {
  if (t != t) return t;
  double sum = 0;
  for (std::int64_t k = 0; static_cast<double>(k) < Kokkos::floor(t * static_cast<double>(steps)); ++k) {
    double const g = diffusivity(schedule, g_max, static_cast<double>(k) / static_cast<double>(steps));
    sum += g * g;
    if (k >= 4 * steps) return Kokkos::Experimental::quiet_NaN_v<double>;  // t beyond 4 is no time
  }
  return sum / static_cast<double>(steps);
}

namespace detail {

template <class Member, class Times, class G, class Beta>
struct ScheduleTimes {
  Times times;
  G g;
  Beta beta;
  DiffusivityScheduleOptions options;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t k) const {
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      double const t = static_cast<double>(times(k));
      g(k)           = static_cast<element_t<G>>(diffusivity(options.schedule, options.g_max, t));
      beta(k)        = static_cast<element_t<Beta>>(accumulated_diffusivity(options.schedule, options.g_max, options.steps, t));
    });
  }
};

}  // namespace detail

/// The diffusivity of a bridge at given times, and its accumulated square.
///
///     g(t) as `schedule` says;   beta(t) = (1/steps) sum_{k < floor(t steps)} g(k / steps)^2
///
/// times (K) -> g (K), beta (K). Computed in double. NaN gives NaN.
///
/// Errors: `std::invalid_argument` when an output does not fit or steps is below 1.
/// Error bound: steps machine epsilons of double, plus the rounding of the output. Determinism: an element depends on its time alone.
/// Allocates: nothing. Synchronises: no.
/// Source: V. R. Somnath et al., "Aligned diffusion Schroedinger bridges", 2023.
template <ExecutionSpace Exec, RealView<1> Times, RealView<1> G, RealView<1> Beta>
  requires AccessibleFrom<Exec, Times, G, Beta>
void diffusivity_schedule(Exec const& exec, Times const& times, G const& g, Beta const& beta, DiffusivityScheduleOptions const& options = {}) {
  constexpr auto function = "ocellus::transport::diffusivity_schedule";
  require(options.steps >= 1, function, "steps is ", options.steps, ", not at least 1");
  require_equal(function, {"g.extent(0)", extent(g, 0)}, {"times.extent(0)", extent(times, 0)});
  require_equal(function, {"beta.extent(0)", extent(beta, 0)}, {"times.extent(0)", extent(times, 0)});
  for_each_row(exec, function, extent(times, 0), detail::ScheduleTimes<TeamMember<Exec>, Times, G, Beta>{times, g, beta, options});
}

/// Work for K times.
[[nodiscard]] constexpr Cost diffusivity_schedule_cost(double times, double steps, double bytes_per_element) {
  return {.flops = times * (6 + 4 * steps), .special = 0, .bytes_read = times * bytes_per_element, .bytes_written = 2 * times * bytes_per_element};
}

}  // namespace ocellus::transport
