// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <string>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/strided.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/nn/detail/attention_backward_kernel.hpp>
#include <ocellus/nn/detail/attention_backward_tiles.hpp>
#include <ocellus/nn/detail/attention_kernel.hpp>
#include <ocellus/nn/detail/attention_tiles.hpp>

namespace ocellus::nn {

struct MultiHeadAttentionOptions {
  double scale               = 0.0;    ///< 0: 1 / sqrt(head size); may be negative
  bool causal                = false;  ///< query i keeps keys j <= i + causal_offset, from the top left, also when N != M
  std::int64_t causal_offset = 0;      ///< M - N aligns at the bottom right; may be negative
  bool accumulate            = false;  ///< of the backward pass: adds to the gradients that are there
};

namespace detail {

/// Refuses inputs and masks that do not fit each other.
template <class Query, class Key, class Value, class Mask, class KeyMask>
void check_attention(char const* function, Query const& query, Key const& key, Value const& value, Mask const& mask, KeyMask const& key_mask) {
  require(extent(query, 3) > 0, function, "query.extent(3) (head dim) is 0");
  require_equal(function, {"key.extent(0)", extent(key, 0)}, {"query.extent(0) (batch)", extent(query, 0)});
  require_equal(function, {"key.extent(1)", extent(key, 1)}, {"query.extent(1) (heads)", extent(query, 1)});
  require_equal(function, {"query.extent(3) (head dim)", extent(query, 3)}, {"key.extent(3)", extent(key, 3)});
  require_equal(function, {"value.extent(0)", extent(value, 0)}, {"query.extent(0) (batch)", extent(query, 0)});
  require_equal(function, {"value.extent(1)", extent(value, 1)}, {"query.extent(1) (heads)", extent(query, 1)});
  require_equal(function, {"value.extent(2)", extent(value, 2)}, {"key.extent(2) (keys)", extent(key, 2)});
  std::int64_t const shape[4] = {extent(query, 0), extent(query, 1), extent(query, 2), extent(key, 2)};
  char const* const names[4]  = {"query.extent(0)", "query.extent(1)", "query.extent(2)", "key.extent(2)"};
  if constexpr (!std::is_same_v<Mask, None>) {
    if (is_present(mask)) {
      for (int axis = 0; axis < 4; ++axis)
        require_broadcast(function, {"mask.extent(" + std::to_string(axis) + ")", extent(mask, axis)}, {names[axis], shape[axis]});
    }
  }
  if constexpr (!std::is_same_v<KeyMask, None>) {
    if (is_present(key_mask)) {
      require_equal(function, {"key_mask.extent(0)", extent(key_mask, 0)}, {names[0], shape[0]});
      require_equal(function, {"key_mask.extent(1)", extent(key_mask, 1)}, {names[3], shape[3]});
    }
  }
}

/// Refuses an array, if there, of other extents than those of `like` on the leading axes.
template <int Axes, class Array, class Like>
void check_like(char const* function, std::string const& name, Array const& array, std::string const& like_name, Like const& like) {
  if constexpr (!std::is_same_v<Array, None>) {
    if (!is_present(array) && array.span() == 0 && like.span() != 0) return;
    for (int axis = 0; axis < Axes; ++axis) {
      std::string const at = ".extent(" + std::to_string(axis) + ")";
      require_equal(function, {name + at, extent(array, axis)}, {like_name + at, extent(like, axis)});
    }
  }
}

/// What the kernels of the backward pass read and write, from arrays that were checked.
template <class Inputs, class OutputGradient, class Output, class LogSumExp, class Delta, class QueryGradient, class KeyGradient, class ValueGradient>
[[nodiscard]] auto attention_backward(Inputs const& inputs, OutputGradient const& output_gradient, Output const& output, LogSumExp const& log_sum_exp,
                                      Delta const& delta, QueryGradient const& query_gradient, KeyGradient const& key_gradient,
                                      ValueGradient const& value_gradient, bool accumulate) {
  AttentionBackward<Inputs, element_t<OutputGradient> const, element_t<Output> const, LogSumExp, Delta, element_t<QueryGradient>, element_t<KeyGradient>,
                    element_t<ValueGradient>>
      backward;
  backward.inputs          = inputs;
  backward.output_gradient = const_strided4(output_gradient);
  backward.output          = const_strided4(output);
  backward.log_sum_exp     = log_sum_exp;
  backward.delta           = delta;
  if constexpr (!std::is_same_v<QueryGradient, None>) backward.query_gradient = strided4(query_gradient);
  if constexpr (!std::is_same_v<KeyGradient, None>) backward.key_gradient = strided4(key_gradient);
  if constexpr (!std::is_same_v<ValueGradient, None>) backward.value_gradient = strided4(value_gradient);
  backward.accumulate = accumulate;
  return backward;
}

/// What the kernels read, from arrays that were checked.
template <class Real, class Query, class Key, class Value, class Mask, class KeyMask>
[[nodiscard]] auto attention_inputs(Query const& query, Key const& key, Value const& value, Mask const& mask, KeyMask const& key_mask,
                                    MultiHeadAttentionOptions const& options) {
  AttentionInputs<Real, element_t<Query> const, element_t<Key> const, element_t<Value> const, element_t<Mask, bool> const, KeyMask> inputs;
  inputs.query = const_strided4(query);
  inputs.key   = const_strided4(key);
  inputs.value = const_strided4(value);
  if constexpr (!std::is_same_v<Mask, None>) inputs.mask = const_strided4(mask);
  inputs.key_mask      = key_mask;
  inputs.scale         = static_cast<Real>(options.scale == 0.0 ? 1.0 / std::sqrt(static_cast<double>(extent(query, 3))) : options.scale);
  inputs.causal        = options.causal;
  inputs.causal_offset = options.causal_offset;
  return inputs;
}

}  // namespace detail

/// Scaled dot-product attention of many heads, in O(N) memory by online softmax.
///
///     S = scale * query key^T, then the masks;   output = softmax(S) value;   log_sum_exp = log sum exp(S)
///
/// query (B, H, N, D), key (B, H, M, D), value (B, H, M, E), mask (B|1, H|1, N|1, M|1) or none, key_mask (B, M) or none -> output (B, H, N, E), log_sum_exp (B,
/// H, N) or none.
/// All masks apply together: a boolean mask keeps where it is true, a real one is added (-infinity masks, the lowest finite number does not), key_mask keeps
/// where it is true.
/// A query that keeps nothing gives zeros and a log_sum_exp of -infinity. A NaN in a query makes that row NaN and no other; what stands behind a mask does not
/// matter.
/// Any strides: heads may be slices of one projection.
///
/// Errors: `std::invalid_argument` when batch, head, key or feature extents differ, when a mask does not fit, or when D is 0.
/// Error bound: (D + M + 16) machine epsilons of the accumulation type times (1 + max |S|), relative to softmax(S) |value|, plus the rounding of the output.
/// Determinism: a query's bits depend on that query, its keys, values and masks alone, not on its place nor on the other queries; keys enter in blocks of a
/// fixed size from the first on. Zeros are positive.
/// Allocates: nothing. Synchronises: no.
/// Source: M. Milakov, N. Gimelshein, "Online normalizer calculation for softmax", arXiv 1805.02867.
template <ExecutionSpace Exec, RealView<4> Query, RealView<4> Key, RealView<4> Value, OptionalViewOfRank<4> Mask, OptionalMaskView<2> KeyMask,
          RealView<4> Output, OptionalRealView<3> LogSumExp>
  requires AccessibleFrom<Exec, Query, Key, Value, Mask, KeyMask, Output, LogSumExp>
void multi_head_attention(Exec const& exec, Query const& query, Key const& key, Value const& value, Mask const& mask, KeyMask const& key_mask,
                          Output const& output, LogSumExp const& log_sum_exp, MultiHeadAttentionOptions const& options = {}) {
  constexpr auto function = "ocellus::nn::multi_head_attention";
  detail::check_attention(function, query, key, value, mask, key_mask);
  detail::check_like<3>(function, "output", output, "query", query);
  require_equal(function, {"output.extent(3)", extent(output, 3)}, {"value.extent(3)", extent(value, 3)});
  if constexpr (!std::is_same_v<LogSumExp, None>) {
    if (is_present(log_sum_exp)) detail::check_like<3>(function, "log_sum_exp", log_sum_exp, "query", query);
  }
  using Real        = accumulate_of_t<Query>;
  auto const inputs = detail::attention_inputs<Real>(query, key, value, mask, key_mask, options);
  detail::launch_attention(exec, inputs, strided4(output), log_sum_exp);
}

/// Work of attention of `batch` x `heads` x `queries` over `keys`: useful operations 2 N M (D + E), one exponential a score.
[[nodiscard]] constexpr Cost multi_head_attention_cost(double batch, double heads, double queries, double keys, double width, double value_width,
                                                       double bytes_per_element) {
  double const instances = batch * heads;
  return {.flops         = instances * 2 * queries * keys * (width + value_width),
          .special       = instances * queries * (keys + 1),
          .bytes_read    = instances * (queries * width + keys * (width + value_width)) * bytes_per_element,
          .bytes_written = instances * queries * value_width * bytes_per_element};
}

/// Bytes of workspace that `multi_head_attention_backward` takes: one number a query.
template <ExecutionSpace Exec, RealView<4> Query>
[[nodiscard]] std::size_t multi_head_attention_backward_workspace_size(Exec const&, Query const& query) {
  return workspace_bytes<accumulate_of_t<Query>>(query.extent(0) * query.extent(1) * query.extent(2));
}

/// The backward pass of `multi_head_attention`, in O(N + M) memory: weights are recomputed from log_sum_exp.
///
///     P = exp(S - log_sum_exp),  dP = output_gradient value^T,  dS = P * (dP - sum_e output_gradient output)
///     query_gradient = scale dS key;   key_gradient = scale dS^T query;   value_gradient = P^T output_gradient
///
/// output_gradient (B, H, N, E), query, key, value, mask and key_mask as in the forward pass, output (B, H, N, E) and log_sum_exp (B, H, N) from it ->
/// query_gradient (B, H, N, D), key_gradient (B, H, M, D), value_gradient (B, H, M, E), each a View or none. A mask has no gradient. A query that keeps nothing
/// contributes zeros; what stands behind a mask does not matter. A NaN in a query spoils its own query_gradient and what its keys and values get. With
/// accumulate each gradient is added to. log_sum_exp should be of the accumulation type: its rounding is a relative error of every weight.
///
/// Errors: `std::invalid_argument` when batch, head, key or feature extents differ, when a mask does not fit, or when D is 0.
/// Error bound: (D + E + K + 24) machine epsilons of the accumulation type times (1 + max |S|), relative to the sums of absolute terms, K = M for query_gradient
/// and N for the others, plus the rounding of the output.
/// Determinism: a query's gradient depends on that query, its keys, values and masks alone; a key's on that key, its queries and their masks. Terms enter in
/// ascending order; no atomics. On hosts a thread owns a head, elsewhere a query, then a key.
/// Allocates: nothing. Synchronises: no.
/// Source: T. Dao, D. Y. Fu, S. Ermon, A. Rudra, C. Re, "FlashAttention", arXiv 2205.14135.
template <ExecutionSpace Exec, RealView<4> OutputGradient, RealView<4> Query, RealView<4> Key, RealView<4> Value, OptionalViewOfRank<4> Mask,
          OptionalMaskView<2> KeyMask, RealView<4> Output, RealView<3> LogSumExp, OptionalRealView<4> QueryGradient, OptionalRealView<4> KeyGradient,
          OptionalRealView<4> ValueGradient>
  requires AccessibleFrom<Exec, OutputGradient, Query, Key, Value, Mask, KeyMask, Output, LogSumExp, QueryGradient, KeyGradient, ValueGradient>
void multi_head_attention_backward(Exec const& exec, OutputGradient const& output_gradient, Query const& query, Key const& key, Value const& value,
                                   Mask const& mask, KeyMask const& key_mask, Output const& output, LogSumExp const& log_sum_exp,
                                   QueryGradient const& query_gradient, KeyGradient const& key_gradient, ValueGradient const& value_gradient,
                                   MultiHeadAttentionOptions const& options, WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::nn::multi_head_attention_backward";
  detail::check_attention(function, query, key, value, mask, key_mask);
  detail::check_like<3>(function, "output_gradient", output_gradient, "query", query);
  require_equal(function, {"output_gradient.extent(3)", extent(output_gradient, 3)}, {"value.extent(3)", extent(value, 3)});
  detail::check_like<3>(function, "output", output, "query", query);
  require_equal(function, {"output.extent(3)", extent(output, 3)}, {"value.extent(3)", extent(value, 3)});
  detail::check_like<3>(function, "log_sum_exp", log_sum_exp, "query", query);
  detail::check_like<4>(function, "query_gradient", query_gradient, "query", query);
  detail::check_like<4>(function, "key_gradient", key_gradient, "key", key);
  detail::check_like<4>(function, "value_gradient", value_gradient, "value", value);
  using Real = accumulate_of_t<Query>;
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  auto const delta  = workspace.template take<Real***>(function, extent(query, 0), extent(query, 1), extent(query, 2));
  auto const inputs = detail::attention_inputs<Real>(query, key, value, mask, key_mask, options);
  detail::launch_attention_backward(
      exec, detail::attention_backward(inputs, output_gradient, output, log_sum_exp, delta, query_gradient, key_gradient, value_gradient, options.accumulate));
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, RealView<4> OutputGradient, RealView<4> Query, RealView<4> Key, RealView<4> Value, OptionalViewOfRank<4> Mask,
          OptionalMaskView<2> KeyMask, RealView<4> Output, RealView<3> LogSumExp, OptionalRealView<4> QueryGradient, OptionalRealView<4> KeyGradient,
          OptionalRealView<4> ValueGradient>
  requires AccessibleFrom<Exec, OutputGradient, Query, Key, Value, Mask, KeyMask, Output, LogSumExp, QueryGradient, KeyGradient, ValueGradient>
void multi_head_attention_backward(Exec const& exec, OutputGradient const& output_gradient, Query const& query, Key const& key, Value const& value,
                                   Mask const& mask, KeyMask const& key_mask, Output const& output, LogSumExp const& log_sum_exp,
                                   QueryGradient const& query_gradient, KeyGradient const& key_gradient, ValueGradient const& value_gradient,
                                   MultiHeadAttentionOptions const& options = {}) {
  WorkspaceFor<Exec> workspace(exec, multi_head_attention_backward_workspace_size(exec, query));
  multi_head_attention_backward(exec, output_gradient, query, key, value, mask, key_mask, output, log_sum_exp, query_gradient, key_gradient, value_gradient,
                                options, workspace);
  exec.fence("ocellus::nn::multi_head_attention_backward");
}

/// Work of the backward pass: five products of the forward's two, the recomputed scores among them; one exponential a score.
[[nodiscard]] constexpr Cost multi_head_attention_backward_cost(double batch, double heads, double queries, double keys, double width, double value_width,
                                                                double bytes_per_element) {
  double const instances = batch * heads;
  return {.flops         = instances * 2 * queries * keys * (3 * width + 2 * value_width),
          .special       = instances * queries * keys,
          .bytes_read    = instances * (queries * (width + 2 * value_width + 1) + keys * (width + value_width)) * bytes_per_element,
          .bytes_written = instances * (queries * width + keys * (width + value_width)) * bytes_per_element};
}

}  // namespace ocellus::nn
