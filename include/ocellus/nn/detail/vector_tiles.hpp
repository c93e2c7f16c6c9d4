// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Small pieces of host kernels that work on tiles of vectors: a tile is a matrix of `Real` whose rows are `tile_width` numbers long, `tile_vectors` vectors. Lanes never
/// mix, so what a lane computes does not depend on what stands in the others.

#include <cstdint>
#include <type_traits>
#include <utility>

#include <ocellus/core/simd.hpp>
#include <ocellus/core/vector_math.hpp>

namespace ocellus::nn::detail {
inline namespace OCELLUS_INSTRUCTION_SET {

/// Vectors in a row of a tile.
inline constexpr int tile_vectors = 3;

/// Numbers in a row of a tile.
template <class Real>
inline constexpr std::int64_t tile_width = tile_vectors* simd_lanes<Real>;

/// Rows of accumulators that a product keeps in registers.
inline constexpr int tile_rows = host_vector_bytes == 64 ? 8 : 4;

/// Calls f(i) for the constants 0 to N - 1: for arrays of vectors that are to stay in registers.
template <int N, class F>
[[gnu::always_inline]] inline void unrolled(F const& f) {
  [&]<int... I>(std::integer_sequence<int, I...>) __attribute__((always_inline)) { (f(std::integral_constant<int, I>()), ...); }
  (std::make_integer_sequence<int, N>());
}

#if defined(__CUDACC__)
template <class Real>
inline void transpose(Simd<Real> (&rows)[simd_lanes<Real>]) {
  constexpr int lanes = simd_lanes<Real>;
  Real at[lanes][lanes];
  for (int i = 0; i < lanes; ++i) rows[i].store(at[i]);
  for (int i = 0; i < lanes; ++i) {
    Real column[lanes];
    for (int k = 0; k < lanes; ++k) column[k] = at[k][i];
    rows[i] = Simd<Real>::load(column);
  }
}
#else
template <class Raw, int... I>
[[gnu::always_inline]] inline Raw zip_low(Raw const& a, Raw const& b, std::integer_sequence<int, I...>) {
  constexpr int lanes = sizeof...(I);
  return __builtin_shufflevector(a, b, (I / 2 + I % 2 * lanes)...);
}
template <class Raw, int... I>
[[gnu::always_inline]] inline Raw zip_high(Raw const& a, Raw const& b, std::integer_sequence<int, I...>) {
  constexpr int lanes = sizeof...(I);
  return __builtin_shufflevector(a, b, (lanes / 2 + I / 2 + I % 2 * lanes)...);
}

/// Row i becomes column i: as many rounds as lanes have bits, each interleaving row i with row i + lanes / 2.
template <class Real>
[[gnu::always_inline]] inline void transpose(Simd<Real> (&rows)[simd_lanes<Real>]) {
  constexpr int lanes = simd_lanes<Real>;
  using Order         = std::make_integer_sequence<int, lanes>;
  auto const round    = [&]() __attribute__((always_inline)) {
       typename Simd<Real>::Raw next[lanes];
       unrolled<lanes / 2>([&](auto i) __attribute__((always_inline)) {
         next[2 * i]     = zip_low(rows[i].raw, rows[i + lanes / 2].raw, Order());
         next[2 * i + 1] = zip_high(rows[i].raw, rows[i + lanes / 2].raw, Order());
    });
       unrolled<lanes>([&](auto i) __attribute__((always_inline)) { rows[i].raw = next[i]; });
  };
  round();
  if constexpr (lanes > 2) round();
  if constexpr (lanes > 4) round();
  if constexpr (lanes > 8) round();
}
#endif

/// tile(c, r) = factor * from(r, c) for `rows` rows, at most a tile's width, of `columns` numbers; the other lanes are zero.
template <class Real, class T>
void load_transposed(T const* from, std::int64_t row_stride, std::int64_t column_stride, std::int64_t rows, std::int64_t columns, Real factor, Real* tile) {
  using V             = Simd<Real>;
  constexpr int lanes = V::width;
  for (int part = 0; part < tile_vectors; ++part) {
    std::int64_t const first = part * lanes, count = rows - first < lanes ? rows - first : lanes;
    if (column_stride == 1 && count > 0) {
      for (std::int64_t c = 0; c < columns; c += lanes) {
        std::int64_t const width = columns - c < lanes ? columns - c : lanes;
        V block[lanes];
        if (count == lanes && width == lanes) {  // the usual case, all in registers
          unrolled<lanes>([&](auto i) { block[i] = V::load(from + (first + i) * row_stride + c); });
          transpose<Real>(block);
          unrolled<lanes>([&](auto i) { (block[i] * V(factor)).store(tile + (c + i) * tile_width<Real> + first); });
          continue;
        }
        for (int i = 0; i < lanes; ++i) {
          T const* const at = from + (first + i) * row_stride + c;
          block[i]          = i >= count ? V(Real(0)) : width == lanes ? V::load(at) : V::load(at, width);
        }
        transpose<Real>(block);
        for (int i = 0; i < width; ++i) (block[i] * V(factor)).store(tile + (c + i) * tile_width<Real> + first);
      }
    } else {
      for (std::int64_t c = 0; c < columns; ++c) {
        for (int i = 0; i < lanes; ++i)
          tile[c * tile_width<Real> + first + i] = i < count ? static_cast<Real>(from[(first + i) * row_stride + c * column_stride]) * factor : Real(0);
      }
    }
  }
}

/// to(r, c) = factor(r) * tile(c, r), or added to what is there. Zeros are positive, so that a sum which left out zero terms gives the same bits.
template <class Real, class T>
void store_transposed(Real const* tile, Real const* factor, T* to, std::int64_t row_stride, std::int64_t column_stride, std::int64_t rows, std::int64_t columns,
                      bool accumulate) {
  using V             = Simd<Real>;
  constexpr int lanes = V::width;
  for (int part = 0; part < tile_vectors; ++part) {
    std::int64_t const first = part * lanes, count = rows - first < lanes ? rows - first : lanes;
    if (count <= 0) return;
    V const scale = V::load(factor + first);
    for (std::int64_t c = 0; c < columns; c += lanes) {
      std::int64_t const width = columns - c < lanes ? columns - c : lanes;
      V block[lanes];
      if (count == lanes && width == lanes && column_stride == 1 && !accumulate) {
        unrolled<lanes>([&](auto i) { block[i] = V::load(tile + (c + i) * tile_width<Real> + first) * scale + V(Real(0)); });
        transpose<Real>(block);
        unrolled<lanes>([&](auto i) { block[i].store(to + (first + i) * row_stride + c); });
        continue;
      }
      for (int i = 0; i < lanes; ++i) block[i] = i < width ? V::load(tile + (c + i) * tile_width<Real> + first) * scale + V(Real(0)) : V(Real(0));
      transpose<Real>(block);
      for (int i = 0; i < count; ++i) {
        T* const at = to + (first + i) * row_stride + c * column_stride;
        if (column_stride == 1) {
          if (accumulate) block[i] += width == lanes ? V::load(at) : V::load(at, width);
          if (width == lanes)
            block[i].store(at);
          else
            block[i].store(at, width);
        } else {
          for (int k = 0; k < width; ++k) {
            Real const value      = accumulate ? block[i][k] + static_cast<Real>(at[k * column_stride]) : block[i][k];
            at[k * column_stride] = static_cast<T>(value);
          }
        }
      }
    }
  }
}

/// A block of rows as `Real` with unit stride: as it lies, or copied to `copy`.
template <class Real>
struct RowBlock {
  Real const* data;
  std::int64_t stride;
};
template <class Real, class T>
RowBlock<Real> row_block(T const* from, std::int64_t row_stride, std::int64_t column_stride, std::int64_t rows, std::int64_t columns, Real* copy) {
  if constexpr (std::is_same_v<std::remove_const_t<T>, Real>) {
    if (column_stride == 1) return {from, row_stride};
  }
  constexpr int lanes = simd_lanes<Real>;
  for (std::int64_t r = 0; r < rows; ++r) {
    T const* const at = from + r * row_stride;
    Real* const to    = copy + r * columns;
    std::int64_t c    = 0;
    if (column_stride == 1) {
      for (; c + lanes <= columns; c += lanes) Simd<Real>::load(at + c).store(to + c);
    }
    for (; c < columns; ++c) to[c] = static_cast<Real>(at[c * column_stride]);
  }
  return {copy, columns};
}

/// Whether each number of the block is finite.
template <class Real>
bool all_finite(RowBlock<Real> const& block, std::int64_t rows, std::int64_t columns) {
  using V             = Simd<Real>;
  constexpr int lanes = V::width;
  V spoiled           = V(Real(0));
  for (std::int64_t r = 0; r < rows; ++r) {
    Real const* const at = block.data + r * block.stride;
    for (std::int64_t c = 0; c < columns; c += lanes) spoiled = fma(columns - c < lanes ? V::load(at + c, columns - c) : V::load(at + c), V(Real(0)), spoiled);
  }
  return !any(spoiled != V(Real(0)));
}

/// product(r, lane) = sum_c rows(r, c) tile(c, lane), one chain over ascending c, for R rows whose numbers begin at `row[r]`. `row` may name a row twice.
template <int Vectors, int R, class Real>
[[gnu::always_inline]] inline void multiply_rows(Real const* const (&row)[R], std::int64_t columns, Real const* __restrict tile,
                                                 Simd<Real> (&product)[R][Vectors]) {
  using V = Simd<Real>;
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) product[r][v] = V(Real(0));
  }
  for (std::int64_t c = 0; c < columns; ++c) {
    V x[Vectors];
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) x[v] = V::load(tile + c * tile_width<Real> + v * V::width);
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      V const factor = V(row[r][c]);
#pragma GCC unroll 4
      for (int v = 0; v < Vectors; ++v) product[r][v] = fma(factor, x[v], product[r][v]);
    }
  }
}

/// sums(c, lane) += sum_r block(r, c) tile(r, lane) for C columns: the chains go on over ascending r. With `kept`, terms whose entry there is zero are left out.
template <int Vectors, int C, bool Kept, class Real>
[[gnu::always_inline]] inline void add_products(Real const* block, std::int64_t stride, std::int64_t rows, Real const* __restrict tile,
                                                Real const* __restrict kept, Real* __restrict sums) {
  using V = Simd<Real>;
  V sum[C][Vectors];
#pragma GCC unroll 16
  for (int c = 0; c < C; ++c) {
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) sum[c][v] = V::load(sums + c * tile_width<Real> + v * V::width);
  }
  for (std::int64_t r = 0; r < rows; ++r) {
    V x[Vectors];
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) x[v] = V::load(tile + r * tile_width<Real> + v * V::width);
#pragma GCC unroll 16
    for (int c = 0; c < C; ++c) {
      V const factor = V(block[c]);
#pragma GCC unroll 4
      for (int v = 0; v < Vectors; ++v) {
        V const next = fma(factor, x[v], sum[c][v]);
        if constexpr (Kept)
          sum[c][v] = select(V::load(kept + r * tile_width<Real> + v * V::width) != V(Real(0)), next, sum[c][v]);
        else
          sum[c][v] = next;
      }
    }
    block += stride;
  }
#pragma GCC unroll 16
  for (int c = 0; c < C; ++c) {
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) sum[c][v].store(sums + c * tile_width<Real> + v * V::width);
  }
}

/// The same for all columns of the block.
template <int Vectors, bool Kept, class Real>
void add_block_products(RowBlock<Real> const& block, std::int64_t rows, std::int64_t columns, Real const* tile, Real const* kept, Real* sums) {
  std::int64_t c = 0;
  for (; c + tile_rows <= columns; c += tile_rows)
    add_products<Vectors, tile_rows, Kept>(block.data + c, block.stride, rows, tile, kept, sums + c * tile_width<Real>);
  if constexpr (tile_rows > 4) {
    if (c + 4 <= columns) {
      add_products<Vectors, 4, Kept>(block.data + c, block.stride, rows, tile, kept, sums + c * tile_width<Real>);
      c += 4;
    }
  }
  if (c + 2 <= columns) {
    add_products<Vectors, 2, Kept>(block.data + c, block.stride, rows, tile, kept, sums + c * tile_width<Real>);
    c += 2;
  }
  if (c < columns) add_products<Vectors, 1, Kept>(block.data + c, block.stride, rows, tile, kept, sums + c * tile_width<Real>);
}

}  // namespace OCELLUS_INSTRUCTION_SET
}  // namespace ocellus::nn::detail
