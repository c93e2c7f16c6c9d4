// SPDX-License-Identifier: Apache-2.0
#pragma once

/// What each fuzzer shares: a reader may answer with a FileError and with nothing else; the sanitizers see wrong accesses, libFuzzer sees hangs and memory without end.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include <ocellus/io/file_error.hpp>

namespace ocellus::fuzz {

/// `parse(bytes)` of a buffer of exactly the file's size.
template <class Parse>
int feed(std::uint8_t const* data, std::size_t size, Parse const& parse) {
  std::vector<std::byte> bytes(size);
  if (size > 0) std::memcpy(bytes.data(), data, size);
  try {
    parse(bytes);
  } catch (io::FileError const&) {
  }
  return 0;
}

}  // namespace ocellus::fuzz
