// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>

#include <ocellus/core/preconditions.hpp>

namespace ocellus::nn {

struct CosineScheduleOptions {
  double base_value         = 1.0;  ///< where the warm-up ends and the cosine begins
  double final_value        = 0.0;  ///< may exceed base_value
  std::int64_t total_steps  = 1;    ///< warm-up included
  std::int64_t warmup_steps = 0;
  double warmup_value       = 0.0;  ///< at step 0
};

/// A value that rises linearly and then follows half a cosine: rates, weight decay, the momentum of a teacher. A host function.
///
///     s < warmup_steps:  warmup_value + s (base_value - warmup_value) / warmup_steps
///     s < total_steps:   final_value + (base_value - final_value) (1 + cos(pi (s - warmup_steps) / (total_steps - warmup_steps))) / 2
///     else:              final_value
///
/// Errors: `std::invalid_argument` when total_steps is not positive, when warmup_steps is negative or above it.
/// Error bound: 4 machine epsilons of double, relative to the largest of the three values.
/// Determinism: a function of the step. Allocates: nothing. Synchronises: no.
/// Source: I. Loshchilov, F. Hutter, "SGDR: stochastic gradient descent with warm restarts", arXiv 1608.03983.
[[nodiscard]] inline double cosine_schedule(std::int64_t step, CosineScheduleOptions const& options) {
  constexpr auto function = "ocellus::nn::cosine_schedule";
  require(options.total_steps > 0, function, "total_steps is ", options.total_steps, " but must be positive");
  require(options.warmup_steps >= 0 && options.warmup_steps <= options.total_steps, function, "warmup_steps is ", options.warmup_steps,
          ", not within 0 and total_steps, which is ", options.total_steps);
  if (step < options.warmup_steps)
    return options.warmup_value + static_cast<double>(step) * (options.base_value - options.warmup_value) / static_cast<double>(options.warmup_steps);
  if (step >= options.total_steps) return options.final_value;
  double const share = static_cast<double>(step - options.warmup_steps) / static_cast<double>(options.total_steps - options.warmup_steps);
  return options.final_value + (options.base_value - options.final_value) * (1.0 + std::cos(3.14159265358979323846 * share)) / 2.0;
}

}  // namespace ocellus::nn
