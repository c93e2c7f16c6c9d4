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
#include <ocellus/explain/detail/perceiver_kernel.hpp>

namespace ocellus::explain {

struct PerceiverPoolingOptions {
  std::int64_t heads  = 1;
  bool append_queries = false;  ///< the projected queries go before keys and values, as both, never masked
  bool accumulate     = false;  ///< backward only: add to the gradients
};

namespace detail {

/// The sizes of one call, checked.
struct PerceiverShape {
  std::int64_t images = 0, latents = 0, latent_width = 0, inner = 0, appended = 0, tokens = 0, token_width = 0;
  bool projected = false;
};

template <class Latents, class Context, class Matrix, class Vector, class Mask>
PerceiverShape perceiver_shape(char const* function, Latents const& latents, Context const& context, PerceiverWeights<Matrix, Vector> const& weights,
                               Mask const& mask, PerceiverPoolingOptions const& options) {
  PerceiverShape shape;
  shape.images       = extent(latents, 0);
  shape.latents      = extent(latents, 1);
  shape.latent_width = extent(latents, 2);
  shape.inner        = extent(weights.q_weight, 0);
  shape.projected    = is_present(weights.kv_weight);
  shape.appended     = options.append_queries ? shape.latents : 0;
  shape.tokens       = shape.appended + extent(context, 1);
  shape.token_width  = shape.projected ? 2 * shape.inner : shape.inner;
  require_equal(function, {"context.extent(0)", extent(context, 0)}, {"latents.extent(0)", shape.images});
  require_vector(function, "norm_weight", weights.norm_weight, shape.latent_width, "latents.extent(2)");
  require_vector(function, "norm_bias", weights.norm_bias, shape.latent_width, "latents.extent(2)");
  require_equal(function, {"q_weight.extent(1)", extent(weights.q_weight, 1)}, {"latents.extent(2)", shape.latent_width});
  require(options.heads > 0, function, "heads is ", options.heads, " but must be positive");
  require(shape.inner > 0 && shape.inner % options.heads == 0, function, "q_weight.extent(0) is ", shape.inner, ", not a positive multiple of heads, which is ",
          options.heads);
  if (shape.projected)
    require_matrix(function, "kv_weight", weights.kv_weight, 2 * shape.inner, "2 q_weight.extent(0)", extent(context, 2), "context.extent(2)");
  else
    require_equal(function, {"context.extent(2)", extent(context, 2)}, {"q_weight.extent(0) (without kv_weight)", shape.inner});
  require_matrix(function, "out_weight", weights.out_weight, shape.latent_width, "latents.extent(2)", shape.inner, "q_weight.extent(0)");
  if constexpr (!std::is_same_v<Mask, None>) {
    if (is_present(mask)) require_matrix(function, "mask", mask, shape.images, "latents.extent(0)", extent(context, 1), "context.extent(1)");
  }
  return shape;
}

template <ExecutionSpace Exec, class Real, class Mask>
PerceiverBuffers<Exec, Real> perceiver_buffers(Arena<Exec>& arena, PerceiverShape const& s, std::int64_t heads, Mask const& mask, bool backward) {
  return PerceiverBuffers<Exec, Real>(arena, s.images, s.latents, s.latent_width, s.inner, s.tokens, s.token_width, heads, is_present(mask), backward);
}

/// Queries, tokens and what they attend to.
template <ExecutionSpace Exec, class Latents, class Context, class Matrix, class Vector, class Mask, class Real>
void perceiver_attend(Exec const& exec, std::string const& label, Latents const& latents, Context const& context,
                      PerceiverWeights<Matrix, Vector> const& weights, Mask const& mask, PerceiverBuffers<Exec, Real> const& buffers, PerceiverShape const& s,
                      PerceiverPoolingOptions const& options) {
  using Member  = TeamMember<Exec>;
  using Buffers = PerceiverBuffers<Exec, Real>;
  for (std::int64_t b = 0; b < s.images; ++b) {
    nn::layer_norm(exec, image_of(latents, b), weights.norm_weight, weights.norm_bias, image_of(buffers.normed, b), {.epsilon = 1e-5});
    nn::linear(exec, image_of(buffers.normed, b), weights.q_weight, none, image_of(buffers.queries, b));
    auto const rows = rows_of(image_of(buffers.tokens, b), s.appended, s.tokens);
    if (s.projected)
      nn::linear(exec, image_of(context, b), weights.kv_weight, none, rows);
    else
      add_rows(exec, label + "::context", image_of(context, b), rows, false);
  }
  if (s.appended > 0)
    for_each_row(exec, label + "::append", s.images * s.latents, AppendQueries<Member, typename Buffers::Bags>{buffers.queries, buffers.tokens});
  if constexpr (!std::is_same_v<Mask, None>) {
    if (is_present(mask)) for_each_row(exec, label + "::mask", s.images, KeepTokens<Member, Mask, typename Buffers::Kept>{mask, buffers.kept, s.appended});
  }
  auto const heads = [&](typename Buffers::Bags const& bags, std::int64_t first) { return Buffers::heads_of(bags, options.heads, s.inner, first); };
  nn::multi_head_attention(exec, heads(buffers.queries, 0), heads(buffers.tokens, 0), heads(buffers.tokens, s.projected ? s.inner : 0), none, buffers.kept,
                           heads(buffers.attended, 0), buffers.log_sum_exp);
}

}  // namespace detail

/// Bytes of workspace that `perceiver_pooling` takes: the normed latents, queries, keys, values and heads' outputs.
template <ExecutionSpace Exec, RealView<3> Latents, RealView<3> Context, RealView<2> Matrix, RealView<1> Vector, OptionalMaskView<2> Mask, RealView<3> Output>
[[nodiscard]] std::size_t perceiver_pooling_workspace_size(Exec const&, Latents const& latents, Context const& context,
                                                           PerceiverWeights<Matrix, Vector> const& weights, Mask const& mask, Output const&,
                                                           PerceiverPoolingOptions const& options = {}) {
  constexpr auto function = "ocellus::explain::perceiver_pooling";
  detail::Arena<Exec> arena(function);
  auto const shape = detail::perceiver_shape(function, latents, context, weights, mask, options);
  (void)detail::perceiver_buffers<Exec, accumulate_of_t<Latents>>(arena, shape, options.heads, mask, false);
  return arena.bytes();
}

/// Pools a context of tiles by learned latents: one cross-attention, without residual.
///
///     q = layer_norm(latents) q_weight^T (epsilon 1e-5);   [k, v] = context kv_weight^T, or k = v = context
///     append_queries: k = [q, k], v = [q, v];   output = softmax(q k^T / sqrt(I / heads)) v, heads concatenated, times out_weight^T
///
/// latents (B, Lq, Dq), context (B, n, Dc), mask (B, n) or none, true keeps -> output (B, Lq, Dq). Without kv_weight, Dc = I. Where nothing is kept and no query
/// is appended, the output is 0. A NaN in a tile that is kept spoils its image, one in a latent spoils that latent (all of its image with append_queries).
///
/// Errors: `std::invalid_argument` when a width does not fit or I is not a multiple of heads.
/// Error bound: (Dq + Dc + n / 64 + I + 32) (1 + |score|) machine epsilons of the accumulation type relative to the sums of absolute terms, plus the rounding of
/// the output.
/// Determinism: an image's bits depend on that image alone; keys enter in blocks of 64.
/// Allocates: nothing. Synchronises: no.
/// Source: A. Jaegle et al., "Perceiver", arXiv 2103.03206.
template <ExecutionSpace Exec, RealView<3> Latents, RealView<3> Context, RealView<2> Matrix, RealView<1> Vector, OptionalMaskView<2> Mask, RealView<3> Output>
  requires AccessibleFrom<Exec, Latents, Context, Matrix, Vector, Mask, Output>
void perceiver_pooling(Exec const& exec, Latents const& latents, Context const& context, PerceiverWeights<Matrix, Vector> const& weights, Mask const& mask,
                       Output const& output, PerceiverPoolingOptions const& options, WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::explain::perceiver_pooling";
  auto const shape        = detail::perceiver_shape(function, latents, context, weights, mask, options);
  detail::require_same_shape(function, "output", output, "latents", latents);
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  detail::Arena<Exec> arena(function, &workspace);
  auto const buffers = detail::perceiver_buffers<Exec, accumulate_of_t<Latents>>(arena, shape, options.heads, mask, false);
  detail::perceiver_attend(exec, function, latents, context, weights, mask, buffers, shape, options);
  for (std::int64_t b = 0; b < shape.images; ++b)
    nn::linear(exec, detail::image_of(buffers.attended, b), weights.out_weight, none, detail::image_of(output, b));
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, RealView<3> Latents, RealView<3> Context, RealView<2> Matrix, RealView<1> Vector, OptionalMaskView<2> Mask, RealView<3> Output>
  requires AccessibleFrom<Exec, Latents, Context, Matrix, Vector, Mask, Output>
void perceiver_pooling(Exec const& exec, Latents const& latents, Context const& context, PerceiverWeights<Matrix, Vector> const& weights, Mask const& mask,
                       Output const& output, PerceiverPoolingOptions const& options = {}) {
  WorkspaceFor<Exec> workspace(exec, perceiver_pooling_workspace_size(exec, latents, context, weights, mask, output, options));
  perceiver_pooling(exec, latents, context, weights, mask, output, options, workspace);
  exec.fence("ocellus::explain::perceiver_pooling");
}

/// Bytes of workspace that `perceiver_pooling_backward` takes: twice that of the forward pass, about.
template <ExecutionSpace Exec, RealView<3> Latents, RealView<3> Context, RealView<2> Matrix, RealView<1> Vector, OptionalMaskView<2> Mask,
          RealView<3> OutputGradient, RealView<3> LatentsGradient, RealView<3> ContextGradient, RealView<2> GradientMatrix, RealView<1> GradientVector>
[[nodiscard]] std::size_t perceiver_pooling_backward_workspace_size(Exec const&, Latents const& latents, Context const& context,
                                                                    PerceiverWeights<Matrix, Vector> const& weights, Mask const& mask, OutputGradient const&,
                                                                    LatentsGradient const&, ContextGradient const&,
                                                                    PerceiverWeights<GradientMatrix, GradientVector> const&,
                                                                    PerceiverPoolingOptions const& options = {}) {
  constexpr auto function = "ocellus::explain::perceiver_pooling_backward";
  detail::Arena<Exec> arena(function);
  auto const shape = detail::perceiver_shape(function, latents, context, weights, mask, options);
  (void)detail::perceiver_buffers<Exec, accumulate_of_t<Latents>>(arena, shape, options.heads, mask, true);
  return arena.bytes();
}

/// The gradients of `perceiver_pooling` with respect to latents, context and all weights.
///
/// latents, context, weights, mask as in the forward pass, output_gradient (B, Lq, Dq) -> latents_gradient (B, Lq, Dq), context_gradient (B, n, Dc),
/// weight_gradients, added to with `accumulate`. Scores are computed again in O(Lq + n) memory.
///
/// Errors: as the forward pass, and when a gradient does not fit.
/// Error bound: (Lq + n + Dq + Dc + I + 64) (1 + |score|) machine epsilons of the accumulation type relative to the sums of absolute terms, plus the rounding
/// of the gradients.
/// Determinism: a query adds its keys, and a key its queries, in their order; images enter the weights' gradients in their order.
/// Allocates: nothing. Synchronises: no.
template <ExecutionSpace Exec, RealView<3> Latents, RealView<3> Context, RealView<2> Matrix, RealView<1> Vector, OptionalMaskView<2> Mask,
          RealView<3> OutputGradient, RealView<3> LatentsGradient, RealView<3> ContextGradient, RealView<2> GradientMatrix, RealView<1> GradientVector>
  requires AccessibleFrom<Exec, Latents, Context, Matrix, Vector, Mask, OutputGradient, LatentsGradient, ContextGradient, GradientMatrix, GradientVector>
void perceiver_pooling_backward(Exec const& exec, Latents const& latents, Context const& context, PerceiverWeights<Matrix, Vector> const& weights,
                                Mask const& mask, OutputGradient const& output_gradient, LatentsGradient const& latents_gradient,
                                ContextGradient const& context_gradient, PerceiverWeights<GradientMatrix, GradientVector> const& weight_gradients,
                                PerceiverPoolingOptions const& options, WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::explain::perceiver_pooling_backward";
  using Real              = accumulate_of_t<Latents>;
  using Member            = TeamMember<Exec>;
  using Buffers           = detail::PerceiverBuffers<Exec, Real>;
  using Bags              = typename Buffers::Bags;
  auto const s            = detail::perceiver_shape(function, latents, context, weights, mask, options);
  detail::require_same_shape(function, "output_gradient", output_gradient, "latents", latents);
  detail::require_same_shape(function, "latents_gradient", latents_gradient, "latents", latents);
  detail::require_same_shape(function, "context_gradient", context_gradient, "context", context);
  detail::require_same_shape(function, "norm_weight_gradient", weight_gradients.norm_weight, "norm_weight", weights.norm_weight);
  detail::require_same_shape(function, "norm_bias_gradient", weight_gradients.norm_bias, "norm_bias", weights.norm_bias);
  detail::require_same_shape(function, "q_weight_gradient", weight_gradients.q_weight, "q_weight", weights.q_weight);
  detail::require_same_shape(function, "out_weight_gradient", weight_gradients.out_weight, "out_weight", weights.out_weight);
  if (s.projected) detail::require_same_shape(function, "kv_weight_gradient", weight_gradients.kv_weight, "kv_weight", weights.kv_weight);
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  detail::Arena<Exec> arena(function, &workspace);
  auto const buffers = detail::perceiver_buffers<Exec, Real>(arena, s, options.heads, mask, true);
  detail::perceiver_attend(exec, function, latents, context, weights, mask, buffers, s, options);
  if (s.images == 0 && !options.accumulate) {
    auto const clear = [&](auto const& gradient) { Kokkos::deep_copy(exec, gradient, static_cast<element_t<std::decay_t<decltype(gradient)>>>(0.0F)); };
    clear(weight_gradients.norm_weight);
    clear(weight_gradients.norm_bias);
    clear(weight_gradients.q_weight);
    clear(weight_gradients.out_weight);
    if (s.projected) clear(weight_gradients.kv_weight);
  }
  for (std::int64_t b = 0; b < s.images; ++b) {
    auto const slope = detail::image_of(output_gradient, b);
    detail::add_product(exec, slope, false, weights.out_weight, detail::image_of(buffers.attended_gradient, b), false);
    detail::add_product(exec, slope, true, detail::image_of(buffers.attended, b), weight_gradients.out_weight, options.accumulate || b > 0);
  }
  auto const heads = [&](Bags const& bags, std::int64_t first) { return Buffers::heads_of(bags, options.heads, s.inner, first); };
  // Without a projection keys and values are one array, and so are their gradients: both are added to it.
  std::int64_t const values = s.projected ? s.inner : 0;
  using Heads               = typename Buffers::Heads;
  using Kept                = typename Buffers::Kept;
  detail::PerceiverScores<Heads, Bags, Kept> const scores{heads(buffers.queries, 0),
                                                          heads(buffers.tokens, 0),
                                                          heads(buffers.tokens, values),
                                                          heads(buffers.attended, 0),
                                                          heads(buffers.attended_gradient, 0),
                                                          buffers.log_sum_exp,
                                                          buffers.kept,
                                                          1 / std::sqrt(static_cast<double>(s.inner / options.heads))};
  for_each_row(exec, "ocellus::explain::perceiver_pooling_backward::queries", s.images * options.heads * s.latents,
               detail::PerceiverQueryGradient<Member, Heads, Bags, Kept>{scores, heads(buffers.queries_gradient, 0)});
  for_each_row(exec, "ocellus::explain::perceiver_pooling_backward::tokens", s.images * options.heads * s.tokens,
               detail::PerceiverTokenGradient<Member, Heads, Bags, Kept>{scores, heads(buffers.tokens_gradient, 0), heads(buffers.tokens_gradient, values)});
  if (s.appended > 0)
    for_each_row(exec, "ocellus::explain::perceiver_pooling_backward::append", s.images * s.latents,
                 detail::AddAppended<Member, Bags>{buffers.tokens_gradient, buffers.queries_gradient});
  for (std::int64_t b = 0; b < s.images; ++b) {
    bool const accumulate = options.accumulate || b > 0;
    auto const tokens     = detail::rows_of(detail::image_of(buffers.tokens_gradient, b), s.appended, s.tokens);
    auto const slope      = detail::image_of(context_gradient, b);
    if (s.projected) {
      detail::add_product(exec, tokens, false, weights.kv_weight, slope, options.accumulate);
      detail::add_product(exec, tokens, true, detail::image_of(context, b), weight_gradients.kv_weight, accumulate);
    } else {
      detail::add_rows(exec, "ocellus::explain::perceiver_pooling_backward::context", tokens, slope, options.accumulate);
    }
    auto const queries = detail::image_of(buffers.queries_gradient, b);
    auto const normed = detail::image_of(buffers.normed_gradient, b), weighted = detail::image_of(buffers.weighted, b);
    detail::add_product(exec, queries, true, detail::image_of(buffers.normed, b), weight_gradients.q_weight, accumulate);
    detail::add_product(exec, queries, false, weights.q_weight, normed, false);
    auto const rows     = detail::image_of(latents, b);
    auto const gradient = detail::image_of(latents_gradient, b);
    using Lines         = std::remove_const_t<decltype(normed)>;
    using NormKernel    = detail::NormGradient<Member, std::remove_const_t<decltype(rows)>, Vector, Lines, std::remove_const_t<decltype(gradient)>>;
    for_each_row(exec, "ocellus::explain::perceiver_pooling_backward::norm", s.latents,
                 NormKernel{rows, weights.norm_weight, normed, weighted, gradient, options.accumulate});
    detail::add_columns(exec, "ocellus::explain::perceiver_pooling_backward::norm_weight", weighted, weight_gradients.norm_weight, accumulate);
    detail::add_columns(exec, "ocellus::explain::perceiver_pooling_backward::norm_bias", normed, weight_gradients.norm_bias, accumulate);
  }
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, RealView<3> Latents, RealView<3> Context, RealView<2> Matrix, RealView<1> Vector, OptionalMaskView<2> Mask,
          RealView<3> OutputGradient, RealView<3> LatentsGradient, RealView<3> ContextGradient, RealView<2> GradientMatrix, RealView<1> GradientVector>
  requires AccessibleFrom<Exec, Latents, Context, Matrix, Vector, Mask, OutputGradient, LatentsGradient, ContextGradient, GradientMatrix, GradientVector>
void perceiver_pooling_backward(Exec const& exec, Latents const& latents, Context const& context, PerceiverWeights<Matrix, Vector> const& weights,
                                Mask const& mask, OutputGradient const& output_gradient, LatentsGradient const& latents_gradient,
                                ContextGradient const& context_gradient, PerceiverWeights<GradientMatrix, GradientVector> const& weight_gradients,
                                PerceiverPoolingOptions const& options = {}) {
  WorkspaceFor<Exec> workspace(exec, perceiver_pooling_backward_workspace_size(exec, latents, context, weights, mask, output_gradient, latents_gradient,
                                                                               context_gradient, weight_gradients, options));
  perceiver_pooling_backward(exec, latents, context, weights, mask, output_gradient, latents_gradient, context_gradient, weight_gradients, options, workspace);
  exec.fence("ocellus::explain::perceiver_pooling_backward");
}

/// Work of pooling `images` contexts of `tokens` tiles by `latents` latents.
[[nodiscard]] constexpr Cost perceiver_pooling_cost(double images, double latents, double latent_width, double tokens, double context_width, double inner,
                                                    bool projected, double bytes_per_element) {
  double const keys = projected ? 4 * tokens * context_width * inner : 0;
  return images * Cost{.flops         = 4 * latents * latent_width * inner + keys + 4 * latents * tokens * inner,
                       .special       = latents * tokens,
                       .bytes_read    = (latents * latent_width + tokens * context_width) * bytes_per_element,
                       .bytes_written = latents * latent_width * bytes_per_element};
}

/// Work of its backward pass: about three times the forward pass.
[[nodiscard]] constexpr Cost perceiver_pooling_backward_cost(double images, double latents, double latent_width, double tokens, double context_width,
                                                             double inner, bool projected, double bytes_per_element) {
  return 3 * perceiver_pooling_cost(images, latents, latent_width, tokens, context_width, inner, projected, bytes_per_element);
}

}  // namespace ocellus::explain
