// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The passes of otsu_threshold over an image on hosts, for rows that are contiguous: by vectors, and each strip of rows counts into bins of its own.

#include <algorithm>
#include <cstdint>

#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/simd.hpp>
#include <ocellus/core/tensor.hpp>

namespace ocellus::image::detail {
inline namespace OCELLUS_INSTRUCTION_SET {

template <class Member, class Input, class Extremes>
struct LineExtremes {
  Input input;
  Extremes extremes;

  void operator()(Member const&, std::int64_t y) const {
    using Real               = typename Extremes::non_const_value_type;
    using V                  = Simd<Real>;
    Real const big           = Kokkos::Experimental::finite_max_v<Real>;
    std::int64_t const width = extent(input, 1), whole = width / V::width * V::width;
    auto const* const line = &input(y, 0);
    V low(big), high(-big);
    for (std::int64_t x = 0; x < whole; x += V::width) {
      V const v         = V::load(line + x);
      auto const finite = abs(v) <= V(big);
      low               = select(finite & (v < low), v, low);
      high              = select(finite & (v > high), v, high);
    }
    Real least = big, most = -big;
    for (int lane = 0; lane < V::width; ++lane) least = std::min(least, low[lane]), most = std::max(most, high[lane]);
    for (std::int64_t x = whole; x < width; ++x) {
      Real const v = static_cast<Real>(line[x]);
      if (v < least && v >= -big) least = v;
      if (v > most && v <= big) most = v;
    }
    extremes(y, 0) = least;
    extremes(y, 1) = most;
  }
};

/// Counts of the bins of one strip of rows, by the arithmetic of CountBins.
template <class Member, class Input, class Extremes, int Bins>
struct CountBinsOfStrip {
  static constexpr int chains = 4;  ///< neighbouring pixels often share a bin, and would wait for each other

  Input input;
  Extremes extremes;
  int* counts;  ///< (strips, Bins)
  std::int64_t strips;
  bool square_root;

  void operator()(Member const&, std::int64_t strip) const {
    using Real     = typename Extremes::non_const_value_type;
    using V        = Simd<Real>;
    using I        = Simd<std::int32_t, V::width>;
    Real const low = extremes(0, 0), range = extremes(0, 1) - extremes(0, 0);
    int bins[chains][Bins + 1] = {};  // the last takes what does not count
    std::int64_t const height = extent(input, 0), width = extent(input, 1);
    V const smallest(low), largest(low + range), by(range), all(static_cast<Real>(Bins)), outside(static_cast<Real>(Bins)), top(static_cast<Real>(Bins - 1));
    for (std::int64_t y = height * strip / strips; y < height * (strip + 1) / strips && range > Real(0); ++y) {
      auto const* const line = &input(y, 0);
      for (std::int64_t x = 0; x < width; x += V::width) {
        std::int64_t const some = std::min<std::int64_t>(V::width, width - x);
        V const v               = some == V::width ? V::load(line + x) : V::load(line + x, some);
        auto const counted      = (v >= smallest) & (v <= largest);
        V share                 = (select(counted, v, smallest) - smallest) / by;
        if (square_root) share = sqrt(share);
        V const bin = select(counted, min(share * all, top), outside);
        std::int32_t numbers[V::width];
        I const whole(__builtin_convertvector(bin.raw, typename I::Raw));
        *reinterpret_cast<typename I::Unaligned*>(numbers) = whole.raw;
        if (some == V::width) {
#pragma GCC unroll 16
          for (int lane = 0; lane < V::width; ++lane) ++bins[lane % chains][numbers[lane]];
        } else {
          for (int lane = 0; lane < some; ++lane) ++bins[lane % chains][numbers[lane]];
        }
      }
    }
    for (int b = 0; b < Bins; ++b) {
      int sum = 0;
      for (int chain = 0; chain < chains; ++chain) sum += bins[chain][b];
      counts[strip * Bins + b] = sum;
    }
  }
};

/// Into the first strip's.
template <class Member, int Bins>
struct SumStrips {
  int* counts;
  std::int64_t strips;

  void operator()(Member const&, std::int64_t) const {
    for (std::int64_t strip = 1; strip < strips; ++strip) {
      for (int b = 0; b < Bins; ++b) counts[b] += counts[strip * Bins + b];
    }
  }
};

}  // namespace OCELLUS_INSTRUCTION_SET
}  // namespace ocellus::image::detail
