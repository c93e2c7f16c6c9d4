// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Nearest rows of length 1 at most by inner product, on hosts: products in float by tiles find the few that may be the largest, doubles decide among them.

#include <algorithm>
#include <cstdint>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/simd.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/ssl/detail/normalize_kernel.hpp>
#include <ocellus/ssl/detail/product_tiles.hpp>

namespace ocellus::ssl::detail {
inline namespace OCELLUS_INSTRUCTION_SET {

/// What a row keeps of the products seen: the largest, and those that lie so little below that rounding may have turned the order.
struct KoleoCandidates {
  static constexpr int most = 16;

  float largest;
  int count;  ///< more than `most`: all rows must be looked at
  float product[most];
  int row[most];

  void add(float value, int at, float threshold) {
    if (count == most) {
      int kept = 0;
      for (int c = 0; c < most; ++c) {
        if (product[c] >= threshold) product[kept] = product[c], row[kept++] = row[c];
      }
      count = kept;
    }
    if (count < most) product[count] = value, row[count] = at;
    ++count;
  }
};

/// The columns of one tile's row: which join the candidates of row first_row + n.
template <class Member, class Tile>
struct KoleoScreen {
  Tile tile;
  KoleoCandidates* candidates;
  std::int64_t first_row, first_column, columns;
  float margin;

  void operator()(Member const&, std::int64_t row) const {
    using V               = Simd<float>;
    constexpr float least = -__builtin_inff();
    std::int64_t const n  = first_row + row;
    float* const line     = &tile(row, 0);
    KoleoCandidates& kept = candidates[n];
    if (first_column == 0) kept.largest = least, kept.count = 0;
    if (n >= first_column && n < first_column + columns) line[n - first_column] = least;
    for (std::int64_t j = columns; j % V::width != 0; ++j) line[j] = least;
    V most(least);
    for (std::int64_t j = 0; j < columns; j += V::width) most = max(V::load(line + j), most);  // the right one where either is NaN
    float const before = kept.largest;
    for (int lane = 0; lane < V::width; ++lane) kept.largest = std::max(kept.largest, most[lane]);
    float const threshold = kept.largest - margin;
    if (kept.count > KoleoCandidates::most) {
      if (before >= threshold) return;  // all rows will be looked at
      kept.count = 0;
    }
    for (std::int64_t j = 0; j < columns; j += V::width) {
      if (!any(V::load(line + j) >= V(threshold))) continue;
      for (std::int64_t at = j; at < j + V::width; ++at) {
        if (line[at] >= threshold && line[at] > least && kept.count <= KoleoCandidates::most)
          kept.add(line[at], static_cast<int>(first_column + at), threshold);
      }
    }
  }
};

/// The nearest of a row's candidates, of equal ones the first; -1 where NaN left none.
template <class Member, class Rows>
struct KoleoDecide {
  Rows rows;
  KoleoCandidates const* candidates;
  std::int64_t* nearest;
  float margin;

  void operator()(Member const& member, std::int64_t n) const {
    KoleoCandidates const& kept = candidates[n];
    bool const all              = kept.count > KoleoCandidates::most;
    std::int64_t best           = -1;
    double largest              = 0;
    std::int64_t const last     = all ? extent(rows, 0) : kept.count;
    for (std::int64_t c = 0; c < last; ++c) {
      std::int64_t const m = all ? c : kept.row[c];
      if (m == n || (!all && kept.product[c] < kept.largest - margin)) continue;
      double const product = row_dot(member, rows, n, rows, m);
      if (product == product && (best < 0 || product > largest)) best = m, largest = product;
    }
    nearest[n] = best;
  }
};

template <class Member, class Rows, class Narrow>
struct KoleoNarrow {
  Rows rows;
  Narrow narrow;

  void operator()(Member const&, std::int64_t n) const {
    for (std::int64_t d = 0; d < extent(rows, 1); ++d) narrow(n, d) = static_cast<float>(rows(n, d));
  }
};

/// By how much two products of rows of `width` floats may be wrong together: a chain of multiply-adds, each factor rounded before.
[[nodiscard]] inline float koleo_margin(std::int64_t width) { return 2.2f * 0x1p-24f * static_cast<float>(width + 8); }

/// Wider rows than this are decided by doubles alone: the margin would be no bound.
inline constexpr std::int64_t koleo_widest = 65536;

template <ExecutionSpace Exec>
[[nodiscard]] std::size_t koleo_host_bytes(Exec const& exec, std::int64_t rows, std::int64_t width) {
  if constexpr (is_host_execution_v<Exec>)
    return workspace_bytes<float>(static_cast<std::size_t>(rows * width)) + workspace_bytes<KoleoCandidates>(static_cast<std::size_t>(rows)) +
           product_tiles_bytes<float>(exec, rows, width);
  else
    return 0;
}

/// rows (N, D), doubles of length 1 at most -> nearest (N).
template <ExecutionSpace Exec, class Rows>
void koleo_nearest_on_host(Exec const& exec, char const* function, Rows const& rows, std::int64_t* nearest, WorkspaceFor<Exec>& workspace) {
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  using Member             = TeamMember<Exec>;
  std::int64_t const count = extent(rows, 0), width = extent(rows, 1);
  auto const narrow      = workspace.template take<float**>(function, count, width);
  auto* const candidates = workspace.template take<KoleoCandidates*>(function, count).data();
  using Narrow           = std::remove_const_t<decltype(narrow)>;
  float const margin     = width > koleo_widest ? __builtin_inff() : koleo_margin(width);
  for_each_row(exec, "ocellus::ssl::koleo_loss::narrow", count, KoleoNarrow<Member, Rows, Narrow>{rows, narrow});
  for_each_product_tile(exec, function, narrow, workspace,
                        [&](std::int64_t row, std::int64_t some, std::int64_t column, std::int64_t columns, auto const& tile) {
                          using Screen = KoleoScreen<Member, std::remove_cvref_t<decltype(tile)>>;
                          for_each_row(exec, "ocellus::ssl::koleo_loss::nearest", some, Screen{tile, candidates, row, column, columns, margin});
                        });
  for_each_row(exec, "ocellus::ssl::koleo_loss::decide", count, KoleoDecide<Member, Rows>{rows, candidates, nearest, margin});
}

}  // namespace OCELLUS_INSTRUCTION_SET
}  // namespace ocellus::ssl::detail
