// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/profiling/detail/neighbour_search.hpp>

namespace ocellus::profiling {

enum class KnnMetric {
  cosine,     ///< 1 - cosine similarity
  euclidean,  ///< formed from the differences
};

struct KnnOptions {
  KnnMetric metric = KnnMetric::cosine;
};

/// The nearest neighbours of each query, exactly.
///
///     indices[i, :] = the k rows j of base with the least distance to query i, nearest first; ties to the smaller index
///
/// query (q, d), base (m, d), query_group (q) and base_group (m), or none -> indices (q, k), distances (q, k); k follows from the outputs. With both groups
/// given, pairs with equal keys are left out. Where fewer than k are left: index -1 and an infinite distance. A NaN is nobody's neighbour.
///
/// Errors: `std::invalid_argument` when features, groups or outputs do not fit, or k is not in 1 .. m.
/// Error bound: d + 4 machine epsilons of the accumulation type, absolute for cosine, relative for Euclidean distances.
/// Determinism: a query's result does not depend on the other queries or on the number of threads.
/// Allocates: the distances of a block of queries (64 on devices; on hosts 112 a thread, but no more than d or 112) to m base rows (on hosts 2048 of them), and
/// for cosine a unit copy of the base (on devices of both sets); never q x m. Synchronises: fences `exec`.
template <ExecutionSpace Exec, RealView<2> Query, RealView<2> Base, OptionalIndexView<1> QueryGroup, OptionalIndexView<1> BaseGroup, IndexView<2> Indices,
          RealView<2> Distances>
  requires AccessibleFrom<Exec, Query, Base, QueryGroup, BaseGroup, Indices, Distances>
void knn(Exec const& exec, Query const& query, Base const& base, QueryGroup const& query_group, BaseGroup const& base_group, Indices const& indices,
         Distances const& distances, KnnOptions const& options = {}) {
  constexpr auto function = "ocellus::profiling::knn";
  require_equal(function, {"base.extent(1)", extent(base, 1)}, {"query.extent(1)", extent(query, 1)});
  require(extent(indices, 1) >= 1 && extent(indices, 1) <= extent(base, 0), function, "k is ", extent(indices, 1),
          " (indices.extent(1)) but must lie between 1 and base.extent(0), ", extent(base, 0));
  require_equal(function, {"indices.extent(0)", extent(indices, 0)}, {"query.extent(0)", extent(query, 0)});
  require_equal(function, {"distances.extent(0)", extent(distances, 0)}, {"query.extent(0)", extent(query, 0)});
  require_equal(function, {"distances.extent(1)", extent(distances, 1)}, {"indices.extent(1)", extent(indices, 1)});
  if constexpr (!std::is_same_v<QueryGroup, None>) {
    if (is_present(query_group)) require_equal(function, {"query_group.extent(0)", extent(query_group, 0)}, {"query.extent(0)", extent(query, 0)});
  }
  if constexpr (!std::is_same_v<BaseGroup, None>) {
    if (is_present(base_group)) require_equal(function, {"base_group.extent(0)", extent(base_group, 0)}, {"base.extent(0)", extent(base, 0)});
  }
  auto const metric = options.metric == KnnMetric::cosine ? SimilarityMetric::cosine : SimilarityMetric::euclidean;
  detail::nearest(exec, function, query, base, query_group, base_group, QueryGroup{}, BaseGroup{}, indices, distances, metric);
}

/// Work of `queries` against `base` rows of `features`.
[[nodiscard]] constexpr Cost knn_cost(double queries, double base, double features, double bytes_per_element) {
  return {.flops = 2 * queries * base * features, .special = 0, .bytes_read = (queries + base) * features * bytes_per_element, .bytes_written = 0};
}

}  // namespace ocellus::profiling
