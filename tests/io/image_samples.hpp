// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Images for the tests of image readers.

#include <cstdint>
#include <cstring>
#include <vector>

#include <ocellus/io/image_data.hpp>

namespace ocellus::test {

/// An image with pixels that differ from their neighbours in every direction; the values fill the type (floats: -1 to 1).
inline io::Image sample_image(io::PixelType type, std::int64_t pages, std::int64_t channels, std::int64_t height, std::int64_t width) {
  io::Image image;
  image.type              = type;
  image.pages             = pages;
  image.channels          = channels;
  image.height            = height;
  image.width             = width;
  std::size_t const count = static_cast<std::size_t>(pages * channels * height * width), unit = io::size_of(type);
  image.bytes.resize(count * unit);
  std::uint32_t state = 12345;
  for (std::size_t i = 0; i < count; ++i) {
    state = state * 1664525U + 1013904223U;
    if (type == io::PixelType::float32) {
      float const value = static_cast<float>(state >> 8) * 0x1p-23F - 1.0F;
      std::memcpy(image.bytes.data() + i * unit, &value, unit);
    } else {
      std::uint32_t const value = state >> (32 - 8 * unit);
      std::memcpy(image.bytes.data() + i * unit, &value, unit);
    }
  }
  return image;
}

inline bool is_consistent(io::Image const& image) {
  return image.pages > 0 && image.channels > 0 && image.height > 0 && image.width > 0 &&
         image.bytes.size() == static_cast<std::size_t>(image.pages * image.channels * image.height * image.width) * io::size_of(image.type);
}

inline bool equal(io::Image const& a, io::Image const& b) {
  return a.type == b.type && a.pages == b.pages && a.channels == b.channels && a.height == b.height && a.width == b.width && a.bytes == b.bytes;
}

}  // namespace ocellus::test
