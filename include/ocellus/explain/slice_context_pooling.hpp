// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/explain/detail/slice_context_kernel.hpp>
#include <ocellus/nn/linear.hpp>

namespace ocellus::explain {

/// Bytes of workspace that `slice_context_pooling` takes.
template <ExecutionSpace Exec, RealView<2> Features, IndexView<1> Offsets, RealView<2> Matrix, RealView<1> Vector, RealView<1> Pooled,
          OptionalRealView<2> Slices, OptionalRealView<1> SliceAttention>
[[nodiscard]] std::size_t slice_context_pooling_workspace_size(Exec const&, Features const& features, Offsets const& offsets,
                                                               SliceContextWeights<Matrix, Vector> const& weights, Pooled const&, Slices const&,
                                                               SliceAttention const&, SliceContextPoolingOptions const& options = {}) {
  detail::Arena<Exec> arena("ocellus::explain::slice_context_pooling");
  detail::SliceBuffers<Exec, accumulate_of_t<Features>> const buffers(arena, extent(features, 0), extent(offsets, 0) - 1, weights, options, false);
  return arena.bytes();
}

/// Pools the patches of a volume slice by slice, then the slices (2.5-D multiple-instance learning).
///
///     h_i = ReLU(fc_weight x_i + fc_bias);   m_s = attention pooling (one branch of `attention_mil`) of the h_i of slice s
///     mean: pooled = mean of the m_s;   all_patches: pooled = attention pooling of all h_i as one bag
///     attention: pooled = sum_s a_s m_s, a = softmax over slices of tanh(slice_weight m_s + slice_bias)
///
/// features (n, M), offsets (S + 1) of the slices -> pooled (D); slices m (S, D) or none (not for all_patches); slice_attention (S) or none (for attention).
/// An empty slice has m_s = 0 and takes part. Without slices, pooled is 0. A NaN spoils its slice and the pooled result.
///
/// Errors: `std::invalid_argument` when a width does not fit, the last offset is not n, or an output is asked for that the method does not have; a slice whose
/// offsets are out of order pools to NaN.
/// Error bound: (M + 2 D + L + S + 64) (1 + |score|) machine epsilons of the accumulation type relative to the sums of absolute terms, plus the rounding of the
/// outputs.
/// Determinism: rows and slices enter in their order.
/// Allocates: nothing. Synchronises: fences `exec` once, to check the last offset before anything runs.
/// Source: the aggregators of CARP3D (context-aware prediction for 3-D pathology), from their published formulas.
template <ExecutionSpace Exec, RealView<2> Features, IndexView<1> Offsets, RealView<2> Matrix, RealView<1> Vector, RealView<1> Pooled,
          OptionalRealView<2> Slices, OptionalRealView<1> SliceAttention>
  requires AccessibleFrom<Exec, Features, Offsets, Matrix, Vector, Pooled, Slices, SliceAttention>
void slice_context_pooling(Exec const& exec, Features const& features, Offsets const& offsets, SliceContextWeights<Matrix, Vector> const& weights,
                           Pooled const& pooled, Slices const& slices, SliceAttention const& slice_attention, SliceContextPoolingOptions const& options,
                           WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::explain::slice_context_pooling";
  using Real              = accumulate_of_t<Features>;
  using Member            = TeamMember<Exec>;
  detail::require_slice_context(function, features, offsets, weights, options);
  std::int64_t const count = extent(offsets, 0) - 1, width = extent(weights.fc_weight, 0);
  detail::require_vector(function, "pooled", pooled, width, "fc_weight.extent(0)");
  if constexpr (!std::is_same_v<Slices, None>) {
    if (is_present(slices)) {
      require(options.method != SliceContext::all_patches, function, "slices is given, but the method all_patches has none");
      detail::require_matrix(function, "slices", slices, count, "offsets.extent(0) - 1", width, "fc_weight.extent(0)");
    }
  }
  if constexpr (!std::is_same_v<SliceAttention, None>) {
    if (is_present(slice_attention)) {
      require(options.method == SliceContext::attention, function, "slice_attention is given, but only the method attention has one");
      detail::require_vector(function, "slice_attention", slice_attention, count, "offsets.extent(0) - 1");
    }
  }
  detail::require_offsets(exec, function, offsets, extent(features, 0));
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  detail::Arena<Exec> arena(function, &workspace);
  detail::SliceBuffers<Exec, Real> const buffers(arena, extent(features, 0), count, weights, options, false);
  detail::slice_forward(exec, function, features, offsets, weights, buffers, options);
  using Lines = typename detail::SliceBuffers<Exec, Real>::Lines;
  for_each_row(exec, function, (width + 31) / 32, detail::PoolSlices<Member, Lines, Pooled>{buffers.slices, buffers.slice_weights, pooled});
  if constexpr (!std::is_same_v<Slices, None>) {
    if (is_present(slices)) detail::add_rows(exec, "ocellus::explain::slice_context_pooling::slices", buffers.slices, slices, false);
  }
  if constexpr (!std::is_same_v<SliceAttention, None>) {
    if (is_present(slice_attention))
      for_each_row(exec, "ocellus::explain::slice_context_pooling::attention", count,
                   detail::CopyColumn<Member, Lines, SliceAttention>{buffers.slice_weights, slice_attention});
  }
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, RealView<2> Features, IndexView<1> Offsets, RealView<2> Matrix, RealView<1> Vector, RealView<1> Pooled,
          OptionalRealView<2> Slices, OptionalRealView<1> SliceAttention>
  requires AccessibleFrom<Exec, Features, Offsets, Matrix, Vector, Pooled, Slices, SliceAttention>
void slice_context_pooling(Exec const& exec, Features const& features, Offsets const& offsets, SliceContextWeights<Matrix, Vector> const& weights,
                           Pooled const& pooled, Slices const& slices, SliceAttention const& slice_attention, SliceContextPoolingOptions const& options = {}) {
  WorkspaceFor<Exec> workspace(exec, slice_context_pooling_workspace_size(exec, features, offsets, weights, pooled, slices, slice_attention, options));
  slice_context_pooling(exec, features, offsets, weights, pooled, slices, slice_attention, options, workspace);
  exec.fence("ocellus::explain::slice_context_pooling");
}

/// Bytes of workspace that `slice_context_pooling_backward` takes.
template <ExecutionSpace Exec, RealView<2> Features, IndexView<1> Offsets, RealView<2> Matrix, RealView<1> Vector, RealView<1> PooledGradient,
          RealView<2> FeaturesGradient, RealView<2> GradientMatrix, RealView<1> GradientVector>
[[nodiscard]] std::size_t slice_context_pooling_backward_workspace_size(Exec const&, Features const& features, Offsets const& offsets,
                                                                        SliceContextWeights<Matrix, Vector> const& weights, PooledGradient const&,
                                                                        FeaturesGradient const&, SliceContextWeights<GradientMatrix, GradientVector> const&,
                                                                        SliceContextPoolingOptions const& options = {}) {
  detail::Arena<Exec> arena("ocellus::explain::slice_context_pooling_backward");
  detail::SliceBuffers<Exec, accumulate_of_t<Features>> const buffers(arena, extent(features, 0), extent(offsets, 0) - 1, weights, options, true);
  return arena.bytes();
}

/// The gradients of `slice_context_pooling` with respect to the features and all weights but w_bias, whose gradient is 0.
///
/// features, offsets, weights as in the forward pass, pooled_gradient (D) -> features_gradient (n, M), weight_gradients, added to with `accumulate`. The
/// derivative of ReLU at 0 is 0. The forward pass is computed again.
///
/// Errors: as the forward pass, and when a gradient does not fit.
/// Error bound: (n + M + 2 D + L + S + 96) (1 + |score|) machine epsilons of the accumulation type relative to the sums of absolute terms, plus the rounding of
/// the gradients.
/// Determinism: rows and slices enter in their order.
/// Allocates: nothing. Synchronises: fences `exec` once, to check the last offset before anything runs.
template <ExecutionSpace Exec, RealView<2> Features, IndexView<1> Offsets, RealView<2> Matrix, RealView<1> Vector, RealView<1> PooledGradient,
          RealView<2> FeaturesGradient, RealView<2> GradientMatrix, RealView<1> GradientVector>
  requires AccessibleFrom<Exec, Features, Offsets, Matrix, Vector, PooledGradient, FeaturesGradient, GradientMatrix, GradientVector>
void slice_context_pooling_backward(Exec const& exec, Features const& features, Offsets const& offsets, SliceContextWeights<Matrix, Vector> const& weights,
                                    PooledGradient const& pooled_gradient, FeaturesGradient const& features_gradient,
                                    SliceContextWeights<GradientMatrix, GradientVector> const& weight_gradients, SliceContextPoolingOptions const& options,
                                    WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::explain::slice_context_pooling_backward";
  using Real              = accumulate_of_t<Features>;
  detail::require_slice_context(function, features, offsets, weights, options);
  detail::require_vector(function, "pooled_gradient", pooled_gradient, extent(weights.fc_weight, 0), "fc_weight.extent(0)");
  detail::require_same_shape(function, "features_gradient", features_gradient, "features", features);
  detail::require_same_shape(function, "fc_weight_gradient", weight_gradients.fc_weight, "fc_weight", weights.fc_weight);
  detail::require_same_shape(function, "fc_bias_gradient", weight_gradients.fc_bias, "fc_bias", weights.fc_bias);
  detail::require_mil_gradients(function, weights.mil, weight_gradients.mil);
  if (options.method == SliceContext::attention) {
    detail::require_same_shape(function, "slice_weight_gradient", weight_gradients.slice_weight, "slice_weight", weights.slice_weight);
    detail::require_same_shape(function, "slice_bias_gradient", weight_gradients.slice_bias, "slice_bias", weights.slice_bias);
  }
  detail::require_offsets(exec, function, offsets, extent(features, 0));
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  detail::Arena<Exec> arena(function, &workspace);
  detail::SliceBuffers<Exec, Real> const buffers(arena, extent(features, 0), extent(offsets, 0) - 1, weights, options, true);
  detail::slice_forward(exec, function, features, offsets, weights, buffers, options);
  detail::slice_backward(exec, function, features, offsets, weights, buffers, pooled_gradient, features_gradient, weight_gradients, options);
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, RealView<2> Features, IndexView<1> Offsets, RealView<2> Matrix, RealView<1> Vector, RealView<1> PooledGradient,
          RealView<2> FeaturesGradient, RealView<2> GradientMatrix, RealView<1> GradientVector>
  requires AccessibleFrom<Exec, Features, Offsets, Matrix, Vector, PooledGradient, FeaturesGradient, GradientMatrix, GradientVector>
void slice_context_pooling_backward(Exec const& exec, Features const& features, Offsets const& offsets, SliceContextWeights<Matrix, Vector> const& weights,
                                    PooledGradient const& pooled_gradient, FeaturesGradient const& features_gradient,
                                    SliceContextWeights<GradientMatrix, GradientVector> const& weight_gradients,
                                    SliceContextPoolingOptions const& options = {}) {
  WorkspaceFor<Exec> workspace(
      exec, slice_context_pooling_backward_workspace_size(exec, features, offsets, weights, pooled_gradient, features_gradient, weight_gradients, options));
  slice_context_pooling_backward(exec, features, offsets, weights, pooled_gradient, features_gradient, weight_gradients, options, workspace);
  exec.fence("ocellus::explain::slice_context_pooling_backward");
}

/// Work of pooling `rows` patches of `width` features in `slices` slices.
[[nodiscard]] constexpr Cost slice_context_pooling_cost(double rows, double slices, double width, double embedded, double hidden, bool gated,
                                                        double bytes_per_element) {
  double const layers = gated ? 2 : 1;
  return {.flops         = 2 * rows * (width * embedded + embedded * hidden * layers + hidden + embedded) + 4 * slices * embedded,
          .special       = rows * (hidden * layers + 1) + 2 * slices,
          .bytes_read    = (rows * width + width * embedded + layers * embedded * hidden) * bytes_per_element,
          .bytes_written = (slices + 1) * embedded * bytes_per_element};
}

/// Work of its backward pass: the forward pass and two products a layer.
[[nodiscard]] constexpr Cost slice_context_pooling_backward_cost(double rows, double slices, double width, double embedded, double hidden, bool gated,
                                                                 double bytes_per_element) {
  return 3 * slice_context_pooling_cost(rows, slices, width, embedded, hidden, gated, bytes_per_element);
}

}  // namespace ocellus::explain
