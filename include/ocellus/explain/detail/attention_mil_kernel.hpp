// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ocellus/explain/detail/arena.hpp>
#include <ocellus/explain/detail/pooling_kernels.hpp>
#include <ocellus/nn/linear.hpp>

namespace ocellus::explain {

/// Weights of attention pooling, or their gradients. Null u_weight and u_bias: not gated.
template <RealView<2> Matrix, RealView<1> Vector>
struct AttentionMilWeights {
  Matrix v_weight;  ///< (L, M)
  Vector v_bias;    ///< (L)
  Matrix w_weight;  ///< (R, L)
  Vector w_bias;    ///< (R); its gradient is 0 and not written
  Matrix u_weight;  ///< (L, M)
  Vector u_bias;    ///< (L)

  [[nodiscard]] bool gated() const { return is_present(u_weight); }
};

namespace detail {

/// Activates the hidden values of one row and forms its scores.
template <class Member, class Lines, class Matrix, class Vector>
struct MilScores {
  Lines hidden, gate;  ///< (n, L), gate null without gating
  Matrix w_weight;
  Vector w_bias;
  Lines scores;  ///< (n, R)

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t i) const {
    using Real               = element_t<Lines>;
    bool const gated         = gate.data() != nullptr;
    std::int64_t const width = extent(hidden, 1);
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, width), [&](std::int64_t const l) {
      hidden(i, l) = Kokkos::tanh(hidden(i, l));
      if (gated) gate(i, l) = Real(1) / (Real(1) + Kokkos::exp(-gate(i, l)));
    });
    for (std::int64_t r = 0; r < extent(scores, 1); ++r) {
      auto const term = [&](std::int64_t l) {
        double const value = static_cast<double>(hidden(i, l)) * (gated ? static_cast<double>(gate(i, l)) : 1.0);
        return TwoSums{static_cast<double>(w_weight(r, l)) * value, 0.0};
      };
      double const sum = two_sums(member, width, term).first;
      Kokkos::single(Kokkos::PerThread(member), [&]() { scores(i, r) = static_cast<Real>(sum + static_cast<double>(w_bias(r))); });
    }
  }
};

/// What one row's weights gain: da[i, r] = <pooled_gradient[bag, r], values[i]>; and its part of the values' gradient.
template <class Member, class Offsets, class Values, class Lines, class PooledGradient, class Gradient>
struct MilRowGradient {
  Offsets offsets;
  Values values;  ///< (n, M)
  Lines attention, attention_gradient;
  PooledGradient pooled_gradient;  ///< (B, R, M)
  Gradient gradient;               ///< (n, M)
  bool accumulate;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t i) const {
    using Real             = accumulate_of_t<Gradient>;
    std::int64_t const bag = bag_of(offsets, i), width = extent(values, 1), branches = extent(attention, 1);
    for (std::int64_t r = 0; r < branches; ++r) {
      auto const term  = [&](std::int64_t m) { return TwoSums{static_cast<double>(pooled_gradient(bag, r, m)) * static_cast<double>(values(i, m)), 0.0}; };
      double const sum = two_sums(member, bag < 0 ? 0 : width, term).first;
      Kokkos::single(Kokkos::PerThread(member), [&]() { attention_gradient(i, r) = static_cast<element_t<Lines>>(sum); });
    }
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, width), [&](std::int64_t const m) {
      double sum = accumulate ? static_cast<double>(gradient(i, m)) : 0.0;
      for (std::int64_t r = 0; r < branches && bag >= 0; ++r) sum += static_cast<double>(attention(i, r)) * static_cast<double>(pooled_gradient(bag, r, m));
      gradient(i, m) = static_cast<element_t<Gradient>>(static_cast<Real>(sum));
    });
  }
};

/// From the scores' gradient to that of the two hidden layers before their activation, in place; `product` keeps tanh times sigmoid for the gradient of w.
template <class Member, class Lines, class Matrix>
struct MilHiddenGradient {
  Lines hidden, gate, scores_gradient, product;
  Matrix w_weight;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t i) const {
    using Real       = element_t<Lines>;
    bool const gated = gate.data() != nullptr;
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(hidden, 1)), [&](std::int64_t const l) {
      double slope = 0;
      for (std::int64_t r = 0; r < extent(scores_gradient, 1); ++r) slope += static_cast<double>(scores_gradient(i, r)) * static_cast<double>(w_weight(r, l));
      double const t = static_cast<double>(hidden(i, l)), s = gated ? static_cast<double>(gate(i, l)) : 1.0;
      product(i, l) = static_cast<Real>(t * s);
      hidden(i, l)  = static_cast<Real>(slope * s * (1 - t * t));
      if (gated) gate(i, l) = static_cast<Real>(slope * t * s * (1 - s));
    });
  }
};

template <ExecutionSpace Exec, class Real>
struct MilBuffers {
  using Lines = UnmanagedTensor<Real**, typename Exec::memory_space>;
  Lines hidden, gate, attention, attention_gradient, product;

  MilBuffers(Arena<Exec>& arena, std::int64_t rows, std::int64_t hidden_width, std::int64_t branches, bool gated, bool backward)
      : hidden(arena.template take<Real**>(rows, hidden_width)), attention(arena.template take<Real**>(rows, branches)) {
    if (gated) gate = arena.template take<Real**>(rows, hidden_width);
    if (backward) {
      attention_gradient = arena.template take<Real**>(rows, branches);
      product            = arena.template take<Real**>(rows, hidden_width);
    }
  }
};

/// Refuses weights that do not fit `width` features.
template <class Matrix, class Vector>
void require_mil_weights(char const* function, AttentionMilWeights<Matrix, Vector> const& weights, std::int64_t width, char const* width_name) {
  std::int64_t const hidden = extent(weights.v_weight, 0);
  require_equal(function, {"v_weight.extent(1)", extent(weights.v_weight, 1)}, {width_name, width});
  require_vector(function, "v_bias", weights.v_bias, hidden, "v_weight.extent(0)");
  require_equal(function, {"w_weight.extent(1)", extent(weights.w_weight, 1)}, {"v_weight.extent(0)", hidden});
  if (!weights.gated()) return;
  require_matrix(function, "u_weight", weights.u_weight, hidden, "v_weight.extent(0)", width, width_name);
  require_vector(function, "u_bias", weights.u_bias, hidden, "v_weight.extent(0)");
}

/// Refuses gradients of another shape than the weights.
template <class Matrix, class Vector, class GradientMatrix, class GradientVector>
void require_mil_gradients(char const* function, AttentionMilWeights<Matrix, Vector> const& weights,
                           AttentionMilWeights<GradientMatrix, GradientVector> const& gradients) {
  require_same_shape(function, "v_weight_gradient", gradients.v_weight, "v_weight", weights.v_weight);
  require_same_shape(function, "v_bias_gradient", gradients.v_bias, "v_bias", weights.v_bias);
  require_same_shape(function, "w_weight_gradient", gradients.w_weight, "w_weight", weights.w_weight);
  if (!weights.gated()) return;
  require_same_shape(function, "u_weight_gradient", gradients.u_weight, "u_weight", weights.u_weight);
  require_same_shape(function, "u_bias_gradient", gradients.u_bias, "u_bias", weights.u_bias);
}

/// Fills the buffers' hidden layers and attention.
template <ExecutionSpace Exec, class Features, class Offsets, class Matrix, class Vector, class Real>
void mil_attention(Exec const& exec, std::string const& label, Features const& features, Offsets const& offsets,
                   AttentionMilWeights<Matrix, Vector> const& weights, MilBuffers<Exec, Real> const& buffers) {
  using Member = TeamMember<Exec>;
  using Lines  = typename MilBuffers<Exec, Real>::Lines;
  nn::linear(exec, features, weights.v_weight, weights.v_bias, buffers.hidden);
  if (weights.gated()) nn::linear(exec, features, weights.u_weight, weights.u_bias, buffers.gate);
  for_each_row(exec, label + "::scores", extent(features, 0),
               MilScores<Member, Lines, Matrix, Vector>{buffers.hidden, buffers.gate, weights.w_weight, weights.w_bias, buffers.attention});
  for_each_row(exec, label + "::softmax", (extent(offsets, 0) - 1) * extent(buffers.attention, 1),
               BagSoftmax<Member, Offsets, Lines>{offsets, buffers.attention});
}

/// After `mil_attention`: all gradients.
template <ExecutionSpace Exec, class Features, class Offsets, class Matrix, class Vector, class Real, class PooledGradient, class FeaturesGradient,
          class GradientMatrix, class GradientVector>
void mil_backward(Exec const& exec, std::string const& label, Features const& features, Offsets const& offsets,
                  AttentionMilWeights<Matrix, Vector> const& weights, MilBuffers<Exec, Real> const& buffers, PooledGradient const& pooled_gradient,
                  FeaturesGradient const& features_gradient, AttentionMilWeights<GradientMatrix, GradientVector> const& gradients, bool accumulate_features,
                  bool accumulate) {
  using Member            = TeamMember<Exec>;
  using Lines             = typename MilBuffers<Exec, Real>::Lines;
  std::int64_t const rows = extent(features, 0);
  for_each_row(exec, label + "::rows", rows,
               MilRowGradient<Member, Offsets, Features, Lines, PooledGradient, FeaturesGradient>{
                   offsets, features, buffers.attention, buffers.attention_gradient, pooled_gradient, features_gradient, accumulate_features});
  for_each_row(exec, label + "::softmax", (extent(offsets, 0) - 1) * extent(buffers.attention, 1),
               BagSoftmaxBackward<Member, Offsets, Lines, Lines>{offsets, buffers.attention, buffers.attention_gradient, 1.0});
  for_each_row(exec, label + "::hidden", rows,
               MilHiddenGradient<Member, Lines, Matrix>{buffers.hidden, buffers.gate, buffers.attention_gradient, buffers.product, weights.w_weight});
  add_product(exec, buffers.attention_gradient, true, buffers.product, gradients.w_weight, accumulate);
  auto const layer = [&](Lines const& slope, Matrix const& weight, GradientMatrix const& weight_gradient, GradientVector const& bias_gradient) {
    add_product(exec, slope, true, features, weight_gradient, accumulate);
    add_columns(exec, label + "::bias", slope, bias_gradient, accumulate);
    add_product(exec, slope, false, weight, features_gradient, true);
  };
  layer(buffers.hidden, weights.v_weight, gradients.v_weight, gradients.v_bias);
  if (weights.gated()) layer(buffers.gate, weights.u_weight, gradients.u_weight, gradients.u_bias);
}

}  // namespace detail
}  // namespace ocellus::explain
