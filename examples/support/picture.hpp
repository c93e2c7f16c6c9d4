// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace ocellus::examples {

/// An RGB picture for a report, 8 bits a colour, row-major.
struct Picture {
  std::int64_t width = 0, height = 0;
  std::vector<std::uint8_t> rgb;

  [[nodiscard]] std::uint8_t* at(std::int64_t y, std::int64_t x) { return rgb.data() + (y * width + x) * 3; }
};

/// What a channel's intensities are shown between: black below `low`, full colour above `high`.
struct DisplayRange {
  float low = 0, high = 1;
};

/// The 1st and the 99.7th percentile.
DisplayRange display_range(float const* values, std::size_t count);

/// Channels (C, H, W) added up in colours of their own (one: grey); gamma 0.7 so that dim structures show.
Picture composite(float const* channels, std::int64_t count, std::int64_t height, std::int64_t width, std::vector<DisplayRange> const& ranges);

/// Paints the pixels at which a label image (H, W) changes.
void draw_outlines(Picture& picture, std::int32_t const* labels, std::array<std::uint8_t, 3> colour);

/// Smaller by averaging whole blocks, so that neither side exceeds `longest`.
Picture shrink(Picture const& picture, std::int64_t longest);

/// Pictures of equal size side by side in a grid.
Picture montage(std::vector<Picture> const& pictures, std::int64_t columns, std::int64_t gap);

/// The picture as the bytes of a PNG file.
std::vector<std::uint8_t> png_bytes(Picture const& picture);

}  // namespace ocellus::examples
