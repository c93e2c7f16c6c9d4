// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <ocellus/io/file_error.hpp>

namespace ocellus::io {

/// Reads a whole file. The size is taken from the open file, never from its content.
///
/// Errors: `FileError` when it does not exist, is no regular file, is larger than `limit` bytes or cannot be read.
[[nodiscard]] inline std::vector<std::byte> read_file(std::filesystem::path const& path, std::size_t limit = std::size_t{1} << 40) {
  int const file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) throw FileError(path, "", std::strerror(errno));
  struct stat status {};
  std::vector<std::byte> bytes;
  std::string trouble;
  if (::fstat(file, &status) != 0)
    trouble = std::strerror(errno);
  else if (!S_ISREG(status.st_mode))
    trouble = "is not a regular file";
  else if (static_cast<std::size_t>(status.st_size) > limit)
    trouble = "has " + std::to_string(status.st_size) + " bytes, more than the limit of " + std::to_string(limit);
  if (trouble.empty()) {
    bytes.resize(static_cast<std::size_t>(status.st_size));
    std::size_t done = 0;
    while (done < bytes.size()) {
      ssize_t const count = ::read(file, bytes.data() + done, bytes.size() - done);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) trouble = std::strerror(errno);
      if (count <= 0) break;
      done += static_cast<std::size_t>(count);
    }
    bytes.resize(done);
  }
  ::close(file);
  if (!trouble.empty()) throw FileError(path, "", trouble);
  return bytes;
}

/// Writes a file whole or not at all: into a temporary file in the same folder, flushed to the disk, then renamed. Folders on the way are made.
///
/// Errors: `FileError` with the system's reason (no space, no permission); then the old file, if any, is untouched and the temporary one is gone.
inline void write_file_atomically(std::filesystem::path const& path, void const* data, std::size_t size) {
  if (path.has_parent_path()) {
    std::error_code error;
    std::filesystem::create_directories(path.parent_path(), error);
    if (error) throw FileError(path.parent_path(), "", error.message());
  }
  std::string temporary = path.string() + "." + std::string(6, 'X');
  int const file        = ::mkstemp(temporary.data());
  if (file < 0) throw FileError(path, "", std::string("cannot make a temporary file beside it: ") + std::strerror(errno));
  std::string trouble;
  auto const* at   = static_cast<char const*>(data);
  std::size_t left = size;
  while (left > 0 && trouble.empty()) {
    ssize_t const count = ::write(file, at, left);
    if (count < 0) {
      if (errno != EINTR) trouble = std::strerror(errno);
      continue;
    }
    at += count;
    left -= static_cast<std::size_t>(count);
  }
  if (trouble.empty() && (::fchmod(file, 0644) != 0 || ::fsync(file) != 0)) trouble = std::strerror(errno);
  if (::close(file) != 0 && trouble.empty()) trouble = std::strerror(errno);
  if (trouble.empty() && ::rename(temporary.c_str(), path.c_str()) != 0) trouble = std::strerror(errno);
  if (!trouble.empty()) {
    ::unlink(temporary.c_str());
    throw FileError(path, "", trouble);
  }
}

inline void write_file_atomically(std::filesystem::path const& path, std::string_view text) { write_file_atomically(path, text.data(), text.size()); }

}  // namespace ocellus::io
