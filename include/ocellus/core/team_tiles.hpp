// SPDX-License-Identifier: Apache-2.0
#pragma once

/// What kernels need whose teams own tiles, on devices: loads of four numbers, slabs that a team fetches together, and loops that leave no index behind, since
/// what is indexed cannot stay in registers.

#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/kokkos.hpp>

#if defined(__CUDACC__) || defined(__clang__)
#define OCELLUS_UNROLL _Pragma("unroll")
#else
#define OCELLUS_UNROLL _Pragma("GCC unroll 16")
#endif

namespace ocellus {

/// Four numbers that a device loads together.
template <class Real>
struct alignas(4 * sizeof(Real)) Quad {
  Real number[4];
};

/// A thread's share of a slab: `Count` numbers of an operand, at places that lie `line_step` rows (or columns) and `term_step` terms apart.
template <class Real, int Count>
struct SlabShare {
  int line, term, line_step, term_step;  ///< of the first number, in the tile; from one to the next
  Real number[Count];

  /// `along_terms`: neighbouring threads take neighbouring terms, else neighbouring lines.
  KOKKOS_FUNCTION SlabShare(int rank, int threads, int lines, int slab, bool along_terms)
      : line(along_terms ? rank / slab : rank % lines),
        term(along_terms ? rank % slab : rank / lines),
        line_step(along_terms ? threads / slab : 0),
        term_step(along_terms ? 0 : threads / lines) {}

  /// Reads at(line, term) where both are below their limits.
  template <class At>
  KOKKOS_FUNCTION void fetch(std::int64_t lines, std::int64_t terms, At const& at) {
    OCELLUS_UNROLL
    for (int i = 0; i < Count; ++i) {
      int const l = line + i * line_step, t = term + i * term_step;
      number[i] = l < lines && t < terms ? static_cast<Real>(at(l, t)) : Real(0);
    }
  }

  /// Leaves them in the slab, whose terms lie `pitch` numbers apart.
  KOKKOS_FUNCTION void leave(Quad<Real>* slab, int pitch) const {
    Real* const to = slab->number;
    OCELLUS_UNROLL
    for (int i = 0; i < Count; ++i) to[(term + i * term_step) * pitch + line + i * line_step] = number[i];
  }
};

/// Where in a tile the j-th column of a thread is whose first one is `first`: four side by side, then those of the `Across` threads of a row, then four more.
template <int Across>
KOKKOS_FUNCTION constexpr int tile_column(int first, int j) {
  return j / 4 * (4 * Across) + first + j % 4;
}

/// One term of a thread's part of a product: add(left[i], right[j], sum[i][j]). `left` are the numbers of its rows, side by side; `right` those of its columns,
/// from the first one on, as `tile_column` places them.
template <int Across, int Rows, int Columns, class Real, class Add>
KOKKOS_FUNCTION void add_term(Quad<Real> const* left, Quad<Real> const* right, Real (&sum)[Rows][Columns], Add const& add) {
  Quad<Real> a[Rows / 4], b[Columns / 4];
  OCELLUS_UNROLL
  for (int q = 0; q < Rows / 4; ++q) a[q] = left[q];
  OCELLUS_UNROLL
  for (int q = 0; q < Columns / 4; ++q) b[q] = right[q * Across];
  OCELLUS_UNROLL
  for (int i = 0; i < Rows; ++i) {
    OCELLUS_UNROLL
    for (int j = 0; j < Columns; ++j) add(a[i / 4].number[i % 4], b[j / 4].number[j % 4], sum[i][j]);
  }
}

/// Launches a kernel whose teams have `Kernel::threads` threads and `Kernel::scratch_bytes()` of scratch memory; false where there are no teams, too many, or
/// smaller ones on this device: then another kernel has to do it.
template <ExecutionSpace Exec, class Kernel>
[[nodiscard]] bool launch_teams(Exec const& exec, std::string const& label, Kernel const& kernel) {
#ifdef KOKKOS_ENABLE_OPENMPTARGET
  if constexpr (std::is_same_v<Exec, Kokkos::Experimental::OpenMPTarget>) return false;  // OpenMP may give a team fewer threads than it asks for
#endif
  if (kernel.teams() == 0 || kernel.teams() > std::numeric_limits<int>::max()) return false;
  auto const policy = [&](auto threads) {
    return Kokkos::TeamPolicy<Exec, Kokkos::IndexType<std::int64_t>>(exec, static_cast<int>(kernel.teams()), threads, 1)
        .set_scratch_size(0, Kokkos::PerTeam(static_cast<int>(Kernel::scratch_bytes())));
  };
  if (policy(Kokkos::AUTO).team_size_max(kernel, Kokkos::ParallelForTag()) < Kernel::threads) return false;
  Kokkos::parallel_for(label, policy(Kernel::threads), kernel);
  return true;
}

}  // namespace ocellus
