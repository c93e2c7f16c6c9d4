// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The register tile of host matrix products: a few rows by one or two vectors of columns, all of whose accumulators stay in registers over a block of k.

#include <cstdint>
#include <type_traits>

#include <ocellus/core/precision.hpp>
#include <ocellus/core/simd.hpp>
#include <ocellus/linalg/detail/matmul_operations.hpp>
#include <ocellus/linalg/detail/matmul_panels.hpp>

namespace ocellus::linalg::detail {
inline namespace OCELLUS_INSTRUCTION_SET {

/// How the two packed operands are held: `Left` is a number of a, or a pair of bfloat16 where `Dot`.
template <class RealType, class StoredType, class OperationType, bool UseDot>
struct MatmulFormat {
  using Real                = RealType;
  using Stored              = StoredType;
  using Operation           = OperationType;
  using Left                = std::conditional_t<UseDot, std::uint32_t, Real>;
  static constexpr bool dot = UseDot;
};

/// Floats as the vector that sums are formed in.
template <class V, int Width>
[[gnu::always_inline]] inline V widened(Simd<float, Width> const& value) {
  if constexpr (std::is_same_v<typename V::value_type, float>)
    return value;
  else
    return V(__builtin_convertvector(value.raw, typename V::Raw));
}

/// Rows of b by which it is fetched ahead: it streams from the second cache.
inline constexpr std::int64_t prefetched_rows = 12;

/// sums[i, j] (+)= sum over k of a[k, i] b[k, j], for `Rows` rows of a packed block and `Vectors` vectors of columns.
///
/// `a` is packed with `Rows` numbers each k. `b` has `b_stride` numbers between its rows (pairs of rows, for bfloat16). With `resume` the accumulators start
/// from `sums`, so that an element stays one chain over ascending k. `ahead` is where the next tile's sums are: their lines are fetched one by one meanwhile,
/// since all at once would hold up b.
template <class Format, int Rows, int Vectors>
[[gnu::noinline]] inline void multiply_tile(typename Format::Left const* __restrict a, typename Format::Stored const* __restrict b, std::int64_t b_stride,
                                            std::int64_t count, typename Format::Real* __restrict sums, std::int64_t sums_stride, bool resume,
                                            typename Format::Real const* ahead) {
  using Real          = typename Format::Real;
  using Stored        = typename Format::Stored;
  using Operation     = typename Format::Operation;
  using V             = Simd<Real>;
  constexpr int lanes = V::width;
  V tile[Rows][Vectors];
  if (resume) {
#pragma GCC unroll 16
    for (int i = 0; i < Rows; ++i) {
#pragma GCC unroll 4
      for (int v = 0; v < Vectors; ++v) tile[i][v] = V::load(sums + i * sums_stride + v * lanes);
    }
  } else {
#pragma GCC unroll 16
    for (int i = 0; i < Rows; ++i) {
#pragma GCC unroll 4
      for (int v = 0; v < Vectors; ++v) tile[i][v] = V(Real(0));
    }
  }
  if constexpr (Format::dot) {
#if OCELLUS_BFLOAT16_DOT
    using Pairs = Simd<std::int32_t, lanes>;
    for (std::int64_t k = 0; k < count; k += 2) {
      Pairs row[Vectors];
#pragma GCC unroll 4
      for (int v = 0; v < Vectors; ++v) row[v] = Pairs(*reinterpret_cast<typename Pairs::Unaligned const*>(b + 2 * v * lanes));
#pragma GCC unroll 16
      for (int i = 0; i < Rows; ++i) {
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; ++v) tile[i][v] = bfloat16_dot(a[i], row[v], tile[i][v]);
      }
      a += Rows;
      b += b_stride;
    }
#endif
  } else if constexpr (panel_interleave<Stored> == 2) {
    // The two numbers of a pair widen to float by a shift and a mask.
    using Word  = Simd<std::int32_t, lanes>;
    using Pairs = typename HostVector<std::int32_t, lanes>::unaligned;
    for (std::int64_t k = 0; k < count; k += 2) {
      Simd<float, lanes> low[Vectors], high[Vectors];
#pragma GCC unroll 4
      for (int v = 0; v < Vectors; ++v) {
        typename Word::Raw const pair = *reinterpret_cast<Pairs const*>(b + 2 * v * lanes);
        low[v]                        = bit_cast<float>(Word(pair << 16));
        high[v]                       = bit_cast<float>(Word(pair & static_cast<std::int32_t>(0xffff0000)));
      }
#pragma GCC unroll 16
      for (int i = 0; i < Rows; ++i) {
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; ++v) Operation::add_vector(V(a[i]), widened<V>(low[v]), tile[i][v]);
      }
      if (k + 1 < count) {
#pragma GCC unroll 16
        for (int i = 0; i < Rows; ++i) {
#pragma GCC unroll 4
          for (int v = 0; v < Vectors; ++v) Operation::add_vector(V(a[Rows + i]), widened<V>(high[v]), tile[i][v]);
        }
      }
      a += 2 * Rows;
      b += b_stride;
    }
  } else {
    // The line that is fetched moves on by Rows / count a step, without a branch.
    std::uint32_t const stride_of_line = count > 0 ? static_cast<std::uint32_t>((Rows << 16) / count) : 0;
    std::uint32_t line                 = 0;
    for (std::int64_t k = 0; k < count; ++k) {
      Real const* const fetched = ahead + (line >> 16) * sums_stride;
      line += stride_of_line;
      V row[Vectors];
#pragma GCC unroll 4
      for (int v = 0; v < Vectors; ++v) {
        row[v] = V::load(b + v * lanes);
        __builtin_prefetch(b + prefetched_rows * b_stride + v * lanes);
        __builtin_prefetch(fetched + v * lanes, 1);
      }
#pragma GCC unroll 16
      for (int i = 0; i < Rows; ++i) {
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; ++v) Operation::add_vector(V(a[i]), row[v], tile[i][v]);
      }
      a += Rows;
      b += b_stride;
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < Rows; ++i) {
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) tile[i][v].store(sums + i * sums_stride + v * lanes);
  }
}

/// The same for a number of rows that is known when it runs, from 1 to `Rows`.
template <class Format, int Rows, int Vectors>
inline void multiply_rows(int rows, typename Format::Left const* a, typename Format::Stored const* b, std::int64_t b_stride, std::int64_t count,
                          typename Format::Real* sums, std::int64_t sums_stride, bool resume, typename Format::Real const* ahead) {
  if (rows == Rows) {
    multiply_tile<Format, Rows, Vectors>(a, b, b_stride, count, sums, sums_stride, resume, ahead);
  } else if constexpr (Rows > 1) {
    multiply_rows<Format, Rows - 1, Vectors>(rows, a, b, b_stride, count, sums, sums_stride, resume, ahead);
  }
}

}  // namespace OCELLUS_INSTRUCTION_SET
}  // namespace ocellus::linalg::detail
