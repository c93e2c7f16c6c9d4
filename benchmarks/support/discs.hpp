// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Images of cells for benchmarks: discs on a grid.

#include <cmath>
#include <cstdint>

#include "support/benchmark.hpp"

namespace ocellus::benchmarks {

/// (side, side) labels of discs, a disc every `pitch` pixels, as wide as four fifths of it; 0 between them and beyond `most`.
[[nodiscard]] inline auto disc_labels(std::int64_t side, double pitch, std::int64_t most) {
  auto const across   = static_cast<std::int64_t>(std::ceil(static_cast<double>(side) / pitch));
  auto const label_of = [=](std::int64_t i) {
    double const y = static_cast<double>(i / side) / pitch, x = static_cast<double>(i % side) / pitch;
    auto const row = static_cast<std::int64_t>(y), column = static_cast<std::int64_t>(x), label = row * across + column + 1;
    bool const inside = std::hypot(y - static_cast<double>(row) - 0.5, x - static_cast<double>(column) - 0.5) < 0.4;
    return static_cast<std::int32_t>(inside && label <= most ? label : 0);
  };
  return filled_tensor<std::int32_t**>(label_of, side, side);
}

/// Discs 51 pixels wide, one every 64: what the benchmarks of image work on.
constexpr double disc_pitch = 64;

[[nodiscard]] inline auto disc_mask(std::int64_t side) {
  auto const labels = disc_labels(side, disc_pitch, side * side);
  return filled_tensor<bool**>([=](std::int64_t i) { return labels.data()[i] != 0; }, side, side);
}

/// The share of an image that such discs cover.
constexpr double disc_share = 0.5027;

/// (2, side, side) flows as a network gives them: five times the unit vector to the centre of each disc.
[[nodiscard]] inline auto disc_flow(std::int64_t side) {
  auto const labels = disc_labels(side, disc_pitch, side * side);
  return filled_tensor<float***>(
      [=](std::int64_t i) {
        std::int64_t const pixel = i % (side * side);
        double const y           = std::fmod(static_cast<double>(pixel / side), disc_pitch) - disc_pitch / 2,
                     x           = std::fmod(static_cast<double>(pixel % side), disc_pitch) - disc_pitch / 2;
        return static_cast<float>(labels.data()[pixel] == 0 ? 0.0 : -5 * (i < side * side ? y : x) / (std::hypot(y, x) + 1e-6));
      },
      2, side, side);
}

}  // namespace ocellus::benchmarks
