// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ocellus/explain/detail/arena.hpp>
#include <ocellus/explain/detail/attention_mil_kernel.hpp>
#include <ocellus/explain/detail/pooling_kernels.hpp>
#include <ocellus/nn/linear.hpp>

namespace ocellus::explain {

/// How slices become one embedding.
enum class SliceContext { mean, attention, all_patches };

struct SliceContextPoolingOptions {
  SliceContext method = SliceContext::attention;
  bool accumulate     = false;  ///< backward only: add to the gradients
};

/// Weights of slice-context pooling, or their gradients.
template <RealView<2> Matrix, RealView<1> Vector>
struct SliceContextWeights {
  Matrix fc_weight;                         ///< (D, M)
  Vector fc_bias;                           ///< (D)
  AttentionMilWeights<Matrix, Vector> mil;  ///< of D features, one branch
  Matrix slice_weight;                      ///< (1, D), for the method attention
  Vector slice_bias;                        ///< (1)
};

namespace detail {

/// offsets = {0, n}: all patches as one bag.
template <class Member, class Offsets>
struct OneBag {
  Offsets offsets;
  std::int64_t rows;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t) const {
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      offsets(0) = 0;
      offsets(1) = rows;
    });
  }
};

/// The weight of each slice; `scores` keeps tanh(slice_weight m_s + slice_bias) for the backward pass. Equal weights without attention.
template <class Member, class Lines, class Matrix, class Vector>
struct WeighSlices {
  Lines slices, scores, weights;  ///< (S, D), (S, 1), (S, 1)
  Matrix slice_weight;
  Vector slice_bias;
  bool attends;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t) const {
    using Real               = element_t<Lines>;
    std::int64_t const count = extent(slices, 0);
    if (!attends) {
      Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, count), [&](std::int64_t const s) { weights(s, 0) = Real(1) / static_cast<Real>(count); });
      return;
    }
    for (std::int64_t s = 0; s < count; ++s) {
      auto const term  = [&](std::int64_t d) { return TwoSums{static_cast<double>(slice_weight(0, d)) * static_cast<double>(slices(s, d)), 0.0}; };
      double const sum = two_sums(member, extent(slices, 1), term).first;
      Kokkos::single(Kokkos::PerThread(member), [&]() { scores(s, 0) = static_cast<Real>(Kokkos::tanh(sum + static_cast<double>(slice_bias(0)))); });
    }
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      // tanh stays in [-1, 1]: no shift is needed.
      double const total = ordered_sum<double>(count, [&](std::int64_t s) { return Kokkos::exp(static_cast<double>(scores(s, 0))); });
      for (std::int64_t s = 0; s < count; ++s) weights(s, 0) = static_cast<Real>(Kokkos::exp(static_cast<double>(scores(s, 0))) / total);
    });
  }
};

/// pooled = sum over slices of weights times embeddings, 32 columns a call.
template <class Member, class Lines, class Pooled>
struct PoolSlices {
  Lines slices, weights;
  Pooled pooled;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t group) const {
    std::int64_t const first = group * 32, count = extent(pooled, 0) - first < 32 ? extent(pooled, 0) - first : 32;
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, count), [&](std::int64_t const d) {
      double sum = 0;
      for (std::int64_t s = 0; s < extent(slices, 0); ++s) sum += static_cast<double>(weights(s, 0)) * static_cast<double>(slices(s, first + d));
      pooled(first + d) = static_cast<element_t<Pooled>>(static_cast<accumulate_of_t<Pooled>>(sum));
    });
  }
};

template <class Member, class Lines, class Target>
struct CopyColumn {
  Lines source;
  Target target;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t i) const {
    Kokkos::single(Kokkos::PerThread(member), [&]() { target(i) = static_cast<element_t<Target>>(source(i, 0)); });
  }
};

/// The gradient of the scores: scores become d pooled / d (slice_weight m_s + slice_bias).
template <class Member, class Lines, class PooledGradient>
struct SliceScoreGradients {
  Lines slices, scores, weights;
  PooledGradient pooled_gradient;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t) const {
    double mean = 0;
    for (std::int64_t s = 0; s < extent(slices, 0); ++s) mean += static_cast<double>(weights(s, 0)) * gain(member, s);
    for (std::int64_t s = 0; s < extent(slices, 0); ++s) {
      double const da = gain(member, s);
      Kokkos::single(Kokkos::PerThread(member), [&]() {
        double const t = static_cast<double>(scores(s, 0));
        scores(s, 0)   = static_cast<element_t<Lines>>(static_cast<double>(weights(s, 0)) * (da - mean) * (1 - t * t));
      });
    }
  }

  KOKKOS_INLINE_FUNCTION double gain(Member const& member, std::int64_t s) const {
    auto const term = [&](std::int64_t d) { return TwoSums{static_cast<double>(pooled_gradient(d)) * static_cast<double>(slices(s, d)), 0.0}; };
    return two_sums(member, extent(slices, 1), term).first;
  }
};

/// The gradient of one slice's embedding; `scores` holds the scores' gradient where the slices attend.
template <class Member, class Lines, class Matrix, class PooledGradient>
struct SliceGradients {
  Lines scores, weights, gradients;
  Matrix slice_weight;
  PooledGradient pooled_gradient;
  bool attends;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t s) const {
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(gradients, 1)), [&](std::int64_t const d) {
      double slope = static_cast<double>(weights(s, 0)) * static_cast<double>(pooled_gradient(d));
      if (attends) slope += static_cast<double>(scores(s, 0)) * static_cast<double>(slice_weight(0, d));
      gradients(s, d) = static_cast<element_t<Lines>>(slope);
    });
  }
};

/// Zero where ReLU was.
template <class Member, class Lines>
struct ThroughRelu {
  Lines after, slope;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t i) const {
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(after, 1)), [&](std::int64_t const j) {
      if (!(after(i, j) > 0)) slope(i, j) = 0;
    });
  }
};

template <ExecutionSpace Exec, class Real>
struct SliceBuffers {
  using Lines = UnmanagedTensor<Real**, typename Exec::memory_space>;
  using Bags  = UnmanagedTensor<Real***, typename Exec::memory_space>;
  Lines embedded, slices, scores, slice_weights, embedded_gradient, slices_gradient;
  UnmanagedTensor<std::int64_t*, typename Exec::memory_space> one_bag;
  MilBuffers<Exec, Real> mil;

  template <class Matrix, class Vector>
  SliceBuffers(Arena<Exec>& arena, std::int64_t rows, std::int64_t slice_count, SliceContextWeights<Matrix, Vector> const& weights,
               SliceContextPoolingOptions const& options, bool backward)
      : embedded(arena.template take<Real**>(rows, extent(weights.fc_weight, 0))),
        one_bag(arena.template take<std::int64_t*>(2)),
        mil(arena, rows, extent(weights.mil.v_weight, 0), 1, weights.mil.gated(), backward) {
    std::int64_t const bags = options.method == SliceContext::all_patches ? 1 : slice_count;
    slices                  = arena.template take<Real**>(bags, extent(weights.fc_weight, 0));
    scores                  = arena.template take<Real**>(bags, 1);
    slice_weights           = arena.template take<Real**>(bags, 1);
    if (!backward) return;
    slices_gradient   = arena.template take<Real**>(bags, extent(weights.fc_weight, 0));
    embedded_gradient = arena.template take<Real**>(rows, extent(weights.fc_weight, 0));
  }

  /// Lines (S, D) as (S, 1, D).
  [[nodiscard]] static Bags bags(Lines const& lines) { return Bags(lines.data(), lines.extent(0), 1, lines.extent(1)); }
};

template <class Features, class Offsets, class Matrix, class Vector>
void require_slice_context(char const* function, Features const& features, Offsets const& offsets, SliceContextWeights<Matrix, Vector> const& weights,
                           SliceContextPoolingOptions const& options) {
  std::int64_t const width = extent(weights.fc_weight, 0);
  require_equal(function, {"fc_weight.extent(1)", extent(weights.fc_weight, 1)}, {"features.extent(1)", extent(features, 1)});
  require_vector(function, "fc_bias", weights.fc_bias, width, "fc_weight.extent(0)");
  require_mil_weights(function, weights.mil, width, "fc_weight.extent(0)");
  require(extent(weights.mil.w_weight, 0) == 1, function, "w_weight.extent(0) is ", extent(weights.mil.w_weight, 0), " but must be 1");
  require(extent(weights.mil.w_bias, 0) == 1, function, "w_bias.extent(0) is ", extent(weights.mil.w_bias, 0), " but must be 1");
  require(extent(offsets, 0) > 0, function, "offsets.extent(0) is 0 but must be the number of slices + 1");
  if (options.method != SliceContext::attention) return;
  require_matrix(function, "slice_weight", weights.slice_weight, 1, "the number of scores a slice", width, "fc_weight.extent(0)");
  require_vector(function, "slice_bias", weights.slice_bias, 1, "the number of scores a slice");
}

/// Embeddings, attention over patches, slices and their weights.
template <ExecutionSpace Exec, class Features, class Offsets, class Matrix, class Vector, class Real>
void slice_forward(Exec const& exec, std::string const& label, Features const& features, Offsets const& offsets,
                   SliceContextWeights<Matrix, Vector> const& weights, SliceBuffers<Exec, Real> const& buffers, SliceContextPoolingOptions const& options) {
  using Member = TeamMember<Exec>;
  using Lines  = typename SliceBuffers<Exec, Real>::Lines;
  using Bags   = typename SliceBuffers<Exec, Real>::Bags;
  nn::linear(exec, features, weights.fc_weight, weights.fc_bias, buffers.embedded, {.activation = linalg::Activation::relu});
  auto const pool = [&](auto const& bags) {
    using BagOffsets = std::decay_t<decltype(bags)>;
    mil_attention(exec, label, buffers.embedded, bags, weights.mil, buffers.mil);
    BagSums<Member, BagOffsets, Lines, Lines, Bags> const sums{bags, buffers.mil.attention, buffers.embedded, SliceBuffers<Exec, Real>::bags(buffers.slices)};
    for_each_row(exec, label + "::slices", sums.items(), sums);
  };
  if (options.method == SliceContext::all_patches) {
    for_each_row(exec, label + "::offsets", 1, OneBag<Member, std::decay_t<decltype(buffers.one_bag)>>{buffers.one_bag, extent(features, 0)});
    pool(buffers.one_bag);
  } else {
    pool(offsets);
  }
  for_each_row(exec, label + "::weights", 1,
               WeighSlices<Member, Lines, Matrix, Vector>{buffers.slices, buffers.scores, buffers.slice_weights, weights.slice_weight, weights.slice_bias,
                                                          options.method == SliceContext::attention});
}

/// After `slice_forward`: all gradients.
template <ExecutionSpace Exec, class Features, class Offsets, class Matrix, class Vector, class Real, class PooledGradient, class FeaturesGradient,
          class GradientMatrix, class GradientVector>
void slice_backward(Exec const& exec, std::string const& label, Features const& features, Offsets const& offsets,
                    SliceContextWeights<Matrix, Vector> const& weights, SliceBuffers<Exec, Real> const& buffers, PooledGradient const& pooled_gradient,
                    FeaturesGradient const& features_gradient, SliceContextWeights<GradientMatrix, GradientVector> const& gradients,
                    SliceContextPoolingOptions const& options) {
  using Member       = TeamMember<Exec>;
  using Lines        = typename SliceBuffers<Exec, Real>::Lines;
  bool const attends = options.method == SliceContext::attention;
  if (attends)
    for_each_row(exec, label + "::slice_scores", 1,
                 SliceScoreGradients<Member, Lines, PooledGradient>{buffers.slices, buffers.scores, buffers.slice_weights, pooled_gradient});
  for_each_row(exec, label + "::slices", extent(buffers.slices, 0),
               SliceGradients<Member, Lines, Matrix, PooledGradient>{buffers.scores, buffers.slice_weights, buffers.slices_gradient, weights.slice_weight,
                                                                     pooled_gradient, attends});
  if (attends) {
    add_product(exec, buffers.scores, true, buffers.slices, gradients.slice_weight, options.accumulate);
    add_columns(exec, label + "::bias", buffers.scores, gradients.slice_bias, options.accumulate);
  }
  auto const slices = SliceBuffers<Exec, Real>::bags(buffers.slices_gradient);
  if (options.method == SliceContext::all_patches)
    mil_backward(exec, label, buffers.embedded, buffers.one_bag, weights.mil, buffers.mil, slices, buffers.embedded_gradient, gradients.mil, false,
                 options.accumulate);
  else
    mil_backward(exec, label, buffers.embedded, offsets, weights.mil, buffers.mil, slices, buffers.embedded_gradient, gradients.mil, false, options.accumulate);
  for_each_row(exec, label + "::relu", extent(features, 0), ThroughRelu<Member, Lines>{buffers.embedded, buffers.embedded_gradient});
  add_product(exec, buffers.embedded_gradient, true, features, gradients.fc_weight, options.accumulate);
  add_columns(exec, label + "::bias", buffers.embedded_gradient, gradients.fc_bias, options.accumulate);
  add_product(exec, buffers.embedded_gradient, false, weights.fc_weight, features_gradient, options.accumulate);
}

}  // namespace detail
}  // namespace ocellus::explain
