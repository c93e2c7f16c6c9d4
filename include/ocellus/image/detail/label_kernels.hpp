// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/tensor.hpp>

namespace ocellus::image::detail {

/// Elements of a line that one thread takes.
inline constexpr std::int64_t chunk_size = 1024;

[[nodiscard]] inline std::int64_t chunks_of(std::int64_t count) { return (count + chunk_size - 1) / chunk_size; }

template <class Member, class Body>
KOKKOS_INLINE_FUNCTION void for_chunk(Member const& member, std::int64_t chunk, std::int64_t count, Body const& body) {
  std::int64_t const first = chunk * chunk_size, size = count - first < chunk_size ? count - first : chunk_size;
  Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, size), [&](std::int64_t const i) { body(first + i); });
}

template <class Ranks>
struct ExclusiveRanks {
  using value_type = int;

  Ranks ranks;

  KOKKOS_FUNCTION void operator()(std::int64_t i, int& sum, bool last) const {
    int const flag = ranks(i);
    if (last) ranks(i) = sum;
    sum += flag;
  }
};

/// Replaces flags (0 or 1) by the number of flags before each; returns how many there are. Fences `exec`.
template <ExecutionSpace Exec, class Ranks>
int exclusive_ranks(Exec const& exec, std::string const& label, Ranks const& ranks) {
  int count = 0;
  Kokkos::parallel_scan(label, Kokkos::RangePolicy<Exec, Kokkos::IndexType<std::int64_t>>(exec, 0, extent(ranks, 0)), ExclusiveRanks<Ranks>{ranks}, count);
  exec.fence(label);
  return count;
}

}  // namespace ocellus::image::detail
