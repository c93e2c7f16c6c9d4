// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/vit/attention_pool.hpp>
#include <ocellus/vit/detail/backward_kernels.hpp>
#include <ocellus/vit/detail/block_backward.hpp>
#include <ocellus/vit/encoder.hpp>
#include <ocellus/vit/gradients.hpp>
#include <ocellus/vit/patch_embed.hpp>
#include <ocellus/vit/pool.hpp>
#include <ocellus/vit/transformer_block_backward.hpp>
#include <ocellus/vit/weights.hpp>

namespace ocellus::vit {

namespace detail {

/// Pools whose name `PoolKind` has too.
[[nodiscard]] inline PoolKind pool_kind(EncoderPool pool) {
  return pool == EncoderPool::token ? PoolKind::token : pool == EncoderPool::avg ? PoolKind::avg : pool == EncoderPool::max ? PoolKind::max : PoolKind::avgmax;
}

template <class Weights, class GradientsOf>
void check_encoder_gradients(std::string const& function, Weights const& w, GradientsOf const& g) {
  check_gradient(function, "patch_embed.proj.weight", w.patch_weight, g.patch_weight);
  check_gradient(function, "patch_embed.proj.bias", w.patch_bias, g.patch_bias);
  check_gradient(function, "cls_token", w.cls_token, g.cls_token);
  check_gradient(function, "reg_token", w.reg_token, g.reg_token);
  check_gradient(function, "pos_embed", w.pos_embed, g.pos_embed);
  check_layer_gradients(function, "norm_pre", w.norm_pre, g.norm_pre);
  check_layer_gradients(function, "norm", w.norm, g.norm);
  check_layer_gradients(function, "fc_norm", w.fc_norm, g.fc_norm);
  require(g.blocks.empty() || g.blocks.size() == w.blocks.size(), function, "there are gradients of ", g.blocks.size(), " blocks but weights of ",
          w.blocks.size());
  for (std::size_t i = 0; i < g.blocks.size(); ++i) check_gradients(function, w.blocks[i], g.blocks[i]);
}

/// Numbers in the largest scratch, and the largest set of activations, of a block.
template <class Real, class Space, class Weights>
struct BlockSizes {
  std::size_t scratch = 0, activations = 0;

  BlockSizes(Weights const& weights, std::int64_t images, std::int64_t tokens, std::int64_t heads) {
    for (auto const& block : weights.blocks) {
      LineCutter<Real, Space> cut(nullptr), kept(nullptr);
      static_cast<void>(cut_scratch(cut, block, images * tokens, weights.width(), true));
      static_cast<void>(cut_activations(kept, block, images, tokens, weights.width(), heads));
      scratch     = std::max(scratch, cut.used());
      activations = std::max(activations, kept.used());
    }
  }
};

}  // namespace detail

/// Bytes of workspace that `encoder_backward` takes.
template <ExecutionSpace Exec, RealView<4> Image, class Scalar, class Space, OptionalRealView<1> Activations>
[[nodiscard]] std::size_t encoder_backward_workspace_size(Exec const& exec, Image const& image, EncoderWeights<Scalar, Space> const& weights,
                                                          Activations const& activations, EncoderOptions const& options = {}) {
  using Real                = accumulate_of_t<Image>;
  std::int64_t const images = extent(image, 0), count = detail::encoder_tokens(image, weights, options), width = weights.width(),
                     prefix = weights.prefix_tokens(), heads = std::max(options.heads, std::int64_t{1});
  auto const tokens  = detail::shape_of_tokens<Real, Exec>(images, count, width);
  auto const patches = detail::shape_of_tokens<Real, Exec>(images, count - prefix, width);
  detail::BlockSizes<Real, Space, EncoderWeights<Scalar, Space>> const sizes(weights, images, count, heads);
  std::size_t const rows = workspace_bytes<Real>(element_count(tokens));
  std::size_t most       = std::max(
            {encoder_workspace_size(exec, image, weights, tokens, options),
             workspace_bytes<Real>(sizes.scratch) + workspace_bytes<Real>(sizes.activations) + detail::block_backward_inner_bytes<Real>(images, count, heads),
             patch_embed_backward_workspace_size(exec, patches, image, weights.patch_weight)});
  if (weights.attn_pool.is_present())
    most = std::max(
        most, 2 * workspace_bytes<Real>(element_count(patches)) + attention_pool_backward_workspace_size(exec, patches, weights.attn_pool, {.heads = heads}));
  std::size_t const kept = is_present(activations) ? 0 : workspace_bytes<Real>(encoder_activations_size(image, weights, options.policy, options));
  return 4 * rows + 2 * workspace_bytes<Real>(element_count(tokens) + static_cast<std::size_t>(images * extent(image, 1) * width)) + most + kept;
}

/// The backward pass of `encoder`.
///
///     image_gradient = J^T output_gradient for the image, and likewise for each weight that `gradients` has a View for
///
/// output_gradient of the output's shape, image (N, C, H, W), weights and options as in the forward pass, activations that it kept (options.policy says which),
/// or none: the forward pass runs again -> image_gradient (N, C, H, W) or none, and gradients (`encoder_gradients`), whose null Views are left out. What
/// takes no part (rows of pos_embed, fc_norm, attn_pool) gets zero. With accumulate each gradient is added to.
///
/// Errors: `std::invalid_argument` as `encoder`, when a gradient does not fit its weight, or when activations are too few.
/// Error bound: that of its layers in turn; 1e-5 of the largest gradient in float for the sizes in use.
/// Determinism: an image's image_gradient does not depend on the other images. Gradients of weights are chains over ascending images and tokens, from what is
/// there when accumulating: a batch cut in two, the second part accumulated, equals the whole bit for bit. The policy changes no bit.
/// Allocates: nothing. Synchronises: no.
/// Source: A. Dosovitskiy et al., arXiv 2010.11929; recomputation: T. Chen et al., arXiv 1604.06174.
template <ExecutionSpace Exec, AnyView OutputGradient, RealView<4> Image, class Scalar, class Space, OptionalRealView<1> Activations,
          OptionalRealView<4> ImageGradient, class GradientScalar>
  requires AccessibleFrom<Exec, OutputGradient, Image, Activations, ImageGradient> && StorageScalar<element_t<OutputGradient>> &&
      (OutputGradient::rank() == 2 || OutputGradient::rank() == 3) void encoder_backward(Exec const& exec, OutputGradient const& output_gradient,
                                                                                         Image const& image, EncoderWeights<Scalar, Space> const& weights,
                                                                                         Activations const& activations, ImageGradient const& image_gradient,
                                                                                         EncoderGradients<GradientScalar, Space> const& gradients,
                                                                                         EncoderOptions const& options, WorkspaceFor<Exec>& workspace) {
    constexpr auto function = "ocellus::vit::encoder_backward";
    constexpr int rank      = static_cast<int>(OutputGradient::rank());
    using Real              = accumulate_of_t<Image>;
    using Tokens            = UnmanagedTensor<Real***, Space>;
    detail::check_encoder(function, image, weights, "output_gradient", output_gradient, options);
    detail::check_encoder_gradients(function, weights, gradients);
    if constexpr (!std::is_same_v<ImageGradient, None>) {
      for (int axis = 0; is_present(image_gradient) && axis < 4; ++axis) {
        std::string const at = ".extent(" + std::to_string(axis) + ")";
        require_equal(function, {"image_gradient" + at, extent(image_gradient, axis)}, {"image" + at, extent(image, axis)});
      }
    }
    std::int64_t const images = extent(image, 0), width = weights.width(), prefix = weights.prefix_tokens(),
                       count = detail::encoder_tokens(image, weights, options);
    bool const accumulate    = options.accumulate;
    std::size_t const n = static_cast<std::size_t>(images), t = static_cast<std::size_t>(count), w = static_cast<std::size_t>(width);
    typename WorkspaceFor<Exec>::Scope const scope(workspace);

    // The forward pass, unless it was kept.
    std::size_t const wanted = encoder_activations_size(image, weights, options.policy, options);
    Real* kept               = nullptr;
    if constexpr (!std::is_same_v<Activations, None>) {
      static_assert(std::is_same_v<std::remove_const_t<typename Activations::value_type>, Real>,
                    "ocellus::vit::encoder_backward: activations must be of the accumulation type of the image");
      if (is_present(activations)) {
        require(activations.extent(0) >= wanted && activations.span_is_contiguous(), function, "activations.extent(0) is ", activations.extent(0), " but ",
                wanted, " are needed (contiguous)");
        kept = const_cast<Real*>(activations.data());
      }
    }
    bool const again = kept == nullptr;
    if (again) kept = workspace.template take<Real*>(function, wanted).data();
    detail::LineCutter<Real, Space> stages_cut(kept);
    auto const stages = detail::cut_encoder_activations(stages_cut, weights, images, count, options);
    if (again) detail::encode_tokens(exec, function, image, weights, stages, options, workspace);

    // Backward through fc_norm and the pool: `stream` becomes the gradient of the tokens behind the last norm.
    auto const normed      = workspace.template take<Real***>(function, n, t, w);
    auto const stream      = workspace.template take<Real***>(function, n, t, w);
    auto const normed_rows = as_rows(normed), stream_rows = as_rows(stream);
    auto const& last_rows = stages.inputs.back();
    if (weights.norm.is_present())
      nn::layer_norm(exec, last_rows, weights.norm.weight, weights.norm.bias, normed_rows, {.epsilon = options.epsilon});
    else
      detail::scale_rows(exec, function, last_rows, none, normed_rows);
    bool const last_norm     = options.fc_norm && weights.fc_norm.is_present();
    std::size_t const groups = rank == 2 ? 1 : output_gradient.extent(1);
    auto const pooled = workspace.template take<Real***>(function, n, groups, w), pooled_gradient = workspace.template take<Real***>(function, n, groups, w);
    auto const pooled_rows = as_rows(pooled), pooled_gradient_rows = as_rows(pooled_gradient);
    if constexpr (rank == 3) {
      PoolOptions const range{.pool = PoolKind::channel_avg, .prefix_tokens = options.pool == EncoderPool::none ? 0 : prefix};
      if (last_norm) pool(exec, normed, pooled, range);
      detail::scale_rows(exec, function, evenly_spaced_rows(function, output_gradient), none, pooled_gradient_rows);
      if (last_norm)
        detail::norm_backward(exec, pooled_gradient_rows, pooled_rows, weights.fc_norm, gradients.fc_norm, options.epsilon, pooled_gradient_rows, false,
                              accumulate, workspace);
      pool_backward(exec, pooled_gradient, normed, stream, range);
    } else {
      detail::scale_rows(exec, function, output_gradient, none, pooled_gradient_rows);
      typename WorkspaceFor<Exec>::Scope const inner(workspace);
      bool const map = options.pool == EncoderPool::map;
      PoolOptions const single{.pool = PoolKind::channel_avg, .prefix_tokens = prefix};  // groups of one token: copies
      PoolOptions const range{.pool = detail::pool_kind(options.pool), .prefix_tokens = prefix};
      std::size_t const patches = map ? t - static_cast<std::size_t>(prefix) : 0;
      auto const dense = workspace.template take<Real***>(function, n, patches, w), dense_gradient = workspace.template take<Real***>(function, n, patches, w);
      AttentionPoolOptions const pool_options{.heads = options.heads, .epsilon = options.epsilon, .accumulate = accumulate};
      if (map) pool(exec, normed, dense, single);
      if (last_norm) {
        if (map)
          attention_pool(exec, dense, weights.attn_pool, pooled_rows, pool_options, workspace);
        else
          pool(exec, normed, pooled_rows, range);
        detail::norm_backward(exec, pooled_gradient_rows, pooled_rows, weights.fc_norm, gradients.fc_norm, options.epsilon, pooled_gradient_rows, false,
                              accumulate, workspace);
      }
      if (map) {
        if (accumulate) detail::clear(exec, function, dense_gradient);  // the weights' gradients are added to, this one is not
        attention_pool_backward(exec, pooled_gradient_rows, dense, weights.attn_pool, dense_gradient, gradients.attn_pool, pool_options, workspace);
        pool_backward(exec, dense_gradient, normed, stream, single);
      } else {
        pool_backward(exec, pooled_gradient_rows, normed, stream, range);
      }
    }
    // Weights that take no part.
    if (!accumulate && !last_norm) {
      detail::clear(exec, function, gradients.fc_norm.weight);
      detail::clear(exec, function, gradients.fc_norm.bias);
    }
    if (!accumulate && options.pool != EncoderPool::map) {
      auto const& unused = gradients.attn_pool;
      detail::clear(exec, function, unused.latent);
      for (auto const* layer : {&unused.q, &unused.kv, &unused.proj, &unused.fc1, &unused.fc2}) {
        detail::clear(exec, function, layer->weight);
        detail::clear(exec, function, layer->bias);
      }
      detail::clear(exec, function, unused.norm.weight);
      detail::clear(exec, function, unused.norm.bias);
    }
    // Then through the norm, the blocks in reverse, and norm_pre.
    if (weights.norm.is_present())
      detail::norm_backward(exec, stream_rows, last_rows, weights.norm, gradients.norm, options.epsilon, stream_rows, false, accumulate, workspace);
    TransformerBlockOptions const block_options{.heads = options.heads, .epsilon = options.epsilon, .accumulate = accumulate};
    for (std::size_t i = weights.blocks.size(); i-- > 0;) {
      typename WorkspaceFor<Exec>::Scope const inner(workspace);
      auto const& block = weights.blocks[i];
      detail::BlockSizes<Real, Space, EncoderWeights<Scalar, Space>> const sizes(weights, images, count, options.heads);
      detail::LineCutter<Real, Space> scratch_cut(workspace.template take<Real*>(function, sizes.scratch).data());
      auto const scratch = detail::cut_scratch(scratch_cut, block, images * count, width, true);
      detail::BlockActivations<Real, Space> of_block;
      if (stages.blocks.empty()) {
        detail::LineCutter<Real, Space> cut(workspace.template take<Real*>(function, sizes.activations).data());
        of_block = detail::cut_activations(cut, block, images, count, width, options.heads);
        detail::stored_block(exec, stages.inputs[i], block, none, of_block, scratch, images, block_options);
      } else {
        of_block = stages.blocks[i];
      }
      TransformerBlockGradients<GradientScalar, Space> unwanted;
      unwanted.kind = block.kind;
      detail::stored_block_backward(exec, stream_rows, stages.inputs[i], block, stream_rows, false, gradients.blocks.empty() ? unwanted : gradients.blocks[i],
                                    of_block, scratch, images, block_options, workspace);
    }
    if (weights.norm_pre.is_present())
      detail::norm_backward(exec, stream_rows, stages.embedded, weights.norm_pre, gradients.norm_pre, options.epsilon, stream_rows, false, accumulate,
                            workspace);

    // Positions, prefix tokens and patches.
    using GradientRows           = typename WeightViews<Gradient<GradientScalar>, Space>::Matrix;
    std::int64_t const positions = extent(gradients.pos_embed, 0) + (options.no_embed_class ? prefix : 0);
    std::int64_t const classes   = extent(weights.cls_token, 0);
    for_each_row(exec, "ocellus::vit::encoder_backward::positions", std::max(count, positions),
                 detail::PositionGradients<TeamMember<Exec>, Tokens, GradientRows>{stream, gradients.cls_token, gradients.reg_token, gradients.pos_embed,
                                                                                   classes, prefix, options.no_embed_class, accumulate});
    auto const patch_tokens = Kokkos::subview(stream, Kokkos::ALL, Kokkos::make_pair(static_cast<std::size_t>(prefix), t), Kokkos::ALL);
    patch_embed_backward(exec, patch_tokens, image, weights.patch_weight, image_gradient, gradients.patch_weight, gradients.patch_bias,
                         {.channel_agnostic = options.channel_agnostic, .accumulate = accumulate}, workspace);
  }

  /// The same; allocates its workspace and fences `exec` before it returns.
  template <ExecutionSpace Exec, AnyView OutputGradient, RealView<4> Image, class Scalar, class Space, OptionalRealView<1> Activations,
            OptionalRealView<4> ImageGradient, class GradientScalar>
    requires AccessibleFrom<Exec, OutputGradient, Image, Activations, ImageGradient>
  void encoder_backward(Exec const& exec, OutputGradient const& output_gradient, Image const& image, EncoderWeights<Scalar, Space> const& weights,
                        Activations const& activations, ImageGradient const& image_gradient, EncoderGradients<GradientScalar, Space> const& gradients,
                        EncoderOptions const& options = {}) {
    WorkspaceFor<Exec> workspace(exec, encoder_backward_workspace_size(exec, image, weights, activations, options));
    encoder_backward(exec, output_gradient, image, weights, activations, image_gradient, gradients, options, workspace);
    exec.fence("ocellus::vit::encoder_backward");
  }

  /// Work of the backward pass when the blocks are computed again.
  [[nodiscard]] constexpr Cost encoder_backward_cost(double images, double pixels_per_image, double tokens, double width, double hidden, double heads,
                                                     double depth, double bytes_per_element) {
    return patch_embed_backward_cost(images * pixels_per_image, images * tokens, width, bytes_per_element) +
           depth * transformer_block_backward_cost(images, tokens, width, hidden, heads, bytes_per_element) +
           nn::layer_norm_backward_cost(images * tokens, width, bytes_per_element);
  }

}  // namespace ocellus::vit
