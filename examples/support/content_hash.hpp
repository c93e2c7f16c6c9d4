// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

namespace ocellus::examples {

/// A 128-bit key of what went into a result (two FNV-1a hashes with different bases): it tells changed content from unchanged, not friend from foe.
class ContentHash {
 public:
  ContentHash& add(void const* data, std::size_t bytes) {
    auto const* const at = static_cast<unsigned char const*>(data);
    for (std::size_t i = 0; i < bytes; ++i) {
      first_  = (first_ ^ at[i]) * prime;
      second_ = (second_ ^ (at[i] + 0x5bu)) * prime;
    }
    return *this;
  }
  ContentHash& add(std::string_view text) {
    std::uint64_t const size = text.size();
    return add(&size, sizeof size).add(text.data(), text.size());
  }
  ContentHash& add(double value) { return add(&value, sizeof value); }
  ContentHash& add(std::int64_t value) { return add(&value, sizeof value); }

  [[nodiscard]] std::string hexadecimal() const {
    char text[33];
    std::snprintf(text, sizeof text, "%016llx%016llx", static_cast<unsigned long long>(first_), static_cast<unsigned long long>(second_));
    return text;
  }

 private:
  static constexpr std::uint64_t prime = 0x100000001b3u;

  std::uint64_t first_  = 0xcbf29ce484222325u;
  std::uint64_t second_ = 0x6c62272e07bb0142u;
};

}  // namespace ocellus::examples
