// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ocellus/core/kokkos.hpp>

namespace ocellus::video {

/// What stands for a frame before the first or behind the last one.
enum class TemporalEdge {
  clamp,    ///< the nearest frame
  reflect,  ///< the mirror image about the end frame, which is not repeated: -1 is 1, T is T - 2
};

namespace detail {

/// The frame of [0, frames) that stands for `frame`; `reflect` goes to and fro with period 2 (frames - 1).
KOKKOS_INLINE_FUNCTION std::int64_t source_frame(std::int64_t frame, std::int64_t frames, TemporalEdge edge) {
  if (frame >= 0 && frame < frames) return frame;
  if (edge == TemporalEdge::clamp || frames == 1) return frame < 0 ? 0 : frames - 1;
  std::int64_t const period = 2 * (frames - 1);
  frame %= period;
  if (frame < 0) frame += period;
  return frame < frames ? frame : period - frame;
}

/// Weight i of a window of `count` (odd, at least 3) frames: least + (most - least) (1 - (1 - d)^level), d the distance from the centre in units of its largest.
KOKKOS_INLINE_FUNCTION double profile_weight(std::int64_t i, std::int64_t count, double level, double least, double most) {
  std::int64_t const middle = count / 2, steps = i < middle ? middle - i : i - middle;
  double const distance = static_cast<double>(steps) / static_cast<double>(middle);
  return least + (most - least) * (1.0 - Kokkos::pow(1.0 - distance, level));
}

}  // namespace detail
}  // namespace ocellus::video
