// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/mae/detail/decoder_passes.hpp>
#include <ocellus/mae/weights.hpp>

namespace ocellus::mae {

struct DecoderOptions {
  std::int64_t heads = 1;
  double epsilon     = 1e-6;   ///< of every LayerNorm
  bool accumulate    = false;  ///< of the backward pass: adds to the gradients of the weights
};

namespace detail {

template <class Latent, class Restore, class Weights, class Prediction>
void check_prediction(char const* function, char const* name, Latent const& latent, Restore const& restore, Weights const& weights,
                      Prediction const& prediction) {
  bool const fair = weights.names == DecoderNames::fair;
  std::string const array(name);
  require_equal(function, {array + ".extent(0)", extent(prediction, 0)}, {"latent.extent(0)", extent(latent, 0)});
  require_equal(function, {array + ".extent(1)", extent(prediction, 1)},
                {fair ? "restore.extent(1)" : "1 + restore.extent(1)", extent(restore, 1) + (fair ? 0 : 1)});
  require_equal(function, {array + ".extent(2)", extent(prediction, 2)},
                {fair ? "decoder_pred.weight.extent(0)" : "the width of mask_token", fair ? extent(weights.pred.weight, 0) : weights.width()});
}

}  // namespace detail

/// Bytes of workspace that `decoder` takes.
template <ExecutionSpace Exec, RealView<3> Latent, IndexView<2> Restore, class Scalar, class Space, RealView<3> Prediction>
[[nodiscard]] std::size_t decoder_workspace_size(Exec const& exec, Latent const& latent, Restore const& restore, DecoderWeights<Scalar, Space> const& weights,
                                                 Prediction const&, DecoderOptions const& = {}) {
  return detail::decoder_state_bytes<accumulate_of_t<Latent>>(exec, extent(latent, 0), extent(latent, 1) - 1, extent(restore, 1), weights, false);
}

/// The decoder of a masked autoencoder: all tokens from the visible ones.
///
///     fair:       x = embed(latent); mask_token for the hidden, in place by restore; + positions; blocks; norm; prediction layer; without the class token
///     recursion:  the same without embedding and prediction layer; with the class token
///
/// latent (N, 1 + K, E), class token first, restore (N, L), weights -> prediction (N, L, P P C); recursion: (N, 1 + L, D). What the weights lack (null Views)
/// is left out. A value of restore outside 0..L-1 makes its image NaN. The rows of latent must be evenly spaced; for recursion those of the prediction too.
///
/// Errors: `std::invalid_argument` when latent, restore, weights or prediction do not fit each other, or heads does not divide the width.
/// Error bound: that of its layers in turn; 1e-5 of the largest output in float for the sizes in use.
/// Determinism: an image's bits do not depend on the others or on the number of threads.
/// Allocates: nothing. Synchronises: no.
/// Source: K. He et al., arXiv 2111.06377; O. Kraus et al., CVPR 2024.
template <ExecutionSpace Exec, RealView<3> Latent, IndexView<2> Restore, class Scalar, class Space, RealView<3> Prediction>
  requires AccessibleFrom<Exec, Latent, Restore, Prediction>
void decoder(Exec const& exec, Latent const& latent, Restore const& restore, DecoderWeights<Scalar, Space> const& weights, Prediction const& prediction,
             DecoderOptions const& options, WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::mae::decoder";
  using Real              = accumulate_of_t<Latent>;
  detail::check_decoder(function, latent, restore, weights);
  detail::check_prediction(function, "prediction", latent, restore, weights, prediction);
  require(options.heads > 0 && weights.width() % options.heads == 0, function, "heads is ", options.heads, ", which does not divide the width, ",
          weights.width());
  if (extent(latent, 0) == 0) return;
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  auto const state = detail::run_decoder<Real>(exec, function, latent, restore, weights, options.heads, options.epsilon, false, workspace);
  if (weights.names == DecoderNames::fair)
    detail::predict(exec, state.normed, weights.pred, prediction);
  else
    detail::copy_tokens(exec, "ocellus::mae::decoder::copy", state.normed, 0, prediction, 0, extent(prediction, 1));
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, RealView<3> Latent, IndexView<2> Restore, class Scalar, class Space, RealView<3> Prediction>
  requires AccessibleFrom<Exec, Latent, Restore, Prediction>
void decoder(Exec const& exec, Latent const& latent, Restore const& restore, DecoderWeights<Scalar, Space> const& weights, Prediction const& prediction,
             DecoderOptions const& options = {}) {
  detail::check_decoder("ocellus::mae::decoder", latent, restore, weights);
  WorkspaceFor<Exec> workspace(exec, decoder_workspace_size(exec, latent, restore, weights, prediction, options));
  decoder(exec, latent, restore, weights, prediction, options, workspace);
  exec.fence("ocellus::mae::decoder");
}

/// Work of a decoder of `depth` blocks over `tokens` tokens.
[[nodiscard]] constexpr Cost decoder_cost(double images, double kept, double tokens, double encoder_width, double width, double hidden, double heads,
                                          double depth, double prediction_width, double bytes_per_element) {
  return nn::linear_cost(images * (1 + kept), encoder_width, width, bytes_per_element) +
         depth * vit::transformer_block_cost(images, 1 + tokens, width, hidden, heads, bytes_per_element) +
         nn::layer_norm_cost(images * (1 + tokens), width, bytes_per_element) + nn::linear_cost(images * tokens, width, prediction_width, bytes_per_element);
}

}  // namespace ocellus::mae
