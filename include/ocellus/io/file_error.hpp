// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <stdexcept>
#include <string>

namespace ocellus::io {

/// A file that cannot be read or written: which, where in it, and why.
class FileError : public std::runtime_error {
 public:
  FileError(std::filesystem::path path, std::string place, std::string reason)
      : std::runtime_error(path.string() + (place.empty() ? "" : ", " + place) + ": " + reason),
        path_(std::move(path)),
        place_(std::move(place)),
        reason_(std::move(reason)) {}

  [[nodiscard]] std::filesystem::path const& path() const { return path_; }
  [[nodiscard]] std::string const& place() const { return place_; }
  [[nodiscard]] std::string const& reason() const { return reason_; }

 private:
  std::filesystem::path path_;
  std::string place_, reason_;
};

}  // namespace ocellus::io
