// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Nearest neighbours on hosts: distances of a block of queries to a block of base rows at a time, from which each query keeps its nearest in a heap.

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/simd.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/linalg/pack_matrix.hpp>
#include <ocellus/profiling/detail/similarity_blocks.hpp>
#include <ocellus/profiling/similarity.hpp>

namespace ocellus::profiling::detail {
inline namespace OCELLUS_INSTRUCTION_SET {

/// Base rows of a block: with 112 queries, their distances stay in a core's own cache.
inline constexpr std::int64_t neighbour_columns = 2048;

template <class Real>
struct Neighbour {
  Real distance;
  std::int64_t index;

  friend bool operator<(Neighbour const& a, Neighbour const& b) { return a.distance < b.distance || (a.distance == b.distance && a.index < b.index); }
};

/// Takes the nearest of one query from a block of distances into its heap, whose top is the farthest of those held: ties to the smaller index, NaN never.
template <class Member, class Distances, class Heaps, class Counts, class QueryKeys, class BaseKeys>
struct KeepNearest {
  using Real                 = element_t<Distances>;
  using V                    = Simd<Real>;
  using Held                 = Neighbour<Real>;
  static constexpr int lanes = V::width;

  Distances distances;  ///< (queries of this block, columns of this block, padded to whole vectors); similarities where `from_similarity`
  Heaps heaps;          ///< (queries of this block, k)
  Counts held;          ///< (queries of this block)
  QueryKeys query_group, query_second;
  BaseKeys base_group, base_second;
  std::int64_t first_query, first_column, columns;
  bool skip_self, from_similarity;

  void operator()(Member const&, std::int64_t row) const {
    Real const* const line = &distances(row, 0);
    Held* const heap       = &heaps(row, 0);
    std::int64_t const k   = extent(heaps, 1);
    std::int64_t& count    = held(row);
    std::int64_t j         = 0;
    for (; j < columns && count < k; ++j) {
      Real const d = distance(line[j]);
      if (d != d || left_out(row, j)) continue;
      heap[count++] = {d, first_column + j};
      std::push_heap(heap, heap + count);
    }
    for (; j < columns; j += lanes) {
      std::int64_t const some = columns - j < lanes ? columns - j : lanes;
      V const raw             = V::load(line + j, some);
      V const d               = from_similarity ? V(Real(1)) - raw : raw;
      if (!any(d < V(heap[0].distance))) continue;
      for (std::int64_t at = j; at < j + some; ++at) {
        Real const one = distance(line[at]);
        if (!(one < heap[0].distance) || left_out(row, at)) continue;
        std::pop_heap(heap, heap + k);
        heap[k - 1] = {one, first_column + at};
        std::push_heap(heap, heap + k);
      }
    }
  }

 private:
  [[nodiscard]] Real distance(Real value) const { return from_similarity ? Real(1) - value : value; }

  [[nodiscard]] bool left_out(std::int64_t row, std::int64_t column) const {
    std::int64_t const i = first_query + row, j = first_column + column;
    return (skip_self && i == j) || same_key(query_group, base_group, i, j) || same_key(query_second, base_second, i, j);
  }
};

/// Sorts what a query holds and writes it.
template <class Member, class Heaps, class Counts, class Indices, class Output>
struct WriteNearest {
  Heaps heaps;
  Counts held;
  Indices indices;
  Output output;
  std::int64_t first;

  void operator()(Member const&, std::int64_t row) const {
    std::int64_t const i = first + row, k = extent(heaps, 1), count = held(row);
    auto* const heap = &heaps(row, 0);
    std::sort(heap, heap + count);
    for (std::int64_t n = 0; n < k; ++n) {
      indices(i, n) = static_cast<element_t<Indices>>(n < count ? heap[n].index : -1);
      output(i, n)  = static_cast<element_t<Output>>(n < count ? heap[n].distance : std::numeric_limits<accumulate_of_t<Output>>::infinity());
    }
  }
};

/// Nearest rows of `base` for each row of `query`, block by block of both; the metric is cosine or Euclidean. Fences `exec`.
template <ExecutionSpace Exec, class Query, class Base, class QueryKeys, class BaseKeys, class Indices, class Output>
void nearest_on_host(Exec const& exec, char const* label, Query const& query, Base const& base, QueryKeys const& query_group, BaseKeys const& base_group,
                     QueryKeys const& query_second, BaseKeys const& base_second, Indices const& indices, Output const& output, SimilarityMetric metric,
                     bool skip_self) {
  using Real                   = accumulate_of_t<Query>;
  constexpr std::int64_t lanes = Simd<Real>::width;
  std::int64_t const queries = extent(query, 0), rows = extent(base, 0), features = extent(query, 1);
  std::int64_t const block = host_similarity_rows(exec, queries, features), wide = std::min(neighbour_columns, rows);
  auto const distances = make_tensor<Real**>(exec, "ocellus::profiling::nearest::distances", block, (wide + lanes - 1) / lanes * lanes);
  auto const heaps     = make_tensor<Neighbour<Real>**>(exec, "ocellus::profiling::nearest::heaps", block, extent(indices, 1));
  auto const held      = make_tensor<std::int64_t*>(exec, "ocellus::profiling::nearest::held", block);
  using Keep           = KeepNearest<TeamMember<Exec>, std::remove_const_t<decltype(distances)>, std::remove_const_t<decltype(heaps)>,
                           std::remove_const_t<decltype(held)>, QueryKeys, BaseKeys>;
  using Write          = WriteNearest<TeamMember<Exec>, std::remove_const_t<decltype(heaps)>, std::remove_const_t<decltype(held)>, Indices, Output>;

  // For products, unit rows; those of the base are packed once.
  bool const product = is_product_metric(metric);
  Tensor<std::int64_t**, typename Exec::memory_space> const no_order;
  auto const left = make_tensor<Real**>(exec, "ocellus::profiling::nearest::query", product ? block : 0, features);
  auto const unit = make_tensor<Real**>(exec, "ocellus::profiling::nearest::base", product ? wide : 0, features);
  std::vector<decltype(linalg::pack_matrix(exec, unit))> packed;
  auto const range = [](std::int64_t first, std::int64_t count) {
    return Kokkos::make_pair(static_cast<std::size_t>(first), static_cast<std::size_t>(first + count));
  };
  for (std::int64_t column = 0; product && column < rows; column += wide) {
    std::int64_t const some = std::min(wide, rows - column);
    auto const part         = Kokkos::subview(unit, range(0, some), Kokkos::ALL);
    prepare_rows(exec, Kokkos::subview(base, range(column, some), Kokkos::ALL), part, no_order, metric);
    packed.push_back(linalg::pack_matrix(exec, part, {.transpose = true}));
  }
  for (std::int64_t first = 0; first < queries; first += block) {
    std::int64_t const count = std::min(block, queries - first);
    auto const rows_of_query = Kokkos::subview(query, range(first, count), Kokkos::ALL);
    auto const unit_queries  = Kokkos::subview(left, range(0, product ? count : 0), Kokkos::ALL);
    if (product) prepare_rows(exec, rows_of_query, unit_queries, no_order, metric);
    Kokkos::deep_copy(exec, held, std::int64_t{0});
    for (std::int64_t column = 0; column < rows; column += wide) {
      std::int64_t const some = std::min(wide, rows - column);
      auto const part         = Kokkos::subview(distances, range(0, count), range(0, some));
      if (product)
        linalg::matmul(exec, unit_queries, packed[static_cast<std::size_t>(column / wide)], part);
      else
        prepared_similarity(exec, rows_of_query, Kokkos::subview(base, range(column, some), Kokkos::ALL), part, metric, true);
      for_each_row(exec, label, count,
                   Keep{distances, heaps, held, query_group, query_second, base_group, base_second, first, column, some, skip_self, product});
    }
    for_each_row(exec, label, count, Write{heaps, held, indices, output, first});
  }
  exec.fence(label);
}

}  // namespace OCELLUS_INSTRUCTION_SET
}  // namespace ocellus::profiling::detail
