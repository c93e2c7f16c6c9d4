// SPDX-License-Identifier: Apache-2.0
#pragma once

/// TIFF images through libtiff.

#include <tiffio.h>

#include <algorithm>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <ocellus/core/preconditions.hpp>
#include <ocellus/io/atomic_file.hpp>
#include <ocellus/io/file_error.hpp>
#include <ocellus/io/image_data.hpp>

namespace ocellus::io {
namespace detail {

/// A TIFF file in memory, as libtiff's client functions see it.
struct TiffMemory {
  std::byte const* data = nullptr;  ///< when reading
  std::size_t size = 0, at = 0;
  std::string* written = nullptr;  ///< when writing
  std::string message;
};

inline tmsize_t tiff_read(thandle_t handle, void* to, tmsize_t count) {
  auto& memory = *static_cast<TiffMemory*>(handle);
  if (memory.at >= memory.size || count <= 0) return 0;
  std::size_t const n   = std::min(static_cast<std::size_t>(count), memory.size - memory.at);
  std::byte const* from = memory.written != nullptr ? reinterpret_cast<std::byte const*>(memory.written->data()) : memory.data;
  std::memcpy(to, from + memory.at, n);
  memory.at += n;
  return static_cast<tmsize_t>(n);
}
inline tmsize_t tiff_write(thandle_t handle, void* from, tmsize_t count) {
  auto& memory = *static_cast<TiffMemory*>(handle);
  if (memory.written == nullptr || count < 0) return 0;
  auto const n = static_cast<std::size_t>(count);
  if (memory.written->size() < memory.at + n) memory.written->resize(memory.at + n);
  std::memcpy(memory.written->data() + memory.at, from, n);
  memory.at += n;
  memory.size = memory.written->size();
  return count;
}
inline toff_t tiff_seek(thandle_t handle, toff_t offset, int whence) {
  auto& memory      = *static_cast<TiffMemory*>(handle);
  toff_t const base = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? memory.at : memory.size;
  memory.at         = static_cast<std::size_t>(base + offset);
  return memory.at;
}
inline int tiff_close(thandle_t) { return 0; }
inline toff_t tiff_size(thandle_t handle) { return static_cast<TiffMemory*>(handle)->size; }
inline int tiff_map(thandle_t, void**, toff_t*) { return 0; }
inline void tiff_unmap(thandle_t, void*, toff_t) {}

#if defined(TIFFLIB_AT_LEAST)
#define OCELLUS_TIFF_OPTIONS 1
#elif TIFFLIB_VERSION >= 20221213
#define OCELLUS_TIFF_OPTIONS 1
#endif

inline int tiff_error(TIFF*, void* user, char const*, char const* format, va_list arguments) {
  auto& memory = *static_cast<TiffMemory*>(user);
  char text[256];
  std::vsnprintf(text, sizeof text, format, arguments);
  if (memory.message.empty()) memory.message = text;
  return 1;
}
inline int tiff_warning(TIFF*, void*, char const*, char const*, va_list) { return 1; }

struct TiffClose {
  void operator()(TIFF* tiff) const { TIFFClose(tiff); }
};
using TiffHandle = std::unique_ptr<TIFF, TiffClose>;

/// Opens a TIFF in memory; messages go into the memory, not to the screen (libtiff 4.5 and newer).
inline TiffHandle open_tiff(TiffMemory& memory, std::string const& name, char const* mode) {
#if defined(OCELLUS_TIFF_OPTIONS)
  std::unique_ptr<TIFFOpenOptions, void (*)(TIFFOpenOptions*)> const options(TIFFOpenOptionsAlloc(), TIFFOpenOptionsFree);
  TIFFOpenOptionsSetErrorHandlerExtR(options.get(), tiff_error, &memory);
  TIFFOpenOptionsSetWarningHandlerExtR(options.get(), tiff_warning, &memory);
  TIFFOpenOptionsSetMaxSingleMemAlloc(options.get(), tmsize_t{1} << 31);
  return TiffHandle(
      TIFFClientOpenExt(name.c_str(), mode, &memory, tiff_read, tiff_write, tiff_seek, tiff_close, tiff_size, tiff_map, tiff_unmap, options.get()));
#else
  return TiffHandle(TIFFClientOpen(name.c_str(), mode, &memory, tiff_read, tiff_write, tiff_seek, tiff_close, tiff_size, tiff_map, tiff_unmap));
#endif
}

/// What one page holds.
struct TiffPage {
  std::uint32_t width = 0, height = 0;
  std::uint16_t bits = 1, samples = 1, format = SAMPLEFORMAT_UINT, planar = PLANARCONFIG_CONTIG, photometric = PHOTOMETRIC_MINISBLACK;
  bool tiled               = false;
  std::uint32_t tile_width = 0, tile_height = 0;

  [[nodiscard]] PixelType type() const {
    return bits == 8 ? PixelType::uint8 : bits == 16 ? PixelType::uint16 : format == SAMPLEFORMAT_IEEEFP ? PixelType::float32 : PixelType::uint32;
  }
  [[nodiscard]] bool like(TiffPage const& o) const { return width == o.width && height == o.height && samples == o.samples && type() == o.type(); }
};

inline TiffPage tiff_page(TIFF* tiff, std::filesystem::path const& path, std::string const& place) {
  TiffPage page;
  TIFFGetField(tiff, TIFFTAG_IMAGEWIDTH, &page.width);
  TIFFGetField(tiff, TIFFTAG_IMAGELENGTH, &page.height);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_BITSPERSAMPLE, &page.bits);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLESPERPIXEL, &page.samples);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLEFORMAT, &page.format);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_PLANARCONFIG, &page.planar);
  TIFFGetField(tiff, TIFFTAG_PHOTOMETRIC, &page.photometric);
  page.tiled = TIFFIsTiled(tiff) != 0;
  if (page.tiled) {
    TIFFGetField(tiff, TIFFTAG_TILEWIDTH, &page.tile_width);
    TIFFGetField(tiff, TIFFTAG_TILELENGTH, &page.tile_height);
  }
  if (page.format == SAMPLEFORMAT_VOID) page.format = SAMPLEFORMAT_UINT;
  if (page.width == 0 || page.height == 0) throw FileError(path, place, "has no pixels");
  bool const whole = page.format == SAMPLEFORMAT_UINT && (page.bits == 8 || page.bits == 16 || page.bits == 32),
             real  = page.format == SAMPLEFORMAT_IEEEFP && page.bits == 32;
  if (!whole && !real)
    throw FileError(
        path, place,
        std::to_string(page.bits) + "-bit samples of format " + std::to_string(page.format) + " cannot be read: 8, 16 or 32 bits unsigned, or 32-bit float");
  if (page.photometric != PHOTOMETRIC_MINISBLACK && page.photometric != PHOTOMETRIC_MINISWHITE && page.photometric != PHOTOMETRIC_PALETTE &&
      page.photometric != PHOTOMETRIC_RGB) {
    throw FileError(path, place, "colour space " + std::to_string(page.photometric) + " cannot be read: grey, palette or RGB");
  }
  if (page.samples == 0 || page.samples > 64) throw FileError(path, place, "has " + std::to_string(page.samples) + " samples a pixel");
  return page;
}

/// Decodes a page into planes (channels, height, width).
inline void read_tiff_page(TIFF* tiff, TiffPage const& page, TiffMemory const& memory, std::filesystem::path const& path, std::string const& place,
                           std::size_t most, std::byte* planes) {
  std::size_t const unit = size_of(page.type()), plane = static_cast<std::size_t>(page.width) * page.height;
  bool const together           = page.planar == PLANARCONFIG_CONTIG;
  std::size_t const interleaved = together ? page.samples : 1;
  auto const fail               = [&](std::string const& what) { throw FileError(path, place, what + (memory.message.empty() ? "" : ": " + memory.message)); };
  // Rows of `block_width` pixels from a decoded block go to (top, left) of the planes.
  auto const scatter = [&](std::vector<std::byte> const& block, std::size_t got, std::size_t sample, std::size_t top, std::size_t left, std::size_t block_width,
                           std::size_t block_height) {
    for (std::size_t y = 0; y < block_height && top + y < page.height; ++y) {
      std::size_t const columns = std::min<std::size_t>(block_width, page.width - left), row = y * block_width * interleaved * unit;
      if (row + columns * interleaved * unit > got) fail("a strip or tile is too short");
      for (std::size_t c = 0; c < interleaved; ++c) {
        std::byte* const to         = planes + ((sample + c) * plane + (top + y) * page.width + left) * unit;
        std::byte const* const from = block.data() + row + c * unit;
        if (interleaved == 1)
          std::memcpy(to, from, columns * unit);
        else {
          for (std::size_t x = 0; x < columns; ++x) std::memcpy(to + x * unit, from + x * interleaved * unit, unit);
        }
      }
    }
  };
  std::size_t const passes = together ? 1 : page.samples;
  if (page.tiled) {
    auto const bytes = static_cast<std::size_t>(std::max<tmsize_t>(TIFFTileSize(tiff), 0));
    if (bytes == 0 || page.tile_width == 0 || page.tile_height == 0 || bytes > most ||
        bytes != static_cast<std::size_t>(page.tile_width) * page.tile_height * interleaved * unit)
      fail("the tiles have an impossible size");
    std::vector<std::byte> block(bytes);
    for (std::size_t s = 0; s < passes; ++s) {
      for (std::size_t top = 0; top < page.height; top += page.tile_height) {
        for (std::size_t left = 0; left < page.width; left += page.tile_width) {
          auto const tile    = TIFFComputeTile(tiff, static_cast<std::uint32_t>(left), static_cast<std::uint32_t>(top), 0, static_cast<std::uint16_t>(s));
          tmsize_t const got = TIFFReadEncodedTile(tiff, tile, block.data(), static_cast<tmsize_t>(bytes));
          if (got < 0) fail("a tile cannot be decoded");
          scatter(block, static_cast<std::size_t>(got), s, top, left, page.tile_width, page.tile_height);
        }
      }
    }
  } else {
    std::uint32_t rows = 0;
    TIFFGetFieldDefaulted(tiff, TIFFTAG_ROWSPERSTRIP, &rows);
    rows             = std::min(rows, page.height);
    auto const bytes = static_cast<std::size_t>(std::max<tmsize_t>(TIFFStripSize(tiff), 0));
    if (rows == 0 || bytes == 0 || bytes > most || bytes < static_cast<std::size_t>(page.width) * rows * interleaved * unit)
      fail("the strips have an impossible size");
    std::vector<std::byte> block(bytes);
    for (std::size_t s = 0; s < passes; ++s) {
      for (std::size_t top = 0; top < page.height; top += rows) {
        auto const strip   = TIFFComputeStrip(tiff, static_cast<std::uint32_t>(top), static_cast<std::uint16_t>(s));
        tmsize_t const got = TIFFReadEncodedStrip(tiff, strip, block.data(), static_cast<tmsize_t>(bytes));
        if (got < 0) fail("a strip cannot be decoded");
        scatter(block, static_cast<std::size_t>(got), s, top, 0, page.width, rows);
      }
    }
  }
}

}  // namespace detail

/// Parses the bytes of a TIFF or BigTIFF file: 8, 16 or 32 bits unsigned or 32-bit float; grey, palette or RGB; strips or tiles; any compression that libtiff
/// decodes; any number of pages, which must agree in size and kind. A palette image gives its indices, which is what microscopes mean by them; "white is zero"
/// is turned round.
///
/// Errors: `FileError` naming the page when the file is damaged, of another kind, or larger than the limits.
[[nodiscard]] inline Image parse_tiff(std::filesystem::path const& path, std::vector<std::byte> const& file, ImageLimits const& limits = {}) {
  detail::TiffMemory memory;
  memory.data     = file.data();
  memory.size     = file.size();
  auto const tiff = detail::open_tiff(memory, path.filename().string(), "rm");
  if (!tiff) throw FileError(path, "header", "damaged TIFF: " + memory.message);
  std::size_t const plausible = file.size() > SIZE_MAX / limits.ratio ? SIZE_MAX : file.size() * limits.ratio;
  std::size_t const most      = std::min(limits.decoded_bytes, plausible + (std::size_t{1} << 20));
  Image image;
  detail::TiffPage first;
  do {
    std::string const place     = "page " + std::to_string(image.pages + 1);
    detail::TiffPage const page = detail::tiff_page(tiff.get(), path, place);
    if (image.pages == 0) {
      first          = page;
      image.type     = page.type();
      image.channels = page.samples;
      image.height   = page.height;
      image.width    = page.width;
    } else if (!page.like(first)) {
      throw FileError(path, place,
                      "differs in size or kind from the first page: " + std::to_string(page.width) + " x " + std::to_string(page.height) + " against " +
                          std::to_string(first.width) + " x " + std::to_string(first.height));
    }
    std::size_t const unit = size_of(image.type);
    std::size_t bytes      = static_cast<std::size_t>(page.width) * page.height;  // two 32-bit numbers: no overflow
    if (bytes > most / (unit * page.samples) || image.bytes.size() > most - bytes * unit * page.samples) {
      throw FileError(path, place,
                      "claims " + std::to_string(page.width) + " x " + std::to_string(page.height) + " pixels, which is implausible for " +
                          std::to_string(file.size()) + " bytes or above the limit");
    }
    bytes *= unit * page.samples;
    std::size_t const start = image.bytes.size();
    image.bytes.resize(start + bytes);
    detail::read_tiff_page(tiff.get(), page, memory, path, place, most, image.bytes.data() + start);
    if (page.photometric == PHOTOMETRIC_MINISWHITE && image.type != PixelType::float32) {
      for (std::size_t i = start; i < image.bytes.size(); ++i) image.bytes[i] = ~image.bytes[i];
    }
    ++image.pages;
    memory.message.clear();
  } while (TIFFReadDirectory(tiff.get()) != 0);
  if (!memory.message.empty()) throw FileError(path, "page " + std::to_string(image.pages + 1), "damaged TIFF: " + memory.message);
  return image;
}

/// Reads a TIFF file.
[[nodiscard]] inline Image read_tiff(std::filesystem::path const& path, ImageLimits const& limits = {}) { return parse_tiff(path, read_file(path), limits); }

struct WriteTiffOptions {
  bool compress = true;  ///< deflate
};

/// The bytes of a TIFF file: every channel of every page becomes a grey page.
///
/// Errors: `std::invalid_argument` when the image is empty or its bytes do not fit its size.
[[nodiscard]] inline std::string encode_tiff(Image const& image, WriteTiffOptions const& options = {}) {
  constexpr auto function = "ocellus::io::encode_tiff";
  std::size_t const unit  = size_of(image.type);
  require(image.pages > 0 && image.channels > 0 && image.width > 0 && image.height > 0 && image.width <= INT32_MAX && image.height <= INT32_MAX, function,
          "the image is ", image.pages, " x ", image.channels, " x ", image.height, " x ", image.width);
  std::size_t const plane = static_cast<std::size_t>(image.width * image.height) * unit;
  require(image.bytes.size() == plane * static_cast<std::size_t>(image.pages * image.channels), function, "the image holds ", image.bytes.size(),
          " bytes, not ", plane * static_cast<std::size_t>(image.pages * image.channels));
  std::string bytes;
  detail::TiffMemory memory;
  memory.written = &bytes;
  {
    auto const tiff = detail::open_tiff(memory, "memory", image.bytes.size() > (std::size_t{1} << 31) ? "w8m" : "wm");
    require(tiff != nullptr, function, memory.message);
    for (std::int64_t p = 0; p < image.pages * image.channels; ++p) {
      auto const rows = static_cast<std::uint32_t>(std::max<std::int64_t>(1, 65536 / (image.width * static_cast<std::int64_t>(unit))));
      TIFFSetField(tiff.get(), TIFFTAG_IMAGEWIDTH, static_cast<std::uint32_t>(image.width));
      TIFFSetField(tiff.get(), TIFFTAG_IMAGELENGTH, static_cast<std::uint32_t>(image.height));
      TIFFSetField(tiff.get(), TIFFTAG_BITSPERSAMPLE, static_cast<int>(unit * 8));
      TIFFSetField(tiff.get(), TIFFTAG_SAMPLESPERPIXEL, 1);
      TIFFSetField(tiff.get(), TIFFTAG_SAMPLEFORMAT, image.type == PixelType::float32 ? SAMPLEFORMAT_IEEEFP : SAMPLEFORMAT_UINT);
      TIFFSetField(tiff.get(), TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_MINISBLACK);
      TIFFSetField(tiff.get(), TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG);
      TIFFSetField(tiff.get(), TIFFTAG_ROWSPERSTRIP, rows);
      TIFFSetField(tiff.get(), TIFFTAG_COMPRESSION, options.compress ? COMPRESSION_ADOBE_DEFLATE : COMPRESSION_NONE);
      std::byte const* const page = image.bytes.data() + static_cast<std::size_t>(p) * plane;
      std::vector<std::byte> strip;
      for (std::uint32_t y = 0, s = 0; y < image.height; y += rows, ++s) {
        std::size_t const count = static_cast<std::size_t>(std::min<std::int64_t>(rows, image.height - y)) * static_cast<std::size_t>(image.width) * unit;
        strip.assign(page + static_cast<std::size_t>(y) * static_cast<std::size_t>(image.width) * unit,
                     page + static_cast<std::size_t>(y) * static_cast<std::size_t>(image.width) * unit + count);
        require(TIFFWriteEncodedStrip(tiff.get(), s, strip.data(), static_cast<tmsize_t>(count)) >= 0, function, memory.message);
      }
      require(TIFFWriteDirectory(tiff.get()) != 0, function, memory.message);
    }
  }
  return bytes;
}

/// Writes a TIFF file, whole or not at all.
inline void write_tiff(std::filesystem::path const& path, Image const& image, WriteTiffOptions const& options = {}) {
  write_file_atomically(path, encode_tiff(image, options));
}

}  // namespace ocellus::io
