// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ocellus/core/chains.hpp>
#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>

namespace ocellus::nn {

struct RmsNormOptions {
  double epsilon = 1e-6;  ///< added to the mean square, inside the root
};

namespace detail {

/// One row of rms_norm a call.
template <class Member, class Input, class Weight, class Output>
struct RmsNormRows {
  using Real = accumulate_of_t<Input>;

  Input input;
  Weight weight;
  Output output;
  Real epsilon;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t row) const {
    std::int64_t const width = extent(input, 1);
    Real const squares       = lane_sum<Real>(member, width, [&](std::int64_t const d) {
      Real const x = static_cast<Real>(input(row, d));
      return x * x;
    });
    // A row of zeros stays zero with epsilon 0 too.
    Real const inverse_root = squares == Real(0) ? Real(1) : Real(1) / Kokkos::sqrt(squares / static_cast<Real>(width) + epsilon);
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, width), [&](std::int64_t const d) {
      Real value = static_cast<Real>(input(row, d)) * inverse_root;
      if constexpr (!std::is_same_v<Weight, None>) {
        if (is_present(weight)) value *= static_cast<Real>(weight(d));
      }
      output(row, d) = static_cast<element_t<Output>>(value);
    });
  }
};

}  // namespace detail

/// Divides each row by its root mean square.
///
///     output[n, d] = input[n, d] / sqrt(mean_d(input[n, d]^2) + epsilon) * weight[d]
///
/// input (N, D), weight (D) or none -> output (N, D). Any storage type; `output` may be `input`. A row of zeros gives zeros. NaN and infinity spoil their own
/// row only.
///
/// Errors: `std::invalid_argument` when the output or the weight does not fit, when D is 0, or when epsilon is negative or NaN.
/// Error bound: (D / 2 + 4) machine epsilons of the accumulation type, relative, plus the rounding of the storage type.
/// Determinism: a row's bits do not depend on the other rows, on N or on the number of threads.
/// Allocates: nothing. Synchronises: no.
/// Source: B. Zhang, R. Sennrich, "Root mean square layer normalization", NeurIPS 2019.
template <ExecutionSpace Exec, RealView<2> Input, OptionalRealView<1> Weight, RealView<2> Output>
  requires AccessibleFrom<Exec, Input, Weight, Output>
void rms_norm(Exec const& exec, Input const& input, Weight const& weight, Output const& output, RmsNormOptions const& options = {}) {
  constexpr auto function = "ocellus::nn::rms_norm";
  require(extent(input, 1) > 0, function, "input.extent(1) is 0: a row of nothing has no mean");
  require_equal(function, {"output.extent(0)", extent(output, 0)}, {"input.extent(0)", extent(input, 0)});
  require_equal(function, {"output.extent(1)", extent(output, 1)}, {"input.extent(1)", extent(input, 1)});
  if constexpr (!std::is_same_v<Weight, None>) {
    if (is_present(weight)) require_equal(function, {"weight.extent(0)", extent(weight, 0)}, {"input.extent(1)", extent(input, 1)});
  }
  require(options.epsilon >= 0.0, function, "epsilon is ", options.epsilon, " but must not be negative");
  using Real = accumulate_of_t<Input>;
  for_each_row(exec, function, extent(input, 0),
               detail::RmsNormRows<TeamMember<Exec>, Input, Weight, Output>{input, weight, output, static_cast<Real>(options.epsilon)});
}

/// Work of `rms_norm` on `rows` rows of `width` elements.
[[nodiscard]] constexpr Cost rms_norm_cost(double rows, double width, double bytes_per_element) {
  return {.flops = 4 * rows * width, .special = 2 * rows, .bytes_read = rows * width * bytes_per_element, .bytes_written = rows * width * bytes_per_element};
}

}  // namespace ocellus::nn
