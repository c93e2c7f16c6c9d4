// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Checks of shapes and options on the host, in every build type. Each costs O(1) and throws `std::invalid_argument` with a message that starts with the
/// function's qualified name and names both things and both numbers.

#include <concepts>
#include <cstdint>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>

#include <ocellus/core/tensor.hpp>

namespace ocellus {

/// One extent with its name, as a message prints it: `{"query.extent(3) (head dim)", 64}`.
struct NamedExtent {
  std::string_view name;
  std::int64_t value = 0;
};

/// Throws "<function>: <what>".
[[noreturn]] inline void refuse(std::string_view function, std::string const& what) { throw std::invalid_argument(std::string(function) + ": " + what); }

/// Throws unless `holds`; the message is the function and the printed parts. Parts are printed only on failure.
template <class... Parts>
void require(bool holds, std::string_view function, Parts const&... parts) {
  if (holds) return;
  std::ostringstream message;
  message.precision(17);
  (message << ... << parts);
  refuse(function, message.str());
}

/// Throws unless both are equal: "ocellus::nn::linear: input.extent(1) is 3 but weight.extent(1) is 4".
inline void require_equal(std::string_view function, NamedExtent left, NamedExtent right) {
  require(left.value == right.value, function, left.name, " is ", left.value, " but ", right.name, " is ", right.value);
}

/// Throws unless the extent is 1 or equal to the other: axes that broadcast.
inline void require_broadcast(std::string_view function, NamedExtent broadcast, NamedExtent full) {
  require(broadcast.value == full.value || broadcast.value == 1, function, broadcast.name, " is ", broadcast.value, ", neither 1 nor ", full.name,
          ", which is ", full.value);
}

}  // namespace ocellus
