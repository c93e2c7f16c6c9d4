// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>

namespace ocellus::video {

namespace detail {

/// A row of one of the four turned images a call, forth or back.
template <class Member, class X, class Output>
struct RotateRows {
  X x;
  Output output;
  bool back;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t row) const {
    std::int64_t const channels = extent(x, 1), side = extent(x, 2), images = back ? extent(output, 0) : extent(x, 0);
    std::int64_t const i = row % side, c = row / side % channels, n = row / side / channels % images, turn = row / side / channels / images;
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, side), [&](std::int64_t const j) {
      std::int64_t const end = side - 1;
      // Turning back is turning on by the rest of the circle.
      std::int64_t const way         = back ? (4 - turn) % 4 : turn;
      std::int64_t const from_row    = way == 0   ? i
                                       : way == 1 ? end - j
                                       : way == 2 ? end - i
                                                  : j,
                         from_column = way == 0   ? j
                                       : way == 1 ? i
                                       : way == 2 ? end - j
                                                  : end - i;
      if (back)
        output(n, turn * channels + c, i, j) = static_cast<element_t<Output>>(x(turn * images + n, c, from_row, from_column));
      else
        output(turn * images + n, c, i, j) = static_cast<element_t<Output>>(x(n, c, from_row, from_column));
    });
  }
};

}  // namespace detail

/// Four turned copies of square images, one behind the other along the batch: as they are, and turned by 90, 180 and 270 degrees clockwise.
///
///     x;   transposed, then columns reversed;   rows and columns reversed;   transposed, then rows reversed
///
/// x (N, C, S, S) -> output (4 N, C, S, S) of the same type, exact.
///
/// Errors: `std::invalid_argument` when the images are not square or the output does not fit.
/// Error bound: 0. Determinism: copies. Allocates: nothing. Synchronises: no.
/// Source: S. Laine, T. Karras, J. Lehtinen, T. Aila, "High-quality self-supervised deep image denoising", NeurIPS 2019.
template <ExecutionSpace Exec, RealView<4> X, RealView<4> Output>
  requires AccessibleFrom<Exec, X, Output> && std::same_as<element_t<X>, element_t<Output>>
void rotate4(Exec const& exec, X const& x, Output const& output) {
  constexpr auto function = "ocellus::video::rotate4";
  require_equal(function, {"x.extent(3)", extent(x, 3)}, {"x.extent(2)", extent(x, 2)});
  require_equal(function, {"output.extent(0)", extent(output, 0)}, {"4 x.extent(0)", 4 * extent(x, 0)});
  for (int axis = 1; axis < 4; ++axis)
    require(extent(output, axis) == extent(x, axis), function, "output.extent(", axis, ") is ", extent(output, axis), " but x.extent(", axis, ") is ",
            extent(x, axis));
  for_each_row(exec, function, extent(output, 0) * extent(x, 1) * extent(x, 2), detail::RotateRows<TeamMember<Exec>, X, Output>{x, output, false});
}

/// Turns the four blocks of `rotate4` back and puts them one behind the other along the channels.
///
/// x (4 N, C, S, S) -> output (N, 4 C, S, S) of the same type, exact: unrotate4(rotate4(x)) is x four times.
///
/// Errors: `std::invalid_argument` when 4 does not divide the batch, when the images are not square or the output does not fit.
/// Error bound: 0. Determinism: copies. Allocates: nothing. Synchronises: no.
template <ExecutionSpace Exec, RealView<4> X, RealView<4> Output>
  requires AccessibleFrom<Exec, X, Output> && std::same_as<element_t<X>, element_t<Output>>
void unrotate4(Exec const& exec, X const& x, Output const& output) {
  constexpr auto function = "ocellus::video::unrotate4";
  require(extent(x, 0) % 4 == 0, function, "x.extent(0) is ", extent(x, 0), ", which 4 does not divide");
  require_equal(function, {"x.extent(3)", extent(x, 3)}, {"x.extent(2)", extent(x, 2)});
  require_equal(function, {"4 output.extent(0)", 4 * extent(output, 0)}, {"x.extent(0)", extent(x, 0)});
  require_equal(function, {"output.extent(1)", extent(output, 1)}, {"4 x.extent(1)", 4 * extent(x, 1)});
  require_equal(function, {"output.extent(2)", extent(output, 2)}, {"x.extent(2)", extent(x, 2)});
  require_equal(function, {"output.extent(3)", extent(output, 3)}, {"x.extent(3)", extent(x, 3)});
  for_each_row(exec, function, extent(x, 0) * extent(x, 1) * extent(x, 2), detail::RotateRows<TeamMember<Exec>, X, Output>{x, output, true});
}

/// Work of either on `elements` elements of the smaller batch.
[[nodiscard]] constexpr Cost rotate4_cost(double elements, double bytes_per_element) {
  return {.flops = 0, .special = 0, .bytes_read = elements * bytes_per_element, .bytes_written = 4 * elements * bytes_per_element};
}

}  // namespace ocellus::video
