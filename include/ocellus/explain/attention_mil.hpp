// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/explain/detail/attention_mil_kernel.hpp>

namespace ocellus::explain {

struct AttentionMilOptions {
  bool accumulate = false;  ///< backward only: add to the gradients
};

/// Bytes of workspace that `attention_mil` takes: the hidden layers and the attention, (2 L + R) numbers a row when gated.
template <ExecutionSpace Exec, RealView<2> Features, IndexView<1> Offsets, RealView<2> Matrix, RealView<1> Vector, OptionalRealView<2> Attention,
          RealView<3> Pooled>
[[nodiscard]] std::size_t attention_mil_workspace_size(Exec const&, Features const& features, Offsets const&,
                                                       AttentionMilWeights<Matrix, Vector> const& weights, Attention const&, Pooled const&,
                                                       AttentionMilOptions const& = {}) {
  detail::Arena<Exec> arena("ocellus::explain::attention_mil");
  detail::MilBuffers<Exec, accumulate_of_t<Features>> const buffers(arena, extent(features, 0), extent(weights.v_weight, 0), extent(weights.w_weight, 0),
                                                                    weights.gated(), false);
  return arena.bytes();
}

/// Attention pooling of ragged bags of instances (multiple-instance learning), with R branches.
///
///     score[i, r] = w[r] . (tanh(V h_i + v_bias) .* sigmoid(U h_i + u_bias)) + w_bias[r]     (without u: no sigmoid)
///     attention[:, r] = softmax of score over each bag;   pooled[b, r] = sum over bag b of attention[i, r] h_i
///
/// features h (n, M), offsets (B + 1): bag b holds the rows offsets[b] to offsets[b + 1] - 1, offsets[0] = 0 and ascending -> attention (n, R) or none, pooled
/// (B, R, M). An empty bag pools to zeros. A NaN spoils its bag.
///
/// Errors: `std::invalid_argument` when a width does not fit or the last offset is not n; a bag whose offsets are out of order pools to NaN.
/// Error bound: (M + L + 32) (1 + |score|) machine epsilons of the accumulation type relative to attention and to sum attention |h|, plus the rounding of the
/// outputs.
/// Determinism: a row's score depends on that row, a bag's result on that bag; rows enter in their order.
/// Allocates: nothing. Synchronises: fences `exec` once, to check the last offset before anything runs.
/// Source: M. Ilse, J. M. Tomczak, M. Welling, "Attention-based deep multiple instance learning", arXiv 1802.04712.
template <ExecutionSpace Exec, RealView<2> Features, IndexView<1> Offsets, RealView<2> Matrix, RealView<1> Vector, OptionalRealView<2> Attention,
          RealView<3> Pooled>
  requires AccessibleFrom<Exec, Features, Offsets, Matrix, Vector, Attention, Pooled>
void attention_mil(Exec const& exec, Features const& features, Offsets const& offsets, AttentionMilWeights<Matrix, Vector> const& weights,
                   Attention const& attention, Pooled const& pooled, AttentionMilOptions const&, WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::explain::attention_mil";
  using Real              = accumulate_of_t<Features>;
  using Member            = TeamMember<Exec>;
  std::int64_t const rows = extent(features, 0), branches = extent(weights.w_weight, 0);
  detail::require_mil_weights(function, weights, extent(features, 1), "features.extent(1)");
  detail::require_vector(function, "w_bias", weights.w_bias, branches, "w_weight.extent(0)");
  require(extent(offsets, 0) > 0, function, "offsets.extent(0) is 0 but must be the number of bags + 1");
  require_equal(function, {"pooled.extent(0)", extent(pooled, 0)}, {"offsets.extent(0) - 1", extent(offsets, 0) - 1});
  require_equal(function, {"pooled.extent(1)", extent(pooled, 1)}, {"w_weight.extent(0)", branches});
  require_equal(function, {"pooled.extent(2)", extent(pooled, 2)}, {"features.extent(1)", extent(features, 1)});
  if constexpr (!std::is_same_v<Attention, None>) {
    if (is_present(attention)) detail::require_matrix(function, "attention", attention, rows, "features.extent(0)", branches, "w_weight.extent(0)");
  }
  detail::require_offsets(exec, function, offsets, rows);
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  detail::Arena<Exec> arena(function, &workspace);
  detail::MilBuffers<Exec, Real> const buffers(arena, rows, extent(weights.v_weight, 0), branches, weights.gated(), false);
  using Lines = typename detail::MilBuffers<Exec, Real>::Lines;
  detail::mil_attention(exec, function, features, offsets, weights, buffers);
  if constexpr (!std::is_same_v<Attention, None>) {
    if (is_present(attention)) detail::add_rows(exec, "ocellus::explain::attention_mil::attention", buffers.attention, attention, false);
  }
  detail::BagSums<Member, Offsets, Lines, Features, Pooled> const sums{offsets, buffers.attention, features, pooled};
  for_each_row(exec, function, sums.items(), sums);
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, RealView<2> Features, IndexView<1> Offsets, RealView<2> Matrix, RealView<1> Vector, OptionalRealView<2> Attention,
          RealView<3> Pooled>
  requires AccessibleFrom<Exec, Features, Offsets, Matrix, Vector, Attention, Pooled>
void attention_mil(Exec const& exec, Features const& features, Offsets const& offsets, AttentionMilWeights<Matrix, Vector> const& weights,
                   Attention const& attention, Pooled const& pooled, AttentionMilOptions const& options = {}) {
  WorkspaceFor<Exec> workspace(exec, attention_mil_workspace_size(exec, features, offsets, weights, attention, pooled, options));
  attention_mil(exec, features, offsets, weights, attention, pooled, options, workspace);
  exec.fence("ocellus::explain::attention_mil");
}

/// Bytes of workspace that `attention_mil_backward` takes: (3 L + 2 R) numbers a row when gated.
template <ExecutionSpace Exec, RealView<2> Features, IndexView<1> Offsets, RealView<2> Matrix, RealView<1> Vector, RealView<3> PooledGradient,
          RealView<2> FeaturesGradient, RealView<2> GradientMatrix, RealView<1> GradientVector>
[[nodiscard]] std::size_t attention_mil_backward_workspace_size(Exec const&, Features const& features, Offsets const&,
                                                                AttentionMilWeights<Matrix, Vector> const& weights, PooledGradient const&,
                                                                FeaturesGradient const&, AttentionMilWeights<GradientMatrix, GradientVector> const&,
                                                                AttentionMilOptions const& = {}) {
  detail::Arena<Exec> arena("ocellus::explain::attention_mil_backward");
  detail::MilBuffers<Exec, accumulate_of_t<Features>> const buffers(arena, extent(features, 0), extent(weights.v_weight, 0), extent(weights.w_weight, 0),
                                                                    weights.gated(), true);
  return arena.bytes();
}

/// The gradients of `attention_mil` with respect to the features and all weights but w_bias, whose gradient is 0.
///
/// features, offsets, weights as in the forward pass, pooled_gradient (B, R, M) -> features_gradient (n, M), weight_gradients, added to with `accumulate`. An
/// empty bag has no gradient. The attention is computed again: nothing is kept from the forward pass.
///
/// Errors: as the forward pass, and when a gradient does not fit.
/// Error bound: (n + M + L + 64) (1 + |score|) machine epsilons of the accumulation type relative to the sums of absolute terms, plus the rounding of the
/// gradients.
/// Determinism: rows enter every weight's gradient in their order.
/// Allocates: nothing. Synchronises: fences `exec` once, to check the last offset before anything runs.
template <ExecutionSpace Exec, RealView<2> Features, IndexView<1> Offsets, RealView<2> Matrix, RealView<1> Vector, RealView<3> PooledGradient,
          RealView<2> FeaturesGradient, RealView<2> GradientMatrix, RealView<1> GradientVector>
  requires AccessibleFrom<Exec, Features, Offsets, Matrix, Vector, PooledGradient, FeaturesGradient, GradientMatrix, GradientVector>
void attention_mil_backward(Exec const& exec, Features const& features, Offsets const& offsets, AttentionMilWeights<Matrix, Vector> const& weights,
                            PooledGradient const& pooled_gradient, FeaturesGradient const& features_gradient,
                            AttentionMilWeights<GradientMatrix, GradientVector> const& weight_gradients, AttentionMilOptions const& options,
                            WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::explain::attention_mil_backward";
  std::int64_t const rows = extent(features, 0), branches = extent(weights.w_weight, 0);
  detail::require_mil_weights(function, weights, extent(features, 1), "features.extent(1)");
  detail::require_vector(function, "w_bias", weights.w_bias, branches, "w_weight.extent(0)");
  require(extent(offsets, 0) > 0, function, "offsets.extent(0) is 0 but must be the number of bags + 1");
  require_equal(function, {"pooled_gradient.extent(0)", extent(pooled_gradient, 0)}, {"offsets.extent(0) - 1", extent(offsets, 0) - 1});
  require_equal(function, {"pooled_gradient.extent(1)", extent(pooled_gradient, 1)}, {"w_weight.extent(0)", branches});
  require_equal(function, {"pooled_gradient.extent(2)", extent(pooled_gradient, 2)}, {"features.extent(1)", extent(features, 1)});
  detail::require_same_shape(function, "features_gradient", features_gradient, "features", features);
  detail::require_mil_gradients(function, weights, weight_gradients);
  detail::require_offsets(exec, function, offsets, rows);
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  detail::Arena<Exec> arena(function, &workspace);
  detail::MilBuffers<Exec, accumulate_of_t<Features>> const buffers(arena, rows, extent(weights.v_weight, 0), branches, weights.gated(), true);
  detail::mil_attention(exec, function, features, offsets, weights, buffers);
  detail::mil_backward(exec, function, features, offsets, weights, buffers, pooled_gradient, features_gradient, weight_gradients, options.accumulate,
                       options.accumulate);
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, RealView<2> Features, IndexView<1> Offsets, RealView<2> Matrix, RealView<1> Vector, RealView<3> PooledGradient,
          RealView<2> FeaturesGradient, RealView<2> GradientMatrix, RealView<1> GradientVector>
  requires AccessibleFrom<Exec, Features, Offsets, Matrix, Vector, PooledGradient, FeaturesGradient, GradientMatrix, GradientVector>
void attention_mil_backward(Exec const& exec, Features const& features, Offsets const& offsets, AttentionMilWeights<Matrix, Vector> const& weights,
                            PooledGradient const& pooled_gradient, FeaturesGradient const& features_gradient,
                            AttentionMilWeights<GradientMatrix, GradientVector> const& weight_gradients, AttentionMilOptions const& options = {}) {
  WorkspaceFor<Exec> workspace(
      exec, attention_mil_backward_workspace_size(exec, features, offsets, weights, pooled_gradient, features_gradient, weight_gradients, options));
  attention_mil_backward(exec, features, offsets, weights, pooled_gradient, features_gradient, weight_gradients, options, workspace);
  exec.fence("ocellus::explain::attention_mil_backward");
}

/// Work of pooling `rows` instances of `width` features with `hidden` hidden values.
[[nodiscard]] constexpr Cost attention_mil_cost(double rows, double width, double hidden, double branches, bool gated, double bytes_per_element) {
  double const layers = gated ? 2 : 1;
  return {.flops         = 2 * rows * (width * hidden * layers + hidden * branches + width * branches),
          .special       = rows * (hidden * layers + branches),
          .bytes_read    = (rows * width + layers * width * hidden) * bytes_per_element,
          .bytes_written = rows * branches * bytes_per_element};
}

/// Work of its backward pass: the forward pass and two products a layer.
[[nodiscard]] constexpr Cost attention_mil_backward_cost(double rows, double width, double hidden, double branches, bool gated, double bytes_per_element) {
  double const layers = gated ? 2 : 1;
  return attention_mil_cost(rows, width, hidden, branches, gated, bytes_per_element) +
         Cost{.flops         = 4 * rows * width * hidden * layers + 4 * rows * (hidden + width) * branches,
              .special       = 0,
              .bytes_read    = rows * width * bytes_per_element,
              .bytes_written = (rows * width + layers * width * hidden) * bytes_per_element};
}

}  // namespace ocellus::explain
