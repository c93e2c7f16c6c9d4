// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/vit/detail/block_backward.hpp>
#include <ocellus/vit/gradients.hpp>
#include <ocellus/vit/transformer_block.hpp>
#include <ocellus/vit/weights.hpp>

namespace ocellus::vit {

/// Bytes of workspace that `transformer_block_backward` takes for N T tokens.
template <ExecutionSpace Exec, RealView<3> Input, class Weights>
[[nodiscard]] std::size_t transformer_block_backward_workspace_size(Exec const&, Input const& input, Weights const& weights,
                                                                    TransformerBlockOptions const& options = {}) {
  using Real                = accumulate_of_t<Input>;
  std::int64_t const images = extent(input, 0), tokens = extent(input, 1), width = extent(input, 2);
  detail::LineCutter<Real, typename Exec::memory_space> cut(nullptr);
  static_cast<void>(detail::cut_activations(cut, weights, images, tokens, width, options.heads));
  static_cast<void>(detail::cut_scratch(cut, weights, images * tokens, width, true));
  return workspace_bytes<Real>(cut.used()) + detail::block_backward_inner_bytes<Real>(images, tokens, options.heads);
}

/// The backward pass of `transformer_block`.
///
///     input_gradient = J^T output_gradient for the input, and likewise for each weight that `gradients` has a View for
///
/// output_gradient (N, T, D), input (N, T, D), weights as in the forward pass, whose steps are computed again -> input_gradient (N, T, D), which may be
/// output_gradient, and gradients, whose null Views are left out. With accumulate each gradient is added to. The rows of the three arrays must be evenly spaced.
///
/// Errors: `std::invalid_argument` when D is not a multiple of heads, when weights or gradients are of another width, or when an array does not fit the input.
/// Error bound: that of its layers in turn; 1e-5 of the largest gradient in float for the sizes in use.
/// Determinism: an image's input_gradient does not depend on the other images. Gradients of weights are chains over ascending tokens, from what is there when
/// accumulating: a batch cut in two, the second part accumulated, equals the whole bit for bit.
/// Allocates: nothing. Synchronises: no.
/// Source: A. Dosovitskiy et al., arXiv 2010.11929; parallel: M. Dehghani et al., arXiv 2302.05442.
template <ExecutionSpace Exec, RealView<3> OutputGradient, RealView<3> Input, class Scalar, class GradientScalar, class Space, RealView<3> InputGradient>
  requires AccessibleFrom<Exec, OutputGradient, Input, InputGradient>
void transformer_block_backward(Exec const& exec, OutputGradient const& output_gradient, Input const& input,
                                TransformerBlockWeights<Scalar, Space> const& weights, InputGradient const& input_gradient,
                                TransformerBlockGradients<GradientScalar, Space> const& gradients, TransformerBlockOptions const& options,
                                WorkspaceFor<Exec>& workspace) {
  constexpr auto function   = "ocellus::vit::transformer_block_backward";
  using Real                = accumulate_of_t<Input>;
  std::int64_t const images = extent(input, 0), tokens = extent(input, 1), width = extent(input, 2), count = images * tokens;
  detail::check_block(function, weights, width, options.heads);
  detail::check_gradients(function, weights, gradients);
  for (int axis = 0; axis < 3; ++axis) {
    std::string const at = ".extent(" + std::to_string(axis) + ")";
    require_equal(function, {"output_gradient" + at, extent(output_gradient, axis)}, {"input" + at, extent(input, axis)});
    require_equal(function, {"input_gradient" + at, extent(input_gradient, axis)}, {"input" + at, extent(input, axis)});
  }
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  detail::LineCutter<Real, Space> sizes(nullptr);
  static_cast<void>(detail::cut_activations(sizes, weights, images, tokens, width, options.heads));
  static_cast<void>(detail::cut_scratch(sizes, weights, count, width, true));
  auto const line = workspace.template take<Real*>(function, sizes.used());
  detail::LineCutter<Real, Space> cut(line.data());
  auto const activations = detail::cut_activations(cut, weights, images, tokens, width, options.heads);
  auto const scratch     = detail::cut_scratch(cut, weights, count, width, true);
  auto const x           = evenly_spaced_rows(function, input);
  detail::stored_block(exec, x, weights, none, activations, scratch, images, options);
  detail::stored_block_backward(exec, evenly_spaced_rows(function, output_gradient), x, weights, evenly_spaced_rows(function, input_gradient),
                                options.accumulate, gradients, activations, scratch, images, options, workspace);
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, RealView<3> OutputGradient, RealView<3> Input, class Scalar, class GradientScalar, class Space, RealView<3> InputGradient>
  requires AccessibleFrom<Exec, OutputGradient, Input, InputGradient>
void transformer_block_backward(Exec const& exec, OutputGradient const& output_gradient, Input const& input,
                                TransformerBlockWeights<Scalar, Space> const& weights, InputGradient const& input_gradient,
                                TransformerBlockGradients<GradientScalar, Space> const& gradients, TransformerBlockOptions const& options = {}) {
  detail::check_block("ocellus::vit::transformer_block_backward", weights, extent(input, 2), options.heads);
  WorkspaceFor<Exec> workspace(exec, transformer_block_backward_workspace_size(exec, input, weights, options));
  transformer_block_backward(exec, output_gradient, input, weights, input_gradient, gradients, options, workspace);
  exec.fence("ocellus::vit::transformer_block_backward");
}

/// Work of the backward pass, the forward pass that it repeats among it.
[[nodiscard]] constexpr Cost transformer_block_backward_cost(double images, double tokens, double width, double hidden, double heads,
                                                             double bytes_per_element) {
  double const rows = images * tokens;
  return transformer_block_cost(images, tokens, width, hidden, heads, bytes_per_element) + nn::linear_backward_cost(rows, width, 3 * width, bytes_per_element) +
         nn::linear_backward_cost(rows, width, width, bytes_per_element) + nn::linear_backward_cost(rows, width, hidden, bytes_per_element) +
         nn::linear_backward_cost(rows, hidden, width, bytes_per_element) +
         nn::multi_head_attention_backward_cost(images, heads, tokens, tokens, width / heads, width / heads, bytes_per_element) +
         2.0 * nn::layer_norm_backward_cost(rows, width, bytes_per_element) +
         Cost{.flops = 0, .special = 2 * rows * hidden, .bytes_read = 0, .bytes_written = 0};
}

}  // namespace ocellus::vit
