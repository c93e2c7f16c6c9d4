// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Inner products of all pairs of rows on hosts, a tile at a time: some rows for each thread by 1024 columns, from a packed product. What follows sees a row's
/// columns in ascending order, in pieces that depend on their number alone, and so does not depend on the tile's rows.

#include <algorithm>
#include <cstdint>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/simd.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/linalg/matmul.hpp>

namespace ocellus::ssl::detail {
inline namespace OCELLUS_INSTRUCTION_SET {

inline constexpr std::int64_t product_tile_columns = 1024;
inline constexpr std::int64_t product_tile_stride  = product_tile_columns + 16;  ///< rows a power of two apart would share the cache's sets

/// Rows of a tile: for every thread as many as a product packs at a time.
template <ExecutionSpace Exec>
[[nodiscard]] std::int64_t product_tile_rows(Exec const& exec, std::int64_t rows) {
  return std::min<std::int64_t>(rows, 112 * static_cast<std::int64_t>(exec.concurrency()));
}

/// Bytes of workspace that `for_each_product_tile` takes: the packed rows of one piece and a tile. Nothing on devices.
template <class Real, ExecutionSpace Exec>
[[nodiscard]] std::size_t product_tiles_bytes(Exec const& exec, std::int64_t rows, std::int64_t width) {
  if constexpr (is_host_execution_v<Exec>) {
    std::int64_t const columns = std::min(product_tile_columns, rows);
    UnmanagedTensor<Real**, typename Exec::memory_space> const piece(nullptr, static_cast<std::size_t>(columns), static_cast<std::size_t>(width));
    return linalg::pack_matrix_workspace_size(exec, piece, {.transpose = true}) +
           workspace_bytes<Real>(static_cast<std::size_t>(product_tile_rows(exec, rows) * product_tile_stride));
  } else {
    return 0;
  }
}

/// Calls `body(first_row, count, first_column, columns, tile)` for tiles of rows rows^T, of which `columns` columns hold products; for every row
/// the columns ascend.
template <ExecutionSpace Exec, class Rows, class Body>
void for_each_product_tile(Exec const& exec, char const* function, Rows const& rows, WorkspaceFor<Exec>& workspace, Body const& body) {
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  std::int64_t const count = extent(rows, 0), at_once = product_tile_rows(exec, count);
  auto const tile  = workspace.template take<element_t<Rows>**>(function, at_once, product_tile_stride);
  auto const range = [](std::int64_t first, std::int64_t some) {
    return Kokkos::make_pair(static_cast<std::size_t>(first), static_cast<std::size_t>(first + some));
  };
  for (std::int64_t column = 0; column < count; column += product_tile_columns) {
    typename WorkspaceFor<Exec>::Scope const piece(workspace);
    std::int64_t const columns = std::min(product_tile_columns, count - column);
    auto const packed          = linalg::pack_matrix(exec, Kokkos::subview(rows, range(column, columns), Kokkos::ALL), {.transpose = true}, workspace);
    for (std::int64_t row = 0; row < count; row += at_once) {
      std::int64_t const some = std::min(at_once, count - row);
      linalg::matmul(exec, Kokkos::subview(rows, range(row, some), Kokkos::ALL), packed, Kokkos::subview(tile, range(0, some), range(0, columns)));
      body(row, some, column, columns, tile);
    }
  }
}

}  // namespace OCELLUS_INSTRUCTION_SET
}  // namespace ocellus::ssl::detail
