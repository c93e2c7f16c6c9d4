// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Stable sorting of rows by their keys.

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/detail/host_sort.hpp>
#include <ocellus/core/detail/library_sort.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>

namespace ocellus {

struct ArgsortOptions {
  bool descending = false;  ///< largest key first; equal keys keep the order of their indices either way
};

/// Whether a key comes before another; NaN comes last in both directions.
template <class Key>
KOKKOS_INLINE_FUNCTION bool key_before(Key a, Key b, bool descending) {
  if constexpr (std::is_integral_v<Key>) {
    return descending ? b < a : a < b;
  } else {
    using Real   = accumulate_t<Key>;
    Real const x = static_cast<Real>(a), y = static_cast<Real>(b);
    if (x != x) return false;
    if (y != y) return true;
    return descending ? y < x : x < y;
  }
}

namespace detail {

inline constexpr std::int64_t sort_run   = 32;
inline constexpr std::int64_t sort_chunk = 1024;

/// Sorts runs of 32 by insertion.
template <class Member, class Keys, class Indices>
struct SortRuns {
  Keys keys;
  Indices indices;
  bool descending;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t item) const {
    std::int64_t const count = extent(keys, 1), runs = (count + sort_run - 1) / sort_run;
    std::int64_t const row = item / runs, first = item % runs * sort_run;
    std::int64_t const last = first + sort_run < count ? first + sort_run : count;
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      for (std::int64_t i = first; i < last; ++i) {
        std::int64_t at = i;
        for (; at > first && key_before(keys(row, i), keys(row, static_cast<std::int64_t>(indices(row, at - 1))), descending); --at)
          indices(row, at) = indices(row, at - 1);
        indices(row, at) = static_cast<typename Indices::non_const_value_type>(i);
      }
    });
  }
};

/// Merges neighbouring sorted runs of `width`: an element's place is its place in its own run plus the number of elements of the sibling before it.
template <class Member, class Keys, class Source, class Target>
struct MergeRuns {
  Keys keys;
  Source source;
  Target target;
  std::int64_t width;
  bool descending;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t item) const {
    std::int64_t const count = extent(keys, 1), chunks = (count + sort_chunk - 1) / sort_chunk;
    std::int64_t const row = item / chunks, first = item % chunks * sort_chunk;
    std::int64_t const size = first + sort_chunk < count ? sort_chunk : count - first;
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, size), [&](std::int64_t const offset) {
      std::int64_t const at = first + offset, pair = at / (2 * width) * (2 * width);
      std::int64_t const middle = pair + width < count ? pair + width : count, end = pair + 2 * width < count ? pair + 2 * width : count;
      bool const in_left       = at < middle;
      std::int64_t const index = static_cast<std::int64_t>(source(row, at));
      auto const key           = keys(row, index);
      std::int64_t low = in_left ? middle : pair, high = in_left ? end : middle;
      std::int64_t const start = low;
      while (low < high) {
        std::int64_t const probe = low + (high - low) / 2;
        auto const other         = keys(row, static_cast<std::int64_t>(source(row, probe)));
        // An element of the left run goes before equal ones of the right run.
        bool const other_first = in_left ? key_before(other, key, descending) : !key_before(key, other, descending);
        if (other_first)
          low = probe + 1;
        else
          high = probe;
      }
      std::int64_t const place = in_left ? at + (low - start) : pair + (at - middle) + (low - start);
      target(row, place)       = static_cast<typename Target::non_const_value_type>(index);
    });
  }
};

template <class Member, class Source, class Target>
struct CopyRows {
  Source source;
  Target target;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t row) const {
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(source, 1)),
                         [&](std::int64_t const i) { target(row, i) = static_cast<typename Target::non_const_value_type>(source(row, i)); });
  }
};

/// By the kernels above, on any backend.
template <ExecutionSpace Exec, class Keys, class Indices>
void portable_argsort_rows(Exec const& exec, Keys const& keys, Indices const& indices, bool descending, WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::argsort_rows";
  std::int64_t const rows = extent(keys, 0), count = extent(keys, 1);
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  auto const buffer = workspace.template take<std::int64_t**>(function, rows, count);
  using Member      = TeamMember<Exec>;
  using Buffer      = std::remove_const_t<decltype(buffer)>;
  for_each_row(exec, "ocellus::argsort_rows::runs", rows * ((count + sort_run - 1) / sort_run), SortRuns<Member, Keys, Indices>{keys, indices, descending});
  bool in_buffer            = false;
  std::int64_t const chunks = rows * ((count + sort_chunk - 1) / sort_chunk);
  for (std::int64_t width = sort_run; width < count; width *= 2) {
    if (in_buffer)
      for_each_row(exec, "ocellus::argsort_rows::merge", chunks, MergeRuns<Member, Keys, Buffer, Indices>{keys, buffer, indices, width, descending});
    else
      for_each_row(exec, "ocellus::argsort_rows::merge", chunks, MergeRuns<Member, Keys, Indices, Buffer>{keys, indices, buffer, width, descending});
    in_buffer = !in_buffer;
  }
  if (in_buffer) for_each_row(exec, "ocellus::argsort_rows::copy", rows, CopyRows<Member, Buffer, Indices>{buffer, indices});
}

}  // namespace detail

/// Bytes of workspace that `argsort_rows` takes.
template <ExecutionSpace Exec, ViewOfRank<2> Keys, IndexView<2> Indices>
[[nodiscard]] std::size_t argsort_rows_workspace_size([[maybe_unused]] Exec const& exec, Keys const& keys, Indices const&) {
  using Library = typename detail::SortLibrary<Exec>::type;
  if constexpr (!std::is_void_v<Library>) {
    if (detail::fits_library_sort(keys)) return detail::library_argsort_bytes<Library>(exec, keys);
  }
  if constexpr (is_host_execution_v<Exec>) {
    using Key               = typename Keys::non_const_value_type;
    std::int64_t const rows = extent(keys, 0), count = extent(keys, 1);
    bool const fits = detail::fits_host_sort(exec, rows, count);
    // Enough for fewer and shorter rows too.
    std::int64_t const longest  = fits || count < detail::wide_digit_keys ? count : detail::wide_digit_keys - 1;
    std::size_t const by_digits = workspace_bytes<detail::SortEntry<detail::sortable_t<Key>>>(detail::host_sort_entries(exec, rows, longest));
    return fits ? by_digits : std::max(by_digits, workspace_bytes<std::int64_t>(element_count(keys)));
  } else {
    return workspace_bytes<std::int64_t>(element_count(keys));
  }
}

/// The same for `rows` rows of `count` keys of type Key, before there are any.
template <class Key, ExecutionSpace Exec>
[[nodiscard]] std::size_t argsort_rows_workspace_size(Exec const& exec, std::int64_t rows, std::int64_t count) {
  using Space  = typename Exec::memory_space;
  auto const r = static_cast<std::size_t>(rows), n = static_cast<std::size_t>(count);
  return argsort_rows_workspace_size(exec, UnmanagedTensor<Key**, Space>(nullptr, r, n), UnmanagedTensor<std::int64_t**, Space>(nullptr, r, n));
}

/// keys (R, N) -> indices (R, N): the order in which each row's keys stand when sorted. Stable: equal keys in the order of their indices; NaN last. On CUDA
/// by CUB's radix sort, on hosts by one a row, elsewhere by merging; the order is the same.
///
/// Errors: `std::invalid_argument` when the shapes differ. Determinism: exact. Allocates: nothing. Synchronises: no.
template <ExecutionSpace Exec, ViewOfRank<2> Keys, IndexView<2> Indices>
  requires AccessibleFrom<Exec, Keys, Indices>
void argsort_rows(Exec const& exec, Keys const& keys, Indices const& indices, ArgsortOptions const& options, WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::argsort_rows";
  require_equal(function, {"indices.extent(0)", extent(indices, 0)}, {"keys.extent(0)", extent(keys, 0)});
  require_equal(function, {"indices.extent(1)", extent(indices, 1)}, {"keys.extent(1)", extent(keys, 1)});
  std::int64_t const rows = extent(keys, 0), count = extent(keys, 1);
  if (rows == 0 || count == 0) return;
  using Library = typename detail::SortLibrary<Exec>::type;
  if constexpr (!std::is_void_v<Library>) {
    if (detail::fits_library_sort(keys)) {
      detail::library_argsort_rows<Library>(exec, keys, indices, options.descending, workspace);
      return;
    }
  }
  if constexpr (is_host_execution_v<Exec>) {
    if (detail::fits_host_sort(exec, rows, count)) {
      detail::host_argsort_rows(exec, keys, indices, options.descending, workspace);
      return;
    }
  }
  detail::portable_argsort_rows(exec, keys, indices, options.descending, workspace);
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, ViewOfRank<2> Keys, IndexView<2> Indices>
  requires AccessibleFrom<Exec, Keys, Indices>
void argsort_rows(Exec const& exec, Keys const& keys, Indices const& indices, ArgsortOptions const& options = {}) {
  WorkspaceFor<Exec> workspace(exec, argsort_rows_workspace_size(exec, keys, indices));
  argsort_rows(exec, keys, indices, options, workspace);
  exec.fence("ocellus::argsort_rows");
}

}  // namespace ocellus
