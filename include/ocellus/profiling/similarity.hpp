// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/linalg/matmul.hpp>
#include <ocellus/linalg/pairwise_distances.hpp>
#include <ocellus/profiling/detail/similarity_kernels.hpp>

namespace ocellus::profiling {

enum class SimilarityMetric {
  cosine,
  abs_cosine,
  pearson,    ///< cosine of the centred rows
  spearman,   ///< Pearson of the mean ranks
  euclidean,  ///< 1 / (1 + distance), as the next two
  manhattan,
  chebyshev,
};

struct SimilarityOptions {
  SimilarityMetric metric = SimilarityMetric::cosine;
  bool distance           = false;  ///< the distance itself, or 1 - similarity
};

namespace detail {

/// Rows prepared once for products with many others; for the metrics of distances the rows as they are.
[[nodiscard]] constexpr bool is_product_metric(SimilarityMetric metric) {
  return metric == SimilarityMetric::cosine || metric == SimilarityMetric::abs_cosine || metric == SimilarityMetric::pearson ||
         metric == SimilarityMetric::spearman;
}

template <ExecutionSpace Exec, class Rows, class Prepared, class Order>
void prepare_rows(Exec const& exec, Rows const& rows, Prepared const& prepared, Order const& order, SimilarityMetric metric) {
  RowPreparation const preparation = metric == SimilarityMetric::pearson    ? RowPreparation::centred_unit
                                     : metric == SimilarityMetric::spearman ? RowPreparation::ranked_unit
                                                                            : RowPreparation::unit;
  for_each_row(exec, "ocellus::profiling::similarity::prepare", extent(rows, 0),
               PrepareRows<TeamMember<Exec>, Rows, Prepared, Order>{rows, prepared, order, preparation});
}

/// Similarities (or distances) of rows prepared before (products; y may be packed, for hosts) or plain (distances).
template <ExecutionSpace Exec, class X, class Y, class Output>
void prepared_similarity(Exec const& exec, X const& x, Y const& y, Output const& output, SimilarityMetric metric, bool distance) {
  SimilarityFinish finish = SimilarityFinish::nothing;
  if (is_product_metric(metric)) {
    linalg::matmul(exec, x, y, output, {.transpose_b = !linalg::is_packed_matrix_v<Y>});
    bool const absolute = metric == SimilarityMetric::abs_cosine;
    finish              = distance   ? (absolute ? SimilarityFinish::one_minus_absolute : SimilarityFinish::one_minus)
                          : absolute ? SimilarityFinish::absolute
                                     : SimilarityFinish::nothing;
  } else if constexpr (!linalg::is_packed_matrix_v<Y>) {
    auto const kind = metric == SimilarityMetric::euclidean   ? linalg::DistanceMetric::squared_euclidean
                      : metric == SimilarityMetric::manhattan ? linalg::DistanceMetric::manhattan
                                                              : linalg::DistanceMetric::chebyshev;
    linalg::pairwise_distances(exec, x, y, output, {.metric = kind});
    bool const root = metric == SimilarityMetric::euclidean;
    finish = distance ? (root ? SimilarityFinish::root : SimilarityFinish::nothing) : root ? SimilarityFinish::root_inverse : SimilarityFinish::inverse;
  }
  if (finish != SimilarityFinish::nothing)
    for_each_row(exec, "ocellus::profiling::similarity::finish", extent(output, 0), FinishSimilarity<TeamMember<Exec>, Output>{output, finish});
}

}  // namespace detail

/// Bytes of workspace that `similarity` takes: prepared copies of the rows.
template <ExecutionSpace Exec, RealView<2> X, RealView<2> Y, RealView<2> Output>
[[nodiscard]] std::size_t similarity_workspace_size(Exec const&, X const& x, Y const& y, Output const&, SimilarityOptions const& options = {}) {
  if (!detail::is_product_metric(options.metric)) return 0;
  using Real = accumulate_of_t<X>;
  std::size_t const order =
      options.metric == SimilarityMetric::spearman ? workspace_bytes<std::int64_t>(element_count(x)) + workspace_bytes<std::int64_t>(element_count(y)) : 0;
  return workspace_bytes<Real>(element_count(x)) + workspace_bytes<Real>(element_count(y)) + order;
}

/// Similarities of all rows of two sets.
///
///     cosine x.y / (|x| |y|), its absolute value, Pearson's and Spearman's correlations, or 1 / (1 + distance)
///
/// x (n, d), y (m, d), of one element type -> output (n, m) of float or double. Pass x twice for all pairs of one set. Zero vectors (after centring for the
/// correlations) have similarity 0 to everything; NaN in a row makes its similarities NaN.
///
/// Errors: `std::invalid_argument` when features or output do not fit.
/// Error bound: d + 4 machine epsilons of the accumulation type, absolute for the products, relative for the distances.
/// Determinism: s(i, j) = s(j, i) bit for bit, equal rows give equal similarities, and an element's bits depend on its two rows alone.
/// Allocates: nothing. Synchronises: no.
template <ExecutionSpace Exec, RealView<2> X, RealView<2> Y, RealView<2> Output>
  requires AccessibleFrom<Exec, X, Y, Output> && RealScalar<element_t<Output>>
void similarity(Exec const& exec, X const& x, Y const& y, Output const& output, SimilarityOptions const& options, WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::profiling::similarity";
  using Real              = accumulate_of_t<X>;
  require_equal(function, {"y.extent(1)", extent(y, 1)}, {"x.extent(1)", extent(x, 1)});
  require_equal(function, {"output.extent(0)", extent(output, 0)}, {"x.extent(0)", extent(x, 0)});
  require_equal(function, {"output.extent(1)", extent(output, 1)}, {"y.extent(0)", extent(y, 0)});
  if (!detail::is_product_metric(options.metric)) {
    detail::prepared_similarity(exec, x, y, output, options.metric, options.distance);
    return;
  }
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  bool const ranked  = options.metric == SimilarityMetric::spearman;
  auto const left    = workspace.template take<Real**>(function, extent(x, 0), extent(x, 1));
  auto const right   = workspace.template take<Real**>(function, extent(y, 0), extent(y, 1));
  auto const order_x = workspace.template take<std::int64_t**>(function, ranked ? extent(x, 0) : 0, extent(x, 1));
  auto const order_y = workspace.template take<std::int64_t**>(function, ranked ? extent(y, 0) : 0, extent(y, 1));
  detail::prepare_rows(exec, x, left, order_x, options.metric);
  detail::prepare_rows(exec, y, right, order_y, options.metric);
  detail::prepared_similarity(exec, left, right, output, options.metric, options.distance);
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, RealView<2> X, RealView<2> Y, RealView<2> Output>
  requires AccessibleFrom<Exec, X, Y, Output> && RealScalar<element_t<Output>>
void similarity(Exec const& exec, X const& x, Y const& y, Output const& output, SimilarityOptions const& options = {}) {
  WorkspaceFor<Exec> workspace(exec, similarity_workspace_size(exec, x, y, output, options));
  similarity(exec, x, y, output, options, workspace);
  exec.fence("ocellus::profiling::similarity");
}

/// Work of all similarities between `rows` and `columns` profiles of `features`.
[[nodiscard]] constexpr Cost similarity_cost(double rows, double columns, double features, double bytes_per_element) {
  return linalg::matmul_cost(rows, columns, features, bytes_per_element);
}

}  // namespace ocellus::profiling
