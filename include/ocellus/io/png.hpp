// SPDX-License-Identifier: Apache-2.0
#pragma once

/// PNG images through libpng.

#include <png.h>

#include <csetjmp>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include <ocellus/core/preconditions.hpp>
#include <ocellus/io/atomic_file.hpp>
#include <ocellus/io/file_error.hpp>
#include <ocellus/io/image_data.hpp>

namespace ocellus::io {
namespace detail {

/// What libpng's callbacks share; plain data, since errors leave by longjmp.
struct PngState {
  std::byte const* data = nullptr;
  std::size_t size = 0, at = 0;
  std::string* written = nullptr;
  char message[160]    = {0};
};

inline void png_fail(png_structp png, png_const_charp message) {
  auto* const state = static_cast<PngState*>(png_get_error_ptr(png));
  std::strncpy(state->message, message, sizeof state->message - 1);
  std::longjmp(png_jmpbuf(png), 1);
}
inline void png_ignore(png_structp, png_const_charp) {}
inline void png_take(png_structp png, png_bytep to, png_size_t count) {
  auto* const state = static_cast<PngState*>(png_get_io_ptr(png));
  if (count > state->size - state->at) png_error(png, "the file ends too early");
  std::memcpy(to, state->data + state->at, count);
  state->at += count;
}
inline void png_put(png_structp png, png_bytep from, png_size_t count) {
  static_cast<PngState*>(png_get_io_ptr(png))->written->append(reinterpret_cast<char const*>(from), count);
}
inline void png_flush_nothing(png_structp) {}

/// Reads the header and sets the transformations; false with a message in the state.
inline bool png_begin(png_structp png, png_infop info, std::uint32_t& width, std::uint32_t& height, int& depth, int& channels, std::size_t& row_bytes) {
  if (setjmp(png_jmpbuf(png)) != 0) return false;
  png_set_user_limits(png, 1u << 20, 1u << 20);
  png_set_chunk_cache_max(png, 64);
  png_set_chunk_malloc_max(png, 1u << 24);
  png_read_info(png, info);
  int const color = png_get_color_type(png, info);
  if (color == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(png);
  if (color == PNG_COLOR_TYPE_GRAY && png_get_bit_depth(png, info) < 8) png_set_expand_gray_1_2_4_to_8(png);
  png_set_strip_alpha(png);  // also of a palette with transparency, which libpng expands to RGBA
  if (png_get_bit_depth(png, info) == 16) png_set_swap(png);
  png_set_interlace_handling(png);
  png_read_update_info(png, info);
  width     = png_get_image_width(png, info);
  height    = png_get_image_height(png, info);
  depth     = png_get_bit_depth(png, info);
  channels  = png_get_channels(png, info);
  row_bytes = png_get_rowbytes(png, info);
  return true;
}

inline bool png_finish(png_structp png, png_bytepp rows) {
  if (setjmp(png_jmpbuf(png)) != 0) return false;
  png_read_image(png, rows);
  png_read_end(png, nullptr);
  return true;
}

inline bool png_encode(png_structp png, png_infop info, std::uint32_t width, std::uint32_t height, int depth, int color, png_bytepp rows) {
  if (setjmp(png_jmpbuf(png)) != 0) return false;
  png_set_IHDR(png, info, width, height, depth, color, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_write_info(png, info);
  if (depth == 16) png_set_swap(png);
  png_write_image(png, rows);
  png_write_end(png, info);
  return true;
}

}  // namespace detail

/// Parses the bytes of a PNG file: 8 or 16 bits, grey or RGB. Fewer bits are widened to 8, a palette becomes RGB, alpha is dropped, no gamma is applied.
///
/// Errors: `FileError` when the file is damaged or larger than the limits.
[[nodiscard]] inline Image parse_png(std::filesystem::path const& path, std::vector<std::byte> const& file, ImageLimits const& limits = {}) {
  detail::PngState state;
  state.data      = file.data();
  state.size      = file.size();
  png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &state, detail::png_fail, detail::png_ignore);
  png_infop info  = png == nullptr ? nullptr : png_create_info_struct(png);
  struct Guard {
    png_structp* png;
    png_infop* info;
    ~Guard() { png_destroy_read_struct(png, info, nullptr); }
  } const guard{&png, &info};
  if (info == nullptr) throw FileError(path, "", "libpng cannot start");
  png_set_read_fn(png, &state, detail::png_take);
  std::uint32_t width = 0, height = 0;
  int depth = 0, channels = 0;
  std::size_t row_bytes = 0;
  if (!detail::png_begin(png, info, width, height, depth, channels, row_bytes))
    throw FileError(path, "byte " + std::to_string(state.at), std::string("damaged PNG: ") + state.message);
  std::size_t const size = row_bytes * height;
  if (size > limits.decoded_bytes || size / limits.ratio > file.size() + (std::size_t{1} << 20) / limits.ratio) {
    throw FileError(path, "header",
                    "claims " + std::to_string(width) + " x " + std::to_string(height) + " pixels, which is implausible for " + std::to_string(file.size()) +
                        " bytes or above the limit");
  }
  std::vector<png_byte> pixels(size);
  std::vector<png_bytep> rows(height);
  for (std::size_t y = 0; y < height; ++y) rows[y] = pixels.data() + y * row_bytes;
  if (!detail::png_finish(png, rows.data())) throw FileError(path, "byte " + std::to_string(state.at), std::string("damaged PNG: ") + state.message);
  Image image;
  image.type     = depth == 16 ? PixelType::uint16 : PixelType::uint8;
  image.pages    = 1;
  image.channels = channels;
  image.height   = height;
  image.width    = width;
  image.bytes.resize(size);
  std::size_t const unit = size_of(image.type), plane = static_cast<std::size_t>(width) * height;
  for (std::size_t i = 0; i < plane; ++i) {
    for (std::size_t c = 0; c < static_cast<std::size_t>(channels); ++c)
      std::memcpy(image.bytes.data() + (c * plane + i) * unit, pixels.data() + (i * static_cast<std::size_t>(channels) + c) * unit, unit);
  }
  return image;
}

/// Reads a PNG file.
[[nodiscard]] inline Image read_png(std::filesystem::path const& path, ImageLimits const& limits = {}) { return parse_png(path, read_file(path), limits); }

/// The bytes of a PNG file: one page of 8 or 16 bits, 1 channel (grey) or 3 (RGB).
///
/// Errors: `std::invalid_argument` when the image is of another kind or empty.
[[nodiscard]] inline std::string encode_png(Image const& image) {
  constexpr auto function = "ocellus::io::encode_png";
  require(image.pages == 1 && (image.channels == 1 || image.channels == 3), function, "a PNG file holds 1 page of 1 or 3 channels, not ", image.pages, " of ",
          image.channels);
  require(image.type == PixelType::uint8 || image.type == PixelType::uint16, function, "a PNG file holds 8 or 16 bits");
  require(image.width > 0 && image.height > 0 && image.width <= INT32_MAX && image.height <= INT32_MAX, function, "the image is ", image.width, " x ",
          image.height);
  std::size_t const unit = size_of(image.type), channels = static_cast<std::size_t>(image.channels),
                    plane = static_cast<std::size_t>(image.width * image.height);
  require(image.bytes.size() == plane * channels * unit, function, "the image holds ", image.bytes.size(), " bytes, not ", plane * channels * unit);
  std::vector<png_byte> pixels(image.bytes.size());
  for (std::size_t i = 0; i < plane; ++i) {
    for (std::size_t c = 0; c < channels; ++c) std::memcpy(pixels.data() + (i * channels + c) * unit, image.bytes.data() + (c * plane + i) * unit, unit);
  }
  std::vector<png_bytep> rows(static_cast<std::size_t>(image.height));
  for (std::size_t y = 0; y < rows.size(); ++y) rows[y] = pixels.data() + y * static_cast<std::size_t>(image.width) * channels * unit;
  std::string bytes;
  detail::PngState state;
  state.written   = &bytes;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &state, detail::png_fail, detail::png_ignore);
  png_infop info  = png == nullptr ? nullptr : png_create_info_struct(png);
  struct Guard {
    png_structp* png;
    png_infop* info;
    ~Guard() { png_destroy_write_struct(png, info); }
  } const guard{&png, &info};
  require(info != nullptr, function, "libpng cannot start");
  png_set_write_fn(png, &state, detail::png_put, detail::png_flush_nothing);
  bool const done = detail::png_encode(png, info, static_cast<std::uint32_t>(image.width), static_cast<std::uint32_t>(image.height), unit == 2 ? 16 : 8,
                                       channels == 1 ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB, rows.data());
  require(done, function, state.message);
  return bytes;
}

/// Writes a PNG file, whole or not at all.
inline void write_png(std::filesystem::path const& path, Image const& image) { write_file_atomically(path, encode_png(image)); }

}  // namespace ocellus::io
