// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ocellus/explain/detail/arena.hpp>
#include <ocellus/explain/detail/pooling_kernels.hpp>
#include <ocellus/nn/layer_norm.hpp>
#include <ocellus/nn/linear.hpp>
#include <ocellus/nn/multi_head_attention.hpp>

namespace ocellus::explain {

/// Weights of Perceiver pooling, or their gradients. Null kv_weight: keys and values are the context itself.
template <RealView<2> Matrix, RealView<1> Vector>
struct PerceiverWeights {
  Vector norm_weight;  ///< (Dq)
  Vector norm_bias;    ///< (Dq)
  Matrix q_weight;     ///< (I, Dq)
  Matrix kv_weight;    ///< (2 I, Dc), keys first
  Matrix out_weight;   ///< (Dq, I)
};

namespace detail {

/// One image of an array (B, n, D) as a matrix.
template <AnyView V>
[[nodiscard]] auto image_of(V const& view, std::int64_t image) {
  return Kokkos::subview(view, static_cast<std::size_t>(image), Kokkos::ALL(), Kokkos::ALL());
}

/// Rows [first, last) of a matrix.
template <AnyView V>
[[nodiscard]] auto rows_of(V const& view, std::int64_t first, std::int64_t last) {
  return Kokkos::subview(view, Kokkos::pair<std::size_t, std::size_t>(static_cast<std::size_t>(first), static_cast<std::size_t>(last)), Kokkos::ALL());
}

/// Which tokens take part: appended queries always, others by the mask.
template <class Member, class Mask, class Kept>
struct KeepTokens {
  Mask mask;
  Kept kept;
  std::int64_t appended;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t image) const {
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(kept, 1)),
                         [&](std::int64_t const j) { kept(image, j) = j < appended || mask(image, j - appended); });
  }
};

/// One row of the appended queries, as key and (in the second half) as value.
template <class Member, class Bags>
struct AppendQueries {
  Bags queries, tokens;  ///< (B, Lq, I), (B, T, I or 2 I)

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t item) const {
    std::int64_t const rows = extent(queries, 1), image = item / rows, row = item % rows, width = extent(queries, 2);
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(tokens, 2)),
                         [&](std::int64_t const d) { tokens(image, row, d) = queries(image, row, d < width ? d : d - width); });
  }
};

/// What every part of the backward pass reads: the heads of queries, keys, values, outputs and the outputs' gradient.
template <class Heads, class Lines, class Kept>
struct PerceiverScores {
  Heads query, key, value, output, output_gradient;
  Lines log_sum_exp;  ///< (B, H, Lq)
  Kept kept;          ///< (B, T) or null
  double scale;

  /// The weight of a token for a query, and the gradient of its score.
  template <class Member>
  KOKKOS_INLINE_FUNCTION TwoSums weight_and_slope(Member const& member, std::int64_t b, std::int64_t h, std::int64_t i, std::int64_t j, double mean) const {
    double const shift = static_cast<double>(log_sum_exp(b, h, i));
    if (shift == -Kokkos::Experimental::infinity_v<double> || (kept.data() != nullptr && !kept(b, j))) return {};
    auto const term = [&](std::int64_t d) {
      return TwoSums{static_cast<double>(query(b, h, i, d)) * static_cast<double>(key(b, h, j, d)),
                     static_cast<double>(output_gradient(b, h, i, d)) * static_cast<double>(value(b, h, j, d))};
    };
    TwoSums const sums  = two_sums(member, extent(query, 3), term);
    double const weight = Kokkos::exp(scale * sums.first - shift);
    return {weight, scale * weight * (sums.second - mean)};
  }

  /// <output gradient, output> of a query.
  template <class Member>
  KOKKOS_INLINE_FUNCTION double mean(Member const& member, std::int64_t b, std::int64_t h, std::int64_t i) const {
    auto const term = [&](std::int64_t d) { return TwoSums{static_cast<double>(output_gradient(b, h, i, d)) * static_cast<double>(output(b, h, i, d)), 0.0}; };
    return two_sums(member, extent(query, 3), term).first;
  }
};

/// The gradient of one query; keys in their order.
template <class Member, class Heads, class Lines, class Kept>
struct PerceiverQueryGradient {
  PerceiverScores<Heads, Lines, Kept> scores;
  Heads query_gradient;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t item) const {
    std::int64_t const rows = extent(query_gradient, 2), heads = extent(query_gradient, 1), width = extent(query_gradient, 3);
    std::int64_t const i = item % rows, h = item / rows % heads, b = item / rows / heads;
    double const mean = scores.mean(member, b, h, i);
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, width), [&](std::int64_t const d) { query_gradient(b, h, i, d) = 0; });
    for (std::int64_t j = 0; j < extent(scores.key, 2); ++j) {
      double const slope = scores.weight_and_slope(member, b, h, i, j, mean).second;
      Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, width), [&](std::int64_t const d) {
        query_gradient(b, h, i, d) += static_cast<element_t<Heads>>(slope * static_cast<double>(scores.key(b, h, j, d)));
      });
    }
  }
};

/// The gradients of one key and its value, added where they are one array; queries in their order.
template <class Member, class Heads, class Lines, class Kept>
struct PerceiverTokenGradient {
  PerceiverScores<Heads, Lines, Kept> scores;
  Heads key_gradient, value_gradient;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t item) const {
    std::int64_t const tokens = extent(key_gradient, 2), heads = extent(key_gradient, 1), width = extent(key_gradient, 3);
    std::int64_t const j = item % tokens, h = item / tokens % heads, b = item / tokens / heads;
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, width), [&](std::int64_t const d) {
      key_gradient(b, h, j, d)   = 0;
      value_gradient(b, h, j, d) = 0;
    });
    for (std::int64_t i = 0; i < extent(scores.query, 2); ++i) {
      TwoSums const both = scores.weight_and_slope(member, b, h, i, j, scores.mean(member, b, h, i));
      Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, width), [&](std::int64_t const d) {
        key_gradient(b, h, j, d) += static_cast<element_t<Heads>>(both.second * static_cast<double>(scores.query(b, h, i, d)));
        value_gradient(b, h, j, d) += static_cast<element_t<Heads>>(both.first * static_cast<double>(scores.output_gradient(b, h, i, d)));
      });
    }
  }
};

/// Adds what the appended queries gained as keys and values.
template <class Member, class Bags>
struct AddAppended {
  Bags tokens_gradient, queries_gradient;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t item) const {
    std::int64_t const rows = extent(queries_gradient, 1), image = item / rows, row = item % rows, width = extent(queries_gradient, 2);
    bool const both = extent(tokens_gradient, 2) == 2 * width;
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, width), [&](std::int64_t const d) {
      queries_gradient(image, row, d) += tokens_gradient(image, row, d) + (both ? tokens_gradient(image, row, d + width) : 0);
    });
  }
};

/// One row back through the layer norm: `slope` becomes, and `standard` is, the standardised latents; `weighted` = slope times them, for the weight's gradient.
template <class Member, class Latents, class Vector, class Lines, class Gradient>
struct NormGradient {
  Latents latents;  ///< (Lq, Dq)
  Vector norm_weight;
  Lines slope, weighted;
  Gradient gradient;
  bool accumulate;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t row) const {
    std::int64_t const width = extent(slope, 1);
    double const count       = static_cast<double>(width);
    double const mean        = two_sums(member, width, [&](std::int64_t d) { return TwoSums{static_cast<double>(latents(row, d)), 0.0}; }).first / count;
    double const variance    = two_sums(member, width,
                                        [&](std::int64_t d) {
                                       double const difference = static_cast<double>(latents(row, d)) - mean;
                                       return TwoSums{difference * difference, 0.0};
                                     })
                                .first /
                            count;
    double const inverse = 1 / Kokkos::sqrt(variance + 1e-5);
    TwoSums const means  = two_sums(member, width, [&](std::int64_t d) {
      double const g = static_cast<double>(slope(row, d)) * static_cast<double>(norm_weight(d));
      return TwoSums{g, g * (static_cast<double>(latents(row, d)) - mean) * inverse};
    });
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, width), [&](std::int64_t const d) {
      double const z     = (static_cast<double>(latents(row, d)) - mean) * inverse;
      double const g     = static_cast<double>(slope(row, d)) * static_cast<double>(norm_weight(d));
      double const value = inverse * (g - means.first / count - z * means.second / count);
      weighted(row, d)   = static_cast<element_t<Lines>>(static_cast<double>(slope(row, d)) * z);
      auto& to           = gradient(row, d);
      to                 = static_cast<element_t<Gradient>>(static_cast<accumulate_of_t<Gradient>>(accumulate ? static_cast<double>(to) + value : value));
    });
  }
};

template <ExecutionSpace Exec, class Real>
struct PerceiverBuffers {
  using Space = typename Exec::memory_space;
  using Bags  = UnmanagedTensor<Real***, Space>;
  using Heads = Kokkos::View<Real****, Kokkos::LayoutStride, Space, Kokkos::MemoryTraits<Kokkos::Unmanaged>>;
  using Kept  = UnmanagedTensor<bool**, Space>;
  Bags normed, queries, tokens, attended, log_sum_exp;
  Kept kept;
  Bags attended_gradient, queries_gradient, tokens_gradient, normed_gradient, weighted;

  PerceiverBuffers(Arena<Exec>& arena, std::int64_t images, std::int64_t latents, std::int64_t latent_width, std::int64_t inner, std::int64_t tokens_count,
                   std::int64_t token_width, std::int64_t heads, bool masked, bool backward)
      : normed(arena.template take<Real***>(images, latents, latent_width)),
        queries(arena.template take<Real***>(images, latents, inner)),
        tokens(arena.template take<Real***>(images, tokens_count, token_width)),
        attended(arena.template take<Real***>(images, latents, inner)) {
    if (masked) kept = arena.template take<bool**>(images, tokens_count);
    if (!backward) return;
    log_sum_exp       = arena.template take<Real***>(images, heads, latents);
    attended_gradient = arena.template take<Real***>(images, latents, inner);
    queries_gradient  = arena.template take<Real***>(images, latents, inner);
    tokens_gradient   = arena.template take<Real***>(images, tokens_count, token_width);
    normed_gradient   = arena.template take<Real***>(images, latents, latent_width);
    weighted          = arena.template take<Real***>(images, latents, latent_width);
  }

  /// Columns [first, first + inner) of (B, n, .) as heads (B, H, n, inner / H).
  [[nodiscard]] static Heads heads_of(Bags const& bags, std::int64_t heads, std::int64_t inner, std::int64_t first) {
    auto const width = static_cast<std::size_t>(inner / heads);
    return Heads(bags.data() + first,
                 Kokkos::LayoutStride(bags.extent(0), bags.stride(0), static_cast<std::size_t>(heads), width, bags.extent(1), bags.stride(1), width, 1));
  }
};

}  // namespace detail
}  // namespace ocellus::explain
