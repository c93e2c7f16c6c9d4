// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Images as they come from files, and a reader that goes by the file's content.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <vector>

#include <ocellus/core/tensor.hpp>
#include <ocellus/io/atomic_file.hpp>
#include <ocellus/io/file_error.hpp>
#include <ocellus/io/image_data.hpp>
#include <ocellus/io/png.hpp>
#include <ocellus/io/tiff.hpp>

namespace ocellus::io {

/// Parses a TIFF or PNG file, told apart by its first bytes.
[[nodiscard]] inline Image parse_image(std::filesystem::path const& path, std::vector<std::byte> const& file, ImageLimits const& limits = {}) {
  auto const begins = [&](char const* magic, std::size_t size) { return file.size() >= size && std::memcmp(file.data(), magic, size) == 0; };
  if (begins("\x89PNG\r\n\x1a\n", 8)) return parse_png(path, file, limits);
  if (begins("II*\0", 4) || begins("MM\0*", 4) || begins("II+\0", 4) || begins("MM\0+", 4)) return parse_tiff(path, file, limits);
  throw FileError(path, "byte 0", "is neither a TIFF nor a PNG file");
}

/// Reads a TIFF or PNG file.
[[nodiscard]] inline Image read_image(std::filesystem::path const& path, ImageLimits const& limits = {}) { return parse_image(path, read_file(path), limits); }

}  // namespace ocellus::io
