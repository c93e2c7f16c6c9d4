// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Sorting rows with a library's radix sort: keys become unsigned integers whose order is the one wanted, their places ride along.
///
/// A library is a type with
///
///     static std::size_t scratch_bytes<Key>(exec, rows, count)
///     static void sort<Key>(exec, scratch, scratch_bytes, keys, sorted_keys, places, sorted_places, rows, count)
///
/// whose sort is stable, ascending, row by row, on the instance, without a fence or an allocation. CUB is one; the tests bring Thrust's sorts for hosts.

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <stdexcept>
#include <string>
#include <type_traits>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>

#if defined(KOKKOS_ENABLE_CUDA)
#include <cub/device/device_radix_sort.cuh>
#include <cub/device/device_segmented_radix_sort.cuh>
#endif

namespace ocellus::detail {

/// Wide enough for the bits of a key: 32 for float and narrower, 64 for double and 64-bit integers.
template <class Key>
using sortable_t = std::conditional_t<(sizeof(Key) > 4), std::uint64_t, std::uint32_t>;

/// An unsigned integer, smaller for what comes first: NaN last in both directions, both zeros equal.
template <class Key>
KOKKOS_INLINE_FUNCTION sortable_t<Key> sortable(Key key, bool descending) {
  using Bits          = sortable_t<Key>;
  constexpr Bits sign = Bits(1) << (8 * sizeof(Bits) - 1);
  Bits bits;
  if constexpr (std::is_integral_v<Key>) {
    bits = std::is_signed_v<Key> ? static_cast<Bits>(static_cast<std::make_signed_t<Bits>>(key)) ^ sign : static_cast<Bits>(key);
  } else {
    using Real       = std::conditional_t<std::is_same_v<Bits, std::uint64_t>, double, float>;
    Real const value = static_cast<Real>(key);
    if (value != value) return static_cast<Bits>(~Bits(0));
    bits = Kokkos::bit_cast<Bits>(value == Real(0) ? Real(0) : value);
    bits = (bits & sign) != 0 ? static_cast<Bits>(~bits) : static_cast<Bits>(bits | sign);
  }
  return descending ? static_cast<Bits>(~bits) : bits;
}

inline constexpr std::int64_t library_sort_chunk = 1024;

/// A chunk of a row a call: few rows may be long.
template <class Member, class Body>
KOKKOS_INLINE_FUNCTION void for_row_chunk(Member const& member, std::int64_t item, std::int64_t count, Body const& body) {
  std::int64_t const chunks = (count + library_sort_chunk - 1) / library_sort_chunk, row = item / chunks, first = item % chunks * library_sort_chunk;
  std::int64_t const size = count - first < library_sort_chunk ? count - first : library_sort_chunk;
  Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, size), [&](std::int64_t const i) { body(row, first + i); });
}

template <class Member, class Keys, class Bits, class Places>
struct EncodeRows {
  Keys keys;
  Bits bits;
  Places places;
  bool descending;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t item) const {
    for_row_chunk(member, item, extent(keys, 1), [&](std::int64_t row, std::int64_t i) {
      bits(row, i)   = sortable(static_cast<typename Keys::non_const_value_type>(keys(row, i)), descending);
      places(row, i) = static_cast<std::int32_t>(i);
    });
  }
};

template <class Member, class Places, class Indices>
struct TakePlaces {
  Places places;
  Indices indices;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t item) const {
    for_row_chunk(member, item, extent(places, 1),
                  [&](std::int64_t row, std::int64_t i) { indices(row, i) = static_cast<typename Indices::non_const_value_type>(places(row, i)); });
  }
};

/// Libraries count in `int`.
template <class Keys>
[[nodiscard]] bool fits_library_sort(Keys const& keys) {
  return element_count(keys) < (std::size_t{1} << 31) && element_count(keys) > 0;
}

template <class Library, ExecutionSpace Exec, class Keys>
[[nodiscard]] std::size_t library_argsort_bytes(Exec const& exec, Keys const& keys) {
  using Bits = sortable_t<typename Keys::non_const_value_type>;
  return 2 * workspace_bytes<Bits>(element_count(keys)) + 2 * workspace_bytes<std::int32_t>(element_count(keys)) +
         workspace_bytes<std::byte>(Library::template scratch_bytes<Bits>(exec, extent(keys, 0), extent(keys, 1)));
}

template <class Library, ExecutionSpace Exec, class Keys, class Indices>
void library_argsort_rows(Exec const& exec, Keys const& keys, Indices const& indices, bool descending, WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::argsort_rows";
  using Member            = TeamMember<Exec>;
  using Bits              = sortable_t<typename Keys::non_const_value_type>;
  std::int64_t const rows = extent(keys, 0), count = extent(keys, 1);
  std::size_t const bytes = Library::template scratch_bytes<Bits>(exec, rows, count);
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  auto const bits          = workspace.template take<Bits**>(function, rows, count);
  auto const sorted_bits   = workspace.template take<Bits**>(function, rows, count);
  auto const places        = workspace.template take<std::int32_t**>(function, rows, count);
  auto const sorted_places = workspace.template take<std::int32_t**>(function, rows, count);
  auto const scratch       = workspace.template take<std::byte*>(function, bytes);
  using BitsView           = std::remove_const_t<decltype(bits)>;
  using PlacesView         = std::remove_const_t<decltype(places)>;
  std::int64_t const items = rows * ((count + library_sort_chunk - 1) / library_sort_chunk);
  for_each_row(exec, "ocellus::argsort_rows::encode", items, EncodeRows<Member, Keys, BitsView, PlacesView>{keys, bits, places, descending});
  Library::template sort<Bits>(exec, scratch.data(), bytes, bits.data(), sorted_bits.data(), places.data(), sorted_places.data(), rows, count);
  for_each_row(exec, "ocellus::argsort_rows::indices", items, TakePlaces<Member, PlacesView, Indices>{sorted_places, indices});
}

/// The library that sorts on an execution space; void: none, the portable kernels do.
template <class Exec>
struct SortLibrary {
  using type = void;
};

#if defined(KOKKOS_ENABLE_CUDA)

/// The first place of each row, as an iterator.
struct RowStarts {
  using difference_type   = std::ptrdiff_t;
  using value_type        = int;
  using pointer           = void;
  using reference         = int;
  using iterator_category = std::random_access_iterator_tag;

  int count;
  std::ptrdiff_t row = 0;

  KOKKOS_FUNCTION int operator*() const { return static_cast<int>(row) * count; }
  KOKKOS_FUNCTION int operator[](std::ptrdiff_t offset) const { return static_cast<int>(row + offset) * count; }
  KOKKOS_FUNCTION RowStarts operator+(std::ptrdiff_t offset) const { return {count, row + offset}; }
};

/// One long row is sorted by the whole device, several by a block each.
struct CubSort {
  template <class Key>
  [[nodiscard]] static std::size_t scratch_bytes(Kokkos::Cuda const& exec, std::int64_t rows, std::int64_t count) {
    std::size_t bytes = 0;
    run<Key>(exec, nullptr, bytes, nullptr, nullptr, nullptr, nullptr, rows, count);
    return bytes;
  }
  template <class Key>
  static void sort(Kokkos::Cuda const& exec, void* scratch, std::size_t bytes, Key const* keys, Key* sorted_keys, std::int32_t const* places,
                   std::int32_t* sorted_places, std::int64_t rows, std::int64_t count) {
    run<Key>(exec, scratch, bytes, keys, sorted_keys, places, sorted_places, rows, count);
  }

 private:
  template <class Key>
  static void run(Kokkos::Cuda const& exec, void* scratch, std::size_t& bytes, Key const* keys, Key* sorted_keys, std::int32_t const* places,
                  std::int32_t* sorted_places, std::int64_t rows, std::int64_t count) {
    constexpr int bits = 8 * static_cast<int>(sizeof(Key));
    int const total    = static_cast<int>(rows * count);
    RowStarts const starts{static_cast<int>(count)};
    cudaError_t const error =
        rows == 1 ? cub::DeviceRadixSort::SortPairs(scratch, bytes, keys, sorted_keys, places, sorted_places, total, 0, bits, exec.cuda_stream())
                  : cub::DeviceSegmentedRadixSort::SortPairs(scratch, bytes, keys, sorted_keys, places, sorted_places, total, static_cast<int>(rows), starts,
                                                             starts + 1, 0, bits, exec.cuda_stream());
    if (error != cudaSuccess) throw std::runtime_error(std::string("ocellus::argsort_rows: CUB: ") + cudaGetErrorString(error));
  }
};

template <>
struct SortLibrary<Kokkos::Cuda> {
  using type = CubSort;
};

#endif

}  // namespace ocellus::detail
