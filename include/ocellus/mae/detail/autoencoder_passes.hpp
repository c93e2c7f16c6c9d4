// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>

#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/nn/linear.hpp>
#include <ocellus/mae/detail/channel_agnostic_passes.hpp>
#include <ocellus/mae/detail/decoder_passes.hpp>
#include <ocellus/mae/fourier_loss.hpp>
#include <ocellus/mae/patchify.hpp>
#include <ocellus/mae/pixel_loss.hpp>
#include <ocellus/mae/random_masking.hpp>

namespace ocellus::mae::detail {

/// Epsilon of every LayerNorm of the encoders, and of the standard decoder.
inline constexpr double encoder_epsilon = 1e-6;

/// The extents of a call, from image and weights.
struct AutoencoderShape {
  std::int64_t images, channels, patch, patches, tokens, kept, width, decoder_width, prediction;
};

template <class Image, class Weights, class Options>
[[nodiscard]] AutoencoderShape autoencoder_shape(char const* function, Image const& image, Weights const& weights, Options const& options) {
  std::int64_t const patch = weights.patch(), channels = extent(image, 1);
  require(patch > 0 && extent(weights.encoder.patch_weight, 3) == patch, function, "patch_embed.proj.weight is ", patch, " x ",
          extent(weights.encoder.patch_weight, 3), ", not a square patch");
  require(extent(image, 2) % patch == 0, function, "image.extent(2) is ", extent(image, 2), ", not a multiple of the patch, which is ", patch);
  require(extent(image, 3) % patch == 0, function, "image.extent(3) is ", extent(image, 3), ", not a multiple of the patch, which is ", patch);
  std::int64_t const patches = extent(image, 2) / patch * (extent(image, 3) / patch), tokens = weights.channel_agnostic ? channels * patches : patches;
  return {extent(image, 0),
          channels,
          patch,
          patches,
          tokens,
          kept_tokens(tokens, options.ratio, function),
          weights.width(),
          weights.channel_agnostic ? weights.channel_agnostic_decoder.width() : weights.decoder.width(),
          weights.prediction_width()};
}

template <class Image, class Noise, class Weights, class Options>
[[nodiscard]] AutoencoderShape check_autoencoder(char const* function, Image const& image, Noise const& noise, Weights const& weights, Options const& options) {
  auto const shape = autoencoder_shape(function, image, weights, options);
  auto const& e    = weights.encoder;
  if (weights.channel_agnostic)
    require(extent(e.patch_weight, 1) == 1, function, "patch_embed.proj.weight.extent(1) is ", extent(e.patch_weight, 1),
            " but must be 1 when channel-agnostic");
  else
    require_equal(function, {"image.extent(1) (channels)", shape.channels}, {"patch_embed.proj.weight.extent(1)", extent(e.patch_weight, 1)});
  require_equal(function, {"noise.extent(0)", extent(noise, 0)}, {"image.extent(0)", shape.images});
  require_equal(function, {"noise.extent(1)", extent(noise, 1)}, {"the number of tokens", shape.tokens});
  require(is_present(e.cls_token), function, "the weights hold no cls_token");
  require_equal(function, {"the width of cls_token", extent(e.cls_token, 1)}, {"patch_embed.proj.weight.extent(0)", shape.width});
  if (is_present(e.pos_embed)) {
    require(extent(e.pos_embed, 0) == 1 + shape.tokens, function, "pos_embed has ", extent(e.pos_embed, 0), " rows but the image gives ", 1 + shape.tokens,
            " tokens");
    require_equal(function, {"the width of pos_embed", extent(e.pos_embed, 1)}, {"patch_embed.proj.weight.extent(0)", shape.width});
  }
  require_equal(function, {"decoder_pred.weight.extent(0)", shape.prediction},
                {"the number of pixels of a token", shape.patch * shape.patch * (weights.channel_agnostic ? 1 : shape.channels)});
  check_norm(function, "norm", e.norm, shape.width);
  if (weights.channel_agnostic) {
    check_linear(function, "encoder_decoder_proj", weights.encoder_decoder_proj, shape.decoder_width, shape.width);
    check_linear(function, "decoder_pred", weights.decoder_pred, shape.prediction, shape.decoder_width);
    require_equal(function, {"the channels of the decoder", weights.channel_agnostic_decoder.channels()}, {"image.extent(1)", shape.channels});
    require(!options.normalize_target, function, "normalize_target is for standard models alone");
    require(options.fourier_weight >= 0.0 && options.fourier_weight <= 1.0, function, "fourier_weight is ", options.fourier_weight, ", not within 0 and 1");
  } else {
    require(options.fourier_weight == 0.0, function, "fourier_weight is for channel-agnostic models alone");
    require(options.decoder_epsilon == encoder_epsilon, function, "decoder_epsilon is for channel-agnostic models alone");
  }
  return shape;
}

/// What the encoder leaves behind.
template <class Real, MemorySpace Space>
struct EncoderState {
  UnmanagedTensor<std::int64_t**, Space> keep, restore;
  Tokens3<Real, Space> patches;  ///< pixels of the kept patches
  TokenLevels<Real, Space> levels;
  Tokens3<Real, Space> latent;  ///< behind the norm
};

/// The kernel (D, C, P, P) of the encoder as the weight of a layer (D, C P P).
template <class Kernel>
[[nodiscard]] auto kernel_as_weight(Kernel const& kernel) {
  using Weight = UnmanagedTensor<typename Kernel::value_type**, typename Kernel::memory_space>;
  return Weight(kernel.data(), kernel.extent(0), kernel.extent(1) * kernel.extent(2) * kernel.extent(3));
}

template <class Real, ExecutionSpace Exec, class Weights>
[[nodiscard]] std::size_t encoder_state_bytes(Exec const& exec, Weights const& weights, AutoencoderShape const& s, bool store) {
  std::size_t const all    = static_cast<std::size_t>(s.images * s.tokens);
  std::int64_t const inner = extent(weights.encoder.patch_weight, 1) * s.patch * s.patch;
  return workspace_bytes<std::int64_t>(static_cast<std::size_t>(s.images * s.kept)) + workspace_bytes<std::int64_t>(all) +
         levels_bytes<Real>(1, s.images, s.kept, inner) + levels_bytes<Real>(store ? 1 + weights.encoder.blocks.size() : 1, s.images, 1 + s.kept, s.width) +
         levels_bytes<Real>(1, s.images, 1 + s.kept, s.width) +
         std::max({levels_bytes<Real>(1, s.images, s.kept, s.width), masking_bytes<double>(exec, s.images, s.tokens),
                   blocks_bytes<Real>(exec, s.images, 1 + s.kept, s.width, weights.encoder.blocks)});
}

/// Masking, the kept patches, positions, class token, blocks, norm.
template <class Real, ExecutionSpace Exec, class Image, class Noise, class Weights, class Mask>
[[nodiscard]] EncoderState<Real, typename Exec::memory_space> run_encoder(Exec const& exec, char const* function, Image const& image, Noise const& noise,
                                                                          Weights const& weights, Mask const& mask, AutoencoderShape const& s,
                                                                          std::int64_t heads, bool store, WorkspaceFor<Exec>& workspace) {
  using Space                = typename Exec::memory_space;
  using Index                = UnmanagedTensor<std::int64_t**, Space>;
  using Array                = Tokens3<Real, Space>;
  using Matrix               = std::remove_cvref_t<decltype(weights.encoder.pos_embed)>;
  using Member               = TeamMember<Exec>;
  auto const& e              = weights.encoder;
  std::int64_t const visible = 1 + s.kept, inner = extent(e.patch_weight, 1) * s.patch * s.patch;
  EncoderState<Real, Space> state;
  state.keep    = workspace.template take<std::int64_t**>(function, s.images, s.kept);
  state.restore = workspace.template take<std::int64_t**>(function, s.images, s.tokens);
  state.patches = take_levels<Real>(workspace, function, 1, s.images, s.kept, inner).at(0);
  state.levels  = take_levels<Real>(workspace, function, store ? 1 + e.blocks.size() : 1, s.images, visible, s.width);
  state.latent  = take_levels<Real>(workspace, function, 1, s.images, visible, s.width).at(0);
  random_masking(exec, noise, state.keep, state.restore, mask, workspace);
  {
    typename WorkspaceFor<Exec>::Scope const scope(workspace);
    auto const tokens = take_levels<Real>(workspace, function, 1, s.images, s.kept, s.width).at(0);
    for_each_row(exec, "ocellus::mae::masked_autoencoder::patches", s.images * s.kept,
                 KeptPatches<Member, Image, Index, Array>{image, state.keep, state.patches, s.patch, weights.channel_agnostic});
    nn::linear(exec, as_rows(state.patches), kernel_as_weight(e.patch_weight), e.patch_bias, as_rows(tokens));
    for_each_row(exec, "ocellus::mae::masked_autoencoder::visible", s.images * visible,
                 VisibleTokens<Member, Array, Index, Matrix, Array>{tokens, state.keep, e.cls_token, e.pos_embed, state.levels.at(0)});
  }
  auto const last = run_blocks<Exec, Real>(exec, state.levels, e.blocks, heads, encoder_epsilon, workspace);
  norm_or_copy(exec, last, e.norm, encoder_epsilon, state.latent);
  return state;
}

/// Tokens (N, C L, P P) seen as images (N, C L, P, P).
template <class Tokens>
[[nodiscard]] auto patch_images(Tokens const& tokens, AutoencoderShape const& s) {
  using Images = Kokkos::View<typename Tokens::value_type****, Kokkos::LayoutStride, typename Tokens::memory_space, Kokkos::MemoryTraits<Kokkos::Unmanaged>>;
  std::size_t const p = static_cast<std::size_t>(s.patch);
  return Images(tokens.data(),
                Kokkos::LayoutStride(tokens.extent(0), tokens.stride(0), tokens.extent(1), tokens.stride(1), p, p * tokens.stride(2), p, tokens.stride(2)));
}

/// The target's patches and the loss: both parts of an image together, images in one chain. Returns the divisor, which is given or lives in the workspace.
template <ExecutionSpace Exec, class Image, class Prediction, class Target, class Mask, class Loss, class Options>
[[nodiscard]] Divisor run_losses(Exec const& exec, char const* function, Image const& image, Prediction const& prediction, Target const& target,
                                 Mask const& mask, Loss const& loss, AutoencoderShape const& s, bool channel_agnostic, Options const& options,
                                 WorkspaceFor<Exec>& workspace) {
  patchify(exec, image, target, {.patch = s.patch, .channel_agnostic = channel_agnostic});
  Divisor const divisor = hidden_divisor(exec, function, mask, options.divisor, workspace);
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  auto const pixel = workspace.template take<double*>(function, s.images), fourier = workspace.template take<double*>(function, s.images);
  using Sums = std::remove_const_t<decltype(pixel)>;
  pixel_sums(exec, function, prediction, target, mask, options.normalize_target, pixel, workspace);
  if (options.fourier_weight > 0) {
    fourier_sums(exec, function, patch_images(prediction, s), patch_images(target, s), mask, fourier, {}, workspace);
    chain_loss(exec, pixel, 1.0 - options.fourier_weight, fourier, options.fourier_weight, loss, divisor, options.accumulate);
  } else {
    chain_loss(exec, pixel, 1.0, Sums(), 0, loss, divisor, options.accumulate);
  }
  return divisor;
}

template <class Real, ExecutionSpace Exec>
[[nodiscard]] std::size_t losses_bytes(Exec const& exec, AutoencoderShape const& s, bool channel_agnostic) {
  std::size_t const images = static_cast<std::size_t>(s.images), all = images * static_cast<std::size_t>(s.tokens);
  auto const rows = shape_of<Real, typename Exec::memory_space>(s.images, s.tokens, s.prediction);
  return divisor_bytes(images) + 2 * workspace_bytes<double>(images) + workspace_bytes<double>(all) +
         (channel_agnostic ? fourier_bytes<Real>(exec, patch_images(rows, s)) : 0);
}

}  // namespace ocellus::mae::detail
