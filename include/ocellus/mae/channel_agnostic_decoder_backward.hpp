// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/mae/channel_agnostic_decoder.hpp>
#include <ocellus/mae/detail/channel_agnostic_backward_passes.hpp>
#include <ocellus/mae/weights.hpp>

namespace ocellus::mae {

/// Bytes of workspace that `channel_agnostic_decoder_backward` takes: the tokens before each block are kept, what a block needs inside is computed again.
template <ExecutionSpace Exec, RealView<3> TokensGradient, RealView<3> Latent, IndexView<2> Restore, class Scalar, class Space>
[[nodiscard]] std::size_t channel_agnostic_decoder_backward_workspace_size(Exec const& exec, TokensGradient const&, Latent const& latent,
                                                                           Restore const& restore, ChannelAgnosticDecoderWeights<Scalar, Space> const& weights,
                                                                           ChannelAgnosticDecoderOptions const& options = {}) {
  using Real                = accumulate_of_t<Latent>;
  std::int64_t const images = extent(latent, 0), tokens = extent(restore, 1);
  return detail::levels_bytes<Real>(1, images, 1 + tokens, weights.width()) + detail::channel_agnostic_bytes<Real>(exec, images, tokens, weights, true) +
         detail::channel_agnostic_backward_bytes<Real>(exec, images, tokens, options.heads, weights);
}

/// The backward pass of `channel_agnostic_decoder`.
///
///     latent_gradient = J^T tokens_gradient, and likewise for every weight but the position table and the placeholder, which are fixed
///
/// tokens_gradient (N, 1 + C L, D), latent (N, 1 + K, D), restore (N, C L), weights as in the forward pass, which is computed again -> latent_gradient (N, 1 +
/// K, D), gradients from `channel_agnostic_decoder_gradients`: null Views are left out (not mask_token's). With accumulate the gradients of weights are added
/// to; latent_gradient is not.
///
/// Errors: `std::invalid_argument` when arrays or weights do not fit each other, when heads or 8 does not divide the width.
/// Error bound: that of its layers in turn; 1e-5 of the largest gradient in float for the sizes in use.
/// Determinism: an image's latent_gradient does not depend on the others. Gradients of weights are chains over ascending tokens, from what is there when
/// accumulating: a batch cut in two, the second part accumulated, equals the whole bit for bit.
/// Allocates: nothing. Synchronises: no.
/// Source: O. Kraus et al., CVPR 2024.
template <ExecutionSpace Exec, RealView<3> TokensGradient, RealView<3> Latent, IndexView<2> Restore, class Scalar, class GradientScalar, class Space,
          RealView<3> LatentGradient>
  requires AccessibleFrom<Exec, TokensGradient, Latent, Restore, LatentGradient>
void channel_agnostic_decoder_backward(Exec const& exec, TokensGradient const& tokens_gradient, Latent const& latent, Restore const& restore,
                                       ChannelAgnosticDecoderWeights<Scalar, Space> const& weights, LatentGradient const& latent_gradient,
                                       ChannelAgnosticDecoderGradients<GradientScalar, Space> const& gradients, ChannelAgnosticDecoderOptions const& options,
                                       WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::mae::channel_agnostic_decoder_backward";
  using Real              = accumulate_of_t<Latent>;
  detail::check_channel_agnostic_decoder(function, latent, restore, weights, options.heads);
  detail::check_channel_agnostic_gradients(function, weights, gradients);
  require_equal(function, {"tokens_gradient.extent(0)", extent(tokens_gradient, 0)}, {"latent.extent(0)", extent(latent, 0)});
  require_equal(function, {"tokens_gradient.extent(1)", extent(tokens_gradient, 1)}, {"1 + restore.extent(1)", 1 + extent(restore, 1)});
  require_equal(function, {"tokens_gradient.extent(2)", extent(tokens_gradient, 2)}, {"latent.extent(2)", extent(latent, 2)});
  for (int axis = 0; axis < 3; ++axis) {
    std::string const at = ".extent(" + std::to_string(axis) + ")";
    require_equal(function, {"latent_gradient" + at, extent(latent_gradient, axis)}, {"latent" + at, extent(latent, axis)});
  }
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  // What the forward pass writes is not needed, only what it leaves behind.
  auto const tokens = detail::take_levels<Real>(workspace, function, 1, extent(latent, 0), 1 + extent(restore, 1), weights.width()).at(0);
  auto const state =
      detail::run_channel_agnostic_decoder<Real>(exec, function, latent, restore, weights, tokens, options.heads, options.epsilon, true, workspace);
  detail::channel_agnostic_from_tokens<Real>(exec, function, tokens_gradient, restore, weights, state, latent_gradient, gradients, options.heads,
                                             options.epsilon, options.accumulate, workspace);
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, RealView<3> TokensGradient, RealView<3> Latent, IndexView<2> Restore, class Scalar, class GradientScalar, class Space,
          RealView<3> LatentGradient>
  requires AccessibleFrom<Exec, TokensGradient, Latent, Restore, LatentGradient>
void channel_agnostic_decoder_backward(Exec const& exec, TokensGradient const& tokens_gradient, Latent const& latent, Restore const& restore,
                                       ChannelAgnosticDecoderWeights<Scalar, Space> const& weights, LatentGradient const& latent_gradient,
                                       ChannelAgnosticDecoderGradients<GradientScalar, Space> const& gradients,
                                       ChannelAgnosticDecoderOptions const& options = {}) {
  WorkspaceFor<Exec> workspace(exec, channel_agnostic_decoder_backward_workspace_size(exec, tokens_gradient, latent, restore, weights, options));
  channel_agnostic_decoder_backward(exec, tokens_gradient, latent, restore, weights, latent_gradient, gradients, options, workspace);
  exec.fence("ocellus::mae::channel_agnostic_decoder_backward");
}

/// Work of the backward pass, the forward pass that it repeats among it.
[[nodiscard]] constexpr Cost channel_agnostic_decoder_backward_cost(double images, double channels, double patches, double width, double hidden, double heads,
                                                                    double depth, double bytes_per_element) {
  double const tokens = channels * patches, rows = images * tokens;
  return channel_agnostic_decoder_cost(images, channels, patches, width, hidden, heads, depth, bytes_per_element) +
         nn::linear_backward_cost(rows, width, 4 * width, bytes_per_element) +
         nn::multi_head_attention_backward_cost(images, 8, tokens, tokens, width / 8, width / 8, bytes_per_element) +
         nn::linear_backward_cost(rows, width, hidden, bytes_per_element) + nn::linear_backward_cost(rows, hidden, width, bytes_per_element) +
         3.0 * nn::layer_norm_backward_cost(rows, width, bytes_per_element) +
         channels * depth * vit::transformer_block_backward_cost(images, patches, width, hidden, heads, bytes_per_element);
}

}  // namespace ocellus::mae
