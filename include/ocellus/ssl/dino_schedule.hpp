// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>

#include <ocellus/core/preconditions.hpp>

namespace ocellus::ssl {

struct DinoScheduleOptions {
  double base               = 1.0;
  double final              = 0.0;
  std::int64_t steps        = 1;  ///< warm-up included
  std::int64_t warmup_steps = 0;
  double start              = 0.0;  ///< value at step 0
};

/// DINO's schedule of rates, weight decay and momentum. A host function. Its warm-up reaches `base` one step before the cosine begins, which
/// `nn::cosine_schedule`'s does not.
///
///     s < warmup_steps:  start + s (base - start) / (warmup_steps - 1), both ends included (one step: start)
///     else:              final + (base - final) (1 + cos(pi (s - warmup_steps) / (steps - warmup_steps))) / 2
///
/// Errors: `std::invalid_argument` when warmup_steps is negative or above steps, or when step is outside 0..steps-1.
/// Error bound: 4 machine epsilons of double, relative to the largest of the three values.
/// Determinism: a function of the step. Allocates: nothing. Synchronises: no.
/// Source: M. Caron et al., arXiv 2104.14294.
[[nodiscard]] inline double dino_schedule(std::int64_t step, DinoScheduleOptions const& options) {
  constexpr auto function = "ocellus::ssl::dino_schedule";
  require(options.warmup_steps >= 0 && options.warmup_steps <= options.steps, function, "warmup_steps is ", options.warmup_steps,
          ", not within 0 and steps, which is ", options.steps);
  require(step >= 0 && step < options.steps, function, "step is ", step, ", not within 0 and steps - 1, which is ", options.steps - 1);
  if (step < options.warmup_steps)
    return options.warmup_steps == 1
               ? options.start
               : options.start + static_cast<double>(step) * (options.base - options.start) / static_cast<double>(options.warmup_steps - 1);
  double const share = static_cast<double>(step - options.warmup_steps) / static_cast<double>(options.steps - options.warmup_steps);
  return options.final + 0.5 * (options.base - options.final) * (1.0 + std::cos(3.14159265358979323846 * share));
}

}  // namespace ocellus::ssl
