// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>

#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/linalg/batched_matmul.hpp>
#include <ocellus/nn/layer_norm.hpp>
#include <ocellus/nn/linear.hpp>
#include <ocellus/nn/multi_head_attention.hpp>
#include <ocellus/mae/detail/sequence_kernels.hpp>
#include <ocellus/mae/weights.hpp>
#include <ocellus/vit/transformer_block.hpp>

/// The forward passes in steps that a backward pass can take back: where it needs them, the tokens before each block stay.
namespace ocellus::mae::detail {

template <class Real, class Space>
using Tokens3 = UnmanagedTensor<Real***, Space>;

/// Tokens (N, T, D) at each level of a stack of blocks; with one level every block works in place.
template <class Real, MemorySpace Space>
struct TokenLevels {
  UnmanagedTensor<Real****, Space> memory;  ///< (1 or 1 + depth, N, T, D)

  [[nodiscard]] Tokens3<Real, Space> at(std::int64_t level) const {
    std::size_t const size = memory.extent(1) * memory.extent(2) * memory.extent(3), stored = memory.extent(0) == 1 ? 0 : static_cast<std::size_t>(level);
    return Tokens3<Real, Space>(memory.data() + stored * size, memory.extent(1), memory.extent(2), memory.extent(3));
  }
};

template <class Real, MemorySpace Space>
[[nodiscard]] TokenLevels<Real, Space> take_levels(Workspace<Space>& workspace, char const* function, std::size_t levels, std::int64_t images,
                                                   std::int64_t tokens, std::int64_t width) {
  return {workspace.template take<Real****>(function, levels, images, tokens, width)};
}

template <class Real>
[[nodiscard]] std::size_t levels_bytes(std::size_t levels, std::int64_t images, std::int64_t tokens, std::int64_t width) {
  return workspace_bytes<Real>(levels * static_cast<std::size_t>(images * tokens * width));
}

template <class Real, MemorySpace Space>
[[nodiscard]] Tokens3<Real, Space> shape_of(std::int64_t images, std::int64_t tokens, std::int64_t width) {
  return Tokens3<Real, Space>(nullptr, static_cast<std::size_t>(images), static_cast<std::size_t>(tokens), static_cast<std::size_t>(width));
}

/// Runs the blocks from level 0 up and returns the last level.
template <ExecutionSpace Exec, class Real, class Blocks>
[[nodiscard]] Tokens3<Real, typename Exec::memory_space> run_blocks(Exec const& exec, TokenLevels<Real, typename Exec::memory_space> const& levels,
                                                                    Blocks const& blocks, std::int64_t heads, double epsilon, WorkspaceFor<Exec>& workspace) {
  std::int64_t level = 0;
  for (auto const& block : blocks) {
    vit::transformer_block(exec, levels.at(level), block, levels.at(level + 1), {.heads = heads, .epsilon = epsilon}, workspace);
    ++level;
  }
  return levels.at(level);
}

template <class Real, ExecutionSpace Exec, class Blocks>
[[nodiscard]] std::size_t blocks_bytes(Exec const& exec, std::int64_t images, std::int64_t tokens, std::int64_t width, Blocks const& blocks) {
  std::size_t most = 0;
  auto const shape = shape_of<Real, typename Exec::memory_space>(images, tokens, width);
  for (auto const& block : blocks) most = std::max(most, vit::transformer_block_workspace_size(exec, shape, block));
  return most;
}

template <class Layer>
void check_linear(char const* function, std::string const& name, Layer const& layer, std::int64_t outputs, std::int64_t inputs) {
  require(extent(layer.weight, 0) == outputs && extent(layer.weight, 1) == inputs, function, "weights ", name, " are (", extent(layer.weight, 0), ", ",
          extent(layer.weight, 1), ") but (", outputs, ", ", inputs, ") is needed");
  require(extent(layer.bias, 0) == 0 || extent(layer.bias, 0) == outputs, function, "the bias of ", name, " has ", extent(layer.bias, 0), " elements, not ",
          outputs);
}

template <class Norm>
void check_norm(char const* function, std::string const& name, Norm const& norm, std::int64_t width) {
  require(extent(norm.weight, 0) == 0 || extent(norm.weight, 0) == width, function, "weights ", name, " have ", extent(norm.weight, 0), " elements but ", width,
          " are needed");
  require(extent(norm.bias, 0) == 0 || extent(norm.bias, 0) == width, function, "the bias of ", name, " has ", extent(norm.bias, 0), " elements, not ", width);
}

/// Latent and restore against each other and the position table.
template <class Latent, class Restore, class Weights>
void check_sequence(char const* function, Latent const& latent, Restore const& restore, Weights const& weights) {
  require_equal(function, {"restore.extent(0)", extent(restore, 0)}, {"latent.extent(0)", extent(latent, 0)});
  require(extent(latent, 1) >= 1 && extent(latent, 1) <= 1 + extent(restore, 1), function, "latent.extent(1) is ", extent(latent, 1),
          ", not a class token and at most restore.extent(1), which is ", extent(restore, 1), ", visible tokens");
  if (is_present(weights.pos_embed)) {
    require_equal(function, {"the rows of the position table", extent(weights.pos_embed, 0)}, {"1 + restore.extent(1)", 1 + extent(restore, 1)});
    require_equal(function, {"the width of the position table", extent(weights.pos_embed, 1)}, {"the width of mask_token", weights.width()});
  }
}

template <class Latent, class Restore, class Weights>
void check_decoder(char const* function, Latent const& latent, Restore const& restore, Weights const& weights) {
  check_sequence(function, latent, restore, weights);
  std::int64_t const width = weights.width();
  if (is_present(weights.embed.weight))
    check_linear(function, "decoder_embed", weights.embed, width, extent(latent, 2));
  else
    require_equal(function, {"latent.extent(2)", extent(latent, 2)}, {"the width of mask_token", width});
  check_norm(function, "norm", weights.norm, width);
  if (is_present(weights.pred.weight)) check_linear(function, "decoder_pred", weights.pred, extent(weights.pred.weight, 0), width);
  require(weights.names == DecoderNames::recursion || is_present(weights.pred.weight), function, "the weights hold no decoder_pred");
}

/// What a decoder's forward pass leaves behind.
template <class Real, MemorySpace Space>
struct DecoderState {
  TokenLevels<Real, Space> levels;  ///< before each block, and behind the last
  Tokens3<Real, Space> normed;      ///< behind the norm
};

/// Bytes of the state with all levels, and of what the pass needs beside.
template <class Real, ExecutionSpace Exec, class Weights>
[[nodiscard]] std::size_t decoder_state_bytes(Exec const& exec, std::int64_t images, std::int64_t kept, std::int64_t tokens, Weights const& weights,
                                              bool store) {
  std::int64_t const width = weights.width();
  return levels_bytes<Real>(store ? 1 + weights.blocks.size() : 1, images, 1 + tokens, width) + levels_bytes<Real>(store ? 1 : 0, images, 1 + tokens, width) +
         std::max(levels_bytes<Real>(1, images, 1 + kept, width), blocks_bytes<Real>(exec, images, 1 + tokens, width, weights.blocks));
}

/// Embedding, assembly, blocks and norm; the state is taken from the workspace and stays.
template <class Real, ExecutionSpace Exec, class Latent, class Restore, class Weights>
[[nodiscard]] DecoderState<Real, typename Exec::memory_space> run_decoder(Exec const& exec, char const* function, Latent const& latent, Restore const& restore,
                                                                          Weights const& weights, std::int64_t heads, double epsilon, bool store,
                                                                          WorkspaceFor<Exec>& workspace) {
  using Space               = typename Exec::memory_space;
  using Matrix              = std::remove_cvref_t<decltype(weights.pos_embed)>;
  using Vector              = std::remove_cvref_t<decltype(weights.mask_token)>;
  std::int64_t const images = extent(latent, 0), visible = extent(latent, 1), positions = 1 + extent(restore, 1), width = weights.width();
  DecoderState<Real, Space> state;
  state.levels        = take_levels<Real>(workspace, function, store ? 1 + weights.blocks.size() : 1, images, positions, width);
  state.normed        = store ? take_levels<Real>(workspace, function, 1, images, positions, width).at(0) : state.levels.at(0);
  auto const first    = state.levels.at(0);
  using First         = std::remove_const_t<decltype(first)>;
  auto const assemble = [&](auto const& from) {
    using From = std::remove_cvref_t<decltype(from)>;
    for_each_row(exec, "ocellus::mae::decoder::assemble", images * positions,
                 AssembleTokens<TeamMember<Exec>, From, Restore, Vector, Matrix, First>{from, restore, weights.mask_token, weights.pos_embed, Vector(), first,
                                                                                        0, positions, 0});
  };
  if (is_present(weights.embed.weight)) {
    typename WorkspaceFor<Exec>::Scope const scope(workspace);
    auto const embedded = workspace.template take<Real***>(function, images, visible, width);
    nn::linear(exec, evenly_spaced_rows(function, latent), weights.embed.weight, weights.embed.bias, as_rows(embedded));
    assemble(embedded);
  } else {
    assemble(latent);
  }
  auto const last = run_blocks<Exec, Real>(exec, state.levels, weights.blocks, heads, epsilon, workspace);
  if (weights.norm.is_present())
    nn::layer_norm(exec, as_rows(last), weights.norm.weight, weights.norm.bias, as_rows(state.normed), {.epsilon = epsilon});
  else if (store)
    copy_tokens(exec, "ocellus::mae::decoder::copy", last, 0, state.normed, 0, positions);
  return state;
}

/// prediction = tokens without the class token through a layer.
template <ExecutionSpace Exec, class Tokens, class Layer, class Prediction>
void predict(Exec const& exec, Tokens const& tokens, Layer const& layer, Prediction const& prediction) {
  using Space        = typename Exec::memory_space;
  using Scalar       = typename std::remove_cvref_t<decltype(layer.weight)>::value_type;
  auto const patches = Kokkos::subview(tokens, Kokkos::ALL, Kokkos::make_pair(std::size_t{1}, static_cast<std::size_t>(tokens.extent(1))), Kokkos::ALL);
  UnmanagedTensor<Scalar***, Space> const weight(layer.weight.data(), 1, layer.weight.extent(0), layer.weight.extent(1));
  linalg::batched_matmul(exec, patches, weight, layer.bias, prediction, {.transpose_b = true});
}

}  // namespace ocellus::mae::detail
