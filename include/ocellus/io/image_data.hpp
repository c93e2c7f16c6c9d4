// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>

namespace ocellus::io {

enum class PixelType { uint8, uint16, uint32, float32 };

[[nodiscard]] constexpr std::size_t size_of(PixelType type) { return type == PixelType::uint8 ? 1 : type == PixelType::uint16 ? 2 : 4; }

/// Pixels in the order pages, channels, rows, columns, in the byte order of this machine.
struct Image {
  PixelType type     = PixelType::uint8;
  std::int64_t pages = 0, channels = 0, height = 0, width = 0;
  std::vector<std::byte> bytes;

  [[nodiscard]] std::size_t size() const { return bytes.size() / size_of(type); }

  /// Pixel i in that order, converted to T.
  template <class T>
  [[nodiscard]] T at(std::size_t i) const {
    auto const load = [&](auto zero) {
      std::memcpy(&zero, bytes.data() + i * sizeof(zero), sizeof(zero));
      return static_cast<T>(zero);
    };
    if (type == PixelType::uint8) return load(std::uint8_t{});
    if (type == PixelType::uint16) return load(std::uint16_t{});
    if (type == PixelType::uint32) return load(std::uint32_t{});
    return load(float{});
  }

  /// The value of a full pixel: 255, 65535, 2^32 - 1, or 1 for floats.
  [[nodiscard]] double full_scale() const {
    return type == PixelType::uint8 ? 255.0 : type == PixelType::uint16 ? 65535.0 : type == PixelType::uint32 ? 4294967295.0 : 1.0;
  }

  /// One page as (channels, height, width) floats, each pixel multiplied by `scale`.
  ///
  /// Errors: `std::invalid_argument` when there is no such page, or fewer bytes than the extents say.
  [[nodiscard]] HostTensor<float***> to_float(std::int64_t page = 0, double scale = 1.0) const {
    require(page >= 0 && page < pages, "ocellus::io::Image::to_float", "page ", page, " is asked for but the image has ", pages);
    require(size() == static_cast<std::size_t>(pages * channels * height * width), "ocellus::io::Image::to_float", "the image holds ", size(),
            " pixels, its extents say ", pages, " x ", channels, " x ", height, " x ", width);
    auto tensor             = make_host_tensor<float***>("ocellus::io::image", channels, height, width);
    std::size_t const count = tensor.size(), first = static_cast<std::size_t>(page) * count;
    for (std::size_t i = 0; i < count; ++i) tensor.data()[i] = static_cast<float>(at<double>(first + i) * scale);
    return tensor;
  }
};

/// What a reader may decode at most: a small file cannot ask for much memory.
struct ImageLimits {
  std::size_t decoded_bytes = std::size_t{1} << 31;  ///< of a whole image, all pages
  std::size_t ratio         = 4096;                  ///< decoded bytes for each byte of the file (plus one mebibyte); compressors of images reach about 1400
};

}  // namespace ocellus::io
