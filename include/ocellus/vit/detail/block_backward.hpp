// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>

#include <ocellus/core/chains.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/linalg/matmul.hpp>
#include <ocellus/nn/gelu.hpp>
#include <ocellus/nn/layer_norm.hpp>
#include <ocellus/nn/linear.hpp>
#include <ocellus/nn/multi_head_attention.hpp>
#include <ocellus/nn/silu.hpp>
#include <ocellus/vit/detail/backward_kernels.hpp>
#include <ocellus/vit/detail/block_kernels.hpp>
#include <ocellus/vit/gradients.hpp>
#include <ocellus/vit/transformer_block.hpp>
#include <ocellus/vit/weights.hpp>

/// A block's forward pass that keeps what its backward pass needs, and that backward pass.
namespace ocellus::vit::detail {

/// Refuses a gradient, if there, of another shape than its weight.
template <class Weight, class GradientOf>
void check_gradient(std::string const& function, std::string const& name, Weight const& weight, GradientOf const& gradient) {
  if (!is_present(gradient)) return;
  for (int axis = 0; axis < static_cast<int>(Weight::rank()); ++axis) {
    std::string const at = ".extent(" + std::to_string(axis) + ")";
    require_equal(function, {"the gradient of " + name + at, extent(gradient, axis)}, {name + at, extent(weight, axis)});
  }
}
template <class Layer, class GradientsOf>
void check_layer_gradients(std::string const& function, std::string const& name, Layer const& layer, GradientsOf const& gradients) {
  check_gradient(function, name + ".weight", layer.weight, gradients.weight);
  check_gradient(function, name + ".bias", layer.bias, gradients.bias);
}
template <class Weights, class GradientsOf>
void check_gradients(std::string const& function, Weights const& w, GradientsOf const& g) {
  bool const standard = w.kind == BlockKind::standard;
  check_layer_gradients(function, standard ? "norm1" : "in_norm", w.norm1, g.norm1);
  check_layer_gradients(function, standard ? "attn.qkv" : "in_proj", w.qkv, g.qkv);
  check_gradient(function, "mlp_bias", w.mlp_bias, g.mlp_bias);
  check_layer_gradients(function, "q_norm", w.q_norm, g.q_norm);
  check_layer_gradients(function, "k_norm", w.k_norm, g.k_norm);
  check_layer_gradients(function, standard ? "attn.proj" : "attn_out_proj", w.proj, g.proj);
  check_gradient(function, standard ? "ls1.gamma" : "ls.gamma", w.ls1, g.ls1);
  check_layer_gradients(function, "norm2", w.norm2, g.norm2);
  check_layer_gradients(function, "mlp.fc1", w.fc1, g.fc1);
  check_layer_gradients(function, standard ? "mlp.fc2" : "mlp_out_proj", w.fc2, g.fc2);
  check_gradient(function, "ls2.gamma", w.ls2, g.ls2);
}

/// Cuts arrays out of one line of numbers, or only counts them when the line is null.
template <class Real, class Space>
class LineCutter {
 public:
  explicit LineCutter(Real* data) : data_(data) {}

  template <class DataType, class... Extents>
  [[nodiscard]] UnmanagedTensor<DataType, Space> take(Extents... extents) {
    std::size_t const count = (std::size_t{1} * ... * static_cast<std::size_t>(extents));
    Real* const at          = data_ == nullptr ? nullptr : data_ + used_;
    used_ += (count + 31) / 32 * 32;
    return UnmanagedTensor<DataType, Space>(at, static_cast<std::size_t>(extents)...);
  }
  [[nodiscard]] std::size_t used() const { return used_; }

 private:
  Real* data_;
  std::size_t used_ = 0;
};

/// What the backward pass of a block reads of its forward pass.
template <class Real, class Space>
struct BlockActivations {
  UnmanagedTensor<Real**, Space> projected;      ///< before the norms of q and k; parallel: [mlp before GELU, q, k, v]
  UnmanagedTensor<Real**, Space> attended;       ///< (N T, D)
  UnmanagedTensor<Real***, Space> log_sum_exp;   ///< (N, H, T)
  UnmanagedTensor<Real**, Space> middle, inner;  ///< standard: the input of norm2, and the MLP before GELU or before its gate
};

template <class Real, class Space, class Weights>
[[nodiscard]] BlockActivations<Real, Space> cut_activations(LineCutter<Real, Space>& cut, Weights const& weights, std::int64_t images, std::int64_t tokens,
                                                            std::int64_t width, std::int64_t heads) {
  bool const standard      = weights.kind == BlockKind::standard;
  std::int64_t const count = images * tokens, hidden = weights.hidden();
  BlockActivations<Real, Space> a;
  a.projected   = cut.template take<Real**>(count, (standard ? 0 : hidden) + 3 * width);
  a.attended    = cut.template take<Real**>(count, width);
  a.log_sum_exp = cut.template take<Real***>(images, heads, tokens);
  if (standard) {
    a.middle = cut.template take<Real**>(count, width);
    a.inner  = cut.template take<Real**>(count, extent(weights.fc1.weight, 0));
  }
  return a;
}

/// Scratch of both passes.
template <class Real, class Space>
struct BlockScratch {
  UnmanagedTensor<Real**, Space> normed, activated, heads;                            ///< (N T, D), (N T, F); q and k after their norms (N T, 2 D)
  UnmanagedTensor<Real**, Space> stream, scaled, hidden, projected, attended, dense;  ///< gradients
};

template <class Real, class Space, class Weights>
[[nodiscard]] BlockScratch<Real, Space> cut_scratch(LineCutter<Real, Space>& cut, Weights const& weights, std::int64_t count, std::int64_t width,
                                                    bool backward) {
  bool const standard = weights.kind == BlockKind::standard, norms = weights.q_norm.is_present() || weights.k_norm.is_present();
  std::int64_t const hidden = weights.hidden();
  BlockScratch<Real, Space> s;
  s.normed    = cut.template take<Real**>(count, width);
  s.activated = cut.template take<Real**>(count, hidden);
  if (norms) s.heads = cut.template take<Real**>(count, 2 * width);
  if (!backward) return s;
  s.stream    = cut.template take<Real**>(count, width);
  s.scaled    = cut.template take<Real**>(count, width);
  s.projected = cut.template take<Real**>(count, (standard ? 0 : hidden) + 3 * width);
  s.attended  = cut.template take<Real**>(count, width);
  if (standard) s.hidden = cut.template take<Real**>(count, extent(weights.fc1.weight, 0));
  if (norms) s.dense = cut.template take<Real**>(count, 2 * width);
  return s;
}

/// The columns of q and of k, as they enter attention: from `projected`, or behind their norms from `heads`, which this fills.
template <ExecutionSpace Exec, class Weights, class Matrix>
[[nodiscard]] auto normed_queries_and_keys(Exec const& exec, Weights const& weights, Matrix const& projected, Matrix const& heads, std::int64_t skipped,
                                           std::int64_t width, double epsilon) {
  struct Both {
    decltype(columns_of(projected, 0, 0)) q, k;
  };
  auto const own = [&](std::int64_t part) { return columns_of(projected, skipped + part * width, width); };
  if (heads.data() == nullptr) return Both{own(0), own(1)};
  Both const both{columns_of(heads, 0, width), columns_of(heads, width, width)};
  auto const norm = [&](auto const& norm_weights, auto const& from, auto const& to) {
    scale_rows(exec, "ocellus::vit::transformer_block::heads", from, none, to);
    if (norm_weights.is_present())
      norm_heads(exec, heads, to.data() - heads.data(), width / extent(norm_weights.weight, 0), extent(norm_weights.weight, 0), norm_weights, epsilon);
  };
  norm(weights.q_norm, own(0), both.q);
  norm(weights.k_norm, own(1), both.k);
  return both;
}

/// The MLP's activation of a standard block: gelu, or silu of the first half times the second.
template <ExecutionSpace Exec, class Weights, class Matrix>
void activate(Exec const& exec, Weights const& weights, Matrix const& inner, Matrix const& activated) {
  if (weights.gated())
    nn::silu(exec, columns_of(inner, 0, weights.hidden()), columns_of(inner, weights.hidden(), weights.hidden()), columns_of(activated, 0, weights.hidden()));
  else
    for_each_row(exec, "ocellus::vit::transformer_block::gelu", extent(inner, 0),
                 AddBiasGeluRows<TeamMember<Exec>, Matrix, None, Matrix>{inner, none, activated});
}

/// The forward pass of `transformer_block`, bit for bit, which keeps the activations. With `none` for the output, only what they need.
template <ExecutionSpace Exec, class Rows, class Scalar, class Space, class OutputRows, class Real>
void stored_block(Exec const& exec, Rows const& x, TransformerBlockWeights<Scalar, Space> const& weights, OutputRows const& y,
                  BlockActivations<Real, Space> const& a, BlockScratch<Real, Space> const& s, std::int64_t images, TransformerBlockOptions const& options) {
  bool const standard      = weights.kind == BlockKind::standard;
  std::int64_t const width = extent(a.attended, 1), hidden = weights.hidden(), skipped = standard ? 0 : hidden, head = width / options.heads,
                     count = extent(a.attended, 0);
  normed_linear(exec, x, weights.norm1, options.epsilon, s.normed, weights.qkv, a.projected);
  auto const both = normed_queries_and_keys(exec, weights, a.projected, s.heads, skipped, width, options.epsilon);
  if (images > 0)
    nn::multi_head_attention(exec, heads_of(both.q, images, 0, options.heads, head), heads_of(both.k, images, 0, options.heads, head),
                             heads_of(columns_of(a.projected, skipped + 2 * width, width), images, 0, options.heads, head), none, none,
                             heads_of(columns_of(a.attended, 0, width), images, 0, options.heads, head), a.log_sum_exp);
  using Matrix = UnmanagedTensor<Real**, Space>;
  using Bias   = typename WeightViews<Scalar, Space>::Vector;
  if (standard) {
    linalg::matmul(exec, a.attended, weights.proj.weight, weights.proj.bias, weights.ls1, x, a.middle, {.transpose_b = true});
    normed_linear(exec, a.middle, weights.norm2, options.epsilon, s.normed, weights.fc1, a.inner);
    if constexpr (!std::is_same_v<OutputRows, None>) {
      activate(exec, weights, a.inner, s.activated);
      linalg::matmul(exec, s.activated, weights.fc2.weight, weights.fc2.bias, weights.ls2, a.middle, y, {.transpose_b = true});
    }
  } else {
    auto const mlp = columns_of(a.projected, 0, hidden);
    for_each_row(exec, "ocellus::vit::transformer_block::gelu", count,
                 AddBiasGeluRows<TeamMember<Exec>, std::remove_const_t<decltype(mlp)>, Bias, Matrix>{mlp, weights.mlp_bias, s.activated});
    if constexpr (!std::is_same_v<OutputRows, None>) {
      linalg::matmul(exec, a.attended, weights.proj.weight, weights.proj.bias, weights.ls1, x, y, {.transpose_b = true});
      linalg::matmul(exec, s.activated, weights.fc2.weight, weights.fc2.bias, weights.ls1, y, y, {.transpose_b = true});
    }
  }
}

/// Gradients of weight and bias, added to when `accumulate`.
template <ExecutionSpace Exec, class OutputGradient, class Input, class Layer, class Gradients>
void linear_gradients(Exec const& exec, OutputGradient const& output_gradient, Input const& input, Layer const& layer, Gradients const& gradients,
                      bool accumulate) {
  nn::linear_backward(exec, output_gradient, input, layer.weight, none, gradients.weight, gradients.bias, {.accumulate = accumulate});
}

/// The gradient of a norm's input, `gradient`, written or added to `to`; gradients of its weights. A norm that is absent passes the gradient on.
template <ExecutionSpace Exec, class Gradient, class Input, class Norm, class Gradients, class To>
void norm_backward(Exec const& exec, Gradient const& gradient, Input const& input, Norm const& norm, Gradients const& gradients, double epsilon, To const& to,
                   bool accumulate_to, bool accumulate, WorkspaceFor<Exec>& workspace) {
  if (!norm.is_present()) {
    scale_rows(exec, "ocellus::vit::transformer_block_backward::pass", gradient, none, to, accumulate_to);
    return;
  }
  nn::layer_norm_backward(exec, gradient, input, norm.weight, none, gradients.weight, gradients.bias, {.epsilon = epsilon, .accumulate = accumulate},
                          workspace);
  nn::layer_norm_backward(exec, gradient, input, norm.weight, to, none, none, {.epsilon = epsilon, .accumulate = accumulate_to}, workspace);
}

/// The gradient of a LayerScale: the sum over rows of `gradient` .* (input weight^T + bias), which `branch` is filled with.
template <ExecutionSpace Exec, class Gradient, class Branch, class Scale>
void scale_gradient(Exec const& exec, Gradient const& gradient, Branch const& branch, Scale const& scale, bool accumulate) {
  using Real = accumulate_of_t<Branch>;
  for_each_column<Real>(exec, "ocellus::vit::transformer_block_backward::scale", extent(branch, 0), extent(branch, 1),
                        ColumnSum<Real, Gradient, Branch, Scale>{gradient, branch, scale, accumulate});
}

/// Backward through softmax(q k) v and the norms of q and k: from s.attended, the gradient of a.attended, to the columns of q, k and v of s.projected.
template <ExecutionSpace Exec, class Scalar, class GradientScalar, class Space, class Real>
void attention_gradients(Exec const& exec, TransformerBlockWeights<Scalar, Space> const& weights,
                         TransformerBlockGradients<GradientScalar, Space> const& gradients, BlockActivations<Real, Space> const& a,
                         BlockScratch<Real, Space> const& s, std::int64_t images, TransformerBlockOptions const& options, WorkspaceFor<Exec>& workspace) {
  std::int64_t const width = extent(a.attended, 1), count = extent(a.attended, 0), skipped = weights.kind == BlockKind::standard ? 0 : weights.hidden(),
                     heads = options.heads, head = width / heads;
  auto const both  = normed_queries_and_keys(exec, weights, a.projected, s.heads, skipped, width, options.epsilon);
  auto const cut   = [&](auto const& columns) { return heads_of(columns, images, 0, heads, head); };
  bool const norms = s.heads.data() != nullptr;
  auto const dq    = norms ? columns_of(s.dense, 0, width) : columns_of(s.projected, skipped, width);
  auto const dk    = norms ? columns_of(s.dense, width, width) : columns_of(s.projected, skipped + width, width);
  if (images > 0)
    nn::multi_head_attention_backward(exec, cut(columns_of(s.attended, 0, width)), cut(both.q), cut(both.k),
                                      cut(columns_of(a.projected, skipped + 2 * width, width)), none, none, cut(columns_of(a.attended, 0, width)),
                                      a.log_sum_exp, cut(dq), cut(dk), cut(columns_of(s.projected, skipped + 2 * width, width)), {}, workspace);
  if (!norms) return;
  // Each head of each token is a row of its own, in that order: dense copies make them evenly spaced.
  using Rows = UnmanagedTensor<Real**, Space>;
  Rows const input(s.heads.data(), count, width), gradient(s.heads.data() + count * width, count, width);
  Rows const input_heads(input.data(), count * heads, head), gradient_heads(gradient.data(), count * heads, head);
  auto const backward = [&](auto const& norm, auto const& norm_gradients, auto const& from, std::int64_t part) {
    auto const to = columns_of(s.projected, skipped + part * width, width);
    if (!norm.is_present()) {
      scale_rows(exec, "ocellus::vit::transformer_block_backward::heads", from, none, to);
      return;
    }
    scale_rows(exec, "ocellus::vit::transformer_block_backward::heads", columns_of(a.projected, skipped + part * width, width), none, input);
    scale_rows(exec, "ocellus::vit::transformer_block_backward::heads", from, none, gradient);
    norm_backward(exec, gradient_heads, input_heads, norm, norm_gradients, options.epsilon, gradient_heads, false, options.accumulate, workspace);
    scale_rows(exec, "ocellus::vit::transformer_block_backward::heads", gradient, none, to);
  };
  backward(weights.q_norm, gradients.q_norm, dq, 0);
  backward(weights.k_norm, gradients.k_norm, dk, 1);
}

/// The backward pass of a block whose activations are at hand. `output_gradient` may be `input_gradient`.
template <ExecutionSpace Exec, class GradientRows, class Rows, class Scalar, class GradientScalar, class Space, class InputGradientRows, class Real>
void stored_block_backward(Exec const& exec, GradientRows const& output_gradient, Rows const& x, TransformerBlockWeights<Scalar, Space> const& weights,
                           InputGradientRows const& input_gradient, bool accumulate_input, TransformerBlockGradients<GradientScalar, Space> const& gradients,
                           BlockActivations<Real, Space> const& a, BlockScratch<Real, Space> const& s, std::int64_t images,
                           TransformerBlockOptions const& options, WorkspaceFor<Exec>& workspace) {
  constexpr auto label = "ocellus::vit::transformer_block_backward";
  bool const standard = weights.kind == BlockKind::standard, accumulate = options.accumulate;
  std::int64_t const count = extent(a.attended, 0), hidden = weights.hidden();
  using Matrix             = UnmanagedTensor<Real**, Space>;
  auto const product       = [&](auto const& left, auto const& right, auto const& to) { linalg::matmul(exec, left, right, to); };
  auto const gelu_backward = [&](auto const& values, auto const& to) {
    for_each_row(exec, label, count, GeluGradientRows<TeamMember<Exec>, std::remove_cvref_t<decltype(values)>, std::remove_cvref_t<decltype(to)>>{values, to});
  };
  // s.stream: the gradient of what the branches are added to.
  scale_rows(exec, label, output_gradient, none, s.stream);
  if (standard) {
    activate(exec, weights, a.inner, s.activated);
    if (is_present(gradients.ls2)) {
      nn::linear(exec, s.activated, weights.fc2.weight, weights.fc2.bias, s.scaled);
      scale_gradient(exec, s.stream, s.scaled, gradients.ls2, accumulate);
    }
    scale_rows(exec, label, s.stream, weights.ls2, s.scaled);
    linear_gradients(exec, s.scaled, s.activated, weights.fc2, gradients.fc2, accumulate);
    auto const gate_gradient = columns_of(s.hidden, 0, hidden);
    product(s.scaled, weights.fc2.weight, gate_gradient);
    if (weights.gated())
      nn::silu_backward(exec, gate_gradient, columns_of(a.inner, 0, hidden), columns_of(a.inner, hidden, hidden), gate_gradient,
                        columns_of(s.hidden, hidden, hidden));
    else
      gelu_backward(a.inner, s.hidden);
    if (weights.norm2.is_present())
      nn::layer_norm(exec, a.middle, weights.norm2.weight, weights.norm2.bias, s.normed, {.epsilon = options.epsilon});
    else
      scale_rows(exec, label, a.middle, none, s.normed);
    linear_gradients(exec, s.hidden, s.normed, weights.fc1, gradients.fc1, accumulate);
    product(s.hidden, weights.fc1.weight, s.scaled);
    norm_backward(exec, s.scaled, a.middle, weights.norm2, gradients.norm2, options.epsilon, s.stream, true, accumulate, workspace);
    if (is_present(gradients.ls1)) {
      nn::linear(exec, a.attended, weights.proj.weight, weights.proj.bias, s.scaled);
      scale_gradient(exec, s.stream, s.scaled, gradients.ls1, accumulate);
    }
    scale_rows(exec, label, s.stream, weights.ls1, s.scaled);
  } else {
    auto const mlp = columns_of(a.projected, 0, hidden), mlp_gradient = columns_of(s.projected, 0, hidden);
    for_each_row(exec, label, count, AddBiasGeluRows<TeamMember<Exec>, std::remove_const_t<decltype(mlp)>, None, Matrix>{mlp, none, s.activated});
    if (is_present(gradients.ls1)) {
      nn::linear(exec, a.attended, weights.proj.weight, weights.proj.bias, s.normed);
      nn::linear(exec, s.activated, weights.fc2.weight, weights.fc2.bias, s.scaled);
      scale_rows(exec, label, s.normed, none, s.scaled, true);
      scale_gradient(exec, s.stream, s.scaled, gradients.ls1, accumulate);
    }
    scale_rows(exec, label, s.stream, weights.ls1, s.scaled);
    linear_gradients(exec, s.scaled, s.activated, weights.fc2, gradients.fc2, accumulate);
    product(s.scaled, weights.fc2.weight, mlp_gradient);
    gelu_backward(mlp, mlp_gradient);
    if (is_present(gradients.mlp_bias)) {
      using Columns = std::remove_const_t<decltype(mlp_gradient)>;
      using Bias    = typename WeightViews<Gradient<GradientScalar>, Space>::Vector;
      for_each_column<Real>(exec, label, count, hidden, ColumnSum<Real, Columns, None, Bias>{mlp_gradient, none, gradients.mlp_bias, accumulate});
    }
  }
  linear_gradients(exec, s.scaled, a.attended, weights.proj, gradients.proj, accumulate);
  product(s.scaled, weights.proj.weight, s.attended);
  attention_gradients(exec, weights, gradients, a, s, images, options, workspace);
  if (weights.norm1.is_present())
    nn::layer_norm(exec, x, weights.norm1.weight, weights.norm1.bias, s.normed, {.epsilon = options.epsilon});
  else
    scale_rows(exec, label, x, none, s.normed);
  linear_gradients(exec, s.projected, s.normed, weights.qkv, gradients.qkv, accumulate);
  product(s.projected, weights.qkv.weight, s.scaled);
  norm_backward(exec, s.scaled, x, weights.norm1, gradients.norm1, options.epsilon, s.stream, true, accumulate, workspace);
  scale_rows(exec, label, s.stream, none, input_gradient, accumulate_input);
}

/// Bytes that the functions called by `stored_block_backward` take of a workspace.
template <class Real>
[[nodiscard]] std::size_t block_backward_inner_bytes(std::int64_t images, std::int64_t tokens, std::int64_t heads) {
  return workspace_bytes<Real>(static_cast<std::size_t>(2 * images * tokens * heads));
}

}  // namespace ocellus::vit::detail
