// SPDX-License-Identifier: Apache-2.0
#pragma once

/// NumPy's .npy files, versions 1 to 3, C and Fortran order, both byte orders.

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <ocellus/core/precision.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/io/atomic_file.hpp>
#include <ocellus/io/detail/npy_header.hpp>
#include <ocellus/io/file_error.hpp>

namespace ocellus::io {

enum class NpyType { float64, float32, float16, int64, int32, int16, int8, uint64, uint32, uint16, uint8, boolean };

[[nodiscard]] constexpr std::size_t size_of(NpyType type) {
  switch (type) {
    case NpyType::float64:
    case NpyType::int64:
    case NpyType::uint64:
      return 8;
    case NpyType::float32:
    case NpyType::int32:
    case NpyType::uint32:
      return 4;
    case NpyType::float16:
    case NpyType::int16:
    case NpyType::uint16:
      return 2;
    default:
      return 1;
  }
}

/// An array as it was read: row-major, in the byte order of this machine.
struct NpyArray {
  NpyType type = NpyType::float64;
  std::vector<std::int64_t> extents;
  std::vector<std::byte> bytes;

  [[nodiscard]] std::size_t size() const { return bytes.size() / size_of(type); }

  /// Whether the elements are of type T.
  template <class T>
  [[nodiscard]] bool holds() const {
    if constexpr (std::is_same_v<T, double>)
      return type == NpyType::float64;
    else if constexpr (std::is_same_v<T, float>)
      return type == NpyType::float32;
    else if constexpr (std::is_same_v<T, float16>)
      return type == NpyType::float16;
    else if constexpr (std::is_same_v<T, bool>)
      return type == NpyType::boolean;
    else if constexpr (!std::is_integral_v<T>)
      return false;
    else {
      constexpr NpyType kinds[] = {NpyType::int8,  NpyType::int16,  NpyType::int32,  NpyType::int64,
                                   NpyType::uint8, NpyType::uint16, NpyType::uint32, NpyType::uint64};
      return type == kinds[(std::is_signed_v<T> ? 0 : 4) + (sizeof(T) == 1 ? 0 : sizeof(T) == 2 ? 1 : sizeof(T) == 4 ? 2 : 3)];
    }
  }

  /// Element i in row-major order, converted to T.
  template <class T>
  [[nodiscard]] T at(std::size_t i) const {
    auto const load = [&](auto zero) {
      std::memcpy(&zero, bytes.data() + i * sizeof(zero), sizeof(zero));
      return static_cast<T>(zero);
    };
    switch (type) {
      case NpyType::float64:
        return load(double{});
      case NpyType::float32:
        return load(float{});
      case NpyType::float16:
        return static_cast<T>(static_cast<float>([&] {
          float16 value;
          std::memcpy(&value, bytes.data() + i * 2, 2);
          return value;
        }()));
      case NpyType::int64:
        return load(std::int64_t{});
      case NpyType::int32:
        return load(std::int32_t{});
      case NpyType::int16:
        return load(std::int16_t{});
      case NpyType::int8:
        return load(std::int8_t{});
      case NpyType::uint64:
        return load(std::uint64_t{});
      case NpyType::uint32:
        return load(std::uint32_t{});
      case NpyType::uint16:
        return load(std::uint16_t{});
      default:
        return load(std::uint8_t{});
    }
  }
};

namespace detail {

/// Product of extents times `unit`, or false when it does not fit in `limit`.
inline bool checked_size(std::vector<std::int64_t> const& extents, std::size_t unit, std::size_t limit, std::size_t& size) {
  size = 0;
  if (std::any_of(extents.begin(), extents.end(), [](auto e) { return e < 0; })) return false;
  if (std::any_of(extents.begin(), extents.end(), [](auto e) { return e == 0; })) return true;  // whatever the other extents are
  size = unit;
  for (auto const e : extents) {
    if (size > limit / static_cast<std::size_t>(e)) return false;
    size *= static_cast<std::size_t>(e);
  }
  return size <= limit;
}

template <class T>
constexpr char const* npy_descr() {
  if constexpr (std::is_same_v<T, double>)
    return "<f8";
  else if constexpr (std::is_same_v<T, float>)
    return "<f4";
  else if constexpr (std::is_same_v<T, float16>)
    return "<f2";
  else if constexpr (std::is_same_v<T, bool>)
    return "|b1";
  else if constexpr (std::is_integral_v<T> && std::is_signed_v<T>)
    return sizeof(T) == 8 ? "<i8" : sizeof(T) == 4 ? "<i4" : sizeof(T) == 2 ? "<i2" : "|i1";
  else
    return sizeof(T) == 8 ? "<u8" : sizeof(T) == 4 ? "<u4" : sizeof(T) == 2 ? "<u2" : "|u1";
}

}  // namespace detail

/// Parses the bytes of an .npy file; `path` is for messages.
///
/// Errors: `FileError` with the place when the bytes are not a whole .npy file of a known type.
[[nodiscard]] inline NpyArray parse_npy(std::filesystem::path const& path, std::vector<std::byte> const& file) {
  static_assert(std::endian::native == std::endian::little, "ocellus::io::parse_npy: written for little-endian machines");
  auto const* const data = reinterpret_cast<unsigned char const*>(file.data());
  if (file.size() < 10 || std::memcmp(data, "\x93NUMPY", 6) != 0) throw FileError(path, "", "is not an .npy file");
  unsigned const version = data[6];
  if (version < 1 || version > 3) throw FileError(path, "byte 6", "version " + std::to_string(version) + " of the format is unknown");
  std::size_t const start = version == 1 ? 10 : 12;
  if (file.size() < start) throw FileError(path, "byte " + std::to_string(file.size()), "the file ends in the header");
  std::size_t length = 0;
  for (std::size_t i = start; i-- > 8;) length = length << 8 | data[i];
  if (length > file.size() - start)
    throw FileError(path, "byte 8", "the header has " + std::to_string(length) + " bytes but the file only " + std::to_string(file.size()));
  detail::NpyHeader const header(path, std::string_view(reinterpret_cast<char const*>(data) + start, length));

  static constexpr std::pair<char const*, NpyType> names[] = {
      {"f8", NpyType::float64}, {"f4", NpyType::float32}, {"f2", NpyType::float16}, {"i8", NpyType::int64},  {"i4", NpyType::int32}, {"i2", NpyType::int16},
      {"i1", NpyType::int8},    {"u8", NpyType::uint64},  {"u4", NpyType::uint32},  {"u2", NpyType::uint16}, {"u1", NpyType::uint8}, {"b1", NpyType::boolean}};
  NpyArray array;
  bool known = false;
  for (auto const& [name, type] : names) {
    if (header.descr.size() == 3 && header.descr.compare(1, 2, name) == 0) array.type = type, known = true;
  }
  char const order = header.descr.empty() ? '?' : header.descr[0];
  if (!known || (order != '<' && order != '>' && order != '|' && order != '='))
    throw FileError(path, "header", "elements of type \"" + header.descr.substr(0, 40) + "\" cannot be read");
  array.extents          = header.shape;
  std::size_t const unit = size_of(array.type), available = file.size() - start - length;
  std::size_t size = 0;
  if (!detail::checked_size(array.extents, unit, available, size))
    throw FileError(path, "header", "the shape needs more than the " + std::to_string(available) + " bytes that follow");
  if (size != available)
    throw FileError(path, "byte " + std::to_string(start + length),
                    std::to_string(size) + " bytes of data are expected, " + std::to_string(available) + " follow");
  array.bytes.resize(size);
  std::byte const* const source = file.data() + start + length;
  if (!header.fortran_order || array.extents.size() < 2) {
    if (size > 0) std::memcpy(array.bytes.data(), source, size);
  } else {
    std::size_t const rank = array.extents.size();
    std::vector<std::size_t> strides(rank), at(rank, 0);
    std::size_t stride = 1;
    for (std::size_t axis = 0; axis < rank; ++axis) {
      strides[axis] = stride;
      stride *= static_cast<std::size_t>(array.extents[axis]);
    }
    for (std::size_t i = 0; i < size / unit; ++i) {
      std::size_t offset = 0;
      for (std::size_t axis = 0; axis < rank; ++axis) offset += at[axis] * strides[axis];
      std::memcpy(array.bytes.data() + i * unit, source + offset * unit, unit);
      for (std::size_t axis = rank; axis-- > 0 && ++at[axis] == static_cast<std::size_t>(array.extents[axis]);) at[axis] = 0;
    }
  }
  if (order == '>') {
    for (std::size_t i = 0; i < size; i += unit)
      std::reverse(array.bytes.begin() + static_cast<std::ptrdiff_t>(i), array.bytes.begin() + static_cast<std::ptrdiff_t>(i + unit));
  }
  if (array.type == NpyType::boolean) {
    for (auto& b : array.bytes) b = b == std::byte{0} ? std::byte{0} : std::byte{1};
  }
  return array;
}

/// Reads an .npy file.
[[nodiscard]] inline NpyArray read_npy(std::filesystem::path const& path) { return parse_npy(path, read_file(path)); }

struct ReadNpyOptions {
  bool exact = false;  ///< refuse a file whose elements are not of the wanted type, instead of converting them
};

/// Reads an .npy file of a given rank, its elements converted to T.
///
/// Errors: `FileError` as `read_npy`, and when the rank is another, or the type is another and `exact` is set.
template <class T, int Rank>
[[nodiscard]] HostTensor<data_type_of_rank_t<T, Rank>> read_npy_as(std::filesystem::path const& path, ReadNpyOptions const& options = {}) {
  auto const array = read_npy(path);
  if (static_cast<int>(array.extents.size()) != Rank)
    throw FileError(path, "header", "has " + std::to_string(array.extents.size()) + " axes, " + std::to_string(Rank) + " are expected");
  if (options.exact && !array.holds<T>()) throw FileError(path, "header", "has elements of another type than the wanted one");
  Kokkos::LayoutRight layout;
  for (int axis = 0; axis < Rank; ++axis) layout.dimension[axis] = static_cast<std::size_t>(array.extents[axis]);
  HostTensor<data_type_of_rank_t<T, Rank>> tensor(Kokkos::view_alloc(path.filename().string(), Kokkos::WithoutInitializing), layout);
  for (std::size_t i = 0; i < array.size(); ++i) {
    if constexpr (std::is_same_v<T, float16> || std::is_same_v<T, bfloat16>)
      tensor.data()[i] = T(array.at<float>(i));
    else
      tensor.data()[i] = array.at<T>(i);
  }
  return tensor;
}

/// The bytes of an .npy file (version 1, C order) of a View in host memory, whatever its layout.
template <AnyView V>
  requires(!std::same_as<typename V::non_const_value_type, bfloat16>)
[[nodiscard]] std::string encode_npy(V const& view) {
  static_assert(Kokkos::SpaceAccessibility<Kokkos::HostSpace, typename V::memory_space>::accessible,
                "ocellus::io::encode_npy: the View must be in host memory");
  using T            = typename V::non_const_value_type;
  constexpr int rank = static_cast<int>(V::rank());
  std::string header = std::string("{'descr': '") + detail::npy_descr<T>() + "', 'fortran_order': False, 'shape': (";
  for (int axis = 0; axis < rank; ++axis)
    header += std::to_string(extent(view, axis)) + (rank == 1 || axis + 1 < rank ? "," : "") + (axis + 1 < rank ? " " : "");
  header += "), }";
  header.append((64 - (10 + header.size() + 1) % 64) % 64, ' ');
  header += '\n';
  std::string bytes       = std::string("\x93NUMPY\x01\x00", 8) + static_cast<char>(header.size() & 255) + static_cast<char>(header.size() >> 8) + header;
  std::size_t const start = bytes.size();
  bytes.resize(start + view.size() * sizeof(T));
  std::array<std::size_t, 8> at{};
  for (std::size_t i = 0; i < view.size(); ++i) {
    std::size_t offset = 0;
    for (int axis = 0; axis < rank; ++axis) offset += at[axis] * view.stride(static_cast<std::size_t>(axis));
    std::memcpy(bytes.data() + start + i * sizeof(T), view.data() + offset, sizeof(T));
    for (int axis = rank; axis-- > 0 && ++at[axis] == view.extent(static_cast<std::size_t>(axis));) at[axis] = 0;
  }
  return bytes;
}

/// Writes a View in host memory as an .npy file, whole or not at all. bfloat16 has no NumPy type and does not compile.
template <AnyView V>
  requires(!std::same_as<typename V::non_const_value_type, bfloat16>)
void write_npy(std::filesystem::path const& path, V const& view) { write_file_atomically(path, encode_npy(view)); }

}  // namespace ocellus::io
