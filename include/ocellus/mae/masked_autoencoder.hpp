// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/mae/channel_agnostic_decoder.hpp>
#include <ocellus/mae/decoder.hpp>
#include <ocellus/mae/detail/autoencoder_passes.hpp>
#include <ocellus/mae/weights.hpp>

namespace ocellus::mae {

struct MaskedAutoencoderOptions {
  std::int64_t heads         = 1;  ///< of the encoder
  std::int64_t decoder_heads = 1;
  double ratio               = 0.75;   ///< share of hidden tokens
  bool normalize_target      = false;  ///< standard: each target patch by its own mean and deviation
  double fourier_weight      = 0;      ///< channel-agnostic: a in (1 - a) pixel_loss + a fourier_loss
  double decoder_epsilon     = 1e-6;   ///< channel-agnostic: of every LayerNorm of the decoder
  double divisor             = 0;      ///< number of hidden tokens of the whole batch, where this call sees a part of it; 0: counted here
  bool accumulate            = false;  ///< adds to the loss, and to the gradients of the weights
};

namespace detail {

template <class Real, ExecutionSpace Exec, class Weights>
[[nodiscard]] std::size_t autoencoder_bytes(Exec const& exec, Weights const& weights, AutoencoderShape const& s) {
  std::size_t const decoded = weights.channel_agnostic ? levels_bytes<Real>(1, s.images, 1 + s.kept, s.decoder_width) +
                                                             levels_bytes<Real>(1, s.images, 1 + s.tokens, s.decoder_width) +
                                                             channel_agnostic_bytes<Real>(exec, s.images, s.tokens, weights.channel_agnostic_decoder, false)
                                                       : decoder_state_bytes<Real>(exec, s.images, s.kept, s.tokens, weights.decoder, false);
  return encoder_state_bytes<Real>(exec, weights, s, false) +
         std::max(decoded, levels_bytes<Real>(1, s.images, s.tokens, s.prediction) + losses_bytes<Real>(exec, s, weights.channel_agnostic));
}

}  // namespace detail

/// Bytes of workspace that `masked_autoencoder` takes.
template <ExecutionSpace Exec, RealView<4> Image, RealView<2> Noise, class Scalar, class Space, RealView<0> Loss, RealView<3> Prediction, HiddenMask<2> Mask>
[[nodiscard]] std::size_t masked_autoencoder_workspace_size(Exec const& exec, Image const& image, Noise const&,
                                                            MaskedAutoencoderWeights<Scalar, Space> const& weights, Loss const&, Prediction const&, Mask const&,
                                                            MaskedAutoencoderOptions const& options) {
  auto const shape = detail::autoencoder_shape("ocellus::mae::masked_autoencoder", image, weights, options);
  return detail::autoencoder_bytes<accumulate_of_t<Image>>(exec, weights, shape);
}

/// A masked autoencoder: patches are hidden, the encoder sees the others, the decoder predicts all, the loss counts the hidden ones.
///
///     standard:          patches; + positions; masking by noise; class token; blocks; norm; decoder; pixel_loss
///     channel-agnostic:  the same with a token for each channel's patch; encoder_decoder_proj; channel_agnostic_decoder; decoder_pred;
///                        (1 - a) pixel_loss + a fourier_loss of each token's P x P patch, both over the hidden tokens
///
/// image (N, C, H, W), standardised, noise (N, L) or (N, C L), weights -> loss (), prediction (N, L, P P C) or (N, C L, P P), mask (N, L) with 1 = hidden. The
/// target are the patches of the image itself. Noise of your own makes the choice repeatable; that of `random_masking` comes from a seed.
///
/// Errors: `std::invalid_argument` when noise is for another number of tokens, when image, weights and outputs do not fit each other, when ratio is outside
/// 0..1, for `normalize_target` with channel-agnostic weights and for `fourier_weight` or `decoder_epsilon` with standard ones.
/// Error bound: that of its layers in turn; 1e-5 of the largest prediction in float for the sizes in use.
/// Determinism: an image's prediction does not depend on the others or on the number of threads; the loss is summed as `pixel_loss` does.
/// Allocates: nothing. Synchronises: no.
/// Source: K. He et al., arXiv 2111.06377; O. Kraus et al., CVPR 2024.
template <ExecutionSpace Exec, RealView<4> Image, RealView<2> Noise, class Scalar, class Space, RealView<0> Loss, RealView<3> Prediction, HiddenMask<2> Mask>
  requires AccessibleFrom<Exec, Image, Noise, Loss, Prediction, Mask>
void masked_autoencoder(Exec const& exec, Image const& image, Noise const& noise, MaskedAutoencoderWeights<Scalar, Space> const& weights, Loss const& loss,
                        Prediction const& prediction, Mask const& mask, MaskedAutoencoderOptions const& options, WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::mae::masked_autoencoder";
  using Real              = accumulate_of_t<Image>;
  auto const shape        = detail::check_autoencoder(function, image, noise, weights, options);
  require_equal(function, {"prediction.extent(0)", extent(prediction, 0)}, {"image.extent(0)", shape.images});
  require_equal(function, {"prediction.extent(1)", extent(prediction, 1)}, {"the number of tokens", shape.tokens});
  require_equal(function, {"prediction.extent(2)", extent(prediction, 2)}, {"the number of pixels of a token", shape.prediction});
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  auto const state = detail::run_encoder<Real>(exec, function, image, noise, weights, mask, shape, options.heads, false, workspace);
  {
    typename WorkspaceFor<Exec>::Scope const decoding(workspace);
    if (weights.channel_agnostic) {
      auto const latent = workspace.template take<Real***>(function, shape.images, 1 + shape.kept, shape.decoder_width);
      auto const tokens = workspace.template take<Real***>(function, shape.images, 1 + shape.tokens, shape.decoder_width);
      nn::linear(exec, as_rows(state.latent), weights.encoder_decoder_proj.weight, weights.encoder_decoder_proj.bias, as_rows(latent));
      channel_agnostic_decoder(exec, latent, state.restore, weights.channel_agnostic_decoder, tokens,
                               {.heads = options.decoder_heads, .epsilon = options.decoder_epsilon}, workspace);
      detail::predict(exec, tokens, weights.decoder_pred, prediction);
    } else {
      decoder(exec, state.latent, state.restore, weights.decoder, prediction, {.heads = options.decoder_heads}, workspace);
    }
  }
  auto const target = workspace.template take<Real***>(function, shape.images, shape.tokens, shape.prediction);
  static_cast<void>(detail::run_losses(exec, function, image, prediction, target, mask, loss, shape, weights.channel_agnostic, options, workspace));
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, RealView<4> Image, RealView<2> Noise, class Scalar, class Space, RealView<0> Loss, RealView<3> Prediction, HiddenMask<2> Mask>
  requires AccessibleFrom<Exec, Image, Noise, Loss, Prediction, Mask>
void masked_autoencoder(Exec const& exec, Image const& image, Noise const& noise, MaskedAutoencoderWeights<Scalar, Space> const& weights, Loss const& loss,
                        Prediction const& prediction, Mask const& mask, MaskedAutoencoderOptions const& options) {
  WorkspaceFor<Exec> workspace(exec, masked_autoencoder_workspace_size(exec, image, noise, weights, loss, prediction, mask, options));
  masked_autoencoder(exec, image, noise, weights, loss, prediction, mask, options, workspace);
  exec.fence("ocellus::mae::masked_autoencoder");
}

/// Work of a standard masked autoencoder; hidden widths are four times the widths.
[[nodiscard]] constexpr Cost masked_autoencoder_cost(double images, double tokens, double kept, double pixels_per_token, double width, double heads,
                                                     double depth, double decoder_width, double decoder_heads, double decoder_depth, double bytes_per_element) {
  return nn::linear_cost(images * kept, pixels_per_token, width, bytes_per_element) +
         depth * vit::transformer_block_cost(images, 1 + kept, width, 4 * width, heads, bytes_per_element) +
         nn::layer_norm_cost(images * (1 + kept), width, bytes_per_element) +
         decoder_cost(images, kept, tokens, width, decoder_width, 4 * decoder_width, decoder_heads, decoder_depth, pixels_per_token, bytes_per_element) +
         pixel_loss_cost(images * (tokens - kept), pixels_per_token, bytes_per_element);
}

}  // namespace ocellus::mae
