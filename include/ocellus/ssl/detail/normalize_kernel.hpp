// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ocellus/core/chains.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/tensor.hpp>

namespace ocellus::ssl::detail {

template <class Member, class A, class B>
KOKKOS_INLINE_FUNCTION double row_dot(Member const& member, A const& a, std::int64_t i, B const& b, std::int64_t j) {
  return lane_sum<double>(member, extent(a, 1), [&](std::int64_t d) { return static_cast<double>(a(i, d)) * static_cast<double>(b(j, d)); });
}

/// What rows are divided by: max(|x|, floor), or 1.
struct RowLength {
  double floor = 0;
  bool divides = true;

  [[nodiscard]] KOKKOS_INLINE_FUNCTION double of(double square) const {
    double const length = Kokkos::sqrt(square);
    return !divides ? 1.0 : length < floor ? floor : length;
  }
  /// Whether the divisor follows the row.
  [[nodiscard]] KOKKOS_INLINE_FUNCTION bool follows(double square) const { return divides && !(Kokkos::sqrt(square) < floor); }
};

/// output row first + n = input row n over max(|row|, floor).
template <class Member, class Input, class Output>
struct NormalizeRows {
  Input input;
  Output output;
  RowLength length;
  std::int64_t first;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t n) const {
    double const by = length.of(row_dot(member, input, n, input, n));
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(input, 1)), [&](std::int64_t const d) {
      output(first + n, d) = static_cast<element_t<Output>>(static_cast<accumulate_of_t<Output>>(static_cast<double>(input(n, d)) / by));
    });
  }
};

/// Back through x / max(|x|, floor): input_gradient = (g - y <y, g>) / |x|, or g / floor below it. `gradient` row first + n belongs to input row n.
template <class Member, class Input, class Gradient, class InputGradient>
struct NormalizeBackwardRows {
  Input input;
  Gradient gradient;
  InputGradient input_gradient;
  RowLength length;
  std::int64_t first;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t n) const {
    double const square = row_dot(member, input, n, input, n), by = length.of(square);
    double const along = row_dot(member, input, n, gradient, first + n);
    double const pull  = length.follows(square) ? along / (by * by) : 0.0;
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(input, 1)), [&](std::int64_t const d) {
      double const value   = (static_cast<double>(gradient(first + n, d)) - pull * static_cast<double>(input(n, d))) / by;
      input_gradient(n, d) = static_cast<element_t<InputGradient>>(static_cast<accumulate_of_t<InputGradient>>(value));
    });
  }
};

}  // namespace ocellus::ssl::detail
