// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Matrix products where a team's threads share memory (devices): a team owns a tile of the output, a thread a part of the tile in registers. Slabs of both
/// operands, some terms deep, pass through the team's scratch memory. An element is one chain over ascending k all the same.

#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/precision.hpp>
#include <ocellus/core/team_tiles.hpp>
#include <ocellus/linalg/detail/matmul_panels.hpp>
#include <ocellus/linalg/detail/strided.hpp>

namespace ocellus::linalg::detail {

/// How far apart neighbouring terms of one column lie; 0 where that is not one number.
template <class T>
[[nodiscard]] std::int64_t term_stride(StridedMatrix<T> const& b) {
  return b.row_stride;
}
template <class Stored>
[[nodiscard]] std::int64_t term_stride(PackedPanels<Stored> const&) {
  return panel_interleave<Stored> == 1 ? panel_columns : 0;
}

/// How far apart neighbouring columns of one term lie, where threads take several columns (never of panels).
template <class T>
[[nodiscard]] KOKKOS_FUNCTION std::int64_t b_column_stride(StridedMatrix<T> const& b) {
  return b.column_stride;
}
template <class Stored>
[[nodiscard]] KOKKOS_FUNCTION std::int64_t b_column_stride(PackedPanels<Stored> const&) {
  return 0;
}

template <class Member, class Real, class Tuning, class Operation, class Problem>
struct MatmulTeamTiles {
  static constexpr int tile_rows = Tuning::team_rows, tile_columns = Tuning::team_columns, slab = Tuning::team_depth;
  static constexpr int my_rows = Tuning::thread_rows, my_columns = Tuning::thread_columns;
  static constexpr int across = tile_columns / my_columns, threads = across * (tile_rows / my_rows);
  static constexpr int a_line = tile_rows + 4, b_line = tile_columns + 4;  ///< numbers from one term to the next; 4 apart lie in unlike banks
  static_assert(my_rows % 4 == 0 && my_columns % 4 == 0 && tile_rows % my_rows == 0 && tile_columns % my_columns == 0);
  using Scratch =
      Kokkos::View<Quad<Real>*, Kokkos::LayoutRight, typename Member::execution_space::scratch_memory_space, Kokkos::MemoryTraits<Kokkos::Unmanaged>>;

  Problem problem;
  std::int64_t row_tiles, column_tiles;
  std::int64_t b_term_stride;  ///< 0: none

  explicit MatmulTeamTiles(Problem const& of)
      : problem(of),
        row_tiles((of.rows + tile_rows - 1) / tile_rows),
        column_tiles((of.columns + tile_columns - 1) / tile_columns),
        b_term_stride(term_stride(of.b)) {}

  [[nodiscard]] std::int64_t teams() const { return problem.batches * row_tiles * column_tiles; }
  [[nodiscard]] static std::size_t scratch_bytes() { return Scratch::shmem_size(slab * a_line / 4) + Scratch::shmem_size(slab * b_line / 4); }

  KOKKOS_FUNCTION void operator()(Member const& member) const {
    std::int64_t const tile = member.league_rank(), batch = tile / (row_tiles * column_tiles);
    std::int64_t const first_row = tile / column_tiles % row_tiles * tile_rows, first_column = tile % column_tiles * tile_columns;
    if (problem.symmetric && first_column >= first_row + tile_rows) return;  // all of it is copied from below the diagonal
    Scratch const a_slab(member.team_scratch(0), slab * a_line / 4), b_slab(member.team_scratch(0), slab * b_line / 4);
    auto const a        = problem.a.at_batch(batch);
    auto const b        = problem.b.at_batch(batch);
    auto const output   = problem.output.at_batch(batch);
    auto const epilogue = problem.epilogue.at_batch(batch);
    int const rank = member.team_rank(), my_row = rank / across * my_rows, my_column = rank % across * 4;
    Real sum[my_rows][my_columns];
    OCELLUS_UNROLL
    for (int i = 0; i < my_rows; ++i) {
      OCELLUS_UNROLL
      for (int j = 0; j < my_columns; ++j) {
        std::int64_t const row = first_row + my_row + i, column = first_column + tile_column<across>(my_column, j);
        sum[i][j] = problem.accumulate && row < problem.rows && column < problem.columns ? static_cast<Real>(output(row, column)) : Real(0);
      }
    }
    using LeftShare  = SlabShare<Real, slab * tile_rows / threads>;
    using RightShare = SlabShare<Real, slab * tile_columns / threads>;
    static_assert(threads % slab == 0 && threads % tile_rows == 0 && threads % tile_columns == 0);
    LeftShare left(rank, threads, tile_rows, slab, problem.a.column_stride == 1);
    RightShare right(rank, threads, tile_columns, slab, b_term_stride == 1);
    auto const fetch = [&](std::int64_t first) {
      std::int64_t const terms = problem.inner - first;
      auto const* const a_at   = a.data + first_row * a.row_stride + first * a.column_stride;
      left.fetch(problem.rows - first_row, terms, [&](int row, int k) { return a_at[row * a.row_stride + k * a.column_stride]; });
      if (b_term_stride > 0) {
        // A column of a panel is as far from the next as in rows, but at the panel's end: its address is taken once a column.
        auto const* const b_at         = &b(0, first_column + (right.line < problem.columns - first_column ? right.line : 0)) + first * b_term_stride;
        std::int64_t const column_step = right.line_step == 0 ? 0 : b_column_stride(b);
        right.fetch(problem.columns - first_column, terms, [&](int column, int k) { return b_at[(column - right.line) * column_step + k * b_term_stride]; });
      } else {
        right.fetch(problem.columns - first_column, terms, [&](int column, int k) { return b(first + k, first_column + column); });
      }
    };
    auto const multiply = [&](int k) {
      add_term<across>(a_slab.data() + (k * a_line + my_row) / 4, b_slab.data() + (k * b_line + my_column) / 4, sum,
                       [](Real x, Real y, Real& to) { Operation::add(x, y, to); });
    };
    fetch(0);
    for (std::int64_t first = 0; first < problem.inner; first += slab) {
      int const count = problem.inner - first < slab ? static_cast<int>(problem.inner - first) : slab;
      member.team_barrier();  // the slabs before have been read
      left.leave(a_slab.data(), a_line);
      right.leave(b_slab.data(), b_line);
      member.team_barrier();
      if (first + slab < problem.inner) fetch(first + slab);  // on their way while these are multiplied
      if (count == slab) {
        OCELLUS_UNROLL
        for (int k = 0; k < slab; ++k) multiply(k);
      } else {
        for (int k = 0; k < count; ++k) multiply(k);
      }
    }
    // A copy that may leave the registers: the epilogue is too long to be repeated for every element.
    Real finished[my_rows][my_columns];
    OCELLUS_UNROLL
    for (int i = 0; i < my_rows; ++i) {
      OCELLUS_UNROLL
      for (int j = 0; j < my_columns; ++j) finished[i][j] = sum[i][j];
    }
    for (int i = 0; i < my_rows; ++i) {
      for (int j = 0; j < my_columns; ++j) {
        std::int64_t const row = first_row + my_row + i, column = first_column + tile_column<across>(my_column, j);
        if (row >= problem.rows || column >= problem.columns || (problem.symmetric && column > row)) continue;
        auto const value    = static_cast<std::remove_cvref_t<decltype(output(row, column))>>(epilogue(finished[i][j], row, column));
        output(row, column) = value;
        if (problem.symmetric) output(column, row) = value;
      }
    }
  }
};

/// Launches tiles where they pay and the device has such teams; false where it is for another kernel to do.
template <class Tuning, class Real, class Operation, ExecutionSpace Exec, class Problem>
[[nodiscard]] bool launch_team_tiles(Exec const& exec, std::string const& label, Problem const& problem) {
  using Kernel = MatmulTeamTiles<TeamMember<Exec>, Real, Tuning, Operation, Problem>;
  return problem.rows >= Tuning::thread_rows && problem.columns >= Tuning::thread_columns && launch_teams(exec, label, Kernel(problem));
}

}  // namespace ocellus::linalg::detail
