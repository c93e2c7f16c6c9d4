// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <type_traits>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/linalg/matmul.hpp>
#include <ocellus/nn/gelu.hpp>
#include <ocellus/nn/linear.hpp>
#include <ocellus/ssl/detail/normalize_kernel.hpp>

namespace ocellus::ssl::detail {

/// What torch's normalize takes for a length of zero.
inline constexpr double shortest_row = 1e-12;

template <class Input, class Weights, class Logits>
void check_dino_head(char const* function, Input const& input, Weights const& weights, std::string const& name, Logits const& logits) {
  require(!weights.layers.empty(), function, "the weights have no layer");
  std::int64_t width   = extent(input, 1);
  std::string provider = "input.extent(1)";
  for (std::size_t i = 0; i < weights.layers.size(); ++i) {
    std::string const layer = "layers[" + std::to_string(i) + "].";
    require_equal(function, {layer + "weight.extent(1)", extent(weights.layers[i].weight, 1)}, {provider, width});
    width    = extent(weights.layers[i].weight, 0);
    provider = layer + "weight.extent(0)";
    if (is_present(weights.layers[i].bias)) require_equal(function, {layer + "bias.extent(0)", extent(weights.layers[i].bias, 0)}, {provider, width});
  }
  require_equal(function, {"weight_v.extent(1)", extent(weights.weight_v, 1)}, {provider, width});
  require_equal(function, {"weight_g.extent(0)", extent(weights.weight_g, 0)}, {"weight_v.extent(0)", weights.prototypes()});
  require_equal(function, {name + ".extent(0)", extent(logits, 0)}, {"input.extent(0)", extent(input, 0)});
  require_equal(function, {name + ".extent(1)", extent(logits, 1)}, {"weight_v.extent(0)", weights.prototypes()});
}

template <class Input, class Weights, class InputGradient, class Gradients>
void check_dino_head_gradients(char const* function, Input const& input, Weights const& weights, InputGradient const& input_gradient,
                               Gradients const& gradients) {
  if constexpr (!std::is_same_v<InputGradient, None>) {
    if (is_present(input_gradient)) {
      require_equal(function, {"input_gradient.extent(0)", extent(input_gradient, 0)}, {"input.extent(0)", extent(input, 0)});
      require_equal(function, {"input_gradient.extent(1)", extent(input_gradient, 1)}, {"input.extent(1)", extent(input, 1)});
    }
  }
  require_equal(function, {"gradients.layers.size()", static_cast<std::int64_t>(gradients.layers.size())},
                {"layers.size()", static_cast<std::int64_t>(weights.layers.size())});
  if (is_present(gradients.weight_g))
    require_equal(function, {"gradients.weight_g.extent(0)", extent(gradients.weight_g, 0)}, {"weight_g.extent(0)", extent(weights.weight_g, 0)});
  if (is_present(gradients.weight_v)) {
    require_equal(function, {"gradients.weight_v.extent(0)", extent(gradients.weight_v, 0)}, {"weight_v.extent(0)", extent(weights.weight_v, 0)});
    require_equal(function, {"gradients.weight_v.extent(1)", extent(gradients.weight_v, 1)}, {"weight_v.extent(1)", extent(weights.weight_v, 1)});
  }
}

/// scale(k) = g_k / |v_k|.
template <class Member, class Lengths, class Directions, class Scale>
struct PrototypeScales {
  Lengths lengths;
  Directions directions;
  Scale scale;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t k) const {
    double const square = row_dot(member, directions, k, directions, k);
    Kokkos::single(Kokkos::PerThread(member), [&]() { scale(k) = static_cast<element_t<Scale>>(static_cast<double>(lengths(k)) / Kokkos::sqrt(square)); });
  }
};

template <class Member, class Directions, class Scale, class Output>
struct ScalePrototypes {
  Directions directions;
  Scale scale;
  Output output;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t k) const {
    using Real = element_t<Output>;
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(output, 1)),
                         [&](std::int64_t const d) { output(k, d) = scale(k) * static_cast<Real>(directions(k, d)); });
  }
};

/// From q: g_gradient = <q, u>, v_gradient = scale (q - u <q, u>), u = v / |v|.
template <class Member, class Sums, class Lengths, class Directions, class LengthsGradient, class DirectionsGradient>
struct PrototypeGradients {
  Sums sums;
  Lengths lengths;
  Directions directions;
  LengthsGradient lengths_gradient;
  DirectionsGradient directions_gradient;
  bool wants_lengths, wants_directions, accumulate;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t k) const {
    double const square = row_dot(member, directions, k, directions, k), length = Kokkos::sqrt(square),
                 along = row_dot(member, sums, k, directions, k) / length;
    if (wants_lengths) {
      Kokkos::single(Kokkos::PerThread(member), [&]() {
        double const there  = accumulate ? static_cast<double>(lengths_gradient(k)) : 0.0;
        lengths_gradient(k) = static_cast<element_t<LengthsGradient>>(static_cast<accumulate_of_t<LengthsGradient>>(there + along));
      });
    }
    if (wants_directions) {
      double const scale = static_cast<double>(lengths(k)) / length;
      Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(directions, 1)), [&](std::int64_t const d) {
        double const there        = accumulate ? static_cast<double>(directions_gradient(k, d)) : 0.0;
        double const value        = scale * (static_cast<double>(sums(k, d)) - static_cast<double>(directions(k, d)) / length * along);
        directions_gradient(k, d) = static_cast<element_t<DirectionsGradient>>(static_cast<accumulate_of_t<DirectionsGradient>>(there + value));
      });
    }
  }
};

template <class Real, ExecutionSpace Exec, class Weights>
[[nodiscard]] auto prototype_scales(Exec const& exec, char const* function, Weights const& weights, WorkspaceFor<Exec>& workspace) {
  UnmanagedTensor<Real*, typename Exec::memory_space> const scale = workspace.template take<Real*>(function, weights.prototypes());
  using Scale                                                     = std::remove_const_t<decltype(scale)>;
  for_each_row(exec, "ocellus::ssl::dino_head::scales", weights.prototypes(),
               PrototypeScales<TeamMember<Exec>, typename Weights::Vector, typename Weights::Matrix, Scale>{weights.weight_g, weights.weight_v, scale});
  return scale;
}

template <ExecutionSpace Exec, class Directions, class Scale, class Output>
void scale_prototypes(Exec const& exec, char const* function, Directions const& directions, Scale const& scale, Output const& output) {
  for_each_row(exec, function, extent(output, 0), ScalePrototypes<TeamMember<Exec>, Directions, Scale, Output>{directions, scale, output});
}

template <ExecutionSpace Exec, class Sums, class Weights, class Gradients>
void prototype_gradients(Exec const& exec, char const* function, Sums const& sums, Weights const& weights, Gradients const& gradients, bool accumulate) {
  for_each_row(
      exec, function, weights.prototypes(),
      PrototypeGradients<TeamMember<Exec>, Sums, typename Weights::Vector, typename Weights::Matrix, typename Gradients::Vector, typename Gradients::Matrix>{
          sums, weights.weight_g, weights.weight_v, gradients.weight_g, gradients.weight_v, is_present(gradients.weight_g), is_present(gradients.weight_v),
          accumulate});
}

template <ExecutionSpace Exec, class Input, class Output>
void normalize_rows(Exec const& exec, char const* label, Input const& input, Output const& output) {
  for_each_row(exec, label, extent(input, 0), NormalizeRows<TeamMember<Exec>, Input, Output>{input, output, {.floor = shortest_row}, 0});
}

template <ExecutionSpace Exec, class Input, class Gradient, class InputGradient>
void normalize_rows_backward(Exec const& exec, char const* label, Input const& input, Gradient const& gradient, InputGradient const& input_gradient) {
  for_each_row(exec, label, extent(input, 0),
               NormalizeBackwardRows<TeamMember<Exec>, Input, Gradient, InputGradient>{input, gradient, input_gradient, {.floor = shortest_row}, 0});
}

}  // namespace ocellus::ssl::detail
