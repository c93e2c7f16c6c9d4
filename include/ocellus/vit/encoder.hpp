// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/nn/layer_norm.hpp>
#include <ocellus/vit/attention_pool.hpp>
#include <ocellus/vit/detail/block_backward.hpp>
#include <ocellus/vit/detail/block_kernels.hpp>
#include <ocellus/vit/patch_embed.hpp>
#include <ocellus/vit/pool.hpp>
#include <ocellus/vit/transformer_block.hpp>
#include <ocellus/vit/weights.hpp>

namespace ocellus::vit {

enum class EncoderPool {
  token,        ///< the class token
  avg,          ///< mean of the patch tokens
  max,          ///< their maximum
  avgmax,       ///< (avg + max) / 2
  channel_avg,  ///< mean of each channel's patch tokens: output (N, C, D)
  map,          ///< attn_pool over the patch tokens
  none,         ///< all tokens: output (N, T, D)
};

/// What a forward pass keeps for the backward pass.
enum class ActivationPolicy {
  store,             ///< all that the backward pass reads
  recompute_blocks,  ///< the input of each block; its steps are computed again
};

struct EncoderOptions {
  std::int64_t heads      = 1;
  EncoderPool pool        = EncoderPool::token;
  bool channel_agnostic   = false;  ///< pos_embed is [class, channel 0, channel 1, ...]; its leading rows are used, so fewer channels than it has are valid
  bool no_embed_class     = false;  ///< pos_embed has rows for patches only
  bool fc_norm            = true;   ///< false: fc_norm is not applied though the weights hold it
  double epsilon          = 1e-6;   ///< of every LayerNorm
  ActivationPolicy policy = ActivationPolicy::recompute_blocks;  ///< of the activations, where there are any
  bool accumulate         = false;                               ///< of the backward pass: adds to the gradients that are there
  bool bfloat16_products  = false;                               ///< of every block (TransformerBlockOptions), in a pass that keeps no activations
};

namespace detail {

/// Tokens of an image: prefix and patches of the channels.
template <class Image, class Weights>
[[nodiscard]] std::int64_t encoder_tokens(Image const& image, Weights const& weights, EncoderOptions const& options) {
  std::int64_t const p = extent(weights.patch_weight, 2), q = extent(weights.patch_weight, 3);
  return weights.prefix_tokens() + (p > 0 && q > 0 ? extent(image, 2) / p * (extent(image, 3) / q) : 0) * (options.channel_agnostic ? extent(image, 1) : 1);
}

/// A View of the shape of the tokens, for questions about sizes.
template <class Real, class Exec>
[[nodiscard]] UnmanagedTensor<Real***, typename Exec::memory_space> shape_of_tokens(std::int64_t images, std::int64_t tokens, std::int64_t width) {
  return UnmanagedTensor<Real***, typename Exec::memory_space>(nullptr, static_cast<std::size_t>(images), static_cast<std::size_t>(tokens),
                                                               static_cast<std::size_t>(width));
}

/// Refuses what does not fit an encoder; `output`, named `name`, is the output or its gradient.
template <class Image, class Weights, class Output>
void check_encoder(char const* function, Image const& image, Weights const& weights, std::string const& name, Output const& output,
                   EncoderOptions const& options) {
  constexpr int rank        = static_cast<int>(Output::rank());
  std::int64_t const images = extent(image, 0), channels = extent(image, 1), width = weights.width(), prefix = weights.prefix_tokens();
  std::int64_t const height = extent(image, 2), columns = extent(image, 3), p = extent(weights.patch_weight, 2), q = extent(weights.patch_weight, 3);
  require(p > 0 && q > 0, function, "the weights hold no patch kernel");
  require(height % p == 0 && columns % q == 0, function, "image.extent(2) x image.extent(3) is ", height, " x ", columns, ", not a multiple of the patch, ", p,
          " x ", q);
  if (options.channel_agnostic)
    require(extent(weights.patch_weight, 1) == 1, function, "patch_embed.proj.weight.extent(1) is ", extent(weights.patch_weight, 1),
            " but must be 1 when channel-agnostic");
  else
    require_equal(function, {"image.extent(1) (channels)", channels}, {"patch_embed.proj.weight.extent(1)", extent(weights.patch_weight, 1)});
  std::int64_t const count = encoder_tokens(image, weights, options), patches = height / p * (columns / q), positions = extent(weights.pos_embed, 0);
  if (positions > 0) {
    std::int64_t const needed = options.no_embed_class ? count - prefix : count, own = options.no_embed_class ? positions : positions - prefix;
    require(extent(weights.pos_embed, 1) == width, function, "pos_embed has width ", extent(weights.pos_embed, 1), ", not ", width);
    if (options.channel_agnostic) {
      require(own > 0 && patches > 0 && own % patches == 0, function, "pos_embed has rows for ", own, " patches, not a multiple of the ", patches,
              " that a channel of the image has");
      require(needed <= positions, function, "image.extent(1) (channels) is ", channels, " but pos_embed has rows for only ", own / patches, " channels");
    } else {
      require(needed == positions, function, "pos_embed has ", positions, " rows but the image gives ", needed, " tokens");
    }
  }
  require_equal(function, {"patch_embed.proj.bias.extent(0)", is_present(weights.patch_bias) ? extent(weights.patch_bias, 0) : width},
                {"patch_embed.proj.weight.extent(0) (width)", width});
  require_equal(function, {"cls_token (last axis)", is_present(weights.cls_token) ? extent(weights.cls_token, 1) : width},
                {"patch_embed.proj.weight.extent(0) (width)", width});
  require_equal(function, {"reg_token (last axis)", is_present(weights.reg_token) ? extent(weights.reg_token, 1) : width},
                {"patch_embed.proj.weight.extent(0) (width)", width});
  for (auto const& block : weights.blocks) check_block(function, block, width, options.heads);
  require(options.pool != EncoderPool::token || extent(weights.cls_token, 0) > 0, function, "pool is token but the weights hold no cls_token");
  require(options.pool != EncoderPool::map || weights.attn_pool.is_present(), function, "pool is map but the weights hold no attn_pool");
  bool const wants_rank_3 = options.pool == EncoderPool::channel_avg || options.pool == EncoderPool::none;
  require(wants_rank_3 == (rank == 3), function, name, " has rank ", rank, " but this pool gives rank ", wants_rank_3 ? 3 : 2);
  require_equal(function, {name + ".extent(0)", extent(output, 0)}, {"image.extent(0)", images});
  require_equal(function, {"the last extent of " + name, extent(output, rank - 1)}, {"the width", width});
  if constexpr (rank == 3)
    require_equal(
        function, {name + ".extent(1)", extent(output, 1)},
        {options.pool == EncoderPool::none ? "the number of tokens" : "image.extent(1) (channels)", options.pool == EncoderPool::none ? count : channels});
}

/// Where the tokens stand at each stage.
template <class Real, class Space>
struct EncoderActivations {
  using Rows = UnmanagedTensor<Real**, Space>;
  Rows embedded;                                      ///< before norm_pre, where there is one
  std::vector<Rows> inputs;                           ///< of each block, and the tokens behind the last
  std::vector<BlockActivations<Real, Space>> blocks;  ///< policy store
};

template <class Real, class Space, class Weights>
[[nodiscard]] EncoderActivations<Real, Space> cut_encoder_activations(LineCutter<Real, Space>& cut, Weights const& weights, std::int64_t images,
                                                                      std::int64_t tokens, EncoderOptions const& options) {
  EncoderActivations<Real, Space> a;
  std::int64_t const width = weights.width();
  if (weights.norm_pre.is_present()) a.embedded = cut.template take<Real**>(images * tokens, width);
  for (std::size_t i = 0; i <= weights.blocks.size(); ++i) a.inputs.push_back(cut.template take<Real**>(images * tokens, width));
  if (options.policy == ActivationPolicy::store) {
    for (auto const& block : weights.blocks) a.blocks.push_back(cut_activations(cut, block, images, tokens, width, options.heads));
  }
  return a;
}

/// Patches, prefix tokens, positions, norm_pre and blocks; the stages of `a` may be one and the same array when nothing is kept.
template <ExecutionSpace Exec, class Image, class Scalar, class Space, class Real>
void encode_tokens(Exec const& exec, char const* function, Image const& image, EncoderWeights<Scalar, Space> const& weights,
                   EncoderActivations<Real, Space> const& a, EncoderOptions const& options, WorkspaceFor<Exec>& workspace) {
  std::int64_t const images = extent(image, 0), width = weights.width(), prefix = weights.prefix_tokens(), count = encoder_tokens(image, weights, options);
  using Tokens         = UnmanagedTensor<Real***, Space>;
  using Rows           = typename WeightViews<Scalar, Space>::Matrix;
  auto const as_tokens = [&](auto const& rows) {
    return Tokens(rows.data(), static_cast<std::size_t>(images), static_cast<std::size_t>(count), static_cast<std::size_t>(width));
  };
  bool const pre      = weights.norm_pre.is_present();
  auto const embedded = as_tokens(pre ? a.embedded : a.inputs[0]);
  auto const patch_tokens =
      Kokkos::subview(embedded, Kokkos::ALL, Kokkos::make_pair(static_cast<std::size_t>(prefix), static_cast<std::size_t>(count)), Kokkos::ALL);
  patch_embed(exec, image, weights.patch_weight, weights.patch_bias, patch_tokens, {.channel_agnostic = options.channel_agnostic}, workspace);
  for_each_row(exec, "ocellus::vit::encoder::positions", images * count,
               AddPositions<TeamMember<Exec>, Tokens, Rows>{embedded, weights.cls_token, weights.reg_token, weights.pos_embed, options.no_embed_class});
  if (pre) nn::layer_norm(exec, a.embedded, weights.norm_pre.weight, weights.norm_pre.bias, a.inputs[0], {.epsilon = options.epsilon});
  for (std::size_t i = 0; i < weights.blocks.size(); ++i) {
    TransformerBlockOptions const block_options{.heads = options.heads, .epsilon = options.epsilon, .bfloat16_products = options.bfloat16_products};
    if (a.blocks.empty()) {
      transformer_block(exec, as_tokens(a.inputs[i]), weights.blocks[i], as_tokens(a.inputs[i + 1]), block_options, workspace);
    } else {
      typename WorkspaceFor<Exec>::Scope const scope(workspace);
      LineCutter<Real, Space> sizes(nullptr);
      static_cast<void>(cut_scratch(sizes, weights.blocks[i], images * count, width, false));
      LineCutter<Real, Space> cut(workspace.template take<Real*>(function, sizes.used()).data());
      auto const scratch = cut_scratch(cut, weights.blocks[i], images * count, width, false);
      stored_block(exec, a.inputs[i], weights.blocks[i], a.inputs[i + 1], a.blocks[i], scratch, images, block_options);
    }
  }
}

}  // namespace detail

/// Bytes of workspace that `encoder` takes.
template <ExecutionSpace Exec, RealView<4> Image, class Scalar, class Space, AnyView Output>
[[nodiscard]] std::size_t encoder_workspace_size(Exec const& exec, Image const& image, EncoderWeights<Scalar, Space> const& weights, Output const&,
                                                 EncoderOptions const& options = {}) {
  using Real               = accumulate_of_t<Image>;
  std::int64_t const count = detail::encoder_tokens(image, weights, options), width = weights.width(), prefix = weights.prefix_tokens();
  auto const tokens = detail::shape_of_tokens<Real, Exec>(extent(image, 0), count, width);
  std::size_t most  = patch_embed_workspace_size(exec, image, weights.patch_weight, weights.patch_bias, tokens);
  for (auto const& block : weights.blocks) {
    detail::LineCutter<Real, Space> cut(nullptr);
    static_cast<void>(detail::cut_scratch(cut, block, extent(image, 0) * count, width, false));
    most = std::max({most, transformer_block_workspace_size(exec, tokens, block), workspace_bytes<Real>(cut.used())});
  }
  std::size_t const pooled = static_cast<std::size_t>(extent(image, 0) * extent(image, 1) * width);
  std::size_t extra        = workspace_bytes<Real>(pooled);
  if (weights.attn_pool.is_present())
    extra += attention_pool_workspace_size(exec, detail::shape_of_tokens<Real, Exec>(extent(image, 0), count - prefix, width), weights.attn_pool) +
             workspace_bytes<Real>(element_count(tokens));
  return workspace_bytes<Real>(element_count(tokens)) + std::max(most, extra);
}

/// Numbers that `encoder` keeps for its backward pass: a line of the accumulation type of the image, for the same weights and options.
template <RealView<4> Image, class Scalar, class Space>
[[nodiscard]] std::size_t encoder_activations_size(Image const& image, EncoderWeights<Scalar, Space> const& weights, ActivationPolicy policy,
                                                   EncoderOptions options = {}) {
  options.policy = policy;
  detail::LineCutter<accumulate_of_t<Image>, Space> cut(nullptr);
  static_cast<void>(detail::cut_encoder_activations(cut, weights, extent(image, 0), detail::encoder_tokens(image, weights, options), options));
  return cut.used();
}

/// A whole vision transformer.
///
///     patches; [class, registers, patches]; + pos_embed; norm_pre; blocks; norm; pool; fc_norm
///
/// image (N, C, H, W), standardised, weights of timm's VisionTransformer or Recursion's models -> output (N, D); for `channel_avg` (N, C, D); for `none` (N, T,
/// D). What the weights lack (null Views) is left out. activations: none, or a contiguous line of `encoder_activations_size` numbers that `encoder_backward`
/// takes; the output has the same bits.
///
/// Errors: `std::invalid_argument` when the image has another number of channels or patches than the weights are for, more channels than pos_embed has rows
/// for, when `token` is asked for without cls_token or `map` without attn_pool, or when the output does not fit.
/// Error bound: that of its layers in turn; 1e-5 of the largest output in float for the sizes in use.
/// Determinism: an image's bits do not depend on the others or on the number of threads.
/// Allocates: nothing. Synchronises: no.
/// Source: A. Dosovitskiy et al., arXiv 2010.11929; O. Kraus et al., CVPR 2024 (channel-agnostic).
template <ExecutionSpace Exec, RealView<4> Image, class Scalar, class Space, AnyView Output, OptionalRealView<1> Activations>
  requires AccessibleFrom<Exec, Image, Output, Activations> && StorageScalar<element_t<Output>> &&
      (Output::rank() == 2 || Output::rank() == 3) void encoder(Exec const& exec, Image const& image, EncoderWeights<Scalar, Space> const& weights,
                                                                Output const& output, Activations const& activations, EncoderOptions const& options,
                                                                WorkspaceFor<Exec>& workspace) {
    constexpr int rank      = static_cast<int>(Output::rank());
    using Real              = accumulate_of_t<Image>;
    constexpr auto function = "ocellus::vit::encoder";
    detail::check_encoder(function, image, weights, "output", output, options);
    std::int64_t const images = extent(image, 0), width = weights.width(), prefix = weights.prefix_tokens(),
                       count = detail::encoder_tokens(image, weights, options);
    if constexpr (!std::is_same_v<Activations, None>) {
      if (is_present(activations)) {
        require(!options.bfloat16_products, function, "bfloat16_products is set, but activations are kept for a backward pass, which knows none");
        std::size_t const wanted = encoder_activations_size(image, weights, options.policy, options);
        require(activations.extent(0) >= wanted && activations.span_is_contiguous(), function, "activations.extent(0) is ", activations.extent(0), " but ",
                wanted, " are needed (contiguous)");
      }
    }
    if (images == 0) return;

    typename WorkspaceFor<Exec>::Scope const scope(workspace);
    auto const tokens = workspace.template take<Real***>(function, images, count, width);
    auto const rows   = as_rows(tokens);
    detail::EncoderActivations<Real, Space> stages;
    stages.embedded = rows;
    stages.inputs.assign(weights.blocks.size() + 1, rows);
    if constexpr (!std::is_same_v<Activations, None>) {
      if (is_present(activations)) {
        static_assert(std::is_same_v<typename Activations::value_type, Real>,
                      "ocellus::vit::encoder: activations must be of the accumulation type of the image");
        detail::LineCutter<Real, Space> cut(activations.data());
        stages = detail::cut_encoder_activations(cut, weights, images, count, options);
      }
    }
    detail::encode_tokens(exec, function, image, weights, stages, options, workspace);
    auto const normalise = [&](NormWeights<Scalar, Space> const& norm, auto const& from, auto const& to) {
      if (norm.is_present())
        nn::layer_norm(exec, from, norm.weight, norm.bias, to, {.epsilon = options.epsilon});
      else if (from.data() != to.data())
        detail::scale_rows(exec, function, from, none, to);
    };
    normalise(weights.norm, stages.inputs.back(), rows);

    NormWeights<Scalar, Space> const last = options.fc_norm ? weights.fc_norm : NormWeights<Scalar, Space>{};
    if constexpr (rank == 3) {
      if (options.pool == EncoderPool::none) {
        // Pooling single tokens copies them: each patch is a group of one.
        pool(exec, tokens, output, {.pool = PoolKind::channel_avg, .prefix_tokens = 0});
      } else {
        pool(exec, tokens, output, {.pool = PoolKind::channel_avg, .prefix_tokens = prefix});
      }
      normalise(last, evenly_spaced_rows(function, output), evenly_spaced_rows(function, output));
    } else {
      if (options.pool == EncoderPool::map) {
        // Attention reads rows that are evenly spaced over all images, which those behind a prefix are not.
        auto const dense = workspace.template take<Real***>(function, images, count - prefix, width);
        pool(exec, tokens, dense, {.pool = PoolKind::channel_avg, .prefix_tokens = prefix});
        attention_pool(exec, dense, weights.attn_pool, output, {.heads = options.heads, .epsilon = options.epsilon}, workspace);
      } else {
        PoolKind const kind = options.pool == EncoderPool::token ? PoolKind::token
                              : options.pool == EncoderPool::avg ? PoolKind::avg
                              : options.pool == EncoderPool::max ? PoolKind::max
                                                                 : PoolKind::avgmax;
        pool(exec, tokens, output, {.pool = kind, .prefix_tokens = prefix});
      }
      normalise(last, output, output);
    }
  }

  /// The same; allocates its workspace and fences `exec` before it returns.
  template <ExecutionSpace Exec, RealView<4> Image, class Scalar, class Space, AnyView Output, OptionalRealView<1> Activations>
    requires AccessibleFrom<Exec, Image, Output, Activations>
  void encoder(Exec const& exec, Image const& image, EncoderWeights<Scalar, Space> const& weights, Output const& output, Activations const& activations,
               EncoderOptions const& options = {}) {
    WorkspaceFor<Exec> workspace(exec, encoder_workspace_size(exec, image, weights, output, options));
    encoder(exec, image, weights, output, activations, options, workspace);
    exec.fence("ocellus::vit::encoder");
  }

  /// The same without activations.
  template <ExecutionSpace Exec, RealView<4> Image, class Scalar, class Space, AnyView Output>
    requires AccessibleFrom<Exec, Image, Output>
  void encoder(Exec const& exec, Image const& image, EncoderWeights<Scalar, Space> const& weights, Output const& output, EncoderOptions const& options,
               WorkspaceFor<Exec>& workspace) {
    encoder(exec, image, weights, output, none, options, workspace);
  }
  template <ExecutionSpace Exec, RealView<4> Image, class Scalar, class Space, AnyView Output>
    requires AccessibleFrom<Exec, Image, Output>
  void encoder(Exec const& exec, Image const& image, EncoderWeights<Scalar, Space> const& weights, Output const& output, EncoderOptions const& options = {}) {
    encoder(exec, image, weights, output, none, options);
  }

  /// Work of an encoder: `tokens` of `width` through `depth` blocks, and the patches.
  [[nodiscard]] constexpr Cost encoder_cost(double images, double pixels_per_image, double tokens, double width, double hidden, double heads, double depth,
                                            double bytes_per_element) {
    return patch_embed_cost(images * pixels_per_image, images * tokens, width, bytes_per_element) +
           depth * transformer_block_cost(images, tokens, width, hidden, heads, bytes_per_element) +
           nn::layer_norm_cost(images * tokens, width, bytes_per_element);
  }

}  // namespace ocellus::vit
