// SPDX-License-Identifier: Apache-2.0
#pragma once

/// One iteration on the host in one pass over the costs: a block of rows forms its exponentials tile by tile and takes its own step; what its rows then send to
/// each column is added while the next block's exponentials take the places of its own. Rows belong to at most 32 groups whose size is a function of their
/// number alone; a group has one thread and one line of column sums, and the groups' lines are added in order. One exponential an entry; nothing of the size of
/// the plan is stored, but for costs of clouds so small that they stay in the second cache.

#include <cstdint>
#include <type_traits>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/vector_math.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/transport/detail/sinkhorn_kernels.hpp>
#include <ocellus/transport/detail/solver_costs.hpp>

namespace ocellus::transport::detail {
inline namespace OCELLUS_INSTRUCTION_SET {

/// Rows of a register tile, which is two vectors wide for clouds and one for a matrix. It does not enter the bits: a row's sum and a column's go on by rows and
/// lanes whatever the tile. Of a matrix so many rows at once are what keeps enough reads on their way, and their exponentials leave room in the second cache.
inline constexpr int sweep_rows           = host_vector_bytes == 64 ? 14 : 6;
inline constexpr int sweep_stored_rows    = 6;
inline constexpr std::int64_t sweep_lines = 32;  ///< groups at most
template <class Real>
inline constexpr int sweep_panel = 2 * simd_lanes<Real>;

[[nodiscard]] inline std::int64_t sweep_group_rows(std::int64_t rows) {
  std::int64_t const each = (rows + sweep_lines - 1) / sweep_lines;
  return each < 42 ? 42 : (each + 41) / 42 * 42;  // whole tiles of 14 and of 6
}
[[nodiscard]] inline std::int64_t sweep_groups(std::int64_t rows) { return (rows + sweep_group_rows(rows) - 1) / sweep_group_rows(rows); }
[[nodiscard]] inline std::int64_t sweep_blocks(std::int64_t rows) { return (rows + sweep_rows - 1) / sweep_rows; }
template <class Real>
[[nodiscard]] std::int64_t sweep_width(std::int64_t columns) {
  return (columns + sweep_panel<Real> - 1) / sweep_panel<Real> * sweep_panel<Real>;
}
template <class Real>
[[nodiscard]] std::size_t sweep_buffer_bytes(std::int64_t columns) {
  return static_cast<std::size_t>(sweep_rows * sweep_width<Real>(columns)) * sizeof(Real) + 64;
}

/// Costs of clouds up to this size are formed once and kept, so that a problem stays in the second cache with them.
inline constexpr std::size_t sweep_kept_limit = std::size_t{128} << 10;
/// Entries of a kept matrix: a function of the problem alone, so that a problem has the same bits in every batch. 0: costs are formed as they are needed.
template <class Real>
[[nodiscard]] std::int64_t sweep_kept(std::int64_t rows, std::int64_t columns, std::int64_t width) {
  std::int64_t const entries = sweep_blocks(rows) * sweep_rows * sweep_width<Real>(columns);
  return width > 0 && static_cast<std::size_t>(entries) * sizeof(Real) <= sweep_kept_limit ? entries : 0;
}

enum class SweepKind { stored, product, difference };

/// Costs ready for tiles, at one epsilon. Exponents are of base 2.
template <class Real>
struct SweepCosts {
  SweepKind kind    = SweepKind::stored;
  bool root         = false;
  std::int64_t rows = 0, columns = 0, width = 0, padded = 0;
  Real const* stored      = nullptr;
  std::int64_t row_stride = 0;
  Real shift              = 0;
  Real scale              = 0;                ///< of costs (difference, stored): log2(e) / epsilon, times the clouds' factor
  Real *x = nullptr, *y = nullptr;            ///< (blocks, width, rows of a tile) and (panels, width, columns of a panel)
  Real *x_part = nullptr, *y_part = nullptr;  ///< what a row and a column add to their exponents (product: minus their squared lengths)
  Real* height = nullptr;                     ///< exponent of a column, base 2, with its part
  Real* sums   = nullptr;                     ///< (groups, padded)
  Real* kept   = nullptr;                     ///< small clouds: their costs, which then are the stored ones; else null
  Real* buffer = nullptr;                     ///< the tile's exponentials; null: scratch of the thread

  [[nodiscard]] int tile_rows() const { return kind == SweepKind::stored ? sweep_stored_rows : sweep_rows; }
};

template <class Real>
[[nodiscard]] std::size_t sweep_bytes(std::int64_t rows, std::int64_t columns, std::int64_t width) {
  auto const line           = [](std::int64_t count) { return workspace_bytes<Real>(static_cast<std::size_t>(count)); };
  std::int64_t const padded = sweep_width<Real>(columns), whole = sweep_blocks(rows) * sweep_rows;
  return line(whole * width) + line(padded * width) + line(whole) + 2 * line(padded) + line(sweep_groups(rows) * padded) +
         line(sweep_kept<Real>(rows, columns, width));
}

template <class Real, MemorySpace Space>
[[nodiscard]] SweepCosts<Real> take_sweep(std::string const& function, Workspace<Space>& workspace, std::int64_t rows, std::int64_t columns, std::int64_t width,
                                          bool with_buffer) {
  auto const line = [&](std::int64_t count) { return workspace.template take<Real*>(function, count).data(); };
  SweepCosts<Real> sweep;
  std::int64_t const whole = sweep_blocks(rows) * sweep_rows;
  sweep.rows               = rows;
  sweep.columns            = columns;
  sweep.width              = width;
  sweep.padded             = sweep_width<Real>(columns);
  sweep.x                  = line(whole * width);
  sweep.y                  = line(sweep.padded * width);
  sweep.x_part             = line(whole);
  sweep.y_part             = line(sweep.padded);
  sweep.height             = line(sweep.padded);
  sweep.sums               = line(sweep_groups(rows) * sweep.padded);
  if (std::int64_t const kept = sweep_kept<Real>(rows, columns, width); kept > 0) sweep.kept = line(kept);
  if (with_buffer) sweep.buffer = line(sweep_rows * sweep.padded);
  return sweep;
}

inline constexpr double sweep_log2_e = 1.4426950408889634;

/// Lays one block of x or one panel of y out for tiles: place (k, r) of block b holds coordinate k of row b `lines` + r.
template <class Member, class Real>
struct PackSweep {
  Real const* from;
  std::int64_t rows, width;
  int lines;
  double scale;         ///< of the coordinates
  double square_scale;  ///< of the squared length that goes into `part`
  Real* to;
  Real* part;

  void operator()(Member const&, std::int64_t block) const {
    for (int r = 0; r < lines; ++r) {
      std::int64_t const row = block * lines + r;
      double squared         = 0;
      for (std::int64_t k = 0; k < width; ++k) {
        double const value                  = row < rows ? static_cast<double>(from[row * width + k]) : 0.0;
        to[(block * width + k) * lines + r] = static_cast<Real>(scale * value);
        squared += value * value;
      }
      part[row] = static_cast<Real>(square_scale * squared);
    }
  }
};

/// Heights of 64 columns from their exponents.
template <class Member, class Real>
struct SetHeights {
  SweepCosts<Real> sweep;
  Real const* exponent;

  void operator()(Member const&, std::int64_t block) const {
    std::int64_t const last = (block + 1) * 64 < sweep.padded ? (block + 1) * 64 : sweep.padded;
    for (std::int64_t j = block * 64; j < last; ++j) {
      Real const part = sweep.kind == SweepKind::product ? sweep.y_part[j] : Real(0);
      sweep.height[j] = j < sweep.columns ? exponent[j] * static_cast<Real>(sweep_log2_e) + part : -Kokkos::Experimental::infinity_v<Real>;
    }
  }
};

/// What a pass over a block of rows gives: the largest exponent of each row, its sum of exponentials, or that and the sum of exponentials times costs.
enum class SweepResult { largest, sum, costs };

/// The running sums of a row of a block, or its largest exponent.
template <class Real>
struct SweepRow {
  Simd<Real> reduced, costs;
};

/// Where a thread keeps a block's exponentials. They wait there with the weights of their rows, which are known only when the block is done, until the next
/// block takes their places or the group ends.
template <class Real>
struct SweepTile {
  Real* exponentials;
  Real* sums;
  Real weight[sweep_rows];
  bool waiting = false;
};

/// Takes a vector of a row's exponents in: writes the exponentials, and what is wanted to the sums. `height`: of these columns, without a product's part.
template <SweepResult Wanted, class Real>
[[gnu::always_inline]] inline void take_exponents(Simd<Real> const& exponent, Simd<Real> const& row_height, Simd<Real> const& height, Real* exponentials,
                                                  SweepRow<Real>& row) {
  using V = Simd<Real>;
  if constexpr (Wanted == SweepResult::largest) {
    row.reduced = max(row.reduced, exponent);
  } else {
    V const p = exp2_flushed(exponent);
    p.store(exponentials);
    row.reduced += p;
    if constexpr (Wanted == SweepResult::costs) {
      // log2 P = row + column - cost; the parts of a product belong to the cost.
      V const zero(Real(0));
      row.costs += select(p > zero, p * ((row_height + height) - exponent), zero);
    }
  }
}

/// A block of rows of a matrix against all columns.
template <SweepResult Wanted, bool Waiting, class Real>
inline void sweep_stored(SweepCosts<Real> const& s, std::int64_t first, int count, Real const (&offset)[sweep_rows], SweepTile<Real> const& tile,
                         SweepRow<Real> (&rows)[sweep_rows]) {
  using V         = Simd<Real>;
  constexpr int W = simd_lanes<Real>, Rows = sweep_stored_rows;
  // Exponentials take so long that too few reads are on their way by themselves: lines are asked for 8 KiB ahead, at a row's end those of the next block.
  constexpr std::int64_t ahead = 8192 / sizeof(Real);
  V const shift(s.shift), scale(s.scale);
  Real const* from[Rows];
  V added[Rows], weight[Rows];
#pragma GCC unroll 8
  for (int r = 0; r < Rows; ++r) {
    from[r]   = s.stored + (first + (r < count ? r : count - 1)) * s.row_stride;  // beyond the last row: any row, at the height of minus infinity
    added[r]  = V(Wanted == SweepResult::largest ? Real(0) : offset[r]);
    weight[r] = V(Waiting ? tile.weight[r] : Real(0));
  }
  auto const take = [&](std::int64_t column, auto const& load) __attribute__((always_inline)) {
    V const height = V::load(s.height + column);
    V total(Real(0));
    if constexpr (Waiting) total = V::load(tile.sums + column);
#pragma GCC unroll 8
    for (int r = 0; r < Rows; ++r) {
      Real* const exponentials = tile.exponentials + r * s.padded + column;
      if constexpr (Waiting) total = fma(weight[r], V::load(exponentials), total);
      take_exponents<Wanted>(fma(shift - load(from[r] + column), scale, height) + added[r], V(offset[r]), height, exponentials, rows[r]);
    }
    if constexpr (Waiting) total.store(tile.sums + column);
  };
  std::int64_t column = 0;
  for (; column + W <= s.columns; column += W) {
    std::int64_t const next = column + ahead < s.columns ? column + ahead : column + ahead - s.columns + Rows * s.row_stride;
#pragma GCC unroll 8
    for (int r = 0; r < Rows; ++r) __builtin_prefetch(from[r] + next, 0, 2);
    take(
        column, [](Real const* place) __attribute__((always_inline)) { return V::load(place); });
  }
  if (std::int64_t const left = s.columns - column; left > 0)
    take(
        column, [left](Real const* place) __attribute__((always_inline)) { return V::load(place, left); });
}

/// One tile of rows of clouds against one panel of columns: the exponents.
template <SweepResult Wanted, SweepKind Kind, class Real>
[[gnu::always_inline]] inline void cloud_exponents(SweepCosts<Real> const& s, Real const* x, Real const* y, Simd<Real> const& h0, Simd<Real> const& h1,
                                                   Real const (&offset)[sweep_rows], Simd<Real> (&first)[sweep_rows], Simd<Real> (&second)[sweep_rows]) {
  using V         = Simd<Real>;
  constexpr int W = simd_lanes<Real>;
#pragma GCC unroll 16
  for (int r = 0; r < sweep_rows; ++r) {
    if constexpr (Kind == SweepKind::product) {
      V const o(Wanted == SweepResult::largest ? Real(0) : offset[r]);
      first[r]  = h0 + o;
      second[r] = h1 + o;
    } else {
      first[r] = second[r] = V(Real(0));
    }
  }
  for (std::int64_t k = 0; k < s.width; ++k) {
    V const b0 = V::load(y), b1 = V::load(y + W);
#pragma GCC unroll 16
    for (int r = 0; r < sweep_rows; ++r) {
      V const a(x[r]);
      if constexpr (Kind == SweepKind::product) {
        first[r]  = fma(a, b0, first[r]);
        second[r] = fma(a, b1, second[r]);
      } else {
        V const d0 = a - b0, d1 = a - b1;
        first[r]  = fma(d0, d0, first[r]);
        second[r] = fma(d1, d1, second[r]);
      }
    }
    x += sweep_rows;
    y += 2 * W;
  }
  if constexpr (Kind == SweepKind::difference) {
    V const scale(-s.scale);
    for (int r = 0; r < sweep_rows; ++r) {
      V const o(Wanted == SweepResult::largest ? Real(0) : offset[r]);
      first[r]  = fma(s.root ? sqrt(first[r]) : first[r], scale, h0) + o;
      second[r] = fma(s.root ? sqrt(second[r]) : second[r], scale, h1) + o;
    }
  }
}

/// Adds the exponentials that wait in columns [column, column + 2 vectors) to the column sums.
template <int Rows, class Real>
[[gnu::always_inline]] inline void add_to_columns(SweepCosts<Real> const& s, SweepTile<Real> const& tile, std::int64_t column) {
  using V         = Simd<Real>;
  constexpr int W = simd_lanes<Real>;
  V s0 = V::load(tile.sums + column), s1 = V::load(tile.sums + column + W);
#pragma GCC unroll 16
  for (int r = 0; r < Rows; ++r) {
    V const w(tile.weight[r]);
    Real const* const exponentials = tile.exponentials + r * s.padded + column;
    s0                             = fma(w, V::load(exponentials), s0);
    s1                             = fma(w, V::load(exponentials + W), s1);
  }
  s0.store(tile.sums + column);
  s1.store(tile.sums + column + W);
}

/// One block of rows against all columns, after which nothing waits in the tile; `spent`: sums of exponential times cost, in units of 1 / scale, for `costs`.
template <SweepResult Wanted, SweepKind Kind, class Real>
[[gnu::always_inline]] inline void sweep_block(SweepCosts<Real> const& s, std::int64_t first_row, int count, Real const (&offset)[sweep_rows],
                                               Real const (&part)[sweep_rows], SweepTile<Real>& tile, Real (&result)[sweep_rows], Real (&spent)[sweep_rows]) {
  constexpr bool Largest = Wanted == SweepResult::largest;
  using V                = Simd<Real>;
  constexpr int W        = simd_lanes<Real>;
  SweepRow<Real> rows[sweep_rows];
  for (auto& row : rows) row = {V(Largest ? -Kokkos::Experimental::infinity_v<Real> : Real(0)), V(Real(0))};
  if constexpr (Kind == SweepKind::stored) {
    if (!Largest && tile.waiting)
      sweep_stored<Wanted, !Largest>(s, first_row, count, offset, tile, rows);
    else
      sweep_stored<Wanted, false>(s, first_row, count, offset, tile, rows);
  } else {
    std::int64_t const block = first_row / sweep_rows;
    for (std::int64_t panel = 0; panel < s.padded / (2 * W); ++panel) {
      std::int64_t const column = panel * 2 * W;
      if (!Largest && tile.waiting) add_to_columns<sweep_rows>(s, tile, column);
      V const h0 = V::load(s.height + column), h1 = V::load(s.height + column + W);
      V first[sweep_rows], second[sweep_rows];
      cloud_exponents<Wanted, Kind>(s, s.x + block * s.width * sweep_rows, s.y + panel * s.width * 2 * W, h0, h1, offset, first, second);
      V v0 = h0, v1 = h1;
      if constexpr (Kind == SweepKind::product && Wanted == SweepResult::costs) {
        v0 -= V::load(s.y_part + column);
        v1 -= V::load(s.y_part + column + W);
      }
#pragma GCC unroll 16
      for (int r = 0; r < sweep_rows; ++r) {
        Real* const exponentials = tile.exponentials + r * s.padded + column;
        take_exponents<Wanted>(first[r], V(offset[r] - part[r]), v0, exponentials, rows[r]);
        take_exponents<Wanted>(second[r], V(offset[r] - part[r]), v1, exponentials + W, rows[r]);
      }
    }
  }
  if (!Largest) tile.waiting = false;
  for (int r = 0; r < count; ++r) {
    result[r] = Largest ? largest_lane(rows[r].reduced) : sum_of_lanes(rows[r].reduced);
    if constexpr (Wanted == SweepResult::costs) spent[r] = sum_of_lanes(rows[r].costs);
  }
}

template <SweepResult Wanted, class Real>
inline void sweep_block(SweepCosts<Real> const& s, std::int64_t first_row, int count, Real const (&offset)[sweep_rows], Real const (&part)[sweep_rows],
                        SweepTile<Real>& tile, Real (&result)[sweep_rows], Real (&spent)[sweep_rows]) {
  if (s.kind == SweepKind::stored)
    sweep_block<Wanted, SweepKind::stored>(s, first_row, count, offset, part, tile, result, spent);
  else if (s.kind == SweepKind::product)
    sweep_block<Wanted, SweepKind::product>(s, first_row, count, offset, part, tile, result, spent);
  else
    sweep_block<Wanted, SweepKind::difference>(s, first_row, count, offset, part, tile, result, spent);
}

/// At a group's end: what still waits goes to the column sums.
template <class Real>
inline void finish_tile(SweepCosts<Real> const& s, SweepTile<Real>& tile) {
  if (!tile.waiting) return;
  std::int64_t const last = sweep_width<Real>(s.columns);
  for (std::int64_t column = 0; column < last; column += sweep_panel<Real>) {
    if (s.kind == SweepKind::stored)
      add_to_columns<sweep_stored_rows>(s, tile, column);
    else
      add_to_columns<sweep_rows>(s, tile, column);
  }
  tile.waiting = false;
}

/// The buffer of a tile's exponentials: the solver's, or scratch of the thread.
template <class Member, class Real>
[[nodiscard]] Real* sweep_buffer(Member const& member, SweepCosts<Real> const& sweep) {
  if (sweep.buffer != nullptr) return sweep.buffer;
  Kokkos::View<Real*, Kokkos::LayoutRight, typename Member::execution_space::scratch_memory_space, Kokkos::MemoryTraits<Kokkos::Unmanaged>> const scratch(
      member.thread_scratch(1), sweep_rows * sweep.padded);
  return scratch.data();
}

/// log and exp of a short line, by vectors; what a lane gives depends on its number alone.
template <class Real, int Count>
inline void log_of_line(Real const (&from)[Count], Real (&to)[Count]) {
  for (int r = 0; r < Count; r += simd_lanes<Real>) {
    int const left = Count - r < simd_lanes<Real> ? Count - r : simd_lanes<Real>;
    log(Simd<Real>::load(from + r, left)).store(to + r, left);
  }
}
template <class Real, int Count>
inline void exp_of_line(Real const (&from)[Count], Real (&to)[Count]) {
  for (int r = 0; r < Count; r += simd_lanes<Real>) {
    int const left = Count - r < simd_lanes<Real> ? Count - r : simd_lanes<Real>;
    // As above, zero where it would be subnormal (a row that is absent).
    Simd<Real> const lowest(sizeof(Real) == 4 ? Real(-87) : Real(-708)), x = Simd<Real>::load(from + r, left);
    select(x < lowest, Simd<Real>(Real(0)), exp(max(lowest, x))).store(to + r, left);
  }
}

/// The rows of one group: their half step, as `UpdateRows`, and their part of the column sums.
template <class Member, class Real>
struct SweepRows {
  SweepCosts<Real> sweep;
  Real phi;
  Real const* before;  ///< also where it writes, unless `averaged`
  Real* after;
  Real const* constant;
  MassArray<Real> mass;
  Real* change;
  bool averaged, of_potential;

  void operator()(Member const& member, std::int64_t group) const {
    Real const infinity = Kokkos::Experimental::infinity_v<Real>, ln2 = static_cast<Real>(1 / sweep_log2_e), log2e = static_cast<Real>(sweep_log2_e);
    SweepTile<Real> tile{sweep_buffer(member, sweep), sweep.sums + group * sweep.padded, {}};
    for (std::int64_t j = 0; j < sweep.padded; ++j) tile.sums[j] = 0;
    int const tile_rows     = sweep.tile_rows();
    std::int64_t const from = group * sweep_group_rows(sweep.rows), to = from + sweep_group_rows(sweep.rows);
    std::int64_t const end = to < sweep.rows ? to : sweep.rows;
    for (std::int64_t first = from; first < end; first += tile_rows) {
      int const count = static_cast<int>(end - first < tile_rows ? end - first : tile_rows);
      Real guess[sweep_rows], offset[sweep_rows], part[sweep_rows], sum[sweep_rows], largest[sweep_rows], log_sum[sweep_rows], step[sweep_rows],
          spent[sweep_rows];
      for (int r = 0; r < sweep_rows; ++r) {
        bool const absent = r >= count || constant[first + r] == -infinity;
        part[r]           = sweep.kind == SweepKind::product && r < count ? sweep.x_part[first + r] : Real(0);
        guess[r]          = absent ? -infinity : before[first + r];
        offset[r]         = guess[r] * log2e + part[r];
        sum[r]            = 0;
      }
      bool again = false;
      for (int r = 0; r < count; ++r) again = again || guess[r] != guess[r];
      if (!again) {
        sweep_block<SweepResult::sum>(sweep, first, count, offset, part, tile, sum, spent);
        for (int r = 0; r < count; ++r) again = again || (guess[r] != -infinity && !is_safe_sum(sum[r]));
      }
      if (again) {
        // Exponents that are far off, or not known yet: relative to the row's largest instead.
        sweep_block<SweepResult::largest>(sweep, first, count, offset, part, tile, largest, spent);
        for (int r = 0; r < count; ++r) {
          if (guess[r] == -infinity || is_safe_sum(sum[r])) continue;
          offset[r] = -largest[r];
          guess[r]  = (offset[r] - part[r]) * ln2;
        }
        sweep_block<SweepResult::sum>(sweep, first, count, offset, part, tile, sum, spent);
      }
      log_of_line(sum, log_sum);
      for (int r = 0; r < sweep_rows; ++r) {
        bool const absent = r >= count || guess[r] == -infinity;
        step[r]           = absent ? -infinity : constant[first + r] - phi * log_sum[r] + (phi - Real(1)) * guess[r];  // from the guess
      }
      exp_of_line(step, tile.weight);
      tile.waiting = !averaged;
      for (int r = 0; r < count; ++r) {
        std::int64_t const i = first + r;
        if (guess[r] == -infinity) {
          after[i]  = -infinity;
          change[i] = 0;
          continue;
        }
        Real const old = before[i], next = guess[r] + step[r];
        Real const value = averaged ? (old + next) / Real(2) : next;
        Real const held  = of_potential ? Real(0) : old == guess[r] ? sum[r] : Kokkos::exp((old - guess[r]) + log_sum[r]);
        change[i]        = of_potential ? Kokkos::abs(value - old) : Kokkos::abs(held - mass(i));
        after[i]         = value;
      }
    }
    finish_tile(sweep, tile);
  }
};

/// The masses of the plan's rows, their costs, and their parts of the columns' masses, at given exponents; as `MeasureRows`.
template <class Member, class Real, class Costs>
struct SweepMeasureRows {
  SweepCosts<Real> sweep;
  Costs costs;
  Real inverse_epsilon, scale;  ///< scale: added to every exponent
  Real const* other;
  Real const* own;
  Real* log_sum;
  Real* mass;
  Real* cost;

  void operator()(Member const& member, std::int64_t group) const {
    Real const infinity = Kokkos::Experimental::infinity_v<Real>, log2e = static_cast<Real>(sweep_log2_e);
    Real const unit = Real(1) / (inverse_epsilon * log2e);
    SweepTile<Real> tile{sweep_buffer(member, sweep), sweep.sums + group * sweep.padded, {}};
    for (std::int64_t j = 0; j < sweep.padded; ++j) tile.sums[j] = 0;
    int const tile_rows     = sweep.tile_rows();
    std::int64_t const from = group * sweep_group_rows(sweep.rows), to = from + sweep_group_rows(sweep.rows);
    std::int64_t const end = to < sweep.rows ? to : sweep.rows;
    for (std::int64_t first = from; first < end; first += tile_rows) {
      int const count = static_cast<int>(end - first < tile_rows ? end - first : tile_rows);
      Real offset[sweep_rows], part[sweep_rows], sum[sweep_rows], spent[sweep_rows];
      for (int r = 0; r < sweep_rows; ++r) {
        part[r]   = sweep.kind == SweepKind::product && r < count ? sweep.x_part[first + r] : Real(0);
        offset[r] = r < count ? own[first + r] * log2e + part[r] : -infinity;
        sum[r] = spent[r] = 0;
      }
      sweep_block<SweepResult::costs>(sweep, first, count, offset, part, tile, sum, spent);
      for (auto& weight : tile.weight) weight = 1;
      tile.waiting      = true;
      Real const factor = scale == Real(0) ? Real(1) : Kokkos::exp(scale);
      for (int r = 0; r < count; ++r) {
        std::int64_t const i = first + r;
        bool const absent    = own[i] == -infinity;
        mass[i]              = absent ? Real(0) : sum[r] * factor;
        cost[i]              = absent ? Real(0) : spent[r] * unit * factor;
        log_sum[i]           = absent ? row_log_sum_exp(member, costs, other, inverse_epsilon, i, sweep.columns, Kokkos::Experimental::quiet_NaN_v<Real>)
                                      : Kokkos::log(sum[r]) - own[i];
      }
    }
    finish_tile(sweep, tile);
  }
};

/// The masses of the plan's columns from the groups' sums.
template <class Member, class Real, class Costs>
struct SweepMeasureColumns {
  SweepCosts<Real> sweep;
  Costs costs;  ///< columns as rows
  Real inverse_epsilon, scale;
  Real const* row;
  Real const* own;
  Real* log_sum;
  Real* mass;

  void operator()(Member const& member, std::int64_t j) const {
    Real const infinity = Kokkos::Experimental::infinity_v<Real>;
    if (own[j] == -infinity) {
      mass[j]    = 0;
      log_sum[j] = row_log_sum_exp(member, costs, row, inverse_epsilon, j, sweep.rows, Kokkos::Experimental::quiet_NaN_v<Real>);
      return;
    }
    Real sum = sweep.sums[j];
    for (std::int64_t g = 1; g < sweep_groups(sweep.rows); ++g) sum += sweep.sums[g * sweep.padded + j];
    log_sum[j] = Kokkos::log(sum) - own[j];
    mass[j]    = scale == Real(0) ? sum : sum * Kokkos::exp(scale);
  }
};

/// The half step of 64 columns from the groups' sums; a column whose sum is no measure is done over, relative to its largest term.
template <class Member, class Real, class Costs>
struct SweepColumns {
  SweepCosts<Real> sweep;
  Costs costs;  ///< columns as rows
  Real inverse_epsilon, phi;
  Real const* row;
  Real* column;
  Real const* constant;
  Real* change;
  bool of_potential;

  void operator()(Member const& member, std::int64_t block) const {
    Real const infinity       = Kokkos::Experimental::infinity_v<Real>;
    std::int64_t const groups = sweep_groups(sweep.rows), first = block * 64, last = first + 64 < sweep.columns ? first + 64 : sweep.columns;
    Real sums[64], logs[64];
    for (int c = 0; c < 64; ++c) sums[c] = 1;
    for (std::int64_t j = first; j < last; ++j) sums[j - first] = sweep.sums[j];
    for (std::int64_t g = 1; g < groups; ++g) {
      for (std::int64_t j = first; j < last; ++j) sums[j - first] += sweep.sums[g * sweep.padded + j];
    }
    log_of_line(sums, logs);
    for (std::int64_t j = first; j < last; ++j) {
      if (constant[j] == -infinity) {
        column[j]       = -infinity;
        change[j]       = 0;
        sweep.height[j] = -infinity;
        continue;
      }
      Real const old = column[j], sum = sums[j - first];
      Real const log_sum = is_safe_sum(sum) ? logs[j - first] - old
                                            : row_log_sum_exp(member, costs, row, inverse_epsilon, j, sweep.rows, Kokkos::Experimental::quiet_NaN_v<Real>);
      Real const next    = constant[j] - phi * log_sum;
      column[j]          = next;
      change[j]          = of_potential ? Kokkos::abs(next - old) : Real(0);  // of exact marginals the rows' alone is looked at
      sweep.height[j]    = next * static_cast<Real>(sweep_log2_e) + (sweep.kind == SweepKind::product ? sweep.y_part[j] : Real(0));
    }
  }
};

/// The plan of a stored matrix, by the steps that its masses were measured with.
template <class Member, class Real, class Plan>
struct SweepPlan {
  SweepCosts<Real> sweep;
  Real scale;
  Real const* row;
  Plan plan;

  void operator()(Member const&, std::int64_t i) const {
    using V           = Simd<Real>;
    constexpr int W   = simd_lanes<Real>;
    Real const factor = scale == Real(0) ? Real(1) : Kokkos::exp(scale);
    V const offset(row[i] * static_cast<Real>(sweep_log2_e)), shift(sweep.shift), unit(sweep.scale);
    for (std::int64_t j = 0; j < sweep.columns; j += W) {
      std::int64_t const left = sweep.columns - j < W ? sweep.columns - j : W;
      V const c               = V::load(sweep.stored + i * sweep.row_stride + j, left);
      Real p[W];
      exp2_flushed(fma(shift - c, unit, V::load(sweep.height + j)) + offset).store(p);
      for (std::int64_t k = 0; k < left; ++k) plan(i, j + k) = static_cast<element_t<Plan>>(p[k] * factor);
    }
  }
};

/// Forms the costs of one block of small clouds, without the cosine's factor, from differences.
template <class Member, class Real>
struct KeepCosts {
  SweepCosts<Real> sweep;  ///< of kind difference, packed, with scale -1

  void operator()(Member const&, std::int64_t block) const {
    using V         = Simd<Real>;
    constexpr int W = simd_lanes<Real>;
    V const zero(Real(0));
    Real const offset[sweep_rows] = {};
    for (std::int64_t column = 0; column < sweep.padded; column += 2 * W) {
      V first[sweep_rows], second[sweep_rows];
      cloud_exponents<SweepResult::sum, SweepKind::difference>(sweep, sweep.x + block * sweep.width * sweep_rows, sweep.y + column * sweep.width, zero, zero,
                                                               offset, first, second);
      for (int r = 0; r < sweep_rows; ++r) {
        Real* const to = sweep.kept + (block * sweep_rows + r) * sweep.padded + column;
        first[r].store(to);
        second[r].store(to + W);
      }
    }
  }
};

/// Gets a matrix ready at one epsilon. False: rows are not contiguous, or too long.
template <class Real, class Runner>
[[nodiscard]] bool prepare_sweep(Runner const&, SweepCosts<Real>& sweep, StoredCosts<Real> const& costs, double, double, double epsilon) {
  if (costs.column_stride != 1 || sweep_buffer_bytes<Real>(sweep.columns) > (std::size_t{8} << 20)) return false;
  sweep.kind       = SweepKind::stored;
  sweep.stored     = costs.data;
  sweep.row_stride = costs.row_stride;
  sweep.shift      = costs.shift;
  sweep.scale      = static_cast<Real>(sweep_log2_e / epsilon);
  return true;
}

/// Gets clouds ready at one epsilon: as products of centred points where that costs no digits that matter, else by differences.
template <class Real, class Runner>
[[nodiscard]] bool prepare_sweep(Runner const& run, SweepCosts<Real>& sweep, PointCosts<Real> const& costs, double radius_x, double radius_y, double epsilon) {
  using Member = typename Runner::Member;
  if (costs.far != Real(0) || sweep_buffer_bytes<Real>(sweep.columns) > (std::size_t{8} << 20)) return false;
  double const factor = static_cast<double>(costs.factor), unit = sweep_log2_e * factor / epsilon;
  bool const kept    = sweep.kept != nullptr,
             product = !kept && !costs.root && (radius_x * radius_x + radius_y * radius_y) * unit * machine_epsilon<Real>() < 1e-4;
  sweep.kind         = product ? SweepKind::product : SweepKind::difference;
  sweep.root         = costs.root;
  sweep.scale        = static_cast<Real>(unit);
  run.rows("::pack_rows", sweep_blocks(sweep.rows),
           PackSweep<Member, Real>{costs.x, sweep.rows, sweep.width, sweep_rows, product ? 2 * unit : 1.0, -unit, sweep.x, sweep.x_part});
  run.rows("::pack_columns", sweep.padded / sweep_panel<Real>,
           PackSweep<Member, Real>{costs.y, sweep.columns, sweep.width, sweep_panel<Real>, 1.0, -unit, sweep.y, sweep.y_part});
  if (kept) {
    sweep.scale = Real(-1);
    run.rows("::keep_costs", sweep_blocks(sweep.rows), KeepCosts<Member, Real>{sweep});
    sweep.kind       = SweepKind::stored;
    sweep.stored     = sweep.kept;
    sweep.row_stride = sweep.padded;
    sweep.shift      = Real(0);
    sweep.scale      = static_cast<Real>(unit);
  }
  return true;
}

}  // namespace OCELLUS_INSTRUCTION_SET
}  // namespace ocellus::transport::detail
