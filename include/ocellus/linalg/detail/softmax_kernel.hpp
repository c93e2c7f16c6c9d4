// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <type_traits>

#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/strided.hpp>
#include <ocellus/core/tensor.hpp>

namespace ocellus::linalg::detail {

/// One row of softmax a call.
template <class Member, class Real, class Input, class Mask, class Output>
struct SoftmaxRows {
  Strided4<Input> input;
  Strided4<Mask> mask;
  Strided4<Output> output;
  Real scale;

  KOKKOS_INLINE_FUNCTION Real scaled(std::int64_t row, std::int64_t d) const {
    Real const z = scale * static_cast<Real>(input.at_row(row, d, input.extents));
    if (mask.data == nullptr) return z;
    auto const m = mask.at_row(row, d, input.extents);
    if constexpr (std::is_same_v<std::remove_const_t<Mask>, bool>)
      return m ? z : -Kokkos::Experimental::infinity_v<Real>;
    else
      return z + static_cast<Real>(m);
  }

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t row) const {
    std::int64_t const width = input.extents[3];
    Real const lowest        = -Kokkos::Experimental::infinity_v<Real>;
    Real largest             = lowest;
    Kokkos::parallel_reduce(
        Kokkos::ThreadVectorRange(member, width),
        [&](std::int64_t const d, Real& most) {
          Real const z = scaled(row, d);
          if (z > most) most = z;
        },
        Kokkos::Max<Real>(largest));
    // A row of -infinity gives zeros, but a NaN among them must still spoil it: then the shift is 0 and exp(NaN) stays.
    Real const shift = largest == lowest ? Real(0) : largest;
    Real total       = 0;
    Kokkos::parallel_reduce(
        Kokkos::ThreadVectorRange(member, width), [&](std::int64_t const d, Real& partial) { partial += Kokkos::exp(scaled(row, d) - shift); }, total);
    Real const factor = total == Real(0) ? Real(0) : Real(1) / total;
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, width), [&](std::int64_t const d) {
      Real const weight                    = Kokkos::exp(scaled(row, d) - shift);
      output.at_row(row, d, input.extents) = static_cast<std::remove_cv_t<Output>>(weight * factor);
    });
  }
};

/// One row of log_sum_exp a call.
template <class Member, class Real, class Input, class Output>
struct LogSumExpRows {
  Strided4<Input> input;
  Strided4<Output> output;  ///< last extent 1

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t row) const {
    std::int64_t const width = input.extents[3];
    Real const infinity      = Kokkos::Experimental::infinity_v<Real>;
    Real largest             = -infinity;
    Kokkos::parallel_reduce(
        Kokkos::ThreadVectorRange(member, width),
        [&](std::int64_t const d, Real& most) {
          Real const z = static_cast<Real>(input.at_row(row, d, input.extents));
          if (z > most) most = z;
        },
        Kokkos::Max<Real>(largest));
    Real const shift = largest == infinity || largest == -infinity ? Real(0) : largest;
    Real total       = 0;
    Kokkos::parallel_reduce(
        Kokkos::ThreadVectorRange(member, width),
        [&](std::int64_t const d, Real& partial) { partial += Kokkos::exp(static_cast<Real>(input.at_row(row, d, input.extents)) - shift); }, total);
    Kokkos::single(Kokkos::PerThread(member),
                   [&]() { output.at_row(row, 0, input.extents) = static_cast<std::remove_cv_t<Output>>(shift + Kokkos::log(total)); });
  }
};

}  // namespace ocellus::linalg::detail
