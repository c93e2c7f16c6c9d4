// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Arrays of a conformance case in host memory: numbers with a shape, read from .npy, .safetensors or .csv.

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace ocellus::conformance {

enum class ElementType { real, integer, boolean };

/// Row-major. Real and boolean elements are in `reals` (0 and 1), integers in `integers`.
struct Array {
  ElementType type = ElementType::real;
  std::vector<std::int64_t> extents;
  std::vector<double> reals;
  std::vector<std::int64_t> integers;
  std::string stored_as;  ///< the element type in the file: "float32", "uint16", ...

  [[nodiscard]] std::size_t size() const { return type == ElementType::integer ? integers.size() : reals.size(); }
  [[nodiscard]] double real(std::size_t i) const { return type == ElementType::integer ? static_cast<double>(integers[i]) : reals[i]; }
  [[nodiscard]] std::int64_t integer(std::size_t i) const { return type == ElementType::integer ? integers[i] : static_cast<std::int64_t>(reals[i]); }
};

/// The tensors of a .safetensors file by name.
using ArraySet = std::map<std::string, Array>;

/// An input or output: one array, or a set of them.
struct Value {
  bool is_set = false;
  Array array;
  ArraySet set;
};

/// "(2, 3)".
[[nodiscard]] std::string to_string(std::vector<std::int64_t> const& extents);

/// The product of the extents.
[[nodiscard]] std::size_t count(std::vector<std::int64_t> const& extents);

/// A real array from its parts.
[[nodiscard]] Array make_array(std::vector<std::int64_t> extents, std::vector<double> values);

/// Reads a file by its suffix. Errors: `io::FileError`.
[[nodiscard]] Value read_value(std::filesystem::path const& path);

}  // namespace ocellus::conformance
