// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The host kernel of matrix products: blocks that fit the caches, packed, around the register tile of matmul_micro_kernel.hpp.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/precision.hpp>
#include <ocellus/core/simd.hpp>
#include <ocellus/linalg/detail/matmul_micro_kernel.hpp>
#include <ocellus/linalg/detail/matmul_panels.hpp>
#include <ocellus/linalg/detail/matmul_problem.hpp>
#include <ocellus/linalg/detail/matmul_tile_output.hpp>

namespace ocellus::linalg::detail {
inline namespace OCELLUS_INSTRUCTION_SET {

/// How a product is cut among threads and what a thread needs. None of it changes a bit.
struct MatmulPlan {
  std::int64_t row_blocks = 1, rows_per_block = 0;
  std::int64_t column_blocks = 1, columns_per_block = 0;
  std::int64_t columns_at_once = 0;      ///< of a block, for which b is packed and partial sums are kept
  bool sums_in_output          = false;  ///< partial sums are kept in the output itself
  bool right_in_place          = false;  ///< b is read where it is
  std::size_t left_bytes = 0, right_bytes = 0, sums_bytes = 0;

  [[nodiscard]] std::size_t bytes() const { return left_bytes + right_bytes + sums_bytes; }
};

[[nodiscard]] constexpr std::size_t cache_lines(std::size_t bytes) { return (bytes + 63) / 64 * 64; }

/// A thread owns a block of rows and columns of the output. For each block of `depth` terms it packs its part of b (unless packed before), then, chunk by
/// chunk of rows, a; register tiles run down the chunk for one panel of b after the other. Between blocks of terms the accumulators are stored and reloaded,
/// so an element stays one chain over ascending k. The epilogue follows while the tile is in the nearest cache.
template <class Member, class RealType, class Tuning, class Operation, class Problem>
struct MatmulTiles {
  using Real                         = RealType;
  using V                            = Simd<Real>;
  using Stored                       = std::remove_const_t<typename Problem::Stored>;
  using Output                       = typename Problem::Target;
  static constexpr bool dot          = uses_bfloat16_dot<typename Problem::Left, Stored, Operation>;
  using Format                       = MatmulFormat<Real, Stored, Operation, dot>;
  using Left                         = typename Format::Left;
  static constexpr bool packed_right = std::is_same_v<typename Problem::Right, PackedPanels<Stored>>;
  static constexpr int lanes         = V::width;
  static constexpr int tile_rows     = Tuning::tile_rows;
  static constexpr int tile_vectors  = Tuning::tile_vectors;
  static constexpr int tile_columns  = lanes * tile_vectors;
  static_assert(panel_columns % tile_columns == 0, "ocellus::linalg::matmul: tile_vectors of the tuning row must be a power of two that fits a panel");
  static constexpr std::int64_t interleave = panel_interleave<Stored>;
  static constexpr std::int64_t chunk_rows = (Tuning::chunk_rows + tile_rows - 1) / tile_rows * tile_rows;
  static constexpr std::int64_t depth      = (Tuning::depth + 1) / 2 * 2;

  Problem problem;
  MatmulPlan plan;

  [[nodiscard]] std::int64_t items() const { return problem.batches * plan.row_blocks * plan.column_blocks; }

  MatmulTiles(Problem const& the_problem, std::int64_t threads) : problem(the_problem) {
    std::int64_t const panels = panel_count(problem.columns), inner = problem.inner;
    std::int64_t const most_columns = columns_of_tuning();
    bool const unit_output          = problem.output.column_stride == 1;
    bool const in_pieces            = inner > depth;
    plan.sums_in_output             = std::is_same_v<Output, Real> && unit_output && problem.epilogue.residual.data == nullptr && !problem.symmetric;
    if constexpr (!packed_right && interleave == 1) {
      auto const stride = static_cast<std::size_t>(problem.b.row_stride) * sizeof(Stored);
      bool const small  = static_cast<std::size_t>(inner) * stride <= (std::size_t{1} << 18) && problem.rows <= 4 * chunk_rows && stride % 2048 != 0;
      // Few rows do not pay for packing either.
      plan.right_in_place = problem.b.column_stride == 1 && (small || problem.rows <= tile_rows);
    }
    bool const keeps_sums   = in_pieces && !plan.sums_in_output;
    plan.columns_at_once    = keeps_sums ? std::min<std::int64_t>(most_columns, 256) : most_columns;
    bool const packs_right  = !packed_right && !plan.right_in_place;
    std::int64_t const most = keeps_sums ? 4 * chunk_rows : problem.rows;

    // The cut with the least time of the last thread, in vector operations: the products, and the packing that several blocks repeat.
    double least                    = 0;
    std::int64_t const fewest_turns = problem.symmetric ? 4 : 1;  // blocks above the diagonal are empty
    for (std::int64_t cut = 1; cut <= std::max<std::int64_t>(1, std::min<std::int64_t>((problem.rows + tile_rows - 1) / tile_rows, 8 * threads));
         cut += 1 + cut / 8) {
      std::int64_t const rows       = std::min(most, up_to_multiple((problem.rows + cut - 1) / cut, tile_rows));
      std::int64_t const row_blocks = (problem.rows + rows - 1) / rows;
      for (std::int64_t waves = fewest_turns; waves < fewest_turns + 4; ++waves) {
        std::int64_t const wanted        = std::max<std::int64_t>(1, (waves * threads + problem.batches * row_blocks - 1) / (problem.batches * row_blocks));
        std::int64_t const columns       = up_to_multiple((panels + wanted - 1) / wanted, 1) * panel_columns;
        std::int64_t const column_blocks = (problem.columns + columns - 1) / columns;
        std::int64_t const turns         = (problem.batches * row_blocks * column_blocks + threads - 1) / threads;
        double const tile       = static_cast<double>(up_to_multiple(rows, 2)) * static_cast<double>(std::min(columns, up_to_multiple(problem.columns, lanes)));
        double const packs_of_a = static_cast<double>(rows * ((columns + plan.columns_at_once - 1) / plan.columns_at_once));
        double const packs_of_b = packs_right ? static_cast<double>(columns) : 0.0;
        double const item       = static_cast<double>(inner) * (tile / (dot ? 4 * lanes : 2 * lanes) + 0.4 * (packs_of_a + packs_of_b)) + tile / lanes + 500.0;
        double const time       = static_cast<double>(turns) * item * (1.0 + 0.03 / static_cast<double>(turns));
        if (least == 0 || time < least) {
          least                  = time;
          plan.rows_per_block    = rows;
          plan.row_blocks        = row_blocks;
          plan.columns_per_block = columns;
          plan.column_blocks     = column_blocks;
        }
      }
    }
    plan.columns_at_once     = std::min(plan.columns_at_once, plan.columns_per_block);
    std::int64_t const count = std::min(inner, depth);
    std::int64_t const chunk = std::min(chunk_rows, up_to_multiple(plan.rows_per_block, tile_rows));
    std::int64_t const held  = packs_right ? panel_count(plan.columns_at_once) : (packed_right ? 0 : 1);
    std::int64_t const sums  = !in_pieces ? 0 : (plan.sums_in_output ? tile_columns : plan.columns_at_once);
    plan.left_bytes          = cache_lines(static_cast<std::size_t>((chunk * (dot ? (count + 1) / 2 : count) + lanes)) * sizeof(Left));
    plan.right_bytes         = cache_lines(static_cast<std::size_t>(held * panel_size<Stored>(count)) * sizeof(Stored));
    plan.sums_bytes          = cache_lines(static_cast<std::size_t>(plan.rows_per_block * sums) * sizeof(Real));
  }

  void operator()(Member const& member) const { (*this)(member, static_cast<std::int64_t>(member.league_rank())); }

  void operator()(Member const& member, std::int64_t item) const {
    std::int64_t const column_block = item % plan.column_blocks, row_block = item / plan.column_blocks % plan.row_blocks;
    std::int64_t const batch     = item / plan.column_blocks / plan.row_blocks;
    std::int64_t const first_row = row_block * plan.rows_per_block, last_row = std::min(problem.rows, first_row + plan.rows_per_block);
    std::int64_t const first_column = column_block * plan.columns_per_block, last_column = std::min(problem.columns, first_column + plan.columns_per_block);
    if (problem.symmetric && first_column >= last_row) return;
    auto* const scratch = static_cast<std::byte*>(member.thread_scratch(1).get_shmem_aligned(plan.bytes(), 64));
    Block block{problem.a.at_batch(batch), problem.b.at_batch(batch), problem.output.at_batch(batch), problem.epilogue.at_batch(batch)};
    block.left  = reinterpret_cast<Left*>(scratch);
    block.right = reinterpret_cast<Stored*>(scratch + plan.left_bytes);
    block.sums  = reinterpret_cast<Real*>(scratch + plan.left_bytes + plan.right_bytes);

    for (std::int64_t column = first_column; column < last_column; column += plan.columns_at_once) {
      std::int64_t const columns = std::min(plan.columns_at_once, last_column - column);
      for (std::int64_t k = 0; k == 0 || k < problem.inner; k += depth) {
        std::int64_t const count = std::min(depth, problem.inner - k);
        if constexpr (!packed_right) pack_panels(block, k, count, column, columns);
        for (std::int64_t row = first_row; row < last_row; row += chunk_rows)
          multiply_chunk(block, first_row, row, std::min(chunk_rows, last_row - row), column, columns, k, count);
      }
    }
  }

 private:
  struct Block {
    decltype(problem.a) a;
    decltype(problem.b) b;
    decltype(problem.output) output;
    decltype(problem.epilogue) epilogue;
    Left* left    = nullptr;
    Stored* right = nullptr;
    Real* sums    = nullptr;
  };

  static constexpr std::int64_t up_to_multiple(std::int64_t number, std::int64_t of) { return (number + of - 1) / of * of; }

  static constexpr std::int64_t columns_of_tuning() {
    if constexpr (requires { Tuning::block_columns; })
      return up_to_multiple(Tuning::block_columns, panel_columns);
    else
      return 1024;
  }

  void pack_panels(Block const& block, std::int64_t k, std::int64_t count, std::int64_t first_column, std::int64_t columns) const {
    for (std::int64_t column = 0; column < columns; column += panel_columns) {
      std::int64_t const some = std::min(panel_columns, columns - column);
      if (!plan.right_in_place)
        pack_right(block.b, k, count, first_column + column, some, block.right + column / panel_columns * panel_size<Stored>(count));
      else if (some % tile_columns != 0)
        pack_right(block.b, k, count, first_column + column, some, block.right);
    }
  }

  /// Rows [row, row + rows) times `count` terms from k on, for the columns given; the epilogue follows the last term.
  void multiply_chunk(Block const& block, std::int64_t first_row, std::int64_t row, std::int64_t rows, std::int64_t first_column, std::int64_t columns,
                      std::int64_t k, std::int64_t count) const {
    // Tiles as even as can be: 197 rows are 2 tiles of 14 and 13 of 13.
    std::int64_t const tiles = (rows + tile_rows - 1) / tile_rows, low = rows / tiles, taller = rows % tiles;
    std::int64_t const terms = dot ? (count + 1) / 2 : count;
    bool const resume = k > 0 || problem.accumulate, last = k + count >= problem.inner;
    for (std::int64_t t = 0; t < tiles; ++t) {
      std::int64_t const above = t * low + std::min(t, taller);
      if constexpr (dot)
        pack_left_pairs(block.a, row + above, static_cast<int>(low + (t < taller ? 1 : 0)), k, count, block.left + above * terms);
      else
        pack_left(block.a, row + above, static_cast<int>(low + (t < taller ? 1 : 0)), k, count, block.left + above * terms);
    }
    alignas(64) Real tile_sums[tile_rows * tile_columns];
    alignas(64) Real biases[tile_columns], scales[tile_columns];
    for (std::int64_t column = 0; column < columns; column += tile_columns) {
      int const some = static_cast<int>(std::min<std::int64_t>(tile_columns, columns - column));
      if (problem.symmetric && first_column + column >= row + rows) break;
      std::int64_t b_stride     = panel_columns * interleave;
      Stored const* const b     = right_at(block, k, count, first_column, column, some, b_stride);
      bool const in_output      = plan.sums_in_output && some == tile_columns;
      bool const narrow         = tile_vectors == 2 && some <= lanes;
      std::int64_t const stride = in_output ? block.output.row_stride : (problem.inner <= depth || plan.sums_in_output ? tile_columns : plan.columns_at_once);
      if (last && !problem.epilogue.is_identity()) load_factors(block.epilogue, first_column + column, some, biases, scales);
      auto const at = [&](std::int64_t above) -> Real* {
        if constexpr (std::is_same_v<Output, Real>) {
          if (in_output) return &block.output(row + above, first_column + column);
        }
        if (problem.inner <= depth) return tile_sums;
        return block.sums + (row + above - first_row) * stride + (plan.sums_in_output ? 0 : column);
      };
      for (std::int64_t t = 0; t < tiles; ++t) {
        std::int64_t const above = t * low + std::min(t, taller);
        int const height         = static_cast<int>(low + (t < taller ? 1 : 0));
        Real* const sums         = at(above);
        Real const* const ahead  = t + 1 < tiles ? at(above + height) : (in_output && column + 2 * tile_columns <= columns ? at(0) + tile_columns : sums);
        if (problem.accumulate && k == 0 && !in_output) load_tile(block.output, row + above, height, first_column + column, some, sums, stride, tile_columns);
        if (narrow)
          multiply_rows<Format, tile_rows, 1>(height, block.left + above * terms, b, b_stride, count, sums, stride, resume, ahead);
        else
          multiply_rows<Format, tile_rows, tile_vectors>(height, block.left + above * terms, b, b_stride, count, sums, stride, resume, ahead);
        if (last && !(in_output && problem.epilogue.is_identity()))
          finish_tile(block.epilogue, block.output, problem.symmetric, sums, stride, row + above, height, first_column + column, some, biases, scales);
      }
    }
  }

  /// Where the tile's first column of b begins, at term k.
  Stored const* right_at(Block const& block, std::int64_t k, std::int64_t count, std::int64_t first_column, std::int64_t column, int some,
                         std::int64_t& b_stride) const {
    std::int64_t const in_panel = column % panel_columns * interleave;
    if constexpr (packed_right) {
      return block.b.data + (first_column + column) / panel_columns * panel_size<Stored>(problem.inner) + k * panel_columns + in_panel;
    } else {
      if (!plan.right_in_place) return block.right + column / panel_columns * panel_size<Stored>(count) + in_panel;
      if (some < tile_columns) return block.right + in_panel;
      b_stride = block.b.row_stride;
      return &block.b(k, first_column + column);
    }
  }
};

}  // namespace OCELLUS_INSTRUCTION_SET
}  // namespace ocellus::linalg::detail
