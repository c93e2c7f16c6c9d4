// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Sorting rows on hosts: a thread takes rows, each by a radix sort from the least digit on. Keys become the unsigned integers of library_sort.hpp, their places
/// ride along; digits that all keys share are passed over.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/detail/library_sort.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>

namespace ocellus::detail {

/// A key and where it stood, as wide as each other.
template <class Bits>
struct SortEntry {
  Bits key, place;
};

inline constexpr std::int64_t insertion_sort_keys = 48;    ///< fewer are sorted by insertion
inline constexpr std::int64_t wide_digit_keys     = 4096;  ///< from here on clearing 2048 counts pays for fewer passes

/// Parts that rows are cut into: one a thread.
template <ExecutionSpace Exec>
[[nodiscard]] std::int64_t host_sort_parts(Exec const& exec, std::int64_t rows) {
  return std::max<std::int64_t>(1, std::min<std::int64_t>(rows, static_cast<std::int64_t>(exec.concurrency())));
}

/// Whether rows are sorted this way: not so where a few long ones would leave most of many threads idle, which merging occupies.
template <ExecutionSpace Exec>
[[nodiscard]] bool fits_host_sort(Exec const& exec, std::int64_t rows, std::int64_t count) {
  return (rows >= static_cast<std::int64_t>(exec.concurrency()) / 16 || count < wide_digit_keys) && count < (std::int64_t{1} << 31);
}

template <ExecutionSpace Exec>
[[nodiscard]] std::size_t host_sort_entries(Exec const& exec, std::int64_t rows, std::int64_t count) {
  return static_cast<std::size_t>(2 * host_sort_parts(exec, rows) * count);
}

/// Part p takes the rows p, p + parts, ...
template <class Member, class Keys, class Indices>
struct HostSortRows {
  using Bits  = sortable_t<typename Keys::non_const_value_type>;
  using Entry = SortEntry<Bits>;

  Keys keys;
  Indices indices;
  Entry* entries;  ///< (parts, 2, N)
  std::int64_t parts;
  bool descending;

  void operator()(Member const&, std::int64_t part) const {
    std::int64_t const count = extent(keys, 1);
    Entry* const first       = entries + 2 * part * count;
    for (std::int64_t row = part; row < extent(keys, 0); row += parts) {
      if (count < insertion_sort_keys)
        insert(row, first);
      else if (count < wide_digit_keys)
        by_digits<8>(row, first, first + count);
      else
        by_digits<11>(row, first, first + count);
    }
  }

 private:
  using Index = typename Indices::non_const_value_type;

  [[nodiscard]] Bits encoded(std::int64_t row, std::int64_t i) const {
    return sortable(static_cast<typename Keys::non_const_value_type>(keys(row, i)), descending);
  }

  void insert(std::int64_t row, Entry* sorted) const {
    std::int64_t const count = extent(keys, 1);
    for (std::int64_t i = 0; i < count; ++i) {
      Entry const entry{encoded(row, i), static_cast<Bits>(i)};
      std::int64_t at = i;
      for (; at > 0 && entry.key < sorted[at - 1].key; --at) sorted[at] = sorted[at - 1];
      sorted[at] = entry;
    }
    for (std::int64_t i = 0; i < count; ++i) indices(row, i) = static_cast<Index>(sorted[i].place);
  }

  template <int Width>
  void by_digits(std::int64_t row, Entry* from, Entry* to) const {
    constexpr int bits = 8 * static_cast<int>(sizeof(Bits)), digits = (bits + Width - 1) / Width;
    constexpr std::uint32_t values = std::uint32_t{1} << Width;
    std::int64_t const count       = extent(keys, 1);
    std::uint32_t places[digits][values];
    std::memset(places, 0, sizeof places);
    for (std::int64_t i = 0; i < count; ++i) {
      Bits const key = encoded(row, i);
      from[i]        = {key, static_cast<Bits>(i)};
      for (int digit = 0; digit < digits; ++digit) ++places[digit][key >> (digit * Width) & (values - 1)];
    }
    int last = -1;
    for (int digit = 0; digit < digits; ++digit) {
      if (places[digit][from[0].key >> (digit * Width) & (values - 1)] != static_cast<std::uint32_t>(count)) last = digit;
    }
    if (last < 0) {
      for (std::int64_t i = 0; i < count; ++i) indices(row, i) = static_cast<Index>(i);
      return;
    }
    for (int digit = 0; digit <= last; ++digit) {
      std::uint32_t* const at = places[digit];
      int const shift         = digit * Width;
      if (at[from[0].key >> shift & (values - 1)] == static_cast<std::uint32_t>(count)) continue;
      std::uint32_t before = 0;
      for (std::uint32_t value = 0; value < values; ++value) {
        std::uint32_t const some = at[value];
        at[value]                = before;
        before += some;
      }
      if (digit == last) {
        for (std::int64_t i = 0; i < count; ++i) indices(row, at[from[i].key >> shift & (values - 1)]++) = static_cast<Index>(from[i].place);
      } else {
        for (std::int64_t i = 0; i < count; ++i) to[at[from[i].key >> shift & (values - 1)]++] = from[i];
        std::swap(from, to);
      }
    }
  }
};

template <ExecutionSpace Exec, class Keys, class Indices>
void host_argsort_rows(Exec const& exec, Keys const& keys, Indices const& indices, bool descending, WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::argsort_rows";
  using Entry             = SortEntry<sortable_t<typename Keys::non_const_value_type>>;
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  std::int64_t const rows = extent(keys, 0), parts = host_sort_parts(exec, rows);
  auto const entries = workspace.template take<Entry*>(function, host_sort_entries(exec, rows, extent(keys, 1)));
  for_each_row(exec, function, parts, HostSortRows<TeamMember<Exec>, Keys, Indices>{keys, indices, entries.data(), parts, descending});
}

}  // namespace ocellus::detail
