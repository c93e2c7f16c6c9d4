// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/explain/detail/agata_kernel.hpp>
#include <ocellus/nn/linear.hpp>

namespace ocellus::explain {

struct AgataPoolingOptions {
  linalg::Activation activation = linalg::Activation::relu;  ///< of both layers
  bool scaled                   = false;                     ///< divide the scores by sqrt(A)
  bool absolute                 = false;                     ///< pool |h2| in place of h2
  bool accumulate               = false;                     ///< backward only: add to the gradients
};

/// Weights of Agata pooling, or their gradients.
template <RealView<2> Matrix, RealView<1> Vector>
struct AgataWeights {
  Matrix weight1;  ///< (A, M)
  Vector bias1;    ///< (A)
  Matrix weight2;  ///< (V, A)
  Vector bias2;    ///< (V)
  Matrix queries;  ///< (Q, A)
};

namespace detail {

template <class Features, class Offsets, class Matrix, class Vector>
void require_agata(char const* function, Features const& features, Offsets const& offsets, AgataWeights<Matrix, Vector> const& weights) {
  std::int64_t const hidden = extent(weights.weight1, 0);
  require_equal(function, {"weight1.extent(1)", extent(weights.weight1, 1)}, {"features.extent(1)", extent(features, 1)});
  require_vector(function, "bias1", weights.bias1, hidden, "weight1.extent(0)");
  require_equal(function, {"weight2.extent(1)", extent(weights.weight2, 1)}, {"weight1.extent(0)", hidden});
  require_vector(function, "bias2", weights.bias2, extent(weights.weight2, 0), "weight2.extent(0)");
  require_equal(function, {"queries.extent(1)", extent(weights.queries, 1)}, {"weight1.extent(0)", hidden});
  require(extent(offsets, 0) > 0, function, "offsets.extent(0) is 0 but must be the number of bags + 1");
}

template <ExecutionSpace Exec, class Features, class Offsets, class Matrix, class Vector, class Scores, class Real>
void agata_attention(Exec const& exec, std::string const& label, Features const& features, Offsets const& offsets, AgataWeights<Matrix, Vector> const& weights,
                     Scores const& scores, AgataBuffers<Exec, Real> const& buffers, AgataPoolingOptions const& options) {
  using Member            = TeamMember<Exec>;
  using Lines             = typename AgataBuffers<Exec, Real>::Lines;
  std::int64_t const rows = extent(features, 0);
  double const scale      = options.scaled ? 1 / std::sqrt(static_cast<double>(extent(weights.weight1, 0))) : 1.0;
  nn::linear(exec, features, weights.weight1, weights.bias1, buffers.first_before);
  for_each_row(exec, label + "::activate", rows, ActivateRows<Member, Lines, Lines>{buffers.first_before, buffers.first, options.activation});
  nn::linear(exec, buffers.first, weights.weight2, weights.bias2, buffers.second);
  for_each_row(exec, label + "::scores", rows, AgataScores<Member, Lines, Matrix, Scores>{buffers.first, weights.queries, buffers.attention, scores, scale});
  for_each_row(exec, label + "::softmax", (extent(offsets, 0) - 1) * extent(weights.queries, 0),
               BagSoftmax<Member, Offsets, Lines>{offsets, buffers.attention});
  for_each_row(exec, label + "::queries", rows, SumQueries<Member, Lines>{buffers.attention, buffers.weights});
}

}  // namespace detail

/// Bytes of workspace that `agata_pooling` takes: 2 A + V + Q + 1 numbers a row.
template <ExecutionSpace Exec, RealView<2> Features, IndexView<1> Offsets, RealView<2> Matrix, RealView<1> Vector, OptionalRealView<2> Scores,
          RealView<2> Pooled>
[[nodiscard]] std::size_t agata_pooling_workspace_size(Exec const&, Features const& features, Offsets const&, AgataWeights<Matrix, Vector> const& weights,
                                                       Scores const&, Pooled const&, AgataPoolingOptions const& = {}) {
  detail::Arena<Exec> arena("ocellus::explain::agata_pooling");
  detail::AgataBuffers<Exec, accumulate_of_t<Features>> const buffers(arena, extent(features, 0), extent(weights.weight1, 0), extent(weights.weight2, 0),
                                                                      extent(weights.queries, 0), false);
  return arena.bytes();
}

/// Pools ragged bags of tiles by several learned queries over a first layer's output, with the second layer's output as values.
///
///     h1 = act(W1 x + bias1), h2 = act(W2 h1 + bias2);   scores = h1 Q^T (/ sqrt(A) when scaled)
///     pooled[b] = sum over queries q of sum over bag b of softmax(scores[:, q]) h2     (|h2| when absolute)
///
/// features (n, M), offsets (B + 1) as in `attention_mil` -> scores (n, Q), before the softmax, or none; pooled (B, V). The queries' results are added, not
/// averaged. An empty bag pools to zeros. A NaN spoils its bag.
///
/// Errors: `std::invalid_argument` when a width does not fit or the last offset is not n; a bag whose offsets are out of order pools to NaN.
/// Error bound: (M + A + V + 32) (1 + |score|) machine epsilons of the accumulation type relative to the sums of absolute terms, plus the rounding of the
/// outputs.
/// Determinism: a row's values depend on that row, a bag's result on that bag; rows enter in their order.
/// Allocates: nothing. Synchronises: fences `exec` once, to check the last offset before anything runs.
/// Source: the aggregator of G. Campanella et al. ("Agata", 2023), from its published formula.
template <ExecutionSpace Exec, RealView<2> Features, IndexView<1> Offsets, RealView<2> Matrix, RealView<1> Vector, OptionalRealView<2> Scores,
          RealView<2> Pooled>
  requires AccessibleFrom<Exec, Features, Offsets, Matrix, Vector, Scores, Pooled>
void agata_pooling(Exec const& exec, Features const& features, Offsets const& offsets, AgataWeights<Matrix, Vector> const& weights, Scores const& scores,
                   Pooled const& pooled, AgataPoolingOptions const& options, WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::explain::agata_pooling";
  using Real              = accumulate_of_t<Features>;
  std::int64_t const rows = extent(features, 0), queries = extent(weights.queries, 0);
  detail::require_agata(function, features, offsets, weights);
  detail::require_matrix(function, "pooled", pooled, extent(offsets, 0) - 1, "offsets.extent(0) - 1", extent(weights.weight2, 0), "weight2.extent(0)");
  if constexpr (!std::is_same_v<Scores, None>) {
    if (is_present(scores)) detail::require_matrix(function, "scores", scores, rows, "features.extent(0)", queries, "queries.extent(0)");
  }
  detail::require_offsets(exec, function, offsets, rows);
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  detail::Arena<Exec> arena(function, &workspace);
  detail::AgataBuffers<Exec, Real> const buffers(arena, rows, extent(weights.weight1, 0), extent(weights.weight2, 0), queries, false);
  using Lines = typename detail::AgataBuffers<Exec, Real>::Lines;
  detail::agata_attention(exec, function, features, offsets, weights, scores, buffers, options);
  for_each_row(exec, "ocellus::explain::agata_pooling::activate", rows,
               detail::ActivateRows<TeamMember<Exec>, Lines, Lines>{buffers.second, buffers.second, options.activation});
  auto const target = detail::one_branch(pooled);
  using Target      = std::remove_const_t<decltype(target)>;
  detail::BagSums<TeamMember<Exec>, Offsets, Lines, Lines, Target> const sums{offsets, buffers.weights, buffers.second, target, options.absolute};
  for_each_row(exec, function, sums.items(), sums);
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, RealView<2> Features, IndexView<1> Offsets, RealView<2> Matrix, RealView<1> Vector, OptionalRealView<2> Scores,
          RealView<2> Pooled>
  requires AccessibleFrom<Exec, Features, Offsets, Matrix, Vector, Scores, Pooled>
void agata_pooling(Exec const& exec, Features const& features, Offsets const& offsets, AgataWeights<Matrix, Vector> const& weights, Scores const& scores,
                   Pooled const& pooled, AgataPoolingOptions const& options = {}) {
  WorkspaceFor<Exec> workspace(exec, agata_pooling_workspace_size(exec, features, offsets, weights, scores, pooled, options));
  agata_pooling(exec, features, offsets, weights, scores, pooled, options, workspace);
  exec.fence("ocellus::explain::agata_pooling");
}

/// Bytes of workspace that `agata_pooling_backward` takes: 3 A + V + 2 Q + 1 numbers a row.
template <ExecutionSpace Exec, RealView<2> Features, IndexView<1> Offsets, RealView<2> Matrix, RealView<1> Vector, RealView<2> PooledGradient,
          RealView<2> FeaturesGradient, RealView<2> GradientMatrix, RealView<1> GradientVector>
[[nodiscard]] std::size_t agata_pooling_backward_workspace_size(Exec const&, Features const& features, Offsets const&,
                                                                AgataWeights<Matrix, Vector> const& weights, PooledGradient const&, FeaturesGradient const&,
                                                                AgataWeights<GradientMatrix, GradientVector> const&, AgataPoolingOptions const& = {}) {
  detail::Arena<Exec> arena("ocellus::explain::agata_pooling_backward");
  detail::AgataBuffers<Exec, accumulate_of_t<Features>> const buffers(arena, extent(features, 0), extent(weights.weight1, 0), extent(weights.weight2, 0),
                                                                      extent(weights.queries, 0), true);
  return arena.bytes();
}

/// The gradients of `agata_pooling` with respect to the features, both layers and the queries.
///
/// features, offsets, weights as in the forward pass, pooled_gradient (B, V) -> features_gradient (n, M), weight_gradients, added to with `accumulate`. The
/// derivative of ReLU and of |x| at 0 is 0. An empty bag has no gradient. The forward pass is computed again.
///
/// Errors: as the forward pass, and when a gradient does not fit.
/// Error bound: (n + M + A + V + 64) (1 + |score|) machine epsilons of the accumulation type relative to the sums of absolute terms, plus the rounding of the
/// gradients.
/// Determinism: rows enter every weight's gradient in their order.
/// Allocates: nothing. Synchronises: fences `exec` once, to check the last offset before anything runs.
template <ExecutionSpace Exec, RealView<2> Features, IndexView<1> Offsets, RealView<2> Matrix, RealView<1> Vector, RealView<2> PooledGradient,
          RealView<2> FeaturesGradient, RealView<2> GradientMatrix, RealView<1> GradientVector>
  requires AccessibleFrom<Exec, Features, Offsets, Matrix, Vector, PooledGradient, FeaturesGradient, GradientMatrix, GradientVector>
void agata_pooling_backward(Exec const& exec, Features const& features, Offsets const& offsets, AgataWeights<Matrix, Vector> const& weights,
                            PooledGradient const& pooled_gradient, FeaturesGradient const& features_gradient,
                            AgataWeights<GradientMatrix, GradientVector> const& weight_gradients, AgataPoolingOptions const& options,
                            WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::explain::agata_pooling_backward";
  using Member            = TeamMember<Exec>;
  using Real              = accumulate_of_t<Features>;
  std::int64_t const rows = extent(features, 0), hidden = extent(weights.weight1, 0), queries = extent(weights.queries, 0);
  detail::require_agata(function, features, offsets, weights);
  detail::require_matrix(function, "pooled_gradient", pooled_gradient, extent(offsets, 0) - 1, "offsets.extent(0) - 1", extent(weights.weight2, 0),
                         "weight2.extent(0)");
  detail::require_same_shape(function, "features_gradient", features_gradient, "features", features);
  detail::require_same_shape(function, "weight1_gradient", weight_gradients.weight1, "weight1", weights.weight1);
  detail::require_same_shape(function, "bias1_gradient", weight_gradients.bias1, "bias1", weights.bias1);
  detail::require_same_shape(function, "weight2_gradient", weight_gradients.weight2, "weight2", weights.weight2);
  detail::require_same_shape(function, "bias2_gradient", weight_gradients.bias2, "bias2", weights.bias2);
  detail::require_same_shape(function, "queries_gradient", weight_gradients.queries, "queries", weights.queries);
  detail::require_offsets(exec, function, offsets, rows);
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  detail::Arena<Exec> arena(function, &workspace);
  detail::AgataBuffers<Exec, Real> const buffers(arena, rows, hidden, extent(weights.weight2, 0), queries, true);
  using Lines        = typename detail::AgataBuffers<Exec, Real>::Lines;
  double const scale = options.scaled ? 1 / std::sqrt(static_cast<double>(hidden)) : 1.0;
  detail::agata_attention(exec, function, features, offsets, weights, none, buffers, options);
  using RowGradient = detail::AgataRowGradient<Member, Offsets, Lines, PooledGradient>;
  for_each_row(exec, "ocellus::explain::agata_pooling_backward::rows", rows,
               RowGradient{offsets, buffers.weights, buffers.second, buffers.attention_gradient, pooled_gradient, options.activation, options.absolute});
  for_each_row(exec, "ocellus::explain::agata_pooling_backward::softmax", (extent(offsets, 0) - 1) * queries,
               detail::BagSoftmaxBackward<Member, Offsets, Lines, Lines>{offsets, buffers.attention, buffers.attention_gradient, scale});
  bool const accumulate = options.accumulate;
  detail::add_product(exec, buffers.attention_gradient, true, buffers.first, weight_gradients.queries, accumulate);
  detail::add_product(exec, buffers.second, true, buffers.first, weight_gradients.weight2, accumulate);
  detail::add_columns(exec, "ocellus::explain::agata_pooling_backward::bias", buffers.second, weight_gradients.bias2, accumulate);
  detail::add_product(exec, buffers.attention_gradient, false, weights.queries, buffers.first_gradient, false);
  detail::add_product(exec, buffers.second, false, weights.weight2, buffers.first_gradient, true);
  for_each_row(exec, "ocellus::explain::agata_pooling_backward::activation", rows,
               detail::ThroughActivation<Member, Lines>{buffers.first_before, buffers.first_gradient, options.activation});
  detail::add_product(exec, buffers.first_gradient, true, features, weight_gradients.weight1, accumulate);
  detail::add_columns(exec, "ocellus::explain::agata_pooling_backward::bias", buffers.first_gradient, weight_gradients.bias1, accumulate);
  detail::add_product(exec, buffers.first_gradient, false, weights.weight1, features_gradient, accumulate);
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, RealView<2> Features, IndexView<1> Offsets, RealView<2> Matrix, RealView<1> Vector, RealView<2> PooledGradient,
          RealView<2> FeaturesGradient, RealView<2> GradientMatrix, RealView<1> GradientVector>
  requires AccessibleFrom<Exec, Features, Offsets, Matrix, Vector, PooledGradient, FeaturesGradient, GradientMatrix, GradientVector>
void agata_pooling_backward(Exec const& exec, Features const& features, Offsets const& offsets, AgataWeights<Matrix, Vector> const& weights,
                            PooledGradient const& pooled_gradient, FeaturesGradient const& features_gradient,
                            AgataWeights<GradientMatrix, GradientVector> const& weight_gradients, AgataPoolingOptions const& options = {}) {
  WorkspaceFor<Exec> workspace(
      exec, agata_pooling_backward_workspace_size(exec, features, offsets, weights, pooled_gradient, features_gradient, weight_gradients, options));
  agata_pooling_backward(exec, features, offsets, weights, pooled_gradient, features_gradient, weight_gradients, options, workspace);
  exec.fence("ocellus::explain::agata_pooling_backward");
}

/// Work of pooling `rows` tiles of `width` features.
[[nodiscard]] constexpr Cost agata_pooling_cost(double rows, double width, double hidden, double values, double queries, double bytes_per_element) {
  return {.flops         = 2 * rows * (width * hidden + hidden * values + hidden * queries + values),
          .special       = rows * (hidden + values + queries),
          .bytes_read    = (rows * width + width * hidden + hidden * values) * bytes_per_element,
          .bytes_written = rows * queries * bytes_per_element};
}

/// Work of its backward pass: the forward pass and two products a layer.
[[nodiscard]] constexpr Cost agata_pooling_backward_cost(double rows, double width, double hidden, double values, double queries, double bytes_per_element) {
  return 3 * agata_pooling_cost(rows, width, hidden, values, queries, bytes_per_element);
}

}  // namespace ocellus::explain
