// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Assignment by shortest augmenting paths, on the host.

#include <cstdint>
#include <limits>
#include <vector>

namespace ocellus::transport::detail {

/// The column of each row, -1 for a row left out, of a finite row-major matrix.
inline std::vector<std::int64_t> linear_assignment(std::int64_t rows, std::int64_t columns, std::vector<double> const& cost, bool maximise) {
  bool const flipped   = rows > columns;
  std::int64_t const n = flipped ? columns : rows, m = flipped ? rows : columns;
  double const sign     = maximise ? -1.0 : 1.0;
  auto const at         = [](std::int64_t i) { return static_cast<std::size_t>(i); };
  auto const entry      = [&](std::int64_t i, std::int64_t j) { return sign * (flipped ? cost[at(j * columns + i)] : cost[at(i * columns + j)]); };
  double const infinity = std::numeric_limits<double>::infinity();
  std::vector<double> row_dual(at(n), 0.0), column_dual(at(m), 0.0), distance(at(m));
  std::vector<std::int64_t> row_of(at(m), -1), column_of(at(n), -1), from(at(m));
  std::vector<char> done(at(m));
  for (std::int64_t start = 0; start < n; ++start) {
    // Dijkstra over columns, from the unassigned row to the nearest unassigned column.
    distance.assign(at(m), infinity);
    done.assign(at(m), 0);
    std::vector<std::int64_t> reached;  // columns done, in order
    std::int64_t row = start, sink = -1;
    double length = 0;
    while (sink < 0) {
      double nearest      = infinity;
      std::int64_t column = -1;
      for (std::int64_t j = 0; j < m; ++j) {
        if (done[at(j)] != 0) continue;
        double const through = length + entry(row, j) - row_dual[at(row)] - column_dual[at(j)];
        if (through < distance[at(j)]) {
          distance[at(j)] = through;
          from[at(j)]     = row;
        }
        // Among equals an unassigned column ends the search sooner.
        if (distance[at(j)] < nearest || (distance[at(j)] == nearest && column >= 0 && row_of[at(column)] >= 0 && row_of[at(j)] < 0)) {
          nearest = distance[at(j)];
          column  = j;
        }
      }
      length           = nearest;
      done[at(column)] = 1;
      reached.push_back(column);
      if (row_of[at(column)] < 0)
        sink = column;
      else
        row = row_of[at(column)];
    }
    row_dual[at(start)] += length;
    for (std::int64_t const j : reached) {
      if (j == sink) continue;
      row_dual[at(row_of[at(j)])] += length - distance[at(j)];
      column_dual[at(j)] -= length - distance[at(j)];
    }
    for (std::int64_t column = sink; column >= 0;) {
      std::int64_t const r    = from[at(column)];
      std::int64_t const next = column_of[at(r)];
      row_of[at(column)]      = r;
      column_of[at(r)]        = column;
      column                  = r == start ? -1 : next;
    }
  }
  if (!flipped) return column_of;
  return row_of;  // the wide side's partners: rows of the matrix as it was given
}

}  // namespace ocellus::transport::detail
