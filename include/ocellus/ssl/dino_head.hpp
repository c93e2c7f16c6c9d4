// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/parameter_table.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/ssl/detail/dino_head_kernel.hpp>

namespace ocellus::ssl {

/// The parameters of a projection head, or their gradients: Views into one flat array; of gradients, null Views are left out.
template <class Scalar, MemorySpace Space>
struct DinoHeadWeights {
  using Vector = UnmanagedTensor<Scalar*, Space>;
  using Matrix = UnmanagedTensor<Scalar**, Space>;

  struct Layer {
    Matrix weight;  ///< (O, I)
    Vector bias;    ///< (O), or null
  };
  std::vector<Layer> layers;
  Vector weight_g;  ///< (K): the lengths of the prototypes
  Matrix weight_v;  ///< (K, B): their directions

  [[nodiscard]] std::int64_t prototypes() const { return extent(weight_v, 0); }
};

struct DinoHeadOptions {
  bool accumulate = false;  ///< backward only: adds to the gradients of the weights that are there
};

/// Cuts a head out of a flat array, by DINO's names: mlp.0, mlp.2, mlp.4, ... (one layer: mlp), last_layer.weight_g (K, 1), last_layer.weight_v (K, B).
///
/// Errors: `std::invalid_argument` when a name is missing or the array is shorter than the table.
template <AnyView Parameters>
  requires(Parameters::rank() == 1)
[[nodiscard]] auto dino_head_weights(ParameterTable const& table, Parameters const& parameters) {
  constexpr auto function = "ocellus::ssl::dino_head_weights";
  using Weights           = DinoHeadWeights<typename Parameters::value_type, typename Parameters::memory_space>;
  require(parameters.extent(0) >= table.size(), function, "parameters.extent(0) is ", parameters.extent(0), " but the table has ", table.size());
  auto const matrix = [&](ParameterEntry const& entry) {
    require(entry.extents.size() == 2, function, entry.name, " has ", entry.extents.size(), " axes, not 2");
    return typename Weights::Matrix(parameters.data() + entry.offset, static_cast<std::size_t>(entry.extents[0]), static_cast<std::size_t>(entry.extents[1]));
  };
  auto const vector = [&](ParameterEntry const& entry) { return typename Weights::Vector(parameters.data() + entry.offset, entry.size()); };
  Weights weights;
  auto const add = [&](std::string const& name) {
    auto const* const weight = table.find(name + ".weight");
    if (weight == nullptr) return false;
    auto const* const bias = table.find(name + ".bias");
    weights.layers.push_back({matrix(*weight), bias == nullptr ? typename Weights::Vector() : vector(*bias)});
    return true;
  };
  if (!add("mlp")) {
    for (int i = 0; add("mlp." + std::to_string(i)); i += 2) {
    }
  }
  require(!weights.layers.empty(), function, "the table has neither mlp.0.weight nor mlp.weight");
  for (auto const* const name : {"last_layer.weight_g", "last_layer.weight_v"}) require(table.find(name) != nullptr, function, "the table has no ", name);
  weights.weight_g = vector(*table.find("last_layer.weight_g"));
  weights.weight_v = matrix(*table.find("last_layer.weight_v"));
  return weights;
}

/// Bytes of workspace that `dino_head` takes: the output of each layer, and a number a prototype.
template <ExecutionSpace Exec, RealView<2> Input, class Scalar, class Space, RealView<2> Logits>
[[nodiscard]] std::size_t dino_head_workspace_size(Exec const&, Input const& input, DinoHeadWeights<Scalar, Space> const& weights, Logits const&) {
  using Real        = accumulate_of_t<Input>;
  std::size_t bytes = workspace_bytes<Real>(static_cast<std::size_t>(weights.prototypes()));
  for (auto const& layer : weights.layers) bytes += workspace_bytes<Real>(input.extent(0) * layer.weight.extent(0));
  return bytes;
}

/// The projection head of DINO: a small network, then cosines with prototypes.
///
///     x_0 = input;   x_i = gelu(W_i x_{i-1} + b_i), without gelu for the last layer;   y = x / max(|x|, 1e-12);   logits_k = g_k <y, v_k> / |v_k|
///
/// input (N, D), weights -> logits (N, K). A prototype without direction gives NaN.
///
/// Errors: `std::invalid_argument` when the layers do not follow each other, when the input does not fit the first, or the logits do not fit.
/// Error bound: that of `nn::linear` layer after layer; the normalisation and the lengths are computed in double.
/// Determinism: a row's bits depend on that row alone.
/// Allocates: nothing. Synchronises: no.
/// Source: M. Caron et al., arXiv 2104.14294 (the last layer is weight-normalised: T. Salimans, D. P. Kingma, arXiv 1602.07868).
template <ExecutionSpace Exec, RealView<2> Input, class Scalar, class Space, RealView<2> Logits>
  requires AccessibleFrom<Exec, Input, Logits>
void dino_head(Exec const& exec, Input const& input, DinoHeadWeights<Scalar, Space> const& weights, Logits const& logits, WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::ssl::dino_head";
  using Real              = accumulate_of_t<Input>;
  using Matrix            = UnmanagedTensor<Real**, typename Exec::memory_space>;
  detail::check_dino_head(function, input, weights, "logits", logits);
  if (logits.size() == 0) return;
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  auto const scale = detail::prototype_scales<Real>(exec, function, weights, workspace);
  Matrix last;
  for (std::size_t i = 0; i < weights.layers.size(); ++i) {
    auto const& layer  = weights.layers[i];
    Matrix const next  = workspace.template take<Real**>(function, extent(input, 0), extent(layer.weight, 0));
    bool const is_last = i + 1 == weights.layers.size();
    nn::LinearOptions const options{.activation = is_last ? linalg::Activation::none : linalg::Activation::gelu};
    if (i == 0)
      nn::linear(exec, input, layer.weight, layer.bias, next, options);
    else
      nn::linear(exec, last, layer.weight, layer.bias, next, options);
    last = next;
  }
  detail::normalize_rows(exec, "ocellus::ssl::dino_head::normalize", last, last);
  linalg::matmul(exec, last, weights.weight_v, none, scale, none, logits, {.transpose_b = true});
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, RealView<2> Input, class Scalar, class Space, RealView<2> Logits>
  requires AccessibleFrom<Exec, Input, Logits>
void dino_head(Exec const& exec, Input const& input, DinoHeadWeights<Scalar, Space> const& weights, Logits const& logits) {
  WorkspaceFor<Exec> workspace(exec, dino_head_workspace_size(exec, input, weights, logits));
  dino_head(exec, input, weights, logits, workspace);
  exec.fence("ocellus::ssl::dino_head");
}

/// Bytes of workspace that `dino_head_backward` takes: three arrays of each layer's output, two of the last's, and one of the prototypes' size.
template <ExecutionSpace Exec, RealView<2> LogitsGradient, RealView<2> Input, class Scalar, class Space, OptionalRealView<2> InputGradient,
          class GradientScalar>
[[nodiscard]] std::size_t dino_head_backward_workspace_size(Exec const&, LogitsGradient const&, Input const& input,
                                                            DinoHeadWeights<Scalar, Space> const& weights, InputGradient const&,
                                                            DinoHeadWeights<GradientScalar, Space> const&, DinoHeadOptions const& = {}) {
  using Real             = accumulate_of_t<Input>;
  std::size_t const rows = input.extent(0);
  std::size_t bytes      = workspace_bytes<Real>(static_cast<std::size_t>(weights.prototypes())) + workspace_bytes<Real>(weights.weight_v.size()) +
                      2 * workspace_bytes<Real>(rows * weights.weight_v.extent(1));
  for (auto const& layer : weights.layers) bytes += 3 * workspace_bytes<Real>(rows * layer.weight.extent(0));
  return bytes;
}

/// The backward pass of `dino_head`, whose steps are computed again.
///
///     q_k = sum_n logits_gradient_{nk} y_n,   u_k = v_k / |v_k|:   g_gradient_k = <q_k, u_k>,   v_gradient_k = g_k / |v_k| (q_k - u_k <q_k, u_k>)
///     y_gradient = sum_k logits_gradient_k g_k u_k;   x_gradient = (y_gradient - y <y, y_gradient>) / |x|, y_gradient / 1e-12 below that length
///
/// logits_gradient (N, K), input (N, D), weights -> input_gradient (N, D) or none, gradients. No rows: zero gradients of the weights.
///
/// Errors: as `dino_head`; when a gradient does not fit.
/// Error bound: that of `nn::linear_backward` layer after layer.
/// Determinism: a row's input_gradient does not depend on the other rows. Gradients of the layers are chains over ascending rows.
/// Allocates: nothing. Synchronises: no.
/// Source: as `dino_head`.
template <ExecutionSpace Exec, RealView<2> LogitsGradient, RealView<2> Input, class Scalar, class Space, OptionalRealView<2> InputGradient,
          class GradientScalar>
  requires AccessibleFrom<Exec, LogitsGradient, Input, InputGradient>
void dino_head_backward(Exec const& exec, LogitsGradient const& logits_gradient, Input const& input, DinoHeadWeights<Scalar, Space> const& weights,
                        InputGradient const& input_gradient, DinoHeadWeights<GradientScalar, Space> const& gradients, DinoHeadOptions const& options,
                        WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::ssl::dino_head_backward";
  using Real              = accumulate_of_t<Input>;
  using Matrix            = UnmanagedTensor<Real**, typename Exec::memory_space>;
  detail::check_dino_head(function, input, weights, "logits_gradient", logits_gradient);
  detail::check_dino_head_gradients(function, input, weights, input_gradient, gradients);
  std::int64_t const rows = extent(input, 0), width = extent(weights.weight_v, 1);
  std::size_t const count = weights.layers.size();
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  auto const scale           = detail::prototype_scales<Real>(exec, function, weights, workspace);
  Matrix const spread        = workspace.template take<Real**>(function, weights.prototypes(), width);
  Matrix const unit          = workspace.template take<Real**>(function, rows, width);
  Matrix const unit_gradient = workspace.template take<Real**>(function, rows, width);
  std::vector<Matrix> before, behind, slope;  // what enters and leaves each layer's gelu, and the gradient of what enters it
  for (auto const& layer : weights.layers) {
    for (auto* const list : {&before, &behind, &slope}) list->push_back(workspace.template take<Real**>(function, rows, extent(layer.weight, 0)));
  }
  for (std::size_t i = 0; i < count; ++i) {
    if (i == 0)
      nn::linear(exec, input, weights.layers[i].weight, weights.layers[i].bias, before[i]);
    else
      nn::linear(exec, behind[i - 1], weights.layers[i].weight, weights.layers[i].bias, before[i]);
    if (i + 1 < count) nn::gelu(exec, before[i], behind[i]);
  }
  detail::normalize_rows(exec, "ocellus::ssl::dino_head_backward::normalize", before.back(), unit);

  detail::scale_prototypes(exec, function, weights.weight_v, scale, spread);
  linalg::matmul(exec, logits_gradient, spread, unit_gradient);
  if (is_present(gradients.weight_g) || is_present(gradients.weight_v)) {
    linalg::matmul(exec, logits_gradient, unit, spread, {.transpose_a = true});
    detail::prototype_gradients(exec, function, spread, weights, gradients, options.accumulate);
  }
  detail::normalize_rows_backward(exec, "ocellus::ssl::dino_head_backward::length", before.back(), unit_gradient, slope.back());
  for (std::size_t i = count; i-- > 0;) {
    auto const& own    = gradients.layers[i];
    auto const& weight = weights.layers[i].weight;
    nn::LinearOptions const adding{.accumulate = options.accumulate};
    if (i == 0) {
      nn::linear_backward(exec, slope[i], input, weight, none, own.weight, own.bias, adding);
      nn::linear_backward(exec, slope[i], input, weight, input_gradient, none, none);
    } else {
      nn::linear_backward(exec, slope[i], behind[i - 1], weight, none, own.weight, own.bias, adding);
      nn::linear_backward(exec, slope[i], behind[i - 1], weight, slope[i - 1], none, none);
      nn::gelu_backward(exec, slope[i - 1], before[i - 1], slope[i - 1]);
    }
  }
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, RealView<2> LogitsGradient, RealView<2> Input, class Scalar, class Space, OptionalRealView<2> InputGradient,
          class GradientScalar>
  requires AccessibleFrom<Exec, LogitsGradient, Input, InputGradient>
void dino_head_backward(Exec const& exec, LogitsGradient const& logits_gradient, Input const& input, DinoHeadWeights<Scalar, Space> const& weights,
                        InputGradient const& input_gradient, DinoHeadWeights<GradientScalar, Space> const& gradients, DinoHeadOptions const& options = {}) {
  WorkspaceFor<Exec> workspace(exec, dino_head_backward_workspace_size(exec, logits_gradient, input, weights, input_gradient, gradients, options));
  dino_head_backward(exec, logits_gradient, input, weights, input_gradient, gradients, options, workspace);
  exec.fence("ocellus::ssl::dino_head_backward");
}

/// Work of a head on `rows` rows: `parameters` numbers in its layers, `prototypes` of `width`.
[[nodiscard]] constexpr Cost dino_head_cost(double rows, double parameters, double width, double prototypes, double bytes_per_element) {
  return {.flops         = 2 * rows * (parameters + width * prototypes),
          .special       = rows * width,
          .bytes_read    = (rows * width + parameters + width * prototypes) * bytes_per_element,
          .bytes_written = rows * prototypes * bytes_per_element};
}

/// Work of `dino_head_backward`, the forward pass that it repeats among it.
[[nodiscard]] constexpr Cost dino_head_backward_cost(double rows, double parameters, double width, double prototypes, double bytes_per_element) {
  Cost cost = dino_head_cost(rows, parameters, width, prototypes, bytes_per_element);
  cost.flops *= 3;
  cost.bytes_written += (parameters + width * prototypes) * bytes_per_element;
  return cost;
}

}  // namespace ocellus::ssl
