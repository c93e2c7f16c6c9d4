// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/linalg/matmul.hpp>
#include <ocellus/nn/gelu.hpp>
#include <ocellus/nn/layer_norm.hpp>
#include <ocellus/nn/linear.hpp>
#include <ocellus/nn/multi_head_attention.hpp>
#include <ocellus/mae/detail/decoder_passes.hpp>

namespace ocellus::mae::detail {

/// Heads of cross-attention, whatever the blocks have.
inline constexpr std::int64_t cross_attention_heads = 8;

template <class Latent, class Restore, class Weights>
void check_channel_agnostic_decoder(char const* function, Latent const& latent, Restore const& restore, Weights const& weights, std::int64_t heads) {
  check_sequence(function, latent, restore, weights);
  std::int64_t const width = weights.width(), hidden = extent(weights.fc1.weight, 0), tokens = extent(restore, 1);
  require_equal(function, {"latent.extent(2)", extent(latent, 2)}, {"the width of mask_token", width});
  require(weights.channels() > 0, function, "the weights hold no modality_tokens");
  require(tokens % weights.channels() == 0, function, "restore.extent(1) is ", tokens, ", not a multiple of the channels, ", weights.channels());
  require(width % cross_attention_heads == 0, function, "cross-attention has 8 heads, which do not divide the width, ", width);
  require(heads > 0 && width % heads == 0, function, "heads is ", heads, ", which does not divide the width, ", width);
  for (auto const& token : weights.modality_tokens)
    require_equal(function, {"the width of a modality token", extent(token, 0)}, {"the width of mask_token", width});
  check_norm(function, "query_norm", weights.query_norm, width);
  check_norm(function, "context_norm", weights.context_norm, width);
  check_norm(function, "out_norm", weights.out_norm, width);
  check_linear(function, "cross_attention.q", weights.q, width, width);
  check_linear(function, "cross_attention.kv", weights.kv, 2 * width, width);
  check_linear(function, "cross_attention.proj", weights.proj, width, width);
  check_linear(function, "mlp.fc1", weights.fc1, hidden, width);
  check_linear(function, "mlp.fc2", weights.fc2, width, hidden);
}

/// Columns [first, first + D) of tokens (N, T, W) as the heads of cross-attention (N, 8, T, D / 8).
template <class Real, class Space>
[[nodiscard]] auto cross_heads(Tokens3<Real, Space> const& tokens, std::int64_t first, std::int64_t width) {
  using Heads           = Kokkos::View<Real****, Kokkos::LayoutStride, Space, Kokkos::MemoryTraits<Kokkos::Unmanaged>>;
  std::size_t const row = tokens.extent(2), size = static_cast<std::size_t>(width / cross_attention_heads);
  return Heads(tokens.data() + first, Kokkos::LayoutStride(tokens.extent(0), tokens.extent(1) * row, static_cast<std::size_t>(cross_attention_heads), size,
                                                           tokens.extent(1), row, size, 1));
}

/// output = norm(input) where there is a norm, else a copy.
template <ExecutionSpace Exec, class Input, class Norm, class Output>
void norm_or_copy(Exec const& exec, Input const& input, Norm const& norm, double epsilon, Output const& output) {
  if (norm.is_present())
    nn::layer_norm(exec, as_rows(input), norm.weight, norm.bias, as_rows(output), {.epsilon = epsilon});
  else
    copy_tokens(exec, "ocellus::mae::copy", input, 0, output, 0, extent(input, 1));
}

/// What the forward pass leaves behind; every array is (N, C L, ...).
template <class Real, MemorySpace Space>
struct ChannelAgnosticState {
  Tokens3<Real, Space> tokens;               ///< assembled
  Tokens3<Real, Space> normed;               ///< scratch
  Tokens3<Real, Space> query, key_value;     ///< projections
  Tokens3<Real, Space> attended, projected;  ///< before and behind the projection
  Tokens3<Real, Space> hidden;               ///< of the MLP, before GELU when stored
  Tokens3<Real, Space> active;               ///< behind it
  Tokens3<Real, Space> mixed;                ///< projected + MLP
  UnmanagedTensor<Real***, Space> log_sum_exp;
  std::vector<TokenLevels<Real, Space>> levels;  ///< of each channel; without storing one serves all
};

template <class Real, ExecutionSpace Exec, class Weights>
[[nodiscard]] std::size_t channel_agnostic_bytes(Exec const& exec, std::int64_t images, std::int64_t tokens, Weights const& weights, bool store) {
  std::int64_t const width = weights.width(), hidden = extent(weights.fc1.weight, 0), channels = std::max<std::int64_t>(1, weights.channels());
  std::size_t bytes = 6 * levels_bytes<Real>(1, images, tokens, width) + levels_bytes<Real>(1, images, tokens, 2 * width) +
                      (store ? 2 : 1) * levels_bytes<Real>(1, images, tokens, hidden) + levels_bytes<Real>(1, images, tokens, cross_attention_heads);
  std::size_t most = 0, levels = 0;
  for (auto const& blocks : weights.decoders) {
    std::size_t const own = levels_bytes<Real>(store ? 1 + blocks.size() : 1, images, tokens / channels, width);
    levels                = store ? levels + own : own;
    most                  = std::max(most, blocks_bytes<Real>(exec, images, tokens / channels, width, blocks));
  }
  return bytes + levels + most;
}

/// Assembly, cross-attention, MLP and each channel's blocks; `output` (N, 1 + C L, D) is written, the state stays in the workspace.
template <class Real, ExecutionSpace Exec, class Latent, class Restore, class Weights, class Output>
ChannelAgnosticState<Real, typename Exec::memory_space> run_channel_agnostic_decoder(Exec const& exec, char const* function, Latent const& latent,
                                                                                     Restore const& restore, Weights const& weights, Output const& output,
                                                                                     std::int64_t heads, double epsilon, bool store,
                                                                                     WorkspaceFor<Exec>& workspace) {
  using Space               = typename Exec::memory_space;
  using Member              = TeamMember<Exec>;
  using Vector              = std::remove_cvref_t<decltype(weights.mask_token)>;
  using Matrix              = std::remove_cvref_t<decltype(weights.pos_embed)>;
  using Array               = Tokens3<Real, Space>;
  std::int64_t const images = extent(latent, 0), tokens = extent(restore, 1), width = weights.width(), hidden = extent(weights.fc1.weight, 0),
                     channels = weights.channels(), patches = tokens / channels;
  auto const take = [&](std::int64_t size) { return take_levels<Real>(workspace, function, 1, images, tokens, size).at(0); };
  ChannelAgnosticState<Real, Space> state;
  state.tokens      = take(width);
  state.normed      = take(width);
  state.query       = take(width);
  state.attended    = take(width);
  state.projected   = take(width);
  state.mixed       = take(width);
  state.key_value   = take(2 * width);
  state.hidden      = take(hidden);
  state.active      = store ? take(hidden) : state.hidden;
  state.log_sum_exp = workspace.template take<Real***>(function, images, cross_attention_heads, tokens);

  for_each_row(
      exec, "ocellus::mae::channel_agnostic_decoder::class_token", images,
      AssembleTokens<Member, Latent, Restore, Vector, Matrix, Output>{latent, restore, weights.mask_token, weights.pos_embed, Vector(), output, 0, 1, 0});
  for (std::int64_t m = 0; m < channels; ++m)
    for_each_row(exec, "ocellus::mae::channel_agnostic_decoder::assemble", images * patches,
                 AssembleTokens<Member, Latent, Restore, Vector, Matrix, Array>{latent, restore, weights.mask_token, weights.pos_embed,
                                                                                weights.modality_tokens[static_cast<std::size_t>(m)], state.tokens,
                                                                                1 + m * patches, patches, 1});
  // The queries of all channels share their norm and projection, so one attention over all tokens serves them all.
  norm_or_copy(exec, state.tokens, weights.query_norm, epsilon, state.normed);
  nn::linear(exec, as_rows(state.normed), weights.q.weight, weights.q.bias, as_rows(state.query));
  norm_or_copy(exec, state.tokens, weights.context_norm, epsilon, state.normed);
  nn::linear(exec, as_rows(state.normed), weights.kv.weight, weights.kv.bias, as_rows(state.key_value));
  nn::multi_head_attention(exec, cross_heads<Real, Space>(state.query, 0, width), cross_heads<Real, Space>(state.key_value, 0, width),
                           cross_heads<Real, Space>(state.key_value, width, width), none, none, cross_heads<Real, Space>(state.attended, 0, width),
                           state.log_sum_exp);
  nn::linear(exec, as_rows(state.attended), weights.proj.weight, weights.proj.bias, as_rows(state.projected));
  norm_or_copy(exec, state.projected, weights.out_norm, epsilon, state.normed);
  nn::linear(exec, as_rows(state.normed), weights.fc1.weight, weights.fc1.bias, as_rows(state.hidden));
  nn::gelu(exec, as_rows(state.hidden), as_rows(state.active));
  linalg::matmul(exec, as_rows(state.active), weights.fc2.weight, weights.fc2.bias, none, as_rows(state.projected), as_rows(state.mixed),
                 {.transpose_b = true});

  for (std::int64_t m = 0; m < channels; ++m) {
    auto const& blocks = weights.decoders[static_cast<std::size_t>(m)];
    if (store || m == 0) state.levels.push_back(take_levels<Real>(workspace, function, store ? 1 + blocks.size() : 1, images, patches, width));
    auto const& levels = state.levels.back();
    copy_tokens(exec, "ocellus::mae::channel_agnostic_decoder::split", state.mixed, m * patches, levels.at(0), 0, patches);
    auto const last = run_blocks<Exec, Real>(exec, levels, blocks, heads, epsilon, workspace);
    copy_tokens(exec, "ocellus::mae::channel_agnostic_decoder::join", last, 0, output, 1 + m * patches, patches);
  }
  return state;
}

}  // namespace ocellus::mae::detail
