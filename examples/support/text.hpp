// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cctype>
#include <filesystem>
#include <string>

namespace ocellus::examples {

[[nodiscard]] inline std::string lower_case(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

/// Whether a file's name ends as those of images do that programs read: PNG and TIFF.
[[nodiscard]] inline bool names_an_image(std::filesystem::path const& path) {
  std::string const extension = lower_case(path.extension().string());
  return extension == ".png" || extension == ".tif" || extension == ".tiff";
}

}  // namespace ocellus::examples
