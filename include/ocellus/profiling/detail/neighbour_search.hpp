// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>

#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/profiling/detail/neighbour_search_host.hpp>
#include <ocellus/profiling/detail/similarity_blocks.hpp>
#include <ocellus/profiling/similarity.hpp>

namespace ocellus::profiling::detail {

/// The k least distances of a row, by insertion: ties to the smaller index, NaN never.
template <class Member, class Distances, class QueryKeys, class BaseKeys, class Indices, class Output>
struct NearestOfRow {
  Distances distances;  ///< (rows of this block, m)
  QueryKeys query_group, query_second;
  BaseKeys base_group, base_second;
  Indices indices;
  Output output;
  std::int64_t first;
  bool skip_self;  ///< leave out pairs of equal row numbers

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t row) const {
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      std::int64_t const i = first + row, k = extent(indices, 1);
      std::int64_t held = 0;
      for (std::int64_t j = 0; j < extent(distances, 1); ++j) {
        auto const d = distances(row, j);
        if (d != d || (skip_self && i == j) || same_key(query_group, base_group, i, j) || same_key(query_second, base_second, i, j)) continue;
        if (held == k && !(d < held_distance(row, i, k - 1))) continue;
        std::int64_t at = held < k ? held : k - 1;
        for (; at > 0 && d < held_distance(row, i, at - 1); --at) indices(i, at) = indices(i, at - 1);
        indices(i, at) = static_cast<element_t<Indices>>(j);
        if (held < k) ++held;
      }
      for (std::int64_t at = 0; at < held; ++at) output(i, at) = static_cast<element_t<Output>>(held_distance(row, i, at));
      for (std::int64_t at = held; at < k; ++at) {
        output(i, at)  = static_cast<element_t<Output>>(Kokkos::Experimental::infinity_v<accumulate_of_t<Output>>);
        indices(i, at) = -1;
      }
    });
  }

 private:
  /// Not from the output, whose type may hold fewer digits.
  KOKKOS_INLINE_FUNCTION auto held_distance(std::int64_t row, std::int64_t i, std::int64_t at) const {
    return distances(row, static_cast<std::int64_t>(indices(i, at)));
  }
};

/// Nearest rows of `base` for each row of `query`, block by block of queries, on any backend. Fences `exec`.
template <ExecutionSpace Exec, class Query, class Base, class QueryKeys, class BaseKeys, class Indices, class Output>
void nearest_by_rows(Exec const& exec, char const* label, Query const& query, Base const& base, QueryKeys const& query_group, BaseKeys const& base_group,
                     QueryKeys const& query_second, BaseKeys const& base_second, Indices const& indices, Output const& output, SimilarityMetric metric,
                     bool skip_self) {
  using Real               = accumulate_of_t<Query>;
  std::int64_t const block = std::min<std::int64_t>(similarity_rows, extent(query, 0));
  auto const distances     = make_tensor<Real**>(exec, "ocellus::profiling::nearest::distances", block, extent(base, 0));
  bool const product       = is_product_metric(metric);
  auto const left          = make_tensor<Real**>(exec, "ocellus::profiling::nearest::query", product ? extent(query, 0) : 0, extent(query, 1));
  auto const right         = make_tensor<Real**>(exec, "ocellus::profiling::nearest::base", product ? extent(base, 0) : 0, extent(base, 1));
  Tensor<std::int64_t**, typename Exec::memory_space> const no_order;
  if (product) {
    prepare_rows(exec, query, left, no_order, metric);
    prepare_rows(exec, base, right, no_order, metric);
  }
  for (std::int64_t first = 0; first < extent(query, 0); first += similarity_rows) {
    std::int64_t const count = std::min(similarity_rows, extent(query, 0) - first);
    auto const rows          = Kokkos::make_pair(static_cast<std::size_t>(first), static_cast<std::size_t>(first + count));
    auto const part          = Kokkos::subview(distances, Kokkos::make_pair(std::size_t{0}, static_cast<std::size_t>(count)), Kokkos::ALL);
    if (product)
      prepared_similarity(exec, Kokkos::subview(left, rows, Kokkos::ALL), right, part, metric, true);
    else
      prepared_similarity(exec, Kokkos::subview(query, rows, Kokkos::ALL), base, part, metric, true);
    using Kernel = NearestOfRow<TeamMember<Exec>, std::remove_const_t<decltype(part)>, QueryKeys, BaseKeys, Indices, Output>;
    for_each_row(exec, label, count, Kernel{part, query_group, query_second, base_group, base_second, indices, output, first, skip_self});
  }
  exec.fence(label);
}

/// The same: `nearest_on_host` where `exec` is a host's. Fences `exec`.
template <ExecutionSpace Exec, class Query, class Base, class QueryKeys, class BaseKeys, class Indices, class Output>
void nearest(Exec const& exec, char const* label, Query const& query, Base const& base, QueryKeys const& query_group, BaseKeys const& base_group,
             QueryKeys const& query_second, BaseKeys const& base_second, Indices const& indices, Output const& output, SimilarityMetric metric,
             bool skip_self = false) {
  if constexpr (is_host_execution_v<Exec>)
    nearest_on_host(exec, label, query, base, query_group, base_group, query_second, base_second, indices, output, metric, skip_self);
  else
    nearest_by_rows(exec, label, query, base, query_group, base_group, query_second, base_second, indices, output, metric, skip_self);
}

}  // namespace ocellus::profiling::detail
