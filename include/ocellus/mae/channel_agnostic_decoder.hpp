// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/mae/detail/channel_agnostic_passes.hpp>
#include <ocellus/mae/weights.hpp>

namespace ocellus::mae {

struct ChannelAgnosticDecoderOptions {
  std::int64_t heads = 1;      ///< of the blocks; cross-attention has 8
  double epsilon     = 1e-6;   ///< of every LayerNorm; 1e-5 for OpenPhenom
  bool accumulate    = false;  ///< of the backward pass: adds to the gradients of the weights
};

/// Bytes of workspace that `channel_agnostic_decoder` takes.
template <ExecutionSpace Exec, RealView<3> Latent, IndexView<2> Restore, class Scalar, class Space, RealView<3> Tokens>
[[nodiscard]] std::size_t channel_agnostic_decoder_workspace_size(Exec const& exec, Latent const& latent, Restore const& restore,
                                                                  ChannelAgnosticDecoderWeights<Scalar, Space> const& weights, Tokens const&,
                                                                  ChannelAgnosticDecoderOptions const& = {}) {
  return detail::channel_agnostic_bytes<accumulate_of_t<Latent>>(exec, extent(latent, 0), extent(restore, 1), weights, false);
}

/// The decoder of a channel-agnostic masked autoencoder.
///
///     x = visible tokens in their places, mask_token elsewhere, + positions + modality_tokens of each channel
///     a = proj attention(q(query_norm x), kv(context_norm x));   a = a + mlp(out_norm a);   tokens of channel m = blocks of m (a of channel m)
///
/// latent (N, 1 + K, D), class token first, restore (N, C L), weights -> tokens (N, 1 + C L, D): the class token plus its position first, as it came. Every
/// token attends to the tokens of all channels; there is no residual around cross-attention and no final norm. What the weights lack is left out. A value of
/// restore outside 0..C L-1 makes its image NaN.
///
/// Errors: `std::invalid_argument` when latent, restore, weights or tokens do not fit each other, when heads or 8 does not divide the width.
/// Error bound: that of its layers in turn; 1e-5 of the largest output in float for the sizes in use.
/// Determinism: an image's bits do not depend on the others or on the number of threads.
/// Allocates: nothing. Synchronises: no.
/// Source: O. Kraus et al., "Masked autoencoders for microscopy are scalable learners of cellular biology", CVPR 2024.
template <ExecutionSpace Exec, RealView<3> Latent, IndexView<2> Restore, class Scalar, class Space, RealView<3> Tokens>
  requires AccessibleFrom<Exec, Latent, Restore, Tokens>
void channel_agnostic_decoder(Exec const& exec, Latent const& latent, Restore const& restore, ChannelAgnosticDecoderWeights<Scalar, Space> const& weights,
                              Tokens const& tokens, ChannelAgnosticDecoderOptions const& options, WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::mae::channel_agnostic_decoder";
  detail::check_channel_agnostic_decoder(function, latent, restore, weights, options.heads);
  require_equal(function, {"tokens.extent(0)", extent(tokens, 0)}, {"latent.extent(0)", extent(latent, 0)});
  require_equal(function, {"tokens.extent(1)", extent(tokens, 1)}, {"1 + restore.extent(1)", 1 + extent(restore, 1)});
  require_equal(function, {"tokens.extent(2)", extent(tokens, 2)}, {"latent.extent(2)", extent(latent, 2)});
  if (extent(latent, 0) == 0) return;
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  static_cast<void>(detail::run_channel_agnostic_decoder<accumulate_of_t<Latent>>(exec, function, latent, restore, weights, tokens, options.heads,
                                                                                  options.epsilon, false, workspace));
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, RealView<3> Latent, IndexView<2> Restore, class Scalar, class Space, RealView<3> Tokens>
  requires AccessibleFrom<Exec, Latent, Restore, Tokens>
void channel_agnostic_decoder(Exec const& exec, Latent const& latent, Restore const& restore, ChannelAgnosticDecoderWeights<Scalar, Space> const& weights,
                              Tokens const& tokens, ChannelAgnosticDecoderOptions const& options = {}) {
  WorkspaceFor<Exec> workspace(exec, channel_agnostic_decoder_workspace_size(exec, latent, restore, weights, tokens, options));
  channel_agnostic_decoder(exec, latent, restore, weights, tokens, options, workspace);
  exec.fence("ocellus::mae::channel_agnostic_decoder");
}

/// Work of the decoder over `channels` x `patches` tokens with `depth` blocks a channel.
[[nodiscard]] constexpr Cost channel_agnostic_decoder_cost(double images, double channels, double patches, double width, double hidden, double heads,
                                                           double depth, double bytes_per_element) {
  double const tokens = channels * patches, rows = images * tokens;
  return nn::linear_cost(rows, width, 4 * width, bytes_per_element) +
         nn::multi_head_attention_cost(images, 8, tokens, tokens, width / 8, width / 8, bytes_per_element) +
         nn::linear_cost(rows, width, hidden, bytes_per_element) + nn::linear_cost(rows, hidden, width, bytes_per_element) +
         3.0 * nn::layer_norm_cost(rows, width, bytes_per_element) +
         channels * depth * vit::transformer_block_cost(images, patches, width, hidden, heads, bytes_per_element);
}

}  // namespace ocellus::mae
