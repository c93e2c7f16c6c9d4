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

struct SoftmaxOptions {
  double scale = 1.0;  ///< inverse temperature
};

/// Softmax over the last axis, with a mask.
///
///     z = scale * input, masked;   output = exp(z - max z) / sum exp(z - max z)
///
/// input (..., N) of rank 1 to 4, mask of the same rank with extents of the input or 1, or none -> output of the input's shape. A boolean mask is true where an
/// element takes part and replaces the others by -infinity whatever they held; a real mask is added. A row in which every z is -infinity gives zeros. A NaN or
/// +infinity in z makes its row NaN, and no other. `output` may be `input`.
///
/// Errors: `std::invalid_argument` when the output does not fit, or an extent of the mask is neither 1 nor that of the input.
/// Error bound: (N + 8 + |z|) machine epsilons of the accumulation type, relative, plus the rounding of the output.
/// Determinism: a row's bits do not depend on the other rows or on the number of threads.
/// Allocates: nothing. Synchronises: no.
template <ExecutionSpace Exec, AnyView Input, OptionalView Mask, AnyView Output>
  requires AccessibleFrom<Exec, Input, Mask, Output> && StorageScalar<element_t<Input>> &&
      (Input::rank() >= 1 && Input::rank() <= 4) void softmax(Exec const& exec, Input const& input, Mask const& mask, Output const& output,
                                                              SoftmaxOptions const& options = {}) {
    constexpr auto function = "ocellus::linalg::softmax";
    constexpr int rank      = static_cast<int>(Input::rank());
    static_assert(static_cast<int>(Output::rank()) == rank, "ocellus::linalg::softmax: output must have the rank of input");
    auto const axis_name = [](char const* array, int axis) { return std::string(array) + ".extent(" + std::to_string(axis) + ")"; };
    for (int axis = 0; axis < rank; ++axis) {
      require_equal(function, {axis_name("output", axis), extent(output, axis)}, {axis_name("input", axis), extent(input, axis)});
    }
    using Real              = accumulate_of_t<Input>;
    auto const in           = strided4(input);
    auto const out          = strided4(output);
    std::int64_t const rows = in.extents[0] * in.extents[1] * in.extents[2];
    if (in.extents[3] == 0) return;
    if constexpr (std::is_same_v<Mask, None>) {
      using Kernel = detail::SoftmaxRows<TeamMember<Exec>, Real, typename Input::value_type, bool const, typename Output::value_type>;
      for_each_row(exec, function, rows, Kernel{in, {}, out, static_cast<Real>(options.scale)});
    } else {
      static_assert(static_cast<int>(Mask::rank()) == rank, "ocellus::linalg::softmax: mask must have the rank of input");
      if (is_present(mask)) {
        for (int axis = 0; axis < rank; ++axis)
          require_broadcast(function, {axis_name("mask", axis), extent(mask, axis)}, {axis_name("input", axis), extent(input, axis)});
      }
      using Kernel = detail::SoftmaxRows<TeamMember<Exec>, Real, typename Input::value_type, typename Mask::value_type, typename Output::value_type>;
      for_each_row(exec, function, rows,
                   Kernel{in, is_present(mask) ? strided4(mask) : Strided4<typename Mask::value_type>{}, out, static_cast<Real>(options.scale)});
    }
  }

  /// Work of `softmax` on `rows` rows of `width` elements.
  [[nodiscard]] constexpr Cost softmax_cost(double rows, double width, double bytes_per_element) {
    return {.flops         = 4 * rows * width,
            .special       = rows * (width + 1),
            .bytes_read    = rows * width * bytes_per_element,
            .bytes_written = rows * width * bytes_per_element};
  }

}  // namespace ocellus::linalg
