// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Products of two bfloat16 operands on the matrix unit of Intel's processors (AMX), compiled where the instruction set has it.
///
/// The unit multiplies 16 rows of 32 numbers by 16 columns. A thread owns a block of rows, copied into such tiles, and of columns, whose packed panels are
/// read as they lie; 32 x 32 sums stay in the unit over all terms. Where the operating system does not lend the unit, vectors take the same steps.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include <ocellus/core/precision.hpp>
#include <ocellus/core/simd.hpp>
#include <ocellus/linalg/detail/matmul_operations.hpp>
#include <ocellus/linalg/detail/matmul_panels.hpp>
#include <ocellus/linalg/detail/matmul_problem.hpp>
#include <ocellus/linalg/detail/matmul_tile_output.hpp>

#if OCELLUS_MATRIX_UNIT
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace ocellus::linalg::detail {
inline namespace OCELLUS_INSTRUCTION_SET {

inline constexpr int unit_rows           = 16;  ///< of a tile of a; columns of a tile of b
inline constexpr std::int64_t unit_tile  = unit_rows * matrix_unit_terms;
inline constexpr std::int64_t unit_panel = panel_columns * matrix_unit_terms;  ///< numbers of a panel in a block of terms
inline constexpr int unit_sums_stride    = panel_columns;
static_assert(panel_columns == 2 * unit_rows);

/// A block of 32 x 32 sums over `steps` blocks of 32 terms. a: two tiles of rows, the second `second_tile` numbers behind the first; b: rows of pairs of a panel.
struct UnitBlock {
  bfloat16 const* a;
  std::int64_t second_tile;
  bfloat16 const* b;
  std::int64_t steps;
  bool two_tiles, two_halves;  ///< of the rows; of the columns
  bool resume;                 ///< the sums go on from what is there
  float* sums;
};

/// The steps of the unit, by vectors.
inline void multiply_by_vectors(UnitBlock const& block) {
  using V    = Simd<float, unit_rows>;
  using Word = Simd<std::int32_t, unit_rows>;
  for (int i = 0; i < (block.two_tiles ? 2 : 1) * unit_rows; ++i) {
    bfloat16 const* const row = block.a + i / unit_rows * block.second_tile + i % unit_rows * matrix_unit_terms;
    for (int half = 0; half < (block.two_halves ? 2 : 1); ++half) {
      float* const at = block.sums + i * unit_sums_stride + half * unit_rows;
      V sum           = block.resume ? V::load(at) : V(0.0f);
      for (std::int64_t step = 0; step < block.steps; ++step) {
        V even(0.0f), odd(0.0f);
        for (std::int64_t k = 0; k < matrix_unit_terms; k += 2) {
          auto const pair = *reinterpret_cast<typename HostVector<std::int32_t, unit_rows>::unaligned const*>(block.b + step * unit_panel + k * panel_columns +
                                                                                                              half * 2 * unit_rows);
          even            = fma(V(static_cast<float>(row[step * unit_tile + k])), bit_cast<float>(Word(pair << 16)), even);
          odd             = fma(V(static_cast<float>(row[step * unit_tile + k + 1])), bit_cast<float>(Word(pair & static_cast<std::int32_t>(0xffff0000))), odd);
        }
        sum += even + odd;
      }
      sum.store(at);
    }
  }
}

#if OCELLUS_MATRIX_UNIT
/// Whether the operating system lends this process the unit: asked once.
inline bool matrix_unit_is_lent() {
  constexpr long request_permission = 0x1023, tile_data = 18;
  static bool const lent = syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
  return lent;
}

/// The unit, set up for tiles of 16 rows of 64 bytes while this lives.
class MatrixUnit {
 public:
  MatrixUnit() : lent_(matrix_unit_is_lent()) {
    struct {
      std::uint8_t palette = 1, start_row = 0, reserved[14] = {};
      std::uint16_t bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
      std::uint8_t rows[16]   = {16, 16, 16, 16, 16, 16, 16, 16};
    } const configuration;
    if (lent_) _tile_loadconfig(&configuration);
  }
  ~MatrixUnit() {
    if (lent_) _tile_release();
  }
  MatrixUnit(MatrixUnit const&)            = delete;
  MatrixUnit& operator=(MatrixUnit const&) = delete;

  void multiply(UnitBlock const& block) const {
    if (!lent_)
      multiply_by_vectors(block);
    else if (block.two_tiles)
      block.two_halves ? by_unit<2, 2>(block) : by_unit<2, 1>(block);
    else
      block.two_halves ? by_unit<1, 2>(block) : by_unit<1, 1>(block);
  }

 private:
  /// Sums are in registers 0 to 3, a in 4 and 5, b in 6 and 7.
  template <int Tiles, int Halves>
  static void by_unit(UnitBlock const& block) {
    constexpr int line = 64, pairs = panel_columns * 4;  // bytes from one row of a tile to the next
    constexpr int sums = unit_sums_stride * 4;
    if (block.resume) {
      _tile_loadd(0, block.sums, sums);
      if constexpr (Halves == 2) _tile_loadd(1, block.sums + unit_rows, sums);
      if constexpr (Tiles == 2) _tile_loadd(2, block.sums + unit_rows * unit_sums_stride, sums);
      if constexpr (Tiles == 2 && Halves == 2) _tile_loadd(3, block.sums + unit_rows * unit_sums_stride + unit_rows, sums);
    } else {
      _tile_zero(0);
      if constexpr (Halves == 2) _tile_zero(1);
      if constexpr (Tiles == 2) _tile_zero(2);
      if constexpr (Tiles == 2 && Halves == 2) _tile_zero(3);
    }
    bfloat16 const *a = block.a, *b = block.b;
    for (std::int64_t step = 0; step < block.steps; ++step, a += unit_tile, b += unit_panel) {
      _tile_loadd(6, b, pairs);
      _tile_loadd(4, a, line);
      _tile_dpbf16ps(0, 4, 6);
      if constexpr (Tiles == 2) {
        _tile_loadd(5, a + block.second_tile, line);
        _tile_dpbf16ps(2, 5, 6);
      }
      if constexpr (Halves == 2) {
        _tile_loadd(7, b + 2 * unit_rows, pairs);
        _tile_dpbf16ps(1, 4, 7);
        if constexpr (Tiles == 2) _tile_dpbf16ps(3, 5, 7);
      }
    }
    _tile_stored(0, block.sums, sums);
    if constexpr (Halves == 2) _tile_stored(1, block.sums + unit_rows, sums);
    if constexpr (Tiles == 2) _tile_stored(2, block.sums + unit_rows * unit_sums_stride, sums);
    if constexpr (Tiles == 2 && Halves == 2) _tile_stored(3, block.sums + unit_rows * unit_sums_stride + unit_rows, sums);
  }

  bool lent_;
};
#else
class MatrixUnit {
 public:
  void multiply(UnitBlock const& block) const { multiply_by_vectors(block); }
};
#endif

/// How a product is cut among threads. None of it changes a bit.
struct UnitPlan {
  std::int64_t row_blocks = 1, rows_per_block = 0;
  std::int64_t column_blocks = 1, columns_per_block = 0;
  std::int64_t steps     = 0;  ///< blocks of 32 terms, the last filled up with zeros
  std::size_t left_bytes = 0, right_bytes = 0;

  [[nodiscard]] std::size_t bytes() const { return left_bytes + right_bytes; }
};

template <class Member, class Problem>
struct MatmulBlocks {
  static constexpr bool packed_right = std::is_same_v<typename Problem::Right, PackedPanels<bfloat16>>;

  Problem problem;
  UnitPlan plan;

  MatmulBlocks(Problem const& the_problem, std::int64_t threads) : problem(the_problem) {
    constexpr std::int64_t pair = 2 * unit_rows;
    plan.steps                  = (problem.inner + matrix_unit_terms - 1) / matrix_unit_terms;
    // Rows whose copy stays in the second cache, while panels of b pass by; as even as can be.
    std::int64_t const held = std::clamp<std::int64_t>((std::int64_t{1} << 19) / std::max<std::int64_t>(1, plan.steps * matrix_unit_terms), pair, 512);
    auto const cut_rows     = [&](std::int64_t blocks) {
      plan.rows_per_block = ((problem.rows + blocks - 1) / blocks + pair - 1) / pair * pair;
      plan.row_blocks     = (problem.rows + plan.rows_per_block - 1) / plan.rows_per_block;
    };
    auto const cut_columns = [&](std::int64_t blocks) {
      plan.columns_per_block = ((problem.columns + blocks - 1) / blocks + panel_columns - 1) / panel_columns * panel_columns;
      plan.column_blocks     = (problem.columns + plan.columns_per_block - 1) / plan.columns_per_block;
    };
    cut_rows((problem.rows + held - 1) / held);
    cut_columns(1);
    // Columns first: copying a again costs less than packing b again.
    while (items() < 4 * threads && plan.columns_per_block > 8 * panel_columns) cut_columns(2 * plan.column_blocks);
    while (items() < 4 * threads && plan.rows_per_block > 2 * pair) cut_rows(2 * plan.row_blocks);
    std::int64_t const panels = packed_right ? 1 : plan.steps;  // a packed one needs room for its last terms only
    plan.left_bytes           = static_cast<std::size_t>(plan.rows_per_block * plan.steps * matrix_unit_terms) * sizeof(bfloat16);
    plan.right_bytes          = static_cast<std::size_t>(panels * unit_panel) * sizeof(bfloat16);
  }

  [[nodiscard]] std::int64_t items() const { return problem.batches * plan.row_blocks * plan.column_blocks; }

  void operator()(Member const& member) const {
    std::int64_t const item = member.league_rank(), column_block = item % plan.column_blocks, row_block = item / plan.column_blocks % plan.row_blocks;
    std::int64_t const batch     = item / plan.column_blocks / plan.row_blocks;
    std::int64_t const first_row = row_block * plan.rows_per_block, rows = std::min(plan.rows_per_block, problem.rows - first_row);
    std::int64_t const first_column = column_block * plan.columns_per_block, last_column = std::min(problem.columns, first_column + plan.columns_per_block);
    if (problem.symmetric && first_column >= first_row + rows) return;
    auto* const scratch = static_cast<std::byte*>(member.thread_scratch(1).get_shmem_aligned(plan.bytes(), 64));
    auto* const left    = reinterpret_cast<bfloat16*>(scratch);
    auto* const right   = reinterpret_cast<bfloat16*>(scratch + plan.left_bytes);
    auto const b        = problem.b.at_batch(batch);
    auto const output   = problem.output.at_batch(batch);
    auto const epilogue = problem.epilogue.at_batch(batch);
    pack_tiles(problem.a.at_batch(batch), first_row, rows, left);

    MatrixUnit const unit;
    std::int64_t const tiles = (rows + unit_rows - 1) / unit_rows, tile_size = plan.steps * unit_tile, whole = problem.inner / matrix_unit_terms;
    alignas(64) float sums[2 * unit_rows * unit_sums_stride], biases[panel_columns], scales[panel_columns];
    for (std::int64_t column = first_column; column < last_column; column += panel_columns) {
      if (problem.symmetric && column >= first_row + rows) break;
      int const some       = static_cast<int>(std::min<std::int64_t>(panel_columns, last_column - column));
      bfloat16 const* from = right;
      if constexpr (packed_right) {
        from = b.data + column / panel_columns * panel_size<bfloat16>(problem.inner);
        if (plan.steps > whole) copy_last_terms(from + whole * unit_panel, right);
      } else {
        std::int64_t const size = panel_size<bfloat16>(problem.inner);
        std::memset(static_cast<void*>(right + size), 0, static_cast<std::size_t>(plan.steps * unit_panel - size) * sizeof(bfloat16));
        pack_right(b, 0, problem.inner, column, some, right);
      }
      load_factors(epilogue, column, some, biases, scales);
      for (std::int64_t tile = 0; tile < tiles; tile += 2) {
        std::int64_t const row = first_row + tile * unit_rows;
        int const height       = static_cast<int>(std::min<std::int64_t>(2 * unit_rows, first_row + rows - row));
        if (problem.accumulate) load_tile(output, row, height, column, some, sums, unit_sums_stride, static_cast<int>(panel_columns));
        UnitBlock block{left + tile * tile_size, tile_size,          from, packed_right ? whole : plan.steps, tile + 1 < tiles,
                        some > unit_rows,        problem.accumulate, sums};
        if (output.column_stride == 1) {
          for (int i = 0; i < height; ++i) {
            auto const* const at = &output(row + i, column);
            __builtin_prefetch(at, 1);
            __builtin_prefetch(at + some - 1, 1);
          }
        }
        unit.multiply(block);
        if (packed_right && plan.steps > whole) {
          block.a += whole * unit_tile;
          block.b      = right;
          block.steps  = 1;
          block.resume = true;
          unit.multiply(block);
        }
        finish_tile(epilogue, output, problem.symmetric, sums, unit_sums_stride, row, height, column, some, biases, scales);
      }
    }
  }

 private:
  /// Rows as tiles: 16 rows of 32 terms one after the other, step after step; zeros behind the last row and term.
  void pack_tiles(StridedMatrix<bfloat16 const> const& a, std::int64_t first_row, std::int64_t rows, bfloat16* to) const {
    std::int64_t const tiles = (rows + unit_rows - 1) / unit_rows;
    for (std::int64_t i = 0; i < tiles * unit_rows; ++i) {
      bfloat16* at = to + i / unit_rows * plan.steps * unit_tile + i % unit_rows * matrix_unit_terms;
      for (std::int64_t k = 0; k < problem.inner; k += matrix_unit_terms, at += unit_tile) {
        std::int64_t const count = i < rows ? std::min(matrix_unit_terms, problem.inner - k) : 0;
        if (count < matrix_unit_terms) std::memset(static_cast<void*>(at), 0, static_cast<std::size_t>(matrix_unit_terms) * sizeof(bfloat16));
        if (count == 0) continue;
        bfloat16 const* const from = &a(first_row + i, k);
        if (a.column_stride == 1 && count == matrix_unit_terms)
          std::memcpy(static_cast<void*>(at), from, static_cast<std::size_t>(matrix_unit_terms) * sizeof(bfloat16));
        else
          for (std::int64_t j = 0; j < count; ++j) at[j] = from[j * a.column_stride];
      }
    }
  }

  /// The last terms of a packed panel, filled up with zeros.
  void copy_last_terms(bfloat16 const* from, bfloat16* to) const {
    std::int64_t const size = panel_size<bfloat16>(problem.inner % matrix_unit_terms);
    std::memcpy(static_cast<void*>(to), from, static_cast<std::size_t>(size) * sizeof(bfloat16));
    std::memset(static_cast<void*>(to + size), 0, static_cast<std::size_t>(unit_panel - size) * sizeof(bfloat16));
  }
};

}  // namespace OCELLUS_INSTRUCTION_SET
}  // namespace ocellus::linalg::detail
