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
#include <ocellus/mae/decoder.hpp>
#include <ocellus/mae/detail/backward_passes.hpp>
#include <ocellus/mae/unshuffle_tokens.hpp>
#include <ocellus/mae/weights.hpp>

namespace ocellus::mae {

/// Bytes of workspace that `decoder_backward` takes: the tokens before each block are kept, what a block needs inside is computed again.
template <ExecutionSpace Exec, RealView<3> PredictionGradient, RealView<3> Latent, IndexView<2> Restore, class Scalar, class Space>
[[nodiscard]] std::size_t decoder_backward_workspace_size(Exec const& exec, PredictionGradient const&, Latent const& latent, Restore const& restore,
                                                          DecoderWeights<Scalar, Space> const& weights, DecoderOptions const& options = {}) {
  using Real                = accumulate_of_t<Latent>;
  std::int64_t const images = extent(latent, 0), kept = extent(latent, 1) - 1, tokens = extent(restore, 1);
  return detail::decoder_state_bytes<Real>(exec, images, kept, tokens, weights, true) + detail::levels_bytes<Real>(1, images, 1 + tokens, weights.width()) +
         detail::levels_bytes<Real>(1, images, 1 + tokens, extent(weights.pred.weight, 0)) +
         detail::decoder_from_normed_bytes<Real>(exec, images, kept, tokens, options.heads, weights);
}

/// The backward pass of `decoder`.
///
///     latent_gradient = J^T prediction_gradient, and likewise for every weight but the position table, which is fixed
///
/// prediction_gradient (N, L, P P C); recursion: (N, 1 + L, D), latent (N, 1 + K, E), restore (N, L), weights as in the forward pass, which is computed again
/// -> latent_gradient (N, 1 + K, E), gradients from `decoder_gradients`: null Views are left out (not mask_token's). With accumulate the gradients of weights
/// are added to; latent_gradient is not. The rows of latent and latent_gradient must be evenly spaced.
///
/// Errors: `std::invalid_argument` when arrays or weights do not fit each other, or heads does not divide the width.
/// Error bound: that of its layers in turn; 1e-5 of the largest gradient in float for the sizes in use.
/// Determinism: an image's latent_gradient does not depend on the others. Gradients of weights are chains over ascending tokens, from what is there when
/// accumulating: a batch cut in two, the second part accumulated, equals the whole bit for bit.
/// Allocates: nothing. Synchronises: no.
/// Source: K. He et al., arXiv 2111.06377; O. Kraus et al., CVPR 2024.
template <ExecutionSpace Exec, RealView<3> PredictionGradient, RealView<3> Latent, IndexView<2> Restore, class Scalar, class GradientScalar, class Space,
          RealView<3> LatentGradient>
  requires AccessibleFrom<Exec, PredictionGradient, Latent, Restore, LatentGradient>
void decoder_backward(Exec const& exec, PredictionGradient const& prediction_gradient, Latent const& latent, Restore const& restore,
                      DecoderWeights<Scalar, Space> const& weights, LatentGradient const& latent_gradient,
                      DecoderGradients<GradientScalar, Space> const& gradients, DecoderOptions const& options, WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::mae::decoder_backward";
  using Real              = accumulate_of_t<Latent>;
  detail::check_decoder(function, latent, restore, weights);
  detail::check_prediction(function, "prediction_gradient", latent, restore, weights, prediction_gradient);
  require(options.heads > 0 && weights.width() % options.heads == 0, function, "heads is ", options.heads, ", which does not divide the width, ",
          weights.width());
  for (int axis = 0; axis < 3; ++axis) {
    std::string const at = ".extent(" + std::to_string(axis) + ")";
    require_equal(function, {"latent_gradient" + at, extent(latent_gradient, axis)}, {"latent" + at, extent(latent, axis)});
  }
  require(gradients.blocks.size() == weights.blocks.size(), function, "gradients are of ", gradients.blocks.size(), " blocks but weights of ",
          weights.blocks.size());
  require(is_present(gradients.mask_token), function, "the gradients hold no mask_token");
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  std::int64_t const images = extent(latent, 0), positions = 1 + extent(restore, 1);
  auto const state    = detail::run_decoder<Real>(exec, function, latent, restore, weights, options.heads, options.epsilon, true, workspace);
  auto const gradient = detail::take_levels<Real>(workspace, function, 1, images, positions, weights.width()).at(0);
  auto const expanded = detail::take_levels<Real>(workspace, function, 1, images, positions, extent(weights.pred.weight, 0)).at(0);
  if (weights.names == DecoderNames::fair)
    detail::predict_backward(exec, prediction_gradient, state.normed, weights.pred, expanded, gradient, gradients.pred, options.accumulate);
  else
    detail::copy_tokens(exec, "ocellus::mae::decoder_backward::copy", prediction_gradient, 0, gradient, 0, positions);
  detail::decoder_from_normed<Real>(exec, function, latent, restore, weights, state, gradient, latent_gradient, gradients, options.heads, options.epsilon,
                                    options.accumulate, workspace);
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, RealView<3> PredictionGradient, RealView<3> Latent, IndexView<2> Restore, class Scalar, class GradientScalar, class Space,
          RealView<3> LatentGradient>
  requires AccessibleFrom<Exec, PredictionGradient, Latent, Restore, LatentGradient>
void decoder_backward(Exec const& exec, PredictionGradient const& prediction_gradient, Latent const& latent, Restore const& restore,
                      DecoderWeights<Scalar, Space> const& weights, LatentGradient const& latent_gradient,
                      DecoderGradients<GradientScalar, Space> const& gradients, DecoderOptions const& options = {}) {
  detail::check_decoder("ocellus::mae::decoder_backward", latent, restore, weights);
  WorkspaceFor<Exec> workspace(exec, decoder_backward_workspace_size(exec, prediction_gradient, latent, restore, weights, options));
  decoder_backward(exec, prediction_gradient, latent, restore, weights, latent_gradient, gradients, options, workspace);
  exec.fence("ocellus::mae::decoder_backward");
}

/// Work of the backward pass, the forward pass that it repeats among it.
[[nodiscard]] constexpr Cost decoder_backward_cost(double images, double kept, double tokens, double encoder_width, double width, double hidden, double heads,
                                                   double depth, double prediction_width, double bytes_per_element) {
  return decoder_cost(images, kept, tokens, encoder_width, width, hidden, heads, depth, prediction_width, bytes_per_element) +
         depth * vit::transformer_block_backward_cost(images, 1 + tokens, width, hidden, heads, bytes_per_element) +
         nn::linear_backward_cost(images * (1 + kept), encoder_width, width, bytes_per_element) +
         nn::layer_norm_backward_cost(images * (1 + tokens), width, bytes_per_element) +
         nn::linear_backward_cost(images * (1 + tokens), width, prediction_width, bytes_per_element);
}

}  // namespace ocellus::mae
