// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/linalg/matmul.hpp>
#include <ocellus/nn/gelu.hpp>
#include <ocellus/nn/linear.hpp>
#include <ocellus/ssl/detail/normalize_kernel.hpp>
#include <ocellus/ssl/weights.hpp>

namespace ocellus::ssl::detail {

/// g_k / |v_k| of one prototype.
template <class Member, class Vector, class Matrix>
KOKKOS_INLINE_FUNCTION double prototype_scale(Member const& member, Vector const& weight_g, Matrix const& weight_v, std::int64_t k) {
  double const g = weight_g.data() == nullptr ? 1.0 : static_cast<double>(static_cast<accumulate_of_t<Vector>>(weight_g(k)));
  return g / Kokkos::sqrt(row_dot(member, weight_v, k, weight_v, k));
}

/// scale(k) = g_k / |v_k|.
template <class Member, class Vector, class Matrix, class Scale>
struct PrototypeScales {
  Vector weight_g;
  Matrix weight_v;
  Scale scale;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t k) const {
    double const value = prototype_scale(member, weight_g, weight_v, k);
    Kokkos::single(Kokkos::PerThread(member), [&]() { scale(k) = static_cast<element_t<Scale>>(value); });
  }
};

/// scaled(k) = g_k v_k / |v_k|.
template <class Member, class Vector, class Matrix, class Scaled>
struct ScaledPrototypes {
  Vector weight_g;
  Matrix weight_v;
  Scaled scaled;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t k) const {
    double const scale = prototype_scale(member, weight_g, weight_v, k);
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(weight_v, 1)), [&](std::int64_t const d) {
      scaled(k, d) = static_cast<element_t<Scaled>>(scale * static_cast<double>(static_cast<accumulate_of_t<Matrix>>(weight_v(k, d))));
    });
  }
};

/// From W's gradient to those of g and v, W_k = g_k v_k / |v_k|.
template <class Member, class Vector, class Matrix, class ScaledGradient, class GradientVector, class GradientMatrix>
struct PrototypeGradients {
  Vector weight_g;
  Matrix weight_v;
  ScaledGradient scaled_gradient;
  GradientVector weight_g_gradient;
  GradientMatrix weight_v_gradient;
  bool accumulate;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t k) const {
    double const scale = prototype_scale(member, weight_g, weight_v, k), square = row_dot(member, weight_v, k, weight_v, k),
                 along = row_dot(member, weight_v, k, scaled_gradient, k);
    if (weight_v_gradient.data() != nullptr) {
      Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(weight_v, 1)), [&](std::int64_t const d) {
        double const v = static_cast<double>(static_cast<accumulate_of_t<Matrix>>(weight_v(k, d)));
        store(weight_v_gradient(k, d), scale * (static_cast<double>(scaled_gradient(k, d)) - v * along / square));
      });
    }
    if (weight_g_gradient.data() != nullptr) Kokkos::single(Kokkos::PerThread(member), [&]() { store(weight_g_gradient(k), along / Kokkos::sqrt(square)); });
  }

 private:
  template <class Element>
  KOKKOS_FUNCTION void store(Element& to, double value) const {
    using Real = accumulate_t<Element>;
    if (accumulate) value += static_cast<double>(static_cast<Real>(to));
    to = static_cast<Element>(static_cast<Real>(value));
  }
};

/// Refuses a head that does not hold together or does not fit the inputs; `set` stands before its tensors' names.
template <class Element, class Space>
void check_dino_head(char const* function, std::string const& set, DinoHeadWeights<Element, Space> const& weights, std::string const& width_name,
                     std::int64_t width) {
  require(!weights.mlp.empty() && is_present(weights.weight_v), function, set, "a head needs a linear layer and last_layer.weight_v");
  std::string before         = width_name;
  std::int64_t before_extent = width;
  auto const check           = [&](std::string const& name, std::int64_t own) {
    // The input is named first where it is the one that does not fit.
    if (before == width_name)
      require_equal(function, {before, before_extent}, {name, own});
    else
      require_equal(function, {name, own}, {before, before_extent});
  };
  for (std::size_t i = 0; i < weights.mlp.size(); ++i) {
    auto const& layer      = weights.mlp[i];
    std::string const name = set + mlp_layer_name(i, weights.mlp.size());
    check(name + ".weight.extent(1)", extent(layer.weight, 1));
    if (is_present(layer.bias))
      require_equal(function, {name + ".bias.extent(0)", extent(layer.bias, 0)}, {name + ".weight.extent(0)", extent(layer.weight, 0)});
    before        = name + ".weight.extent(0)";
    before_extent = extent(layer.weight, 0);
  }
  check(set + "last_layer.weight_v.extent(1)", weights.bottleneck());
  if (is_present(weights.weight_g)) {
    require_equal(function, {set + "last_layer.weight_g.extent(0)", extent(weights.weight_g, 0)},
                  {set + "last_layer.weight_v.extent(0)", weights.prototypes()});
  }
}

/// Refuses gradients of another shape than the weights; absent ones are not wanted.
template <class Element, class GradientElement, class Space>
void check_dino_head_gradients(char const* function, DinoHeadWeights<Element, Space> const& weights, DinoHeadWeights<GradientElement, Space> const& gradients) {
  auto const check = [&](std::string const& name, auto const& of, auto const& gradient, int axes) {
    if (!is_present(gradient)) return;
    for (int axis = 0; axis < axes; ++axis) {
      std::string const at = ".extent(" + std::to_string(axis) + ")";
      require_equal(function, {"the gradient's " + name + at, extent(gradient, axis)}, {name + at, extent(of, axis)});
    }
  };
  require(gradients.mlp.empty() || gradients.mlp.size() == weights.mlp.size(), function, "the gradients have ", gradients.mlp.size(),
          " linear layers but the weights have ", weights.mlp.size());
  for (std::size_t i = 0; i < gradients.mlp.size(); ++i) {
    std::string const name = mlp_layer_name(i, weights.mlp.size());
    check(name + ".weight", weights.mlp[i].weight, gradients.mlp[i].weight, 2);
    check(name + ".bias", weights.mlp[i].bias, gradients.mlp[i].bias, 1);
  }
  check("last_layer.weight_g", weights.weight_g, gradients.weight_g, 1);
  check("last_layer.weight_v", weights.weight_v, gradients.weight_v, 2);
}

/// Features of the widest layer.
template <class Element, class Space>
[[nodiscard]] std::int64_t widest_layer(DinoHeadWeights<Element, Space> const& weights) {
  std::int64_t widest = 0;
  for (auto const& layer : weights.mlp) widest = std::max(widest, extent(layer.weight, 0));
  return widest;
}

template <class Real, class Element, class Space>
[[nodiscard]] std::size_t dino_head_bytes(DinoHeadWeights<Element, Space> const& weights, std::int64_t rows) {
  return 2 * workspace_bytes<Real>(static_cast<std::size_t>(rows * widest_layer(weights))) +
         workspace_bytes<Real>(static_cast<std::size_t>(weights.prototypes()));
}

/// The head, in two lines of the widest layer by turns.
template <class Real, ExecutionSpace Exec, class Input, class Element, class Space, class Logits>
void dino_head_pass(Exec const& exec, char const* function, Input const& input, DinoHeadWeights<Element, Space> const& weights, Logits const& logits,
                    double epsilon, WorkspaceFor<Exec>& workspace) {
  using Member           = TeamMember<Exec>;
  using Weights          = DinoHeadWeights<Element, Space>;
  using Matrix           = UnmanagedTensor<Real**, typename Exec::memory_space>;
  std::size_t const rows = input.extent(0), layers = weights.mlp.size();
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  auto const first  = workspace.template take<Real*>(function, static_cast<std::int64_t>(rows) * widest_layer(weights));
  auto const second = workspace.template take<Real*>(function, static_cast<std::int64_t>(rows) * widest_layer(weights));
  auto const scale  = workspace.template take<Real*>(function, weights.prototypes());
  Matrix x;
  for (std::size_t i = 0; i < layers; ++i) {
    auto const& layer = weights.mlp[i];
    Matrix const y((i % 2 == 0 ? first : second).data(), rows, layer.weight.extent(0));
    nn::LinearOptions const options{.activation = i + 1 < layers ? linalg::Activation::gelu : linalg::Activation::none};
    if (i == 0)
      nn::linear(exec, input, layer.weight, layer.bias, y, options);
    else
      nn::linear(exec, x, layer.weight, layer.bias, y, options);
    x = y;
  }
  for_each_row(exec, "ocellus::ssl::dino_head::normalize", extent(x, 0), NormalizeRows<Member, Matrix, Matrix>{x, x, {.floor = epsilon}, 0});
  for_each_row(exec, "ocellus::ssl::dino_head::scale", weights.prototypes(),
               PrototypeScales<Member, typename Weights::Vector, typename Weights::Matrix, std::remove_const_t<decltype(scale)>>{weights.weight_g,
                                                                                                                                 weights.weight_v, scale});
  linalg::matmul(exec, x, weights.weight_v, none, scale, none, logits, {.transpose_b = true});
}

template <class Real, class Element, class Space>
[[nodiscard]] std::size_t dino_head_backward_bytes(DinoHeadWeights<Element, Space> const& weights, std::int64_t rows) {
  std::size_t bytes = 2 * workspace_bytes<Real>(static_cast<std::size_t>(rows * widest_layer(weights))) +
                      workspace_bytes<Real>(static_cast<std::size_t>(weights.prototypes() * weights.bottleneck()));
  for (auto const& layer : weights.mlp) bytes += 2 * workspace_bytes<Real>(static_cast<std::size_t>(rows * extent(layer.weight, 0)));
  return bytes;
}

/// All gradients; the linear layers are computed again.
template <class Real, ExecutionSpace Exec, class Input, class Element, class Space, class LogitsGradient, class InputGradient, class GradientElement>
void dino_head_backward_pass(Exec const& exec, char const* function, Input const& input, DinoHeadWeights<Element, Space> const& weights,
                             LogitsGradient const& logits_gradient, InputGradient const& input_gradient,
                             DinoHeadWeights<GradientElement, Space> const& gradients, double epsilon, bool accumulate, WorkspaceFor<Exec>& workspace) {
  using Member           = TeamMember<Exec>;
  using Weights          = DinoHeadWeights<Element, Space>;
  using Gradients        = DinoHeadWeights<GradientElement, Space>;
  using Matrix           = UnmanagedTensor<Real**, typename Exec::memory_space>;
  std::size_t const rows = input.extent(0), layers = weights.mlp.size();
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  auto const first  = workspace.template take<Real*>(function, static_cast<std::int64_t>(rows) * widest_layer(weights));
  auto const second = workspace.template take<Real*>(function, static_cast<std::int64_t>(rows) * widest_layer(weights));
  Matrix const scaled(workspace.template take<Real**>(function, weights.prototypes(), weights.bottleneck()));
  std::vector<Matrix> before, after;  // of GELU; of the last layer, of the normalisation
  for (auto const& layer : weights.mlp) {
    before.push_back(workspace.template take<Real**>(function, rows, layer.weight.extent(0)));
    after.push_back(workspace.template take<Real**>(function, rows, layer.weight.extent(0)));
  }

  // Forward.
  for (std::size_t i = 0; i < layers; ++i) {
    auto const& layer = weights.mlp[i];
    if (i == 0)
      nn::linear(exec, input, layer.weight, layer.bias, before[i]);
    else
      nn::linear(exec, after[i - 1], layer.weight, layer.bias, before[i]);
    if (i + 1 < layers) nn::gelu(exec, before[i], after[i]);
  }
  RowLength const length{.floor = epsilon};
  for_each_row(exec, "ocellus::ssl::dino_head_backward::normalize", extent(input, 0),
               NormalizeRows<Member, Matrix, Matrix>{before.back(), after.back(), length, 0});

  // Backward through the prototypes: W = g v / |v|, then W's gradient in its place.
  Matrix current(first.data(), rows, before.back().extent(1));
  for_each_row(exec, "ocellus::ssl::dino_head_backward::prototypes", weights.prototypes(),
               ScaledPrototypes<Member, typename Weights::Vector, typename Weights::Matrix, Matrix>{weights.weight_g, weights.weight_v, scaled});
  linalg::matmul(exec, logits_gradient, scaled, current);
  if (is_present(gradients.weight_v) || is_present(gradients.weight_g)) {
    linalg::matmul(exec, logits_gradient, after.back(), scaled, {.transpose_a = true});
    for_each_row(exec, function, weights.prototypes(),
                 PrototypeGradients<Member, typename Weights::Vector, typename Weights::Matrix, Matrix, typename Gradients::Vector, typename Gradients::Matrix>{
                     weights.weight_g, weights.weight_v, scaled, gradients.weight_g, gradients.weight_v, accumulate});
  }
  for_each_row(exec, "ocellus::ssl::dino_head_backward::length", extent(input, 0),
               NormalizeBackwardRows<Member, Matrix, Matrix, Matrix>{before.back(), current, current, length, 0});

  // Backward through the layers.
  for (std::size_t i = layers; i-- > 0;) {
    auto const& weight = weights.mlp[i].weight;
    if (!gradients.mlp.empty()) {
      auto const& layer = gradients.mlp[i];
      if (i == 0)
        nn::linear_backward(exec, current, input, weight, none, layer.weight, layer.bias, {.accumulate = accumulate});
      else
        nn::linear_backward(exec, current, after[i - 1], weight, none, layer.weight, layer.bias, {.accumulate = accumulate});
    }
    if (i > 0) {
      Matrix const next((current.data() == first.data() ? second : first).data(), rows, weight.extent(1));
      linalg::matmul(exec, current, weight, next);
      nn::gelu_backward(exec, next, before[i - 1], next);
      current = next;
    } else if constexpr (!std::is_same_v<InputGradient, None>) {
      if (is_present(input_gradient)) linalg::matmul(exec, current, weight, input_gradient, {.accumulate = accumulate});
    }
  }
}

}  // namespace ocellus::ssl::detail
