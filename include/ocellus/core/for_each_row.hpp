// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The launch that most kernels share: one thread, with its vector lanes, owns a row.
///
/// Because a row is never split between threads, what a row computes does not depend on the number of threads, on the other rows or on its place among
/// them. On host backends a thread has one lane and a vector loop runs in order; on a device the lanes of a warp share the row.

#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/kokkos.hpp>

namespace ocellus {

/// The team member that row functions receive.
template <ExecutionSpace Exec>
using TeamMember = typename Kokkos::TeamPolicy<Exec, Kokkos::IndexType<std::int64_t>>::member_type;

namespace detail {

template <class Member, class RowFunction>
struct RowLaunch {
  std::int64_t rows          = 0;
  std::int64_t rows_per_team = 1;
  RowFunction row_function;

  KOKKOS_FUNCTION void operator()(Member const& member) const {
    std::int64_t const first = static_cast<std::int64_t>(member.league_rank()) * rows_per_team;
    std::int64_t const count = rows - first < rows_per_team ? rows - first : rows_per_team;
    Kokkos::parallel_for(Kokkos::TeamThreadRange(member, count), [&](std::int64_t const row) {
      Member const fresh(member);  // a member counts what was taken of its scratch memory: the thread's next row gets it anew
      row_function(fresh, first + row);
    });
  }
};

/// The same on the host, one row a team: a row function may call what is compiled for the host only.
template <class Member, class RowFunction>
struct HostRowLaunch {
  RowFunction row_function;

  void operator()(Member const& member) const {
    if (member.team_rank() == 0) row_function(member, static_cast<std::int64_t>(member.league_rank()));
  }
};

/// Lanes of a vector: 1 on host backends, at most 32 elsewhere.
template <ExecutionSpace Exec>
[[nodiscard]] inline int row_vector_length() {
  if constexpr (is_host_execution_v<Exec>) {
    return 1;
#ifdef KOKKOS_ENABLE_OPENMPTARGET
  } else if constexpr (std::is_same_v<Exec, Kokkos::Experimental::OpenMPTarget>) {
    return 8;  // AUTO stands for 256 / lanes threads there, and fewer than 32 are refused
#endif
  } else {
    int const longest = Kokkos::TeamPolicy<Exec>::vector_length_max();
    return longest < 32 ? longest : 32;
  }
}

}  // namespace detail

/// Calls `row_function(member, row)` once for each row in [0, rows), asynchronously on `exec`.
///
/// `row_function` is a copyable function object with a `KOKKOS_FUNCTION` call operator (a struct, or a `KOKKOS_LAMBDA` in a free function). Inside, loop over
/// the row's elements with `Kokkos::ThreadVectorRange(member, n)` and write single values under `Kokkos::single(Kokkos::PerThread(member), ...)`; all lanes
/// run the rest. It must not use team barriers. Zero rows launch nothing. `scratch_bytes` of `member.thread_scratch(1)` are there for each thread; every row
/// asks for parts of the same sizes, since Kokkos places a thread's part by the size. Lanes wait for each other at the end of a vector loop and nowhere else: all
/// of a row's lanes go through the same loops, and between reading what other lanes wrote and writing it again there is one.
template <ExecutionSpace Exec, class RowFunction>
void for_each_row(Exec const& exec, std::string const& label, std::int64_t rows, RowFunction const& row_function, std::size_t scratch_bytes = 0) {
  if (rows <= 0) return;
  using Policy                         = Kokkos::TeamPolicy<Exec, Kokkos::IndexType<std::int64_t>>;
  constexpr std::int64_t rows_per_team = is_host_execution_v<Exec> ? 1 : 8;
  auto const league                    = static_cast<int>((rows + rows_per_team - 1) / rows_per_team);
  Policy policy(exec, league, Kokkos::AUTO, detail::row_vector_length<Exec>());
  if (scratch_bytes > 0) policy.set_scratch_size(1, Kokkos::PerThread(static_cast<int>(scratch_bytes)));
  if constexpr (is_host_execution_v<Exec>)
    Kokkos::parallel_for(label, policy, detail::HostRowLaunch<TeamMember<Exec>, RowFunction>{row_function});
  else
    Kokkos::parallel_for(label, policy, detail::RowLaunch<TeamMember<Exec>, RowFunction>{rows, rows_per_team, row_function});
}

}  // namespace ocellus
