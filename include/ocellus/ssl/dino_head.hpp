// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/linalg/matmul.hpp>
#include <ocellus/nn/linear.hpp>
#include <ocellus/ssl/detail/dino_head_passes.hpp>
#include <ocellus/ssl/weights.hpp>

namespace ocellus::ssl {

struct DinoHeadOptions {
  double epsilon  = 1e-12;  ///< the least length that a row is divided by (dinov2 in 16 bits: 1e-6)
  bool accumulate = false;  ///< of the backward pass: adds to the gradients that are there
};

/// Bytes of workspace that `dino_head` takes: two rows of the widest layer a sample, and a number a prototype.
template <ExecutionSpace Exec, RealView<2> Input, class Element, MemorySpace Space, RealView<2> Logits>
[[nodiscard]] std::size_t dino_head_workspace_size(Exec const&, Input const& input, DinoHeadWeights<Element, Space> const& weights, Logits const&,
                                                   DinoHeadOptions const& = {}) {
  return detail::dino_head_bytes<accumulate_of_t<Input>>(weights, extent(input, 0));
}

/// The projection head of DINO and iBOT: linear layers, a row of length 1, and a layer of prototypes whose weights are normalised.
///
///     x = linear(... gelu(linear(input)));   x = x / max(|x|, epsilon);   logits_k = g_k <x, v_k> / |v_k|
///
/// input (N, D), weights of any number of layers D -> ... -> B, g (K) or absent for 1, v (K, B) -> logits (N, K). GELU in the erf form, none after the last layer.
/// A prototype of zeros gives NaN.
///
/// Errors: `std::invalid_argument` when input does not fit the first layer, a layer the one before, or logits the prototypes.
/// Error bound: that of its layers in turn, relative to |x| where rows are normalised; 1e-5 of the largest logit in float for the sizes in use. Lengths are
/// summed in double.
/// Determinism: a row's bits do not depend on the other rows, on N or on the number of threads.
/// Allocates: nothing. Synchronises: no.
/// Source: M. Caron et al., "Emerging properties in self-supervised vision transformers", arXiv 2104.14294.
template <ExecutionSpace Exec, RealView<2> Input, class Element, MemorySpace Space, RealView<2> Logits>
  requires AccessibleFrom<Exec, Input, typename DinoHeadWeights<Element, Space>::Matrix, Logits>
void dino_head(Exec const& exec, Input const& input, DinoHeadWeights<Element, Space> const& weights, Logits const& logits, DinoHeadOptions const& options,
               WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::ssl::dino_head";
  detail::check_dino_head(function, "", weights, "input.extent(1)", extent(input, 1));
  require_equal(function, {"logits.extent(0)", extent(logits, 0)}, {"input.extent(0)", extent(input, 0)});
  require_equal(function, {"logits.extent(1)", extent(logits, 1)}, {"last_layer.weight_v.extent(0)", weights.prototypes()});
  detail::dino_head_pass<accumulate_of_t<Input>>(exec, function, input, weights, logits, options.epsilon, workspace);
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, RealView<2> Input, class Element, MemorySpace Space, RealView<2> Logits>
  requires AccessibleFrom<Exec, Input, typename DinoHeadWeights<Element, Space>::Matrix, Logits>
void dino_head(Exec const& exec, Input const& input, DinoHeadWeights<Element, Space> const& weights, Logits const& logits,
               DinoHeadOptions const& options = {}) {
  WorkspaceFor<Exec> workspace(exec, dino_head_workspace_size(exec, input, weights, logits, options));
  dino_head(exec, input, weights, logits, options, workspace);
  exec.fence("ocellus::ssl::dino_head");
}

/// Bytes of workspace that `dino_head_backward` takes: each layer twice, two rows of the widest a sample, and the prototypes once.
template <ExecutionSpace Exec, RealView<2> Input, class Element, MemorySpace Space, RealView<2> LogitsGradient, OptionalRealView<2> InputGradient,
          class GradientElement>
[[nodiscard]] std::size_t dino_head_backward_workspace_size(Exec const&, Input const& input, DinoHeadWeights<Element, Space> const& weights,
                                                            LogitsGradient const&, InputGradient const&, DinoHeadWeights<GradientElement, Space> const&,
                                                            DinoHeadOptions const& = {}) {
  return detail::dino_head_backward_bytes<accumulate_of_t<Input>>(weights, extent(input, 0));
}

/// The backward pass of `dino_head`, whose layers are computed again.
///
///     input_gradient = J^T logits_gradient for the input, and likewise for each weight that `gradients` has a View for
///     W_k = g_k v_k / |v_k|, with G = logits_gradient^T x:   dg_k = <v_k, G_k> / |v_k|,   dv_k = g_k (G_k - v_k <v_k, G_k> / |v_k|^2) / |v_k|
///
/// input (N, D), weights, logits_gradient (N, K) -> input_gradient (N, D) or none, and gradients, whose null Views are left out, the whole `mlp` where it is
/// empty. No rows: zero gradients of the weights. With accumulate each gradient is added to. Below epsilon a row's length is a constant.
///
/// Errors: `std::invalid_argument` as `dino_head`, or when a gradient does not fit.
/// Error bound: that of its layers in turn; 1e-5 of the largest gradient in float for the sizes in use.
/// Determinism: a row's input_gradient does not depend on the other rows. Gradients of the linear layers are chains over ascending rows, from what is there when
/// accumulating: a batch cut in two, the second part accumulated, equals the whole bit for bit. Those of g and v come from such a chain each call, and calls add
/// up in their order.
/// Allocates: nothing but a list in host memory. Synchronises: no.
/// Source: M. Caron et al., arXiv 2104.14294; T. Salimans, D. P. Kingma, "Weight normalization", arXiv 1602.07868.
template <ExecutionSpace Exec, RealView<2> Input, class Element, MemorySpace Space, RealView<2> LogitsGradient, OptionalRealView<2> InputGradient,
          class GradientElement>
  requires AccessibleFrom<Exec, Input, typename DinoHeadWeights<Element, Space>::Matrix, LogitsGradient, InputGradient>
void dino_head_backward(Exec const& exec, Input const& input, DinoHeadWeights<Element, Space> const& weights, LogitsGradient const& logits_gradient,
                        InputGradient const& input_gradient, DinoHeadWeights<GradientElement, Space> const& gradients, DinoHeadOptions const& options,
                        WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::ssl::dino_head_backward";
  detail::check_dino_head(function, "", weights, "input.extent(1)", extent(input, 1));
  detail::check_dino_head_gradients(function, weights, gradients);
  require_equal(function, {"logits_gradient.extent(0)", extent(logits_gradient, 0)}, {"input.extent(0)", extent(input, 0)});
  require_equal(function, {"logits_gradient.extent(1)", extent(logits_gradient, 1)}, {"last_layer.weight_v.extent(0)", weights.prototypes()});
  if constexpr (!std::is_same_v<InputGradient, None>) {
    for (int axis = 0; axis < 2 && is_present(input_gradient); ++axis) {
      std::string const at = ".extent(" + std::to_string(axis) + ")";
      require_equal(function, {"input_gradient" + at, extent(input_gradient, axis)}, {"input" + at, extent(input, axis)});
    }
  }
  detail::dino_head_backward_pass<accumulate_of_t<Input>>(exec, function, input, weights, logits_gradient, input_gradient, gradients, options.epsilon,
                                                          options.accumulate, workspace);
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, RealView<2> Input, class Element, MemorySpace Space, RealView<2> LogitsGradient, OptionalRealView<2> InputGradient,
          class GradientElement>
  requires AccessibleFrom<Exec, Input, typename DinoHeadWeights<Element, Space>::Matrix, LogitsGradient, InputGradient>
void dino_head_backward(Exec const& exec, Input const& input, DinoHeadWeights<Element, Space> const& weights, LogitsGradient const& logits_gradient,
                        InputGradient const& input_gradient, DinoHeadWeights<GradientElement, Space> const& gradients, DinoHeadOptions const& options = {}) {
  WorkspaceFor<Exec> workspace(exec, dino_head_backward_workspace_size(exec, input, weights, logits_gradient, input_gradient, gradients, options));
  dino_head_backward(exec, input, weights, logits_gradient, input_gradient, gradients, options, workspace);
  exec.fence("ocellus::ssl::dino_head_backward");
}

/// Work of `dino_head` on `rows` rows; `widths` are D, the hidden widths, B.
[[nodiscard]] constexpr Cost dino_head_cost(double rows, std::span<double const> widths, double prototypes, double bytes_per_element) {
  Cost cost{};
  for (std::size_t i = 1; i < widths.size(); ++i) cost = cost + nn::linear_cost(rows, widths[i - 1], widths[i], bytes_per_element);
  double const bottleneck = widths.empty() ? 0 : widths.back();
  return cost + linalg::matmul_cost(rows, prototypes, bottleneck, bytes_per_element) +
         Cost{.flops = 3 * rows * bottleneck + 2 * prototypes * bottleneck, .special = rows + prototypes, .bytes_read = 0, .bytes_written = 0};
}

/// Work of `dino_head_backward`, the linear layers that it repeats among it.
[[nodiscard]] constexpr Cost dino_head_backward_cost(double rows, std::span<double const> widths, double prototypes, double bytes_per_element) {
  Cost cost{};
  for (std::size_t i = 1; i < widths.size(); ++i) {
    cost =
        cost + nn::linear_cost(rows, widths[i - 1], widths[i], bytes_per_element) + nn::linear_backward_cost(rows, widths[i - 1], widths[i], bytes_per_element);
  }
  double const bottleneck = widths.empty() ? 0 : widths.back();
  return cost + nn::linear_backward_cost(rows, bottleneck, prototypes, bytes_per_element) +
         Cost{.flops = 8 * rows * bottleneck + 10 * prototypes * bottleneck, .special = rows + prototypes, .bytes_read = 0, .bytes_written = 0};
}

}  // namespace ocellus::ssl
