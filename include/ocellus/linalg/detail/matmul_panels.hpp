// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The packed form of a matrix product's right operand, and the host routines that pack both operands.
///
/// The columns of b (K, N) are cut into panels of 32, the last one padded with zeros. A panel holds its K rows one after the other, 32 numbers each; of
/// bfloat16, K / 2 pairs of rows, the two numbers of a column side by side. So the layout depends on the type alone, not on tiles or instruction sets.

#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

#include <ocellus/core/precision.hpp>
#include <ocellus/core/simd.hpp>
#include <ocellus/linalg/detail/strided.hpp>

namespace ocellus::linalg::detail {

inline constexpr std::int64_t panel_columns = 32;

/// Rows of b that lie side by side in a panel.
template <class Stored>
inline constexpr std::int64_t panel_interleave = std::is_same_v<std::remove_const_t<Stored>, bfloat16> ? 2 : 1;

/// Numbers in a panel of `inner` rows.
template <class Stored>
[[nodiscard]] KOKKOS_INLINE_FUNCTION constexpr std::int64_t panel_size(std::int64_t inner) {
  constexpr std::int64_t rows = panel_interleave<Stored>;
  return (inner + rows - 1) / rows * rows * panel_columns;
}

[[nodiscard]] KOKKOS_INLINE_FUNCTION constexpr std::int64_t panel_count(std::int64_t columns) { return (columns + panel_columns - 1) / panel_columns; }

/// A packed matrix as a kernel sees it.
template <class Stored>
struct PackedPanels {
  Stored const* data = nullptr;
  std::int64_t inner = 0;

  [[nodiscard]] KOKKOS_INLINE_FUNCTION static constexpr std::int64_t offset_in_panel(std::int64_t k, std::int64_t column) {
    constexpr std::int64_t rows = panel_interleave<Stored>;
    return (k / rows * panel_columns + column) * rows + k % rows;
  }
  [[nodiscard]] KOKKOS_INLINE_FUNCTION Stored const& operator()(std::int64_t k, std::int64_t column) const {
    return data[column / panel_columns * panel_size<Stored>(inner) + offset_in_panel(k, column % panel_columns)];
  }
  [[nodiscard]] KOKKOS_INLINE_FUNCTION PackedPanels at_batch(std::int64_t) const { return *this; }
};

/// Writes one number of the packed form a lane: for any backend.
template <class Member, class Matrix, class Stored>
struct PackPanels {
  Matrix matrix;
  Stored* packed;
  std::int64_t inner, columns;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t item) const {
    constexpr std::int64_t rows = panel_interleave<Stored>;
    std::int64_t const padded = (inner + rows - 1) / rows * rows, panel = item / padded, k = item % padded;
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, std::int64_t{panel_columns}), [&](std::int64_t const j) {
      std::int64_t const column = panel * panel_columns + j;
      Stored value              = static_cast<Stored>(0.0f);
      if (k < inner && column < columns) value = matrix(k, column);
      packed[panel * padded * panel_columns + PackedPanels<Stored>::offset_in_panel(k, j)] = value;
    });
  }
};

inline namespace OCELLUS_INSTRUCTION_SET {

template <bool High, class V, std::size_t... Lane>
[[gnu::always_inline]] inline V interleave(V const& a, V const& b, std::index_sequence<Lane...>) {
  constexpr int width = V::width, first = High ? width / 2 : 0;
#if defined(__CUDACC__)  // nvcc does not pass the pack on to the host's compiler
  V result;
  for (int lane = 0; lane < width; ++lane) result.raw[lane] = (lane % 2 == 1 ? b : a).raw[first + lane / 2];
  return result;
#else
  return V(__builtin_shufflevector(a.raw, b.raw, (first + static_cast<int>(Lane) / 2 + (Lane % 2 == 1 ? width : 0))...));
#endif
}

/// Transposes a square of vectors: log2(width) rounds, each of which interleaves row i with row i + width / 2.
template <class V>
[[gnu::always_inline]] inline void transpose(V (&rows)[V::width]) {
  constexpr int width = V::width;
  using Lanes         = std::make_index_sequence<static_cast<std::size_t>(width)>;
#pragma GCC unroll 4
  for (int round = 1; round < width; round *= 2) {
    V next[width];
#pragma GCC unroll 16
    for (int i = 0; i < width / 2; ++i) {
      next[2 * i]     = interleave<false>(rows[i], rows[i + width / 2], Lanes());
      next[2 * i + 1] = interleave<true>(rows[i], rows[i + width / 2], Lanes());
    }
#pragma GCC unroll 16
    for (int i = 0; i < width; ++i) rows[i] = next[i];
  }
}

/// to[k * to_stride + i] = from[i * from_stride + k] for i < count_i <= width and k < count_k. May write up to `width` numbers at each k where `overlap` says
/// that what lies behind is written later.
template <class V, class Stored>
[[gnu::always_inline]] inline void transpose_block(Stored const* from, std::int64_t from_stride, int count_i, std::int64_t count_k, typename V::value_type* to,
                                                   std::int64_t to_stride, bool overlap) {
  constexpr int width = V::width;
  for (std::int64_t k = 0; k < count_k; k += width) {
    std::int64_t const count = count_k - k < width ? count_k - k : width;
    V rows[width];
    if (count == width) {
#pragma GCC unroll 16
      for (int i = 0; i < width; ++i) rows[i] = V::load(from + (i < count_i ? i : 0) * from_stride + k);
    } else {
      for (int i = 0; i < width; ++i) rows[i] = V::load(from + (i < count_i ? i : 0) * from_stride + k, count);
    }
    transpose(rows);
    if (overlap && count == width) {
#pragma GCC unroll 16
      for (int i = 0; i < width; ++i) rows[i].store(to + (k + i) * to_stride);
    } else {
      for (int i = 0; i < count; ++i) rows[i].store(to + (k + i) * to_stride, count_i);
    }
  }
}

/// Rows [first_row, first_row + rows) and `count` columns of a from first_k on, as packed[k * rows + i] in the accumulation type. May write a vector's length
/// behind the end.
template <class Real, class Matrix>
inline void pack_left(Matrix const& a, std::int64_t first_row, int rows, std::int64_t first_k, std::int64_t count, Real* packed) {
  using V             = Simd<Real>;
  constexpr int width = V::width;
  auto const* from    = &a(first_row, first_k);
  if (a.column_stride == 1) {
    for (int i = 0; i < rows; i += width) {
      int const some = rows - i < width ? rows - i : width;
      transpose_block<V>(from + i * a.row_stride, a.row_stride, some, count, packed + i, rows, some == width || i == 0);
    }
  } else if (a.row_stride == 1) {
    for (std::int64_t k = 0; k < count; ++k) {
      for (int i = 0; i < rows; i += width) {
        int const some = rows - i < width ? rows - i : width;
        V::load(from + k * a.column_stride + i, some).store(packed + k * rows + i);
      }
    }
  } else {
    for (std::int64_t k = 0; k < count; ++k) {
      for (int i = 0; i < rows; ++i) packed[k * rows + i] = static_cast<Real>(from[i * a.row_stride + k * a.column_stride]);
    }
  }
}

/// The same as pairs of bfloat16: packed[k / 2 * rows + i] holds columns k and k + 1.
template <class Matrix>
inline void pack_left_pairs(Matrix const& a, std::int64_t first_row, int rows, std::int64_t first_k, std::int64_t count, std::uint32_t* packed) {
  auto const* from         = &a(first_row, first_k);
  std::int64_t const whole = count / 2;
  if (a.column_stride == 1 && a.row_stride % 2 == 0 && reinterpret_cast<std::uintptr_t>(from) % 4 == 0) {
    using V = Simd<float>;  // moves 32 bits, whatever they mean
    for (int i = 0; i < rows; i += V::width) {
      int const some = rows - i < V::width ? rows - i : V::width;
      auto const* at = reinterpret_cast<typename HostVector<float, 1>::unaligned const*>(from + i * a.row_stride);
      transpose_block<V>(reinterpret_cast<float const*>(at), a.row_stride / 2, some, whole, reinterpret_cast<float*>(packed) + i, rows,
                         some == V::width || i == 0);
    }
  } else {
    for (std::int64_t pair = 0; pair < whole; ++pair) {
      for (int i = 0; i < rows; ++i) {
        auto const* at          = from + i * a.row_stride + 2 * pair * a.column_stride;
        packed[pair * rows + i] = at[0].bits | static_cast<std::uint32_t>(at[a.column_stride].bits) << 16;
      }
    }
  }
  if (count % 2 != 0) {
    for (int i = 0; i < rows; ++i) packed[whole * rows + i] = from[i * a.row_stride + (count - 1) * a.column_stride].bits;
  }
}

/// One panel: `columns` (1 to 32) columns of b from first_column on, `count` rows from first_k on.
template <class Stored, class Matrix>
inline void pack_right(Matrix const& b, std::int64_t first_k, std::int64_t count, std::int64_t first_column, std::int64_t columns, Stored* packed) {
  auto const* from            = &b(first_k, first_column);
  constexpr std::int64_t wide = panel_columns;
  if constexpr (panel_interleave<Stored> == 1) {
    if (b.column_stride == 1 && columns == wide) {
      for (std::int64_t k = 0; k < count; ++k) std::memcpy(packed + k * wide, from + k * b.row_stride, wide * sizeof(Stored));
      return;
    }
    if (columns < wide) std::memset(static_cast<void*>(packed), 0, static_cast<std::size_t>(count * wide) * sizeof(Stored));
    if constexpr (std::is_same_v<Stored, float> || std::is_same_v<Stored, double>) {
      using V = Simd<Stored>;
      if (b.row_stride == 1) {
        for (std::int64_t j = 0; j < columns; j += V::width) {
          int const some = static_cast<int>(columns - j < V::width ? columns - j : V::width);
          transpose_block<V>(from + j * b.column_stride, b.column_stride, some, count, packed + j, wide, some == V::width);
        }
        return;
      }
    }
    for (std::int64_t k = 0; k < count; ++k) {
      for (std::int64_t j = 0; j < columns; ++j) packed[k * wide + j] = from[k * b.row_stride + j * b.column_stride];
    }
  } else {
    std::int64_t const whole = count / 2;
    auto* const pairs        = reinterpret_cast<std::uint32_t*>(packed);
    if (columns < wide) std::memset(static_cast<void*>(packed), 0, static_cast<std::size_t>(panel_size<Stored>(count)) * sizeof(Stored));
    auto const pack_pairs = [&](std::int64_t first) {
      for (std::int64_t pair = first; pair < (count + 1) / 2; ++pair) {
        for (std::int64_t j = 0; j < columns; ++j) {
          auto const* at               = from + 2 * pair * b.row_stride + j * b.column_stride;
          std::uint32_t const second   = 2 * pair + 1 < count ? at[b.row_stride].bits : 0u;
          std::uint32_t const together = at[0].bits | second << 16;
          std::memcpy(pairs + pair * wide + j, &together, sizeof together);
        }
      }
    };
    if (b.row_stride == 1 && b.column_stride % 2 == 0 && reinterpret_cast<std::uintptr_t>(from) % 4 == 0) {
      using V = Simd<float>;
      for (std::int64_t j = 0; j < columns; j += V::width) {
        int const some = static_cast<int>(columns - j < V::width ? columns - j : V::width);
        transpose_block<V>(reinterpret_cast<float const*>(from + j * b.column_stride), b.column_stride / 2, some, whole, reinterpret_cast<float*>(pairs) + j,
                           wide, some == V::width);
      }
      pack_pairs(whole);
    } else if (b.column_stride == 1) {
      using Half = typename HostVector<std::uint16_t, panel_columns / 2>::unaligned;
      using Word = typename HostVector<std::uint32_t, panel_columns / 2>::unaligned;
      if (columns < wide) return pack_pairs(0);
      for (std::int64_t pair = 0; pair < whole; ++pair) {
        for (std::int64_t j = 0; j < wide; j += wide / 2) {
          auto const* at   = from + 2 * pair * b.row_stride + j;
          Half const first = *reinterpret_cast<Half const*>(at), second = *reinterpret_cast<Half const*>(at + b.row_stride);
          *reinterpret_cast<Word*>(pairs + pair * wide + j) = __builtin_convertvector(first, Word) | __builtin_convertvector(second, Word) << 16;
        }
      }
      pack_pairs(whole);
    } else {
      pack_pairs(0);
    }
  }
}

/// One panel a call: for hosts.
template <class Member, class Matrix, class Stored>
struct PackWholePanels {
  Matrix matrix;
  Stored* packed;
  std::int64_t inner, columns;

  void operator()(Member const&, std::int64_t panel) const {
    std::int64_t const first = panel * panel_columns, some = columns - first < panel_columns ? columns - first : panel_columns;
    pack_right(matrix, 0, inner, first, some, packed + panel * panel_size<Stored>(inner));
  }
};

}  // namespace OCELLUS_INSTRUCTION_SET
}  // namespace ocellus::linalg::detail
