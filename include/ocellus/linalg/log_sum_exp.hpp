// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/strided.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/linalg/detail/softmax_kernel.hpp>

namespace ocellus::linalg {

/// Logarithm of the sum of exponentials over the last axis.
///
///     output = log sum exp(input), shifted by the maximum
///
/// input (..., N) of rank 1 to 4, N > 0 -> output (...), one rank less. A row of -infinity gives -infinity; +infinity in a row gives +infinity; NaN gives NaN.
///
/// Errors: `std::invalid_argument` when N is 0 or the output does not fit.
/// Error bound: (N + 8) machine epsilons of the accumulation type, relative to max(1, |output|) , plus the rounding of the output.
/// Determinism: a row's bits do not depend on the other rows or on the number of threads.
/// Allocates: nothing. Synchronises: no.
template <ExecutionSpace Exec, AnyView Input, AnyView Output>
  requires AccessibleFrom<Exec, Input, Output> && StorageScalar<element_t<Input>> &&
      (Input::rank() >= 1 && Input::rank() <= 4) void log_sum_exp(Exec const& exec, Input const& input, Output const& output) {
    constexpr auto function = "ocellus::linalg::log_sum_exp";
    constexpr int rank      = static_cast<int>(Input::rank());
    static_assert(static_cast<int>(Output::rank()) == rank - 1, "ocellus::linalg::log_sum_exp: output must have one rank less than input");
    require(extent(input, rank - 1) > 0, function, "input.extent(", rank - 1, ") is 0: the logarithm of an empty sum");
    for (int axis = 0; axis + 1 < rank; ++axis) {
      auto const name = [&](char const* array) { return std::string(array) + ".extent(" + std::to_string(axis) + ")"; };
      require_equal(function, {name("output"), extent(output, axis)}, {name("input"), extent(input, axis)});
    }
    using Real    = accumulate_of_t<Input>;
    auto const in = strided4(input);
    Strided4<typename Output::value_type> out;
    out.data = output.data();
    for (int axis = 0; axis + 1 < rank; ++axis)
      out.strides[4 - rank + axis] = extent(output, axis) == 1 ? 0 : static_cast<std::int64_t>(output.stride(static_cast<std::size_t>(axis)));
    for_each_row(exec, function, in.extents[0] * in.extents[1] * in.extents[2],
                 detail::LogSumExpRows<TeamMember<Exec>, Real, typename Input::value_type, typename Output::value_type>{in, out});
  }

  /// Work of `log_sum_exp` on `rows` rows of `width` elements.
  [[nodiscard]] constexpr Cost log_sum_exp_cost(double rows, double width, double bytes_per_element) {
    return {
        .flops = 3 * rows * width, .special = rows * (width + 1), .bytes_read = rows * width * bytes_per_element, .bytes_written = rows * bytes_per_element};
  }

}  // namespace ocellus::linalg
