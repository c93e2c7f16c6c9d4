// SPDX-License-Identifier: Apache-2.0
#pragma once

/// What kernels need whose teams own tiles, on devices: loads of four numbers, slabs that a team fetches together, and loops that leave no index behind, since
/// what is indexed cannot stay in registers.

#include <cstdint>

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

}  // namespace ocellus
