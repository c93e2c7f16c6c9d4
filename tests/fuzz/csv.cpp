// SPDX-License-Identifier: Apache-2.0

#include <string_view>

#include <ocellus/io/csv.hpp>

#include "reader.hpp"

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  return ocellus::fuzz::feed(data, size, [](std::vector<std::byte> const& file) {
    auto const table = ocellus::io::parse_csv("fuzz.csv", std::string_view(reinterpret_cast<char const*>(file.data()), file.size()));
    // What was read can be written, and then reads as itself.
    try {
      auto const again = ocellus::io::parse_csv("fuzz.csv", ocellus::io::encode_csv(table));
      if (again.header != table.header || again.rows != table.rows) __builtin_trap();
    } catch (ocellus::io::FileError const&) {
      __builtin_trap();
    }
  });
}
