// SPDX-License-Identifier: Apache-2.0

#include "picture.hpp"

#include <png.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace ocellus::examples {
namespace {

/// Colours in the order of the channels: blue is kept for a first channel, which is DNA by custom.
std::array<float, 3> channel_colour(std::int64_t channel, std::int64_t count) {
  static constexpr std::array<std::array<float, 3>, 6> colours = {
      {{0.25f, 0.45f, 1.f}, {0.2f, 0.9f, 0.3f}, {1.f, 0.25f, 0.2f}, {1.f, 0.8f, 0.1f}, {0.9f, 0.3f, 0.9f}, {0.2f, 0.9f, 0.9f}}};
  if (count == 1) return {1.f, 1.f, 1.f};
  return colours[static_cast<std::size_t>(channel) % colours.size()];
}

}  // namespace

DisplayRange display_range(float const* values, std::size_t count) {
  std::vector<float> sample;
  std::size_t const step = std::max<std::size_t>(1, count / 100000);
  for (std::size_t i = 0; i < count; i += step) sample.push_back(values[i]);
  if (sample.empty()) return {};
  auto const quantile = [&](double q) {
    auto const at = sample.begin() + static_cast<std::ptrdiff_t>(q * static_cast<double>(sample.size() - 1));
    std::nth_element(sample.begin(), at, sample.end());
    return *at;
  };
  DisplayRange range{quantile(0.01), quantile(0.997)};
  if (!(range.high > range.low)) range.high = range.low + 1.f;
  return range;
}

Picture composite(float const* channels, std::int64_t count, std::int64_t height, std::int64_t width, std::vector<DisplayRange> const& ranges) {
  Picture picture{width, height, std::vector<std::uint8_t>(static_cast<std::size_t>(width * height * 3))};
  // Beyond three channels they are dimmed, so that all of them together do not saturate red, green or blue by more than two thirds.
  std::array<float, 3> strength = {0, 0, 0};
  for (std::int64_t c = 0; c < count; ++c) {
    auto const colour = channel_colour(c, count);
    for (std::size_t k = 0; k < 3; ++k) strength[k] += 0.6f * colour[k];
  }
  for (float& part : strength) part = 1.f / std::max(part, 1.f);
  for (std::int64_t i = 0; i < height * width; ++i) {
    std::array<float, 3> sum = {0, 0, 0};
    for (std::int64_t c = 0; c < count; ++c) {
      auto const& range = ranges[static_cast<std::size_t>(c)];
      float const level = std::clamp((channels[c * height * width + i] - range.low) / (range.high - range.low), 0.f, 1.f);
      float const shown = std::pow(level, 0.7f);
      auto const colour = channel_colour(c, count);
      for (std::size_t k = 0; k < 3; ++k) sum[k] += shown * colour[k];
    }
    for (std::size_t k = 0; k < 3; ++k)
      picture.rgb[static_cast<std::size_t>(i) * 3 + k] = static_cast<std::uint8_t>(std::lround(255.f * std::min(sum[k] * strength[k], 1.f)));
  }
  return picture;
}

void draw_outlines(Picture& picture, std::int32_t const* labels, std::array<std::uint8_t, 3> colour) {
  auto const label = [&](std::int64_t y, std::int64_t x) { return labels[y * picture.width + x]; };
  for (std::int64_t y = 0; y < picture.height; ++y) {
    for (std::int64_t x = 0; x < picture.width; ++x) {
      std::int32_t const own = label(y, x);
      bool const edge        = own != 0 && ((x > 0 && label(y, x - 1) != own) || (x + 1 < picture.width && label(y, x + 1) != own) ||
                                     (y > 0 && label(y - 1, x) != own) || (y + 1 < picture.height && label(y + 1, x) != own));
      if (edge) std::copy(colour.begin(), colour.end(), picture.at(y, x));
    }
  }
}

Picture shrink(Picture const& picture, std::int64_t longest) {
  std::int64_t const block = (std::max(picture.width, picture.height) + longest - 1) / longest;
  if (block <= 1) return picture;
  Picture small{picture.width / block, picture.height / block, {}};
  small.rgb.resize(static_cast<std::size_t>(small.width * small.height * 3));
  for (std::int64_t y = 0; y < small.height; ++y) {
    for (std::int64_t x = 0; x < small.width; ++x) {
      for (int k = 0; k < 3; ++k) {
        std::int64_t sum = 0;
        for (std::int64_t dy = 0; dy < block; ++dy) {
          for (std::int64_t dx = 0; dx < block; ++dx) sum += picture.rgb[static_cast<std::size_t>(((y * block + dy) * picture.width + x * block + dx) * 3 + k)];
        }
        small.at(y, x)[k] = static_cast<std::uint8_t>(sum / (block * block));
      }
    }
  }
  return small;
}

Picture montage(std::vector<Picture> const& pictures, std::int64_t columns, std::int64_t gap) {
  if (pictures.empty()) return {};
  auto const count        = static_cast<std::int64_t>(pictures.size());
  columns                 = std::min(columns, count);
  std::int64_t const rows = (count + columns - 1) / columns, w = pictures[0].width, h = pictures[0].height;
  Picture sheet{columns * w + (columns - 1) * gap, rows * h + (rows - 1) * gap, {}};
  sheet.rgb.assign(static_cast<std::size_t>(sheet.width * sheet.height * 3), 255);
  for (std::int64_t i = 0; i < count; ++i) {
    auto const& tile = pictures[static_cast<std::size_t>(i)];
    for (std::int64_t y = 0; y < std::min(h, tile.height); ++y) {
      std::copy_n(tile.rgb.data() + y * tile.width * 3, std::min(w, tile.width) * 3, sheet.at(i / columns * (h + gap) + y, i % columns * (w + gap)));
    }
  }
  return sheet;
}

std::vector<std::uint8_t> png_bytes(Picture const& picture) {
  png_image header{};
  header.version        = PNG_IMAGE_VERSION;
  header.width          = static_cast<png_uint_32>(picture.width);
  header.height         = static_cast<png_uint_32>(picture.height);
  header.format         = PNG_FORMAT_RGB;
  png_alloc_size_t size = 0;
  if (png_image_write_to_memory(&header, nullptr, &size, 0, picture.rgb.data(), 0, nullptr) == 0)
    throw std::runtime_error(std::string("PNG: ") + header.message);
  std::vector<std::uint8_t> bytes(size);
  if (png_image_write_to_memory(&header, bytes.data(), &size, 0, picture.rgb.data(), 0, nullptr) == 0)
    throw std::runtime_error(std::string("PNG: ") + header.message);
  bytes.resize(size);
  return bytes;
}

}  // namespace ocellus::examples
