// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ocellus/core/chains.hpp>
#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/linalg/matmul.hpp>
#include <ocellus/nn/layer_norm.hpp>
#include <ocellus/nn/linear.hpp>
#include <ocellus/nn/multi_head_attention.hpp>
#include <ocellus/vit/detail/block_backward.hpp>
#include <ocellus/vit/detail/block_kernels.hpp>
#include <ocellus/vit/gradients.hpp>
#include <ocellus/vit/transformer_block.hpp>
#include <ocellus/vit/weights.hpp>

namespace ocellus::vit {

struct AttentionPoolOptions {
  std::int64_t heads = 1;
  double epsilon     = 1e-6;   ///< of the LayerNorm
  bool accumulate    = false;  ///< of the backward pass: adds to the gradients that are there
};

namespace detail {

/// Refuses weights of another shape.
template <class Tokens, class Weights>
void check_attention_pool(char const* function, Tokens const& tokens, Weights const& weights, std::int64_t heads) {
  std::int64_t const width = extent(tokens, 2), hidden = extent(weights.fc1.weight, 0);
  require(weights.is_present(), function, "the weights hold no latent");
  require(heads > 0 && width % heads == 0, function, "heads is ", heads, ", which does not divide the width, ", width);
  require_equal(function, {"latent (last axis)", extent(weights.latent, 1)}, {"tokens.extent(2)", width});
  auto const check = [&](char const* name, auto const& layer, std::int64_t rows, std::int64_t columns) {
    require_linear(function, name, extent(layer.weight, 0), extent(layer.weight, 1), extent(layer.bias, 0), rows, columns);
  };
  check("q", weights.q, width, width);
  check("kv", weights.kv, 2 * width, width);
  check("proj", weights.proj, width, width);
  check("mlp.fc1", weights.fc1, hidden, width);
  check("mlp.fc2", weights.fc2, width, hidden);
}

/// What the backward pass needs of the forward pass, and places for gradients.
template <class Real, class Space>
struct AttentionPoolScratch {
  using Matrix = UnmanagedTensor<Real**, Space>;
  Matrix query, latents, many, kv, attended, x, normed, inner, activated;  ///< the forward pass
  UnmanagedTensor<Real***, Space> log_sum_exp;
  Matrix stream, hidden, branch, many_gradient, kv_gradient, latent_gradient;
};
template <class Real, class Space>
[[nodiscard]] AttentionPoolScratch<Real, Space> cut_pool_scratch(LineCutter<Real, Space>& cut, std::int64_t images, std::int64_t tokens, std::int64_t width,
                                                                 std::int64_t hidden, std::int64_t heads) {
  AttentionPoolScratch<Real, Space> s;
  s.query = cut.template take<Real**>(1, width);
  for (auto* one : {&s.latents, &s.many, &s.attended, &s.x, &s.normed, &s.stream, &s.branch, &s.many_gradient, &s.latent_gradient})
    *one = cut.template take<Real**>(images, width);
  for (auto* one : {&s.inner, &s.activated, &s.hidden}) *one = cut.template take<Real**>(images, hidden);
  for (auto* one : {&s.kv, &s.kv_gradient}) *one = cut.template take<Real**>(images * tokens, 2 * width);
  s.log_sum_exp = cut.template take<Real***>(images, heads, 1);
  return s;
}

}  // namespace detail

/// Bytes of workspace that `attention_pool` takes.
template <ExecutionSpace Exec, RealView<3> Tokens, class Weights>
[[nodiscard]] std::size_t attention_pool_workspace_size(Exec const&, Tokens const& tokens, Weights const& weights, AttentionPoolOptions const& = {}) {
  using Real             = accumulate_of_t<Tokens>;
  std::size_t const rows = tokens.extent(0) * tokens.extent(1), images = tokens.extent(0), width = tokens.extent(2);
  return 2 * workspace_bytes<Real>(width) + workspace_bytes<Real>(rows * 2 * width) + 3 * workspace_bytes<Real>(images * width) +
         workspace_bytes<Real>(images * weights.fc1.weight.extent(0));
}

/// Pools tokens by the attention of one learned query (a "MAP head").
///
///     q = W_q latent + b_q;   [k, v] = W_kv tokens + b_kv;   x = W_p attention(q, k, v) + b_p;   output = x + mlp(norm(x))
///
/// tokens (N, T, D), weights -> output (N, D). Heads are consecutive slices of the width; scores are scaled by 1 / sqrt(D / heads). q and kv may lack a bias.
/// The rows of tokens must be evenly spaced.
///
/// Errors: `std::invalid_argument` when D is not a multiple of heads, when weights are of another width, or when the output does not fit.
/// Error bound: that of its layers in turn; 1e-5 of the largest output in float for the sizes in use.
/// Determinism: an image's bits do not depend on the others or on the number of threads.
/// Allocates: nothing. Synchronises: no.
/// Source: timm's AttentionPoolLatent; J. Lee et al., "Set transformer", arXiv 1810.00825.
template <ExecutionSpace Exec, RealView<3> Tokens, class Scalar, class Space, RealView<2> Output>
  requires AccessibleFrom<Exec, Tokens, Output>
void attention_pool(Exec const& exec, Tokens const& tokens, AttentionPoolWeights<Scalar, Space> const& weights, Output const& output,
                    AttentionPoolOptions const& options, WorkspaceFor<Exec>& workspace) {
  constexpr auto function   = "ocellus::vit::attention_pool";
  using Real                = accumulate_of_t<Tokens>;
  std::int64_t const images = extent(tokens, 0), count = extent(tokens, 1), width = extent(tokens, 2), hidden = extent(weights.fc1.weight, 0);
  detail::check_attention_pool(function, tokens, weights, options.heads);
  require_equal(function, {"output.extent(0)", extent(output, 0)}, {"tokens.extent(0)", images});
  require_equal(function, {"output.extent(1)", extent(output, 1)}, {"tokens.extent(2)", width});
  if (images == 0) return;
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  auto const query    = workspace.template take<Real**>(function, 1, width);
  auto const kv       = workspace.template take<Real**>(function, images * count, 2 * width);
  auto const many     = workspace.template take<Real**>(function, images, width);
  auto const attended = workspace.template take<Real**>(function, images, width);
  auto const x        = workspace.template take<Real**>(function, images, width);
  auto const inner    = workspace.template take<Real**>(function, images, hidden);
  nn::linear(exec, weights.latent, weights.q.weight, weights.q.bias, query);
  using Matrix = std::remove_const_t<decltype(many)>;
  for_each_row(exec, "ocellus::vit::attention_pool::query", images, detail::RepeatRow<TeamMember<Exec>, Matrix, Matrix>{query, many});
  nn::linear(exec, evenly_spaced_rows(function, tokens), weights.kv.weight, weights.kv.bias, kv);
  std::int64_t const head = width / options.heads;
  auto const q            = detail::heads_of(detail::columns_of(many, 0, width), images, 0, options.heads, head);
  auto const k            = detail::heads_of(detail::columns_of(kv, 0, 2 * width), images, 0, options.heads, head);
  auto const v            = detail::heads_of(detail::columns_of(kv, 0, 2 * width), images, width, options.heads, head);
  nn::multi_head_attention(exec, q, k, v, none, none, detail::heads_of(detail::columns_of(attended, 0, width), images, 0, options.heads, head), none);
  nn::linear(exec, attended, weights.proj.weight, weights.proj.bias, x);
  detail::normed_linear(exec, x, weights.norm, options.epsilon, many, weights.fc1, inner, {.activation = linalg::Activation::gelu});
  linalg::matmul(exec, inner, weights.fc2.weight, weights.fc2.bias, none, x, output, {.transpose_b = true});
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, RealView<3> Tokens, class Scalar, class Space, RealView<2> Output>
  requires AccessibleFrom<Exec, Tokens, Output>
void attention_pool(Exec const& exec, Tokens const& tokens, AttentionPoolWeights<Scalar, Space> const& weights, Output const& output,
                    AttentionPoolOptions const& options = {}) {
  WorkspaceFor<Exec> workspace(exec, attention_pool_workspace_size(exec, tokens, weights, options));
  attention_pool(exec, tokens, weights, output, options, workspace);
  exec.fence("ocellus::vit::attention_pool");
}

/// Work of pooling `images` of `tokens` tokens.
[[nodiscard]] constexpr Cost attention_pool_cost(double images, double tokens, double width, double hidden, double heads, double bytes_per_element) {
  return linalg::matmul_cost(images * tokens, 2 * width, width, bytes_per_element) +
         nn::multi_head_attention_cost(images, heads, 1, tokens, width / heads, width / heads, bytes_per_element) +
         linalg::matmul_cost(images, width, width, bytes_per_element) + linalg::matmul_cost(images, hidden, width, bytes_per_element) +
         linalg::matmul_cost(images, width, hidden, bytes_per_element);
}

/// Bytes of workspace that `attention_pool_backward` takes.
template <ExecutionSpace Exec, RealView<3> Tokens, class Weights>
[[nodiscard]] std::size_t attention_pool_backward_workspace_size(Exec const&, Tokens const& tokens, Weights const& weights,
                                                                 AttentionPoolOptions const& options = {}) {
  using Real                = accumulate_of_t<Tokens>;
  std::int64_t const images = extent(tokens, 0);
  detail::LineCutter<Real, typename Exec::memory_space> cut(nullptr);
  static_cast<void>(detail::cut_pool_scratch(cut, images, extent(tokens, 1), extent(tokens, 2), extent(weights.fc1.weight, 0), options.heads));
  return workspace_bytes<Real>(cut.used()) + detail::block_backward_inner_bytes<Real>(images, 1, options.heads);
}

/// The backward pass of `attention_pool`, whose steps are computed again.
///
///     tokens_gradient = J^T output_gradient for the tokens, and likewise for each weight that `gradients` has a View for
///
/// output_gradient (N, D), tokens (N, T, D), weights -> tokens_gradient (N, T, D) and gradients, whose null Views are left out. With accumulate each gradient is
/// added to. The rows of tokens and tokens_gradient must be evenly spaced.
///
/// Errors: `std::invalid_argument` as `attention_pool`, or when a gradient does not fit.
/// Error bound: that of its layers in turn; 1e-5 of the largest gradient in float for the sizes in use.
/// Determinism: an image's tokens_gradient does not depend on the other images. Gradients of weights are chains over ascending images and tokens, from what is
/// there when accumulating: a batch cut in two, the second part accumulated, equals the whole bit for bit.
/// Allocates: nothing. Synchronises: no.
template <ExecutionSpace Exec, RealView<2> OutputGradient, RealView<3> Tokens, class Scalar, class GradientScalar, class Space, RealView<3> TokensGradient>
  requires AccessibleFrom<Exec, OutputGradient, Tokens, TokensGradient>
void attention_pool_backward(Exec const& exec, OutputGradient const& output_gradient, Tokens const& tokens, AttentionPoolWeights<Scalar, Space> const& weights,
                             TokensGradient const& tokens_gradient, AttentionPoolGradients<GradientScalar, Space> const& gradients,
                             AttentionPoolOptions const& options, WorkspaceFor<Exec>& workspace) {
  constexpr auto function   = "ocellus::vit::attention_pool_backward";
  using Real                = accumulate_of_t<Tokens>;
  std::int64_t const images = extent(tokens, 0), count = extent(tokens, 1), width = extent(tokens, 2), hidden = extent(weights.fc1.weight, 0),
                     heads = options.heads, head = heads > 0 ? width / heads : 0;
  bool const accumulate = options.accumulate;
  detail::check_attention_pool(function, tokens, weights, heads);
  detail::check_gradient(function, "latent", weights.latent, gradients.latent);
  detail::check_layer_gradients(function, "q", weights.q, gradients.q);
  detail::check_layer_gradients(function, "kv", weights.kv, gradients.kv);
  detail::check_layer_gradients(function, "proj", weights.proj, gradients.proj);
  detail::check_layer_gradients(function, "norm", weights.norm, gradients.norm);
  detail::check_layer_gradients(function, "mlp.fc1", weights.fc1, gradients.fc1);
  detail::check_layer_gradients(function, "mlp.fc2", weights.fc2, gradients.fc2);
  require_equal(function, {"output_gradient.extent(0)", extent(output_gradient, 0)}, {"tokens.extent(0)", images});
  require_equal(function, {"output_gradient.extent(1)", extent(output_gradient, 1)}, {"tokens.extent(2)", width});
  for (int axis = 0; axis < 3; ++axis) {
    std::string const at = ".extent(" + std::to_string(axis) + ")";
    require_equal(function, {"tokens_gradient" + at, extent(tokens_gradient, axis)}, {"tokens" + at, extent(tokens, axis)});
  }
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  detail::LineCutter<Real, Space> sizes(nullptr);
  static_cast<void>(detail::cut_pool_scratch(sizes, images, count, width, hidden, heads));
  detail::LineCutter<Real, Space> cut(workspace.template take<Real*>(function, sizes.used()).data());
  auto const s       = detail::cut_pool_scratch(cut, images, count, width, hidden, heads);
  using Matrix       = UnmanagedTensor<Real**, Space>;
  auto const columns = [&](Matrix const& matrix, std::int64_t first) {
    return detail::heads_of(detail::columns_of(matrix, first, width), images, 0, heads, head);
  };

  // Forward.
  nn::linear(exec, weights.latent, weights.q.weight, weights.q.bias, s.query);
  for_each_row(exec, function, images, detail::RepeatRow<TeamMember<Exec>, Matrix, Matrix>{s.query, s.many});
  for_each_row(exec, function, images, detail::RepeatRow<TeamMember<Exec>, typename WeightViews<Scalar, Space>::Matrix, Matrix>{weights.latent, s.latents});
  auto const rows = evenly_spaced_rows(function, tokens);
  nn::linear(exec, rows, weights.kv.weight, weights.kv.bias, s.kv);
  if (images > 0) nn::multi_head_attention(exec, columns(s.many, 0), columns(s.kv, 0), columns(s.kv, width), none, none, columns(s.attended, 0), s.log_sum_exp);
  nn::linear(exec, s.attended, weights.proj.weight, weights.proj.bias, s.x);
  if (weights.norm.is_present())
    nn::layer_norm(exec, s.x, weights.norm.weight, weights.norm.bias, s.normed, {.epsilon = options.epsilon});
  else
    detail::scale_rows(exec, function, s.x, none, s.normed);
  nn::linear(exec, s.normed, weights.fc1.weight, weights.fc1.bias, s.inner);
  nn::gelu(exec, s.inner, s.activated);

  // Backward.
  detail::scale_rows(exec, function, output_gradient, none, s.stream);
  detail::linear_gradients(exec, s.stream, s.activated, weights.fc2, gradients.fc2, accumulate);
  linalg::matmul(exec, s.stream, weights.fc2.weight, s.hidden);
  nn::gelu_backward(exec, s.hidden, s.inner, s.hidden);
  detail::linear_gradients(exec, s.hidden, s.normed, weights.fc1, gradients.fc1, accumulate);
  linalg::matmul(exec, s.hidden, weights.fc1.weight, s.branch);
  detail::norm_backward(exec, s.branch, s.x, weights.norm, gradients.norm, options.epsilon, s.stream, true, accumulate, workspace);
  detail::linear_gradients(exec, s.stream, s.attended, weights.proj, gradients.proj, accumulate);
  linalg::matmul(exec, s.stream, weights.proj.weight, s.branch);
  if (images > 0)
    nn::multi_head_attention_backward(exec, columns(s.branch, 0), columns(s.many, 0), columns(s.kv, 0), columns(s.kv, width), none, none,
                                      columns(s.attended, 0), s.log_sum_exp, columns(s.many_gradient, 0), columns(s.kv_gradient, 0),
                                      columns(s.kv_gradient, width), {}, workspace);
  detail::linear_gradients(exec, s.many_gradient, s.latents, weights.q, gradients.q, accumulate);
  if (is_present(gradients.latent)) {
    linalg::matmul(exec, s.many_gradient, weights.q.weight, s.latent_gradient);
    using Line = typename WeightViews<Gradient<GradientScalar>, Space>::Vector;
    for_each_column<Real>(exec, function, images, width,
                          ColumnSum<Real, Matrix, None, Line>{s.latent_gradient, none, Line(gradients.latent.data(), gradients.latent.extent(1)), accumulate});
  }
  detail::linear_gradients(exec, s.kv_gradient, rows, weights.kv, gradients.kv, accumulate);
  linalg::matmul(exec, s.kv_gradient, weights.kv.weight, evenly_spaced_rows(function, tokens_gradient), {.accumulate = accumulate});
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, RealView<2> OutputGradient, RealView<3> Tokens, class Scalar, class GradientScalar, class Space, RealView<3> TokensGradient>
  requires AccessibleFrom<Exec, OutputGradient, Tokens, TokensGradient>
void attention_pool_backward(Exec const& exec, OutputGradient const& output_gradient, Tokens const& tokens, AttentionPoolWeights<Scalar, Space> const& weights,
                             TokensGradient const& tokens_gradient, AttentionPoolGradients<GradientScalar, Space> const& gradients,
                             AttentionPoolOptions const& options = {}) {
  WorkspaceFor<Exec> workspace(exec, attention_pool_backward_workspace_size(exec, tokens, weights, options));
  attention_pool_backward(exec, output_gradient, tokens, weights, tokens_gradient, gradients, options, workspace);
  exec.fence("ocellus::vit::attention_pool_backward");
}

/// Work of the backward pass, the forward pass that it repeats among it.
[[nodiscard]] constexpr Cost attention_pool_backward_cost(double images, double tokens, double width, double hidden, double heads, double bytes_per_element) {
  return attention_pool_cost(images, tokens, width, hidden, heads, bytes_per_element) +
         nn::linear_backward_cost(images * tokens, width, 2 * width, bytes_per_element) + nn::linear_backward_cost(images, width, width, bytes_per_element) +
         nn::linear_backward_cost(images, width, hidden, bytes_per_element) + nn::linear_backward_cost(images, hidden, width, bytes_per_element) +
         nn::multi_head_attention_backward_cost(images, heads, 1, tokens, width / heads, width / heads, bytes_per_element);
}

}  // namespace ocellus::vit
