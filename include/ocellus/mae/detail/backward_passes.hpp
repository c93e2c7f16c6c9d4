// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/nn/layer_norm.hpp>
#include <ocellus/nn/linear.hpp>
#include <ocellus/mae/detail/decoder_passes.hpp>
#include <ocellus/mae/unshuffle_tokens.hpp>
#include <ocellus/vit/transformer_block_backward.hpp>

/// Pieces that the backward passes share. Where gradients of weights accumulate, those of activations never do.
namespace ocellus::mae::detail {

/// output[d] (+)= sum over images and over rows [first, first + count) of each, one chain in their order; 16 features a call.
template <class Member, class Tokens, class Output>
struct SumTokens {
  Tokens tokens;
  Output output;
  std::int64_t first, count;
  bool accumulate;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t group) const {
    using Real               = accumulate_of_t<Tokens>;
    std::int64_t const begin = group * 16, left = extent(output, 0) - begin, images = extent(tokens, 0);
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, left < 16 ? left : 16), [&](std::int64_t const offset) {
      std::int64_t const d = begin + offset;
      Real sum             = accumulate ? static_cast<Real>(output(d)) : Real(0);
      for (std::int64_t n = 0; n < images; ++n) {
        for (std::int64_t t = first; t < first + count; ++t) sum += static_cast<Real>(tokens(n, t, d));
      }
      output(d) = static_cast<element_t<Output>>(sum);
    });
  }
};

template <ExecutionSpace Exec, class Tokens, class Output>
void sum_tokens(Exec const& exec, char const* label, Tokens const& tokens, std::int64_t first, std::int64_t count, Output const& output, bool accumulate) {
  if (!is_present(output)) return;
  for_each_row(exec, label, (extent(output, 0) + 15) / 16, SumTokens<TeamMember<Exec>, Tokens, Output>{tokens, output, first, count, accumulate});
}

/// Rows [first, first + count) of every image become zeros.
template <class Member, class Tokens>
struct ZeroTokens {
  Tokens tokens;
  std::int64_t first, count;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t item) const {
    std::int64_t const n = item / count, t = first + item % count;
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(tokens, 2)),
                         [&](std::int64_t const d) { tokens(n, t, d) = static_cast<element_t<Tokens>>(accumulate_of_t<Tokens>(0)); });
  }
};

template <ExecutionSpace Exec, class Tokens>
void zero_tokens(Exec const& exec, char const* label, Tokens const& tokens, std::int64_t first, std::int64_t count) {
  for_each_row(exec, label, extent(tokens, 0) * count, ZeroTokens<TeamMember<Exec>, Tokens>{tokens, first, count});
}

template <class Member, class From, class To>
struct AddTokens {
  From from;
  To to;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t item) const {
    std::int64_t const rows = extent(to, 1), n = item / rows, t = item % rows;
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(to, 2)), [&](std::int64_t const d) { to(n, t, d) += from(n, t, d); });
  }
};

/// Both outputs of a layer's backward pass, each with its own way of adding.
template <ExecutionSpace Exec, class OutputGradient, class Input, class Layer, class InputGradient, class Gradients>
void layer_backward(Exec const& exec, OutputGradient const& output_gradient, Input const& input, Layer const& layer, InputGradient const& input_gradient,
                    Gradients const& gradients, bool accumulate) {
  nn::linear_backward(exec, output_gradient, input, layer.weight, none, gradients.weight, gradients.bias, {.accumulate = accumulate});
  if constexpr (!std::is_same_v<InputGradient, None>) nn::linear_backward(exec, output_gradient, input, layer.weight, input_gradient, none, none);
}

/// The same of a norm, or of the identity where there is none; (N, T, D) all. `add`: to the gradient of the input.
template <ExecutionSpace Exec, class Gradient, class Input, class Norm, class InputGradient, class Gradients>
void norm_backward(Exec const& exec, Gradient const& output_gradient, Input const& input, Norm const& norm, InputGradient const& input_gradient,
                   Gradients const& gradients, double epsilon, bool add, bool accumulate, WorkspaceFor<Exec>& workspace) {
  if (!norm.is_present()) {
    if (add)
      for_each_row(exec, "ocellus::mae::add", extent(input, 0) * extent(input, 1),
                   AddTokens<TeamMember<Exec>, Gradient, InputGradient>{output_gradient, input_gradient});
    else if (output_gradient.data() != input_gradient.data())
      copy_tokens(exec, "ocellus::mae::copy", output_gradient, 0, input_gradient, 0, extent(input, 1));
    return;
  }
  auto const g = as_rows(output_gradient);
  auto const x = as_rows(input);
  nn::layer_norm_backward(exec, g, x, norm.weight, none, gradients.weight, gradients.bias, {.epsilon = epsilon, .accumulate = accumulate}, workspace);
  nn::layer_norm_backward(exec, g, x, norm.weight, as_rows(input_gradient), none, none, {.epsilon = epsilon, .accumulate = add}, workspace);
}

template <class Real>
[[nodiscard]] std::size_t norm_backward_bytes(std::int64_t rows) {
  return workspace_bytes<Real>(2 * static_cast<std::size_t>(rows));
}

/// Takes the blocks back from the top: `gradient` is that of the last level and becomes that of level 0. `spare` is of the same size. Returns where it is.
template <ExecutionSpace Exec, class Real, class Blocks, class Gradients>
[[nodiscard]] Tokens3<Real, typename Exec::memory_space> blocks_backward(Exec const& exec, TokenLevels<Real, typename Exec::memory_space> const& levels,
                                                                         Blocks const& blocks, Tokens3<Real, typename Exec::memory_space> gradient,
                                                                         Tokens3<Real, typename Exec::memory_space> spare, Gradients const& gradients,
                                                                         std::int64_t heads, double epsilon, bool accumulate, WorkspaceFor<Exec>& workspace) {
  for (std::size_t i = blocks.size(); i-- > 0;) {
    // The option adds to the input's gradient too, which must therefore start as zeros.
    if (accumulate) zero_tokens(exec, "ocellus::mae::zero", spare, 0, extent(spare, 1));
    vit::transformer_block_backward(exec, gradient, levels.at(static_cast<std::int64_t>(i)), blocks[i], spare, gradients[i],
                                    {.heads = heads, .epsilon = epsilon, .accumulate = accumulate}, workspace);
    std::swap(gradient, spare);
  }
  return gradient;
}

template <class Real, ExecutionSpace Exec, class Blocks>
[[nodiscard]] std::size_t blocks_backward_bytes(Exec const& exec, std::int64_t images, std::int64_t tokens, std::int64_t width, std::int64_t heads,
                                                Blocks const& blocks) {
  std::size_t most = norm_backward_bytes<Real>(images * tokens);
  auto const shape = shape_of<Real, typename Exec::memory_space>(images, tokens, width);
  for (auto const& block : blocks) most = std::max(most, vit::transformer_block_backward_workspace_size(exec, shape, block, {.heads = heads}));
  return most;
}

/// Rows behind the first of every image.
template <class Tokens>
[[nodiscard]] auto behind_class_token(Tokens const& tokens) {
  return Kokkos::subview(tokens, Kokkos::ALL, Kokkos::make_pair(std::size_t{1}, static_cast<std::size_t>(tokens.extent(1))), Kokkos::ALL);
}

/// The prediction layer's backward pass: `normed` (N, 1 + L, D) -> `normed_gradient`, by way of `expanded` (N, 1 + L, P), whose class rows are zeros so that the
/// rows are evenly spaced.
template <ExecutionSpace Exec, class PredictionGradient, class Tokens, class Layer, class Gradients>
void predict_backward(Exec const& exec, PredictionGradient const& prediction_gradient, Tokens const& normed, Layer const& layer, Tokens const& expanded,
                      Tokens const& normed_gradient, Gradients const& gradients, bool accumulate) {
  zero_tokens(exec, "ocellus::mae::zero", expanded, 0, 1);
  copy_tokens(exec, "ocellus::mae::copy", prediction_gradient, 0, expanded, 1, extent(prediction_gradient, 1));
  // The class token has no part in the bias and weight either: its rows are zeros.
  layer_backward(exec, as_rows(expanded), as_rows(normed), layer, as_rows(normed_gradient), gradients, accumulate);
}

/// From the gradient of the blocks' output back to that of the latent; `state` is of a stored forward pass.
template <class Real, ExecutionSpace Exec, class Latent, class Restore, class Weights, class LatentGradient, class Gradients>
void decoder_from_normed(Exec const& exec, char const* function, Latent const& latent, Restore const& restore, Weights const& weights,
                         DecoderState<Real, typename Exec::memory_space> const& state, Tokens3<Real, typename Exec::memory_space> const& normed_gradient,
                         LatentGradient const& latent_gradient, Gradients const& gradients, std::int64_t heads, double epsilon, bool accumulate,
                         WorkspaceFor<Exec>& workspace) {
  std::int64_t const images = extent(latent, 0), visible = extent(latent, 1), positions = 1 + extent(restore, 1), width = weights.width();
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  auto const spare    = take_levels<Real>(workspace, function, 1, images, positions, width).at(0);
  auto const embedded = take_levels<Real>(workspace, function, 1, images, visible, width).at(0);
  auto const last     = state.levels.at(static_cast<std::int64_t>(weights.blocks.size()));
  norm_backward(exec, normed_gradient, last, weights.norm, normed_gradient, gradients.norm, epsilon, false, accumulate, workspace);
  auto const first =
      blocks_backward<Exec, Real>(exec, state.levels, weights.blocks, normed_gradient, spare, gradients.blocks, heads, epsilon, accumulate, workspace);
  auto const take_back = [&](auto const& gradient) {
    copy_tokens(exec, "ocellus::mae::decoder_backward::class_token", first, 0, gradient, 0, 1);
    unshuffle_tokens_backward(exec, behind_class_token(first), restore, behind_class_token(gradient), gradients.mask_token, {.accumulate = accumulate});
  };
  if (is_present(weights.embed.weight)) {
    take_back(embedded);
    auto const rows = evenly_spaced_rows(function, latent);
    nn::linear_backward(exec, as_rows(embedded), rows, weights.embed.weight, none, gradients.embed.weight, gradients.embed.bias, {.accumulate = accumulate});
    nn::linear_backward(exec, as_rows(embedded), rows, weights.embed.weight, evenly_spaced_rows(function, latent_gradient), none, none);
  } else {
    take_back(latent_gradient);
  }
}

template <class Real, ExecutionSpace Exec, class Weights>
[[nodiscard]] std::size_t decoder_from_normed_bytes(Exec const& exec, std::int64_t images, std::int64_t kept, std::int64_t tokens, std::int64_t heads,
                                                    Weights const& weights) {
  std::int64_t const width = weights.width();
  return levels_bytes<Real>(1, images, 1 + tokens, width) + levels_bytes<Real>(1, images, 1 + kept, width) +
         blocks_backward_bytes<Real>(exec, images, 1 + tokens, width, heads, weights.blocks);
}

}  // namespace ocellus::mae::detail
