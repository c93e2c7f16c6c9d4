// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>

#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/nn/gelu.hpp>
#include <ocellus/nn/multi_head_attention.hpp>
#include <ocellus/mae/detail/backward_passes.hpp>
#include <ocellus/mae/detail/channel_agnostic_passes.hpp>
#include <ocellus/mae/unshuffle_tokens.hpp>

namespace ocellus::mae::detail {

template <class Weights, class Gradients>
void check_channel_agnostic_gradients(char const* function, Weights const& weights, Gradients const& gradients) {
  bool fits = gradients.modality_tokens.size() == weights.modality_tokens.size() && gradients.decoders.size() == weights.decoders.size();
  for (std::size_t m = 0; fits && m < weights.decoders.size(); ++m) fits = gradients.decoders[m].size() == weights.decoders[m].size();
  require(fits, function, "gradients are of other channels or blocks than weights");
  require(is_present(gradients.mask_token), function, "the gradients hold no mask_token");
}

template <class Real, ExecutionSpace Exec, class Weights>
[[nodiscard]] std::size_t channel_agnostic_backward_bytes(Exec const& exec, std::int64_t images, std::int64_t tokens, std::int64_t heads,
                                                          Weights const& weights) {
  std::int64_t const width = weights.width(), hidden = extent(weights.fc1.weight, 0), channels = std::max<std::int64_t>(1, weights.channels()),
                     patches = tokens / channels;
  std::size_t most           = norm_backward_bytes<Real>(images * tokens) + levels_bytes<Real>(1, images, tokens, cross_attention_heads);
  for (auto const& blocks : weights.decoders)
    most = std::max(most, 2 * levels_bytes<Real>(1, images, patches, width) + blocks_backward_bytes<Real>(exec, images, patches, width, heads, blocks));
  return 4 * levels_bytes<Real>(1, images, tokens, width) + levels_bytes<Real>(1, images, tokens, 2 * width) + levels_bytes<Real>(1, images, tokens, hidden) +
         most;
}

/// From the gradient of all tokens back to that of the latent; `state` is of a stored forward pass.
template <class Real, ExecutionSpace Exec, class TokensGradient, class Restore, class Weights, class LatentGradient, class Gradients>
void channel_agnostic_from_tokens(Exec const& exec, char const* function, TokensGradient const& tokens_gradient, Restore const& restore, Weights const& weights,
                                  ChannelAgnosticState<Real, typename Exec::memory_space> const& state, LatentGradient const& latent_gradient,
                                  Gradients const& gradients, std::int64_t heads, double epsilon, bool accumulate, WorkspaceFor<Exec>& workspace) {
  using Space               = typename Exec::memory_space;
  std::int64_t const images = extent(tokens_gradient, 0), tokens = extent(restore, 1), width = weights.width(), hidden = extent(weights.fc1.weight, 0),
                     channels = weights.channels(), patches = tokens / channels;
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  auto const take  = [&](std::int64_t size) { return take_levels<Real>(workspace, function, 1, images, tokens, size).at(0); };
  auto const mixed = take(width), spare = take(width), query = take(width), back = take(width), key_value = take(2 * width), inner = take(hidden);

  for (std::int64_t m = 0; m < channels; ++m) {
    typename WorkspaceFor<Exec>::Scope const channel(workspace);
    auto const at = static_cast<std::size_t>(m);
    auto const a  = take_levels<Real>(workspace, function, 1, images, patches, width).at(0);
    auto const b  = take_levels<Real>(workspace, function, 1, images, patches, width).at(0);
    copy_tokens(exec, "ocellus::mae::channel_agnostic_decoder_backward::split", tokens_gradient, 1 + m * patches, a, 0, patches);
    auto const first =
        blocks_backward<Exec, Real>(exec, state.levels[at], weights.decoders[at], a, b, gradients.decoders[at], heads, epsilon, accumulate, workspace);
    copy_tokens(exec, "ocellus::mae::channel_agnostic_decoder_backward::join", first, 0, mixed, m * patches, patches);
  }
  // mixed = projected + fc2(gelu(fc1(norm(projected)))); state.normed still holds that norm.
  layer_backward(exec, as_rows(mixed), as_rows(state.active), weights.fc2, as_rows(inner), gradients.fc2, accumulate);
  nn::gelu_backward(exec, as_rows(inner), as_rows(state.hidden), as_rows(inner));
  layer_backward(exec, as_rows(inner), as_rows(state.normed), weights.fc1, as_rows(spare), gradients.fc1, accumulate);
  norm_backward(exec, spare, state.projected, weights.out_norm, mixed, gradients.out_norm, epsilon, true, accumulate, workspace);
  layer_backward(exec, as_rows(mixed), as_rows(state.attended), weights.proj, as_rows(spare), gradients.proj, accumulate);
  auto const heads_of = [&](Tokens3<Real, Space> const& array, std::int64_t first) { return cross_heads<Real, Space>(array, first, width); };
  nn::multi_head_attention_backward(exec, heads_of(spare, 0), heads_of(state.query, 0), heads_of(state.key_value, 0), heads_of(state.key_value, width), none,
                                    none, heads_of(state.attended, 0), state.log_sum_exp, heads_of(query, 0), heads_of(key_value, 0),
                                    heads_of(key_value, width), {}, workspace);
  norm_or_copy(exec, state.tokens, weights.query_norm, epsilon, state.normed);
  layer_backward(exec, as_rows(query), as_rows(state.normed), weights.q, as_rows(spare), gradients.q, accumulate);
  norm_backward(exec, spare, state.tokens, weights.query_norm, back, gradients.query_norm, epsilon, false, accumulate, workspace);
  norm_or_copy(exec, state.tokens, weights.context_norm, epsilon, state.normed);
  layer_backward(exec, as_rows(key_value), as_rows(state.normed), weights.kv, as_rows(spare), gradients.kv, accumulate);
  norm_backward(exec, spare, state.tokens, weights.context_norm, back, gradients.context_norm, epsilon, true, accumulate, workspace);

  for (std::int64_t m = 0; m < channels; ++m)
    sum_tokens(exec, "ocellus::mae::channel_agnostic_decoder_backward::modality", back, m * patches, patches,
               gradients.modality_tokens[static_cast<std::size_t>(m)], accumulate);
  copy_tokens(exec, "ocellus::mae::channel_agnostic_decoder_backward::class_token", tokens_gradient, 0, latent_gradient, 0, 1);
  unshuffle_tokens_backward(exec, back, restore, behind_class_token(latent_gradient), gradients.mask_token, {.accumulate = accumulate});
}

}  // namespace ocellus::mae::detail
