// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <type_traits>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/linalg/matmul.hpp>
#include <ocellus/nn/layer_norm.hpp>
#include <ocellus/nn/linear.hpp>
#include <ocellus/nn/multi_head_attention.hpp>
#include <ocellus/nn/silu.hpp>
#include <ocellus/vit/detail/block_kernels.hpp>
#include <ocellus/vit/weights.hpp>

namespace ocellus::vit {

struct TransformerBlockOptions {
  std::int64_t heads = 1;
  double epsilon     = 1e-6;   ///< of every LayerNorm
  bool accumulate    = false;  ///< of the backward pass: adds to the gradients that are there
  bool bfloat16_products =
      false;  ///< with weights of bfloat16, forward: what enters a layer is rounded to bfloat16, so that the processor's units for it serve
};

namespace detail {

inline void require_linear(std::string const& function, std::string const& name, std::int64_t rows, std::int64_t columns, std::int64_t bias,
                           std::int64_t want_rows, std::int64_t want_columns) {
  require(rows == want_rows && columns == want_columns, function, "weights ", name, " are (", rows, ", ", columns, ") but (", want_rows, ", ", want_columns,
          ") is needed");
  require(bias == 0 || bias == rows, function, "the bias of ", name, " has ", bias, " elements, not ", rows);
}

template <class Weights>
void check_block(char const* function, Weights const& w, std::int64_t width, std::int64_t heads) {
  require(heads > 0 && width % heads == 0, function, "heads is ", heads, ", which does not divide the width, ", width);
  bool const standard       = w.kind == BlockKind::standard;
  std::int64_t const hidden = w.hidden(), head = width / heads;
  auto const linear = [&](char const* name, auto const& layer, std::int64_t rows, std::int64_t columns) {
    require_linear(function, name, extent(layer.weight, 0), extent(layer.weight, 1), extent(layer.bias, 0), rows, columns);
  };
  auto const vector = [&](char const* name, auto const& v, std::int64_t size) {
    require(extent(v, 0) == 0 || extent(v, 0) == size, function, "weights ", name, " have ", extent(v, 0), " elements but ", size, " are needed");
  };
  require(hidden > 0, function, "the weights of the MLP are missing");
  linear(standard ? "attn.qkv" : "in_proj", w.qkv, standard ? 3 * width : hidden + 3 * width, width);
  linear(standard ? "attn.proj" : "attn_out_proj", w.proj, width, width);
  linear(standard ? "mlp.fc2" : "mlp_out_proj", w.fc2, width, hidden);
  if (standard) linear("mlp.fc1", w.fc1, w.gated() ? 2 * hidden : hidden, width);
  vector("norm1", w.norm1.weight, width);
  vector("norm1", w.norm1.bias, width);
  vector("norm2", w.norm2.weight, width);
  vector("norm2", w.norm2.bias, width);
  vector("q_norm", w.q_norm.weight, head);
  vector("k_norm", w.k_norm.weight, head);
  vector("ls1", w.ls1, width);
  vector("ls2", w.ls2, width);
  vector("mlp_bias", w.mlp_bias, hidden);
}

/// linear(norm(input)) by way of `normed`; a norm that is absent is left out.
template <ExecutionSpace Exec, class Input, class Norm, class Normed, class Layer, class Output>
void normed_linear(Exec const& exec, Input const& input, Norm const& norm, double epsilon, Normed const& normed, Layer const& layer, Output const& output,
                   nn::LinearOptions const& options = {}) {
  if (!norm.is_present()) {
    nn::linear(exec, input, layer.weight, layer.bias, output, options);
    return;
  }
  nn::layer_norm(exec, input, norm.weight, norm.bias, normed, {.epsilon = epsilon});
  nn::linear(exec, normed, layer.weight, layer.bias, output, options);
}

template <ExecutionSpace Exec, class Rows, class Norm>
void norm_heads(Exec const& exec, Rows const& rows, std::int64_t first, std::int64_t heads, std::int64_t size, Norm const& norm, double epsilon) {
  if (!norm.is_present()) return;
  for (std::int64_t h = 0; h < heads; ++h) {
    auto const head = columns_of(rows, first + h * size, size);
    nn::layer_norm(exec, head, norm.weight, norm.bias, head, {.epsilon = epsilon});
  }
}

/// Where the activated numbers of a parallel block go: in place, or where they are narrower.
template <class Between, class Workspace, class Inner>
[[nodiscard]] auto inner_of_parallel(char const* function, Workspace& workspace, Inner const& inner) {
  if constexpr (std::is_same_v<Between, element_t<Inner>>)
    return inner;
  else
    return workspace.template take<Between**>(function, extent(inner, 0), extent(inner, 1));
}

/// A block whose layers read numbers of type Between.
template <class Between, ExecutionSpace Exec, class Input, class Scalar, class Space, class Output>
void run_block(Exec const& exec, Input const& input, TransformerBlockWeights<Scalar, Space> const& weights, Output const& output,
               TransformerBlockOptions const& options, WorkspaceFor<Exec>& workspace) {
  constexpr auto function   = "ocellus::vit::transformer_block";
  using Real                = accumulate_of_t<Input>;
  std::int64_t const images = extent(input, 0), tokens = extent(input, 1), width = extent(input, 2), count = images * tokens;
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  bool const standard     = weights.kind == BlockKind::standard;
  std::int64_t const head = width / options.heads, hidden = weights.hidden(), skipped = standard ? 0 : hidden;
  auto const x         = evenly_spaced_rows(function, input);
  auto const y         = evenly_spaced_rows(function, output);
  auto const normed    = workspace.template take<Between**>(function, count, width);
  auto const projected = workspace.template take<Real**>(function, count, skipped + 3 * width);

  normed_linear(exec, x, weights.norm1, options.epsilon, normed, weights.qkv, projected);
  norm_heads(exec, projected, skipped, options.heads, head, weights.q_norm, options.epsilon);
  norm_heads(exec, projected, skipped + width, options.heads, head, weights.k_norm, options.epsilon);
  auto const all = columns_of(projected, 0, skipped + 3 * width);
  auto const q   = heads_of(all, images, skipped, options.heads, head);
  auto const k   = heads_of(all, images, skipped + width, options.heads, head);
  auto const v   = heads_of(all, images, skipped + 2 * width, options.heads, head);
  // The normalised input is used up: its place takes the heads' outputs.
  auto const joined = heads_of(columns_of(normed, 0, width), images, 0, options.heads, head);
  nn::multi_head_attention(exec, q, k, v, none, none, joined, none);
  linalg::matmul(exec, normed, weights.proj.weight, weights.proj.bias, weights.ls1, x, y, {.transpose_b = true});
  if (standard) {
    bool const gated      = weights.gated();
    auto const inner      = workspace.template take<Between**>(function, count, extent(weights.fc1.weight, 0));
    auto const activation = gated ? linalg::Activation::none : linalg::Activation::gelu;
    normed_linear(exec, y, weights.norm2, options.epsilon, normed, weights.fc1, inner, {.activation = activation});
    auto const activated = columns_of(inner, 0, hidden);
    if (gated) nn::silu(exec, activated, columns_of(inner, hidden, hidden), activated);
    linalg::matmul(exec, activated, weights.fc2.weight, weights.fc2.bias, weights.ls2, y, y, {.transpose_b = true});
  } else {
    auto const inner     = columns_of(projected, 0, hidden);
    auto const activated = inner_of_parallel<Between>(function, workspace, inner);
    using Bias           = typename WeightViews<Scalar, Space>::Vector;
    for_each_row(exec, "ocellus::vit::transformer_block::gelu", count,
                 BiasGeluRows<TeamMember<Exec>, std::remove_const_t<decltype(inner)>, Bias, std::remove_const_t<decltype(activated)>>{inner, weights.mlp_bias,
                                                                                                                                      activated});
    linalg::matmul(exec, activated, weights.fc2.weight, weights.fc2.bias, weights.ls1, y, y, {.transpose_b = true});
  }
}

}  // namespace detail

/// Bytes of workspace that `transformer_block` takes for N T tokens.
template <ExecutionSpace Exec, RealView<3> Input, class Weights>
[[nodiscard]] std::size_t transformer_block_workspace_size(Exec const&, Input const& input, Weights const& weights, TransformerBlockOptions const& = {}) {
  using Real              = accumulate_of_t<Input>;
  std::size_t const rows  = input.extent(0) * input.extent(1);
  std::size_t const inner = weights.kind == BlockKind::standard ? 0 : static_cast<std::size_t>(weights.hidden());
  std::size_t const outer = weights.kind == BlockKind::standard ? static_cast<std::size_t>(extent(weights.fc1.weight, 0)) : 0;
  return workspace_bytes<Real>(rows * input.extent(2)) + workspace_bytes<Real>(rows * (inner + 3 * input.extent(2))) +
         workspace_bytes<Real>(rows * std::max(inner, outer));
}

/// A transformer block.
///
///     standard:          x += ls1 .* attention(norm1 x);   x += ls2 .* mlp(norm2 x)
///     parallel_scaling:  [m, q, k, v] = norm1(x) W_in;     x += ls .* (attention(q, k, v) W_attn + b_attn + gelu(m + mlp_bias) W_mlp + b_mlp)
///
/// input (N, T, D), weights -> output (N, T, D), which may be the input. Heads are consecutive slices of the width; scores are scaled by 1 / sqrt(D / heads);
/// GELU is the erf form. An mlp.fc1 of twice the hidden width makes the MLP a SwiGLU: silu of its first half times its second (DINOv2's giant). A bias, norm
/// or LayerScale whose View is null is left out. The rows of input and output must be evenly spaced.
///
/// Errors: `std::invalid_argument` when D is not a multiple of heads, when weights are of another width, when bfloat16_products is set and they are not of
/// bfloat16, or when the output does not fit.
/// Error bound: that of its layers in turn; 1e-5 of the largest output in float for the sizes in use; with bfloat16_products 2e-2.
/// Determinism: an image's bits do not depend on the others or on the number of threads.
/// Allocates: nothing. Synchronises: no.
/// Source: A. Dosovitskiy et al., arXiv 2010.11929; parallel: M. Dehghani et al., arXiv 2302.05442.
template <ExecutionSpace Exec, RealView<3> Input, class Scalar, class Space, RealView<3> Output>
  requires AccessibleFrom<Exec, Input, Output>
void transformer_block(Exec const& exec, Input const& input, TransformerBlockWeights<Scalar, Space> const& weights, Output const& output,
                       TransformerBlockOptions const& options, WorkspaceFor<Exec>& workspace) {
  constexpr auto function   = "ocellus::vit::transformer_block";
  using Real                = accumulate_of_t<Input>;
  std::int64_t const images = extent(input, 0), tokens = extent(input, 1), width = extent(input, 2), count = images * tokens;
  detail::check_block(function, weights, width, options.heads);
  for (int axis = 0; axis < 3; ++axis)
    require_equal(function, {"output.extent(" + std::to_string(axis) + ")", extent(output, axis)},
                  {"input.extent(" + std::to_string(axis) + ")", extent(input, axis)});
  if (count == 0) return;
  if constexpr (std::is_same_v<Scalar, bfloat16>) {
    if (options.bfloat16_products) return detail::run_block<bfloat16>(exec, input, weights, output, options, workspace);
  }
  require(!options.bfloat16_products, function, "bfloat16_products is set, but the weights are not of bfloat16");
  detail::run_block<Real>(exec, input, weights, output, options, workspace);
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, RealView<3> Input, class Scalar, class Space, RealView<3> Output>
  requires AccessibleFrom<Exec, Input, Output>
void transformer_block(Exec const& exec, Input const& input, TransformerBlockWeights<Scalar, Space> const& weights, Output const& output,
                       TransformerBlockOptions const& options = {}) {
  detail::check_block("ocellus::vit::transformer_block", weights, extent(input, 2), options.heads);
  WorkspaceFor<Exec> workspace(exec, transformer_block_workspace_size(exec, input, weights, options));
  transformer_block(exec, input, weights, output, options, workspace);
  exec.fence("ocellus::vit::transformer_block");
}

/// Work of a block on `images` x `tokens`.
[[nodiscard]] constexpr Cost transformer_block_cost(double images, double tokens, double width, double hidden, double heads, double bytes_per_element) {
  double const rows = images * tokens;
  return linalg::matmul_cost(rows, 3 * width, width, bytes_per_element) +
         nn::multi_head_attention_cost(images, heads, tokens, tokens, width / heads, width / heads, bytes_per_element) +
         linalg::matmul_cost(rows, width, width, bytes_per_element) + linalg::matmul_cost(rows, hidden, width, bytes_per_element) +
         linalg::matmul_cost(rows, width, hidden, bytes_per_element) + 2.0 * nn::layer_norm_cost(rows, width, bytes_per_element) +
         Cost{.flops = 0, .special = rows * hidden, .bytes_read = 0, .bytes_written = 0};
}

}  // namespace ocellus::vit
