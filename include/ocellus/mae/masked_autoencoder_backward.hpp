// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/mae/channel_agnostic_decoder_backward.hpp>
#include <ocellus/mae/decoder_backward.hpp>
#include <ocellus/mae/masked_autoencoder.hpp>

namespace ocellus::mae {

namespace detail {

template <class Real, ExecutionSpace Exec, class Weights, class Options>
[[nodiscard]] std::size_t autoencoder_backward_bytes(Exec const& exec, Weights const& weights, AutoencoderShape const& s, Options const& options) {
  std::size_t const latent   = levels_bytes<Real>(1, s.images, 1 + s.kept, s.decoder_width),
                    tokens   = levels_bytes<Real>(1, s.images, 1 + s.tokens, s.decoder_width),
                    expanded = levels_bytes<Real>(1, s.images, 1 + s.tokens, s.prediction), patches = levels_bytes<Real>(1, s.images, s.tokens, s.prediction);
  std::size_t bytes = workspace_bytes<std::uint8_t>(static_cast<std::size_t>(s.images * s.tokens)) + encoder_state_bytes<Real>(exec, weights, s, true) +
                      2 * levels_bytes<Real>(1, s.images, 1 + s.kept, s.width) + 3 * patches + expanded +
                      losses_bytes<Real>(exec, s, weights.channel_agnostic) +
                      blocks_backward_bytes<Real>(exec, s.images, 1 + s.kept, s.width, options.heads, weights.encoder.blocks);
  if (weights.channel_agnostic)
    bytes += 2 * latent + 2 * tokens + channel_agnostic_bytes<Real>(exec, s.images, s.tokens, weights.channel_agnostic_decoder, true) +
             channel_agnostic_backward_bytes<Real>(exec, s.images, s.tokens, options.decoder_heads, weights.channel_agnostic_decoder);
  else
    bytes += tokens + decoder_state_bytes<Real>(exec, s.images, s.kept, s.tokens, weights.decoder, true) +
             decoder_from_normed_bytes<Real>(exec, s.images, s.kept, s.tokens, options.decoder_heads, weights.decoder);
  return bytes;
}

/// From the gradient of the latent back to the weights of the encoder.
template <class Real, ExecutionSpace Exec, class Weights, class Gradients>
void encoder_from_latent(Exec const& exec, char const* function, Weights const& weights, EncoderState<Real, typename Exec::memory_space> const& state,
                         Tokens3<Real, typename Exec::memory_space> const& latent_gradient, Gradients const& gradients, AutoencoderShape const& s,
                         std::int64_t heads, bool accumulate, WorkspaceFor<Exec>& workspace) {
  auto const& e    = weights.encoder;
  auto const spare = take_levels<Real>(workspace, function, 1, s.images, 1 + s.kept, s.width).at(0);
  auto const last  = state.levels.at(static_cast<std::int64_t>(e.blocks.size()));
  norm_backward(exec, latent_gradient, last, e.norm, latent_gradient, gradients.norm, encoder_epsilon, false, accumulate, workspace);
  auto const first =
      blocks_backward<Exec, Real>(exec, state.levels, e.blocks, latent_gradient, spare, gradients.blocks, heads, encoder_epsilon, accumulate, workspace);
  UnmanagedTensor<Real*, typename Exec::memory_space> const class_token(gradients.cls_token.data(), gradients.cls_token.extent(1));
  sum_tokens(exec, "ocellus::mae::masked_autoencoder_backward::class_token", first, 0, 1, class_token, accumulate);
  // The rows of the visible tokens alone, evenly spaced.
  auto const other   = first.data() == spare.data() ? latent_gradient : spare;
  auto const visible = Tokens3<Real, typename Exec::memory_space>(other.data(), other.extent(0), other.extent(1) - 1, other.extent(2));
  copy_tokens(exec, "ocellus::mae::masked_autoencoder_backward::visible", first, 1, visible, 0, s.kept);
  nn::linear_backward(exec, as_rows(visible), as_rows(state.patches), kernel_as_weight(e.patch_weight), none, kernel_as_weight(gradients.patch_weight),
                      gradients.patch_bias, {.accumulate = accumulate});
}

}  // namespace detail

/// Bytes of workspace that `masked_autoencoder_backward` takes: the tokens before each block are kept, what a block needs inside is computed again.
template <ExecutionSpace Exec, RealView<4> Image, RealView<2> Noise, class Scalar, class Space, RealView<0> Loss>
[[nodiscard]] std::size_t masked_autoencoder_backward_workspace_size(Exec const& exec, Image const& image, Noise const&,
                                                                     MaskedAutoencoderWeights<Scalar, Space> const& weights, Loss const&,
                                                                     MaskedAutoencoderOptions const& options) {
  auto const shape = detail::autoencoder_shape("ocellus::mae::masked_autoencoder_backward", image, weights, options);
  return detail::autoencoder_backward_bytes<accumulate_of_t<Image>>(exec, weights, shape, options);
}

/// The loss of `masked_autoencoder` and its gradient for every weight but the position tables and the placeholder, which are fixed.
///
///     loss = loss(weights);   gradients = d loss / d weights
///
/// image (N, C, H, W), noise (N, L) or (N, C L), weights as in the forward pass -> loss (), gradients from `masked_autoencoder_gradients`: null Views are left
/// out (not mask_token's and the patch kernel's). With accumulate loss and gradients are added to: a batch in parts, each with the `divisor` of the whole. The
/// bias of attention's keys has the gradient 0 but for rounding, since softmax cancels it.
///
/// Errors: `std::invalid_argument` as `masked_autoencoder`; when gradients are of other blocks or channels than weights.
/// Error bound: that of its layers in turn; 1e-5 of the largest gradient of a tensor in float for the sizes in use.
/// Determinism: gradients are chains over ascending images and tokens, from what is there when accumulating: a batch cut in two, the second part accumulated,
/// equals the whole bit for bit, its loss too.
/// Allocates: nothing. Synchronises: no.
/// Source: K. He et al., arXiv 2111.06377; O. Kraus et al., CVPR 2024.
template <ExecutionSpace Exec, RealView<4> Image, RealView<2> Noise, class Scalar, class GradientScalar, class Space, RealView<0> Loss>
  requires AccessibleFrom<Exec, Image, Noise, Loss>
void masked_autoencoder_backward(Exec const& exec, Image const& image, Noise const& noise, MaskedAutoencoderWeights<Scalar, Space> const& weights,
                                 Loss const& loss, MaskedAutoencoderGradients<GradientScalar, Space> const& gradients, MaskedAutoencoderOptions const& options,
                                 WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::mae::masked_autoencoder_backward";
  using Real              = accumulate_of_t<Image>;
  auto const s            = detail::check_autoencoder(function, image, noise, weights, options);
  require(gradients.encoder.blocks.size() == weights.encoder.blocks.size(), function, "gradients are of ", gradients.encoder.blocks.size(),
          " blocks of the encoder but weights of ", weights.encoder.blocks.size());
  if (weights.channel_agnostic)
    detail::check_channel_agnostic_gradients(function, weights.channel_agnostic_decoder, gradients.channel_agnostic_decoder);
  else
    require(gradients.decoder.blocks.size() == weights.decoder.blocks.size(), function, "gradients are of ", gradients.decoder.blocks.size(),
            " blocks of the decoder but weights of ", weights.decoder.blocks.size());
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  bool const accumulate = options.accumulate;
  auto const take       = [&](std::int64_t rows, std::int64_t width) { return detail::take_levels<Real>(workspace, function, 1, s.images, rows, width).at(0); };
  auto const mask       = workspace.template take<std::uint8_t**>(function, s.images, s.tokens);
  auto const prediction = take(s.tokens, s.prediction), target = take(s.tokens, s.prediction), gradient = take(s.tokens, s.prediction);
  auto const expanded = take(1 + s.tokens, s.prediction), latent_gradient = take(1 + s.kept, s.width), normed_gradient = take(1 + s.tokens, s.decoder_width);
  auto const state = detail::run_encoder<Real>(exec, function, image, noise, weights, mask, s, options.heads, true, workspace);

  auto const losses = [&] {
    auto const divisor = detail::run_losses(exec, function, image, prediction, target, mask, loss, s, weights.channel_agnostic, options, workspace);
    using Prediction   = std::remove_const_t<decltype(prediction)>;
    for_each_row(exec, "ocellus::mae::masked_autoencoder_backward::pixels", s.images * s.tokens,
                 detail::PixelGradient<TeamMember<Exec>, Prediction, Prediction, std::remove_const_t<decltype(mask)>, Prediction>{
                     prediction, target, mask, gradient, divisor, 1.0 - options.fourier_weight, options.normalize_target, false});
    if (options.fourier_weight > 0) {
      detail::launch_fourier(exec, function, detail::patch_images(prediction, s), detail::patch_images(target, s), mask, none,
                             detail::patch_images(gradient, s), divisor, {.weight = options.fourier_weight, .accumulate = true}, workspace);
    }
  };
  if (weights.channel_agnostic) {
    auto const& w     = weights.channel_agnostic_decoder;
    auto const& g     = gradients.channel_agnostic_decoder;
    auto const latent = take(1 + s.kept, s.decoder_width), back = take(1 + s.kept, s.decoder_width), tokens = take(1 + s.tokens, s.decoder_width);
    nn::linear(exec, as_rows(state.latent), weights.encoder_decoder_proj.weight, weights.encoder_decoder_proj.bias, as_rows(latent));
    auto const decoded = detail::run_channel_agnostic_decoder<Real>(exec, function, latent, state.restore, w, tokens, options.decoder_heads,
                                                                    options.decoder_epsilon, true, workspace);
    detail::predict(exec, tokens, weights.decoder_pred, prediction);
    losses();
    detail::predict_backward(exec, gradient, tokens, weights.decoder_pred, expanded, normed_gradient, gradients.decoder_pred, accumulate);
    detail::channel_agnostic_from_tokens<Real>(exec, function, normed_gradient, state.restore, w, decoded, back, g, options.decoder_heads,
                                               options.decoder_epsilon, accumulate, workspace);
    detail::layer_backward(exec, as_rows(back), as_rows(state.latent), weights.encoder_decoder_proj, as_rows(latent_gradient), gradients.encoder_decoder_proj,
                           accumulate);
  } else {
    auto const& w = weights.decoder;
    auto const decoded =
        detail::run_decoder<Real>(exec, function, state.latent, state.restore, w, options.decoder_heads, detail::encoder_epsilon, true, workspace);
    detail::predict(exec, decoded.normed, w.pred, prediction);
    losses();
    detail::predict_backward(exec, gradient, decoded.normed, w.pred, expanded, normed_gradient, gradients.decoder.pred, accumulate);
    detail::decoder_from_normed<Real>(exec, function, state.latent, state.restore, w, decoded, normed_gradient, latent_gradient, gradients.decoder,
                                      options.decoder_heads, detail::encoder_epsilon, accumulate, workspace);
  }
  detail::encoder_from_latent<Real>(exec, function, weights, state, latent_gradient, gradients.encoder, s, options.heads, accumulate, workspace);
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, RealView<4> Image, RealView<2> Noise, class Scalar, class GradientScalar, class Space, RealView<0> Loss>
  requires AccessibleFrom<Exec, Image, Noise, Loss>
void masked_autoencoder_backward(Exec const& exec, Image const& image, Noise const& noise, MaskedAutoencoderWeights<Scalar, Space> const& weights,
                                 Loss const& loss, MaskedAutoencoderGradients<GradientScalar, Space> const& gradients,
                                 MaskedAutoencoderOptions const& options) {
  WorkspaceFor<Exec> workspace(exec, masked_autoencoder_backward_workspace_size(exec, image, noise, weights, loss, options));
  masked_autoencoder_backward(exec, image, noise, weights, loss, gradients, options, workspace);
  exec.fence("ocellus::mae::masked_autoencoder_backward");
}

/// Work of loss and gradient of a standard masked autoencoder: about three forward passes, and a fourth for what is computed again.
[[nodiscard]] constexpr Cost masked_autoencoder_backward_cost(double images, double tokens, double kept, double pixels_per_token, double width, double heads,
                                                              double depth, double decoder_width, double decoder_heads, double decoder_depth,
                                                              double bytes_per_element) {
  return masked_autoencoder_cost(images, tokens, kept, pixels_per_token, width, heads, depth, decoder_width, decoder_heads, decoder_depth, bytes_per_element) +
         depth * vit::transformer_block_backward_cost(images, 1 + kept, width, 4 * width, heads, bytes_per_element) +
         decoder_backward_cost(images, kept, tokens, width, decoder_width, 4 * decoder_width, decoder_heads, decoder_depth, pixels_per_token,
                               bytes_per_element) +
         nn::linear_backward_cost(images * kept, pixels_per_token, width, bytes_per_element) +
         nn::layer_norm_backward_cost(images * (1 + kept), width, bytes_per_element) +
         pixel_loss_backward_cost(images * (tokens - kept), images * tokens, pixels_per_token, bytes_per_element);
}

}  // namespace ocellus::mae
