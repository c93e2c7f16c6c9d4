// SPDX-License-Identifier: Apache-2.0

#include <ocellus/io/safetensors.hpp>

#include "reader.hpp"

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  return ocellus::fuzz::feed(data, size, [](std::vector<std::byte> const& file) { (void)ocellus::io::parse_safetensors("fuzz.safetensors", file); });
}
