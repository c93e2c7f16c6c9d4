// SPDX-License-Identifier: Apache-2.0
#pragma once

/// How an output is compared with what is wanted; docs/conformance.md has the meaning of each word.

#include <optional>
#include <string>

#include "array.hpp"

namespace ocellus::conformance {

struct Tolerance {
  double rtol = 0.0;
  double atol = 0.0;
};

struct Comparison {
  bool passed  = false;
  double worst = 0.0;  ///< the largest error in units of what is allowed; infinite for a wrong shape
  std::string reason;  ///< why not; empty when passed
};

/// What a case says of one output.
struct Expectation {
  std::string compare;  ///< close, scaled, exact, set, column_sign, gram, at_most, raises
  Value want;
  std::optional<std::int64_t> axis;            ///< scaled
  std::map<std::string, Tolerance> tolerance;  ///< by precision: float64, float32
  std::string error, kind;                     ///< raises
};

/// The tolerance for a precision: 16-bit storage has that of float32 times 2^13 (float16) or 2^16 (bfloat16). Errors: `std::runtime_error` when the case
/// has none.
[[nodiscard]] Tolerance tolerance_for(Expectation const& expectation, std::string const& precision);

/// Compares two arrays, or two sets tensor by tensor.
[[nodiscard]] Comparison compare(Value const& got, Expectation const& expectation, std::string const& precision);

/// Whether a refusal has the wanted words, and (for invalid_argument) starts with `function`.
[[nodiscard]] Comparison compare_refusal(std::string const& message, std::string const& kind, std::string const& function, Expectation const& expectation);

}  // namespace ocellus::conformance
