// SPDX-License-Identifier: Apache-2.0
#pragma once

/// safetensors files: a JSON header and one buffer of tensors, by the rules of the format's specification.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <ocellus/core/precision.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/io/atomic_file.hpp>
#include <ocellus/io/file_error.hpp>

namespace ocellus::io {

enum class SafetensorsType { F64, F32, F16, BF16, I64, I32, I16, I8, U64, U32, U16, U8, BOOL, F8_E4M3, F8_E5M2 };

namespace detail {

struct SafetensorsTypeName {
  char const* name;
  SafetensorsType type;
  std::size_t size;
};
inline constexpr SafetensorsTypeName safetensors_types[] = {
    {"F64", SafetensorsType::F64, 8},   {"F32", SafetensorsType::F32, 4},         {"F16", SafetensorsType::F16, 2},        {"BF16", SafetensorsType::BF16, 2},
    {"I64", SafetensorsType::I64, 8},   {"I32", SafetensorsType::I32, 4},         {"I16", SafetensorsType::I16, 2},        {"I8", SafetensorsType::I8, 1},
    {"U64", SafetensorsType::U64, 8},   {"U32", SafetensorsType::U32, 4},         {"U16", SafetensorsType::U16, 2},        {"U8", SafetensorsType::U8, 1},
    {"BOOL", SafetensorsType::BOOL, 1}, {"F8_E4M3", SafetensorsType::F8_E4M3, 1}, {"F8_E5M2", SafetensorsType::F8_E5M2, 1}};

[[nodiscard]] inline SafetensorsTypeName const& safetensors_type(SafetensorsType type) {
  return *std::find_if(std::begin(safetensors_types), std::end(safetensors_types), [&](auto const& t) { return t.type == type; });
}

/// Product of extents times `unit`; false when an extent is negative or the product does not fit.
[[nodiscard]] inline bool element_bytes(std::vector<std::int64_t> const& extents, std::size_t unit, std::size_t& size) {
  size = unit;
  for (auto const e : extents) {
    if (e < 0 || (e != 0 && size > SIZE_MAX / static_cast<std::size_t>(e))) return false;
    size *= static_cast<std::size_t>(e);
  }
  return true;
}

}  // namespace detail

/// One tensor, row-major, little-endian.
struct SafetensorsTensor {
  std::string name;
  SafetensorsType type = SafetensorsType::F32;
  std::vector<std::int64_t> extents;
  std::vector<std::byte> bytes;

  [[nodiscard]] std::size_t size() const { return bytes.size() / detail::safetensors_type(type).size; }

  /// Element i as a double; the F8 types give their byte.
  [[nodiscard]] double at(std::size_t i) const {
    auto const load = [&](auto zero) {
      std::memcpy(&zero, bytes.data() + i * sizeof(zero), sizeof(zero));
      return static_cast<double>(zero);
    };
    switch (type) {
      case SafetensorsType::F64:
        return load(double{});
      case SafetensorsType::F32:
        return load(float{});
      case SafetensorsType::F16:
        return load(float16{});
      case SafetensorsType::BF16:
        return load(bfloat16{});
      case SafetensorsType::I64:
        return load(std::int64_t{});
      case SafetensorsType::I32:
        return load(std::int32_t{});
      case SafetensorsType::I16:
        return load(std::int16_t{});
      case SafetensorsType::I8:
        return load(std::int8_t{});
      case SafetensorsType::U64:
        return load(std::uint64_t{});
      case SafetensorsType::U32:
        return load(std::uint32_t{});
      case SafetensorsType::U16:
        return load(std::uint16_t{});
      default:
        return load(std::uint8_t{});
    }
  }
};

/// The content of a file, tensors in the order of their data.
struct Safetensors {
  std::vector<SafetensorsTensor> tensors;
  std::map<std::string, std::string> metadata;

  [[nodiscard]] SafetensorsTensor const* find(std::string_view name) const {
    auto const found = std::find_if(tensors.begin(), tensors.end(), [&](auto const& t) { return t.name == name; });
    return found == tensors.end() ? nullptr : &*found;
  }

  /// Appends a View in host memory under a name.
  template <AnyView V>
  void add(std::string name, V const& view) {
    using T = typename V::non_const_value_type;
    SafetensorsTensor tensor;
    tensor.name = std::move(name);
    tensor.type = type_of<T>();
    for (int axis = 0; axis < static_cast<int>(V::rank()); ++axis) tensor.extents.push_back(extent(view, axis));
    auto const line = as_line(view);
    tensor.bytes.resize(line.size() * sizeof(T));
    if (line.size() > 0) std::memcpy(tensor.bytes.data(), line.data(), tensor.bytes.size());
    tensors.push_back(std::move(tensor));
  }

  template <class T>
  [[nodiscard]] static constexpr SafetensorsType type_of() {
    if constexpr (std::is_same_v<T, double>)
      return SafetensorsType::F64;
    else if constexpr (std::is_same_v<T, float>)
      return SafetensorsType::F32;
    else if constexpr (std::is_same_v<T, float16>)
      return SafetensorsType::F16;
    else if constexpr (std::is_same_v<T, bfloat16>)
      return SafetensorsType::BF16;
    else if constexpr (std::is_same_v<T, bool>)
      return SafetensorsType::BOOL;
    else if constexpr (std::is_signed_v<T>)
      return sizeof(T) == 8 ? SafetensorsType::I64 : sizeof(T) == 4 ? SafetensorsType::I32 : sizeof(T) == 2 ? SafetensorsType::I16 : SafetensorsType::I8;
    else
      return sizeof(T) == 8 ? SafetensorsType::U64 : sizeof(T) == 4 ? SafetensorsType::U32 : sizeof(T) == 2 ? SafetensorsType::U16 : SafetensorsType::U8;
  }
};

/// Parses the bytes of a file; `path` is for messages.
///
/// Errors: `FileError` naming the tensor when the header is longer than 100 MB or the file, is no JSON object, repeats a key, when a type is unknown, when a
/// shape does not fit its offsets, or when the tensors overlap, leave a hole or do not cover the buffer.
[[nodiscard]] inline Safetensors parse_safetensors(std::filesystem::path const& path, std::vector<std::byte> const& file) {
  using Json = nlohmann::json;
  if (file.size() < 8) throw FileError(path, "", "is no safetensors file: it has only " + std::to_string(file.size()) + " bytes");
  std::uint64_t length = 0;
  for (int i = 7; i >= 0; --i) length = length << 8 | static_cast<std::uint64_t>(file[static_cast<std::size_t>(i)]);
  if (length > 100'000'000) throw FileError(path, "byte 0", "the header claims " + std::to_string(length) + " bytes, more than the format allows");
  if (length > file.size() - 8)
    throw FileError(path, "byte 0", "the header claims " + std::to_string(length) + " bytes, the file has " + std::to_string(file.size()));
  auto const* const text = reinterpret_cast<char const*>(file.data()) + 8;
  if (length < 2 || text[0] != '{') throw FileError(path, "header", "does not begin with {");
  // The parser keeps the last of two equal keys; the format forbids them.
  std::vector<std::set<std::string>> keys;
  std::string repeated;
  auto const watch = [&](int, Json::parse_event_t event, Json& value) {
    if (event == Json::parse_event_t::object_start)
      keys.emplace_back();
    else if (event == Json::parse_event_t::object_end && !keys.empty())
      keys.pop_back();
    else if (event == Json::parse_event_t::key && !keys.empty() && !keys.back().insert(value.get<std::string>()).second)
      repeated = value.get<std::string>();
    return true;
  };
  Json header;
  try {
    header = Json::parse(text, text + length, watch);
  } catch (Json::exception const& error) {
    throw FileError(path, "header", std::string("is no JSON: ") + error.what());
  }
  if (!repeated.empty()) throw FileError(path, "header", "the key \"" + repeated.substr(0, 80) + "\" occurs twice");
  if (!header.is_object()) throw FileError(path, "header", "is no JSON object");

  std::size_t const buffer = file.size() - 8 - static_cast<std::size_t>(length);
  Safetensors result;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> places;
  for (auto const& [name, entry] : header.items()) {
    if (name == "__metadata__") {
      if (!entry.is_object()) throw FileError(path, "header", "__metadata__ is no object");
      for (auto const& [key, value] : entry.items()) {
        if (!value.is_string()) throw FileError(path, "header", "__metadata__ holds something that is no string under \"" + key.substr(0, 80) + "\"");
        result.metadata[key] = value.get<std::string>();
      }
      continue;
    }
    auto const fail = [&, tensor = name](std::string const& reason) { throw FileError(path, "tensor \"" + tensor.substr(0, 80) + "\"", reason); };
    if (!entry.is_object() || !entry.contains("dtype") || !entry.contains("shape") || !entry.contains("data_offsets"))
      fail("needs dtype, shape and data_offsets");
    SafetensorsTensor tensor;
    tensor.name      = name;
    std::size_t unit = 0;
    for (auto const& type : detail::safetensors_types) {
      if (entry["dtype"] == type.name) tensor.type = type.type, unit = type.size;
    }
    if (unit == 0) fail("the type " + entry["dtype"].dump().substr(0, 40) + " is unknown");
    auto const& offsets = entry["data_offsets"];
    if (!offsets.is_array() || offsets.size() != 2 || !offsets[0].is_number_unsigned() || !offsets[1].is_number_unsigned())
      fail("data_offsets must be two whole numbers");
    auto const begin = offsets[0].get<std::uint64_t>(), end = offsets[1].get<std::uint64_t>();
    if (begin > end || end > buffer)
      fail("data_offsets " + std::to_string(begin) + " to " + std::to_string(end) + " do not lie in the buffer of " + std::to_string(buffer) + " bytes");
    if (!entry["shape"].is_array() || entry["shape"].size() > 64) fail("the shape must be a list of at most 64 extents");
    std::uint64_t size = unit;
    for (auto const& e : entry["shape"]) {
      if (!e.is_number_unsigned() || e.get<std::uint64_t>() > static_cast<std::uint64_t>(INT64_MAX)) fail("an extent is no whole number");
      auto const value = e.get<std::uint64_t>();
      tensor.extents.push_back(static_cast<std::int64_t>(value));
      if (value != 0 && size > UINT64_MAX / value) fail("the shape is too large");
      size *= value;
    }
    if (size != end - begin) fail("the shape needs " + std::to_string(size) + " bytes, data_offsets give " + std::to_string(end - begin));
    places.emplace_back(begin, end);
    result.tensors.push_back(std::move(tensor));
  }
  std::vector<std::size_t> order(places.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return places[a] < places[b]; });
  std::uint64_t covered = 0;
  Safetensors sorted;
  sorted.metadata = std::move(result.metadata);
  for (std::size_t const i : order) {
    auto& tensor = result.tensors[i];
    if (places[i].first != covered)
      throw FileError(path, "tensor \"" + tensor.name.substr(0, 80) + "\"", places[i].first < covered ? "overlaps another" : "leaves a hole before it");
    covered                 = places[i].second;
    auto const* const first = file.data() + 8 + length + places[i].first;
    tensor.bytes.assign(first, first + (places[i].second - places[i].first));
    sorted.tensors.push_back(std::move(tensor));
  }
  if (covered != buffer) throw FileError(path, "header", "the tensors cover " + std::to_string(covered) + " of " + std::to_string(buffer) + " bytes");
  return sorted;
}

/// Reads a file.
[[nodiscard]] inline Safetensors read_safetensors(std::filesystem::path const& path) { return parse_safetensors(path, read_file(path)); }

/// The bytes of a file: tensors by falling element size, so that each is aligned, else in the given order; the header is padded to a multiple of 8.
///
/// Errors: `std::invalid_argument` when a name is empty, taken or `__metadata__`, when a tensor's bytes do not fit its type and extents, or when a name or a
/// note is no UTF-8.
[[nodiscard]] inline std::string encode_safetensors(Safetensors const& content) {
  std::vector<SafetensorsTensor const*> order;
  std::set<std::string> names;
  for (auto const& t : content.tensors) {
    require(!t.name.empty() && t.name != "__metadata__" && names.insert(t.name).second, "ocellus::io::encode_safetensors", "the name \"", t.name,
            "\" is empty, taken or reserved");
    std::size_t size = 0;
    bool const fits  = detail::element_bytes(t.extents, detail::safetensors_type(t.type).size, size);
    require(fits && size == t.bytes.size(), "ocellus::io::encode_safetensors", "the tensor \"", t.name, "\" holds ", t.bytes.size(),
            " bytes, its type and extents need ", size);
    order.push_back(&t);
  }
  std::stable_sort(order.begin(), order.end(),
                   [](auto const* a, auto const* b) { return detail::safetensors_type(a->type).size > detail::safetensors_type(b->type).size; });
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!content.metadata.empty()) header["__metadata__"] = content.metadata;
  std::size_t offset = 0;
  for (auto const* t : order) {
    header[t->name] = {{"dtype", detail::safetensors_type(t->type).name}, {"shape", t->extents}, {"data_offsets", {offset, offset + t->bytes.size()}}};
    offset += t->bytes.size();
  }
  std::string text;
  try {
    text = header.dump();
  } catch (nlohmann::json::exception const& error) {
    refuse("ocellus::io::encode_safetensors", std::string("a name or a note cannot be written: ") + error.what());
  }
  text.append((8 - text.size() % 8) % 8, ' ');
  std::string bytes(8, '\0');
  for (std::size_t i = 0; i < 8; ++i) bytes[i] = static_cast<char>(text.size() >> (8 * i) & 255);
  bytes += text;
  bytes.reserve(bytes.size() + offset);
  for (auto const* t : order) bytes.append(reinterpret_cast<char const*>(t->bytes.data()), t->bytes.size());
  return bytes;
}

/// Writes a file, whole or not at all.
inline void write_safetensors(std::filesystem::path const& path, Safetensors const& content) { write_file_atomically(path, encode_safetensors(content)); }

}  // namespace ocellus::io
