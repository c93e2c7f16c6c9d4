// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ocellus/explain/detail/arena.hpp>
#include <ocellus/explain/detail/pooling_kernels.hpp>
#include <ocellus/linalg/activation.hpp>

namespace ocellus::explain::detail {

/// d activate(x) / dx; that of ReLU at 0 is 0.
KOKKOS_INLINE_FUNCTION double activation_slope(linalg::Activation activation, double x) {
  if (activation == linalg::Activation::relu) return x > 0 ? 1.0 : 0.0;
  if (activation == linalg::Activation::none) return 1.0;
  if (x < -40) return 0.0;
  return 0.5 * (1 + Kokkos::erf(x * 0.70710678118654752440)) + x * 0.39894228040143267794 * Kokkos::exp(-0.5 * x * x);
}

/// target = activate(source), row by row.
template <class Member, class Source, class Target>
struct ActivateRows {
  Source source;
  Target target;
  linalg::Activation activation;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t i) const {
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(source, 1)),
                         [&](std::int64_t const j) { target(i, j) = linalg::activate(activation, source(i, j)); });
  }
};

/// scores = scale h1 queries^T; one row a call.
template <class Member, class Lines, class Queries, class Scores>
struct AgataScores {
  Lines first;
  Queries queries;
  Lines attention;
  Scores scores;  ///< a View, a null View or none
  double scale;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t i) const {
    for (std::int64_t q = 0; q < extent(attention, 1); ++q) {
      auto const term  = [&](std::int64_t a) { return TwoSums{static_cast<double>(first(i, a)) * static_cast<double>(queries(q, a)), 0.0}; };
      double const sum = scale * two_sums(member, extent(first, 1), term).first;
      Kokkos::single(Kokkos::PerThread(member), [&]() {
        attention(i, q) = static_cast<element_t<Lines>>(sum);
        if constexpr (!std::is_same_v<Scores, None>) {
          if (is_present(scores)) scores(i, q) = static_cast<element_t<Scores>>(static_cast<accumulate_of_t<Scores>>(sum));
        }
      });
    }
  }
};

/// The weight of a row: its attention summed over the queries.
template <class Member, class Lines>
struct SumQueries {
  Lines attention, weights;  ///< (n, Q), (n, 1)

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t i) const {
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      double sum = 0;
      for (std::int64_t q = 0; q < extent(attention, 1); ++q) sum += static_cast<double>(attention(i, q));
      weights(i, 0) = static_cast<element_t<Lines>>(sum);
    });
  }
};

/// The gradient of one row's attention (the same for every query) and of its second layer before the activation, in place.
template <class Member, class Offsets, class Lines, class PooledGradient>
struct AgataRowGradient {
  Offsets offsets;
  Lines weights, second, attention_gradient;
  PooledGradient pooled_gradient;  ///< (B, V)
  linalg::Activation activation;
  bool absolute;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t i) const {
    using Real             = element_t<Lines>;
    std::int64_t const bag = bag_of(offsets, i), width = extent(second, 1);
    auto const term = [&](std::int64_t v) {
      double value = static_cast<double>(linalg::activate(activation, second(i, v)));
      if (absolute && value < 0) value = -value;
      return TwoSums{static_cast<double>(pooled_gradient(bag, v)) * value, 0.0};
    };
    double const sum = two_sums(member, bag < 0 ? 0 : width, term).first;
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(attention_gradient, 1)),
                         [&](std::int64_t const q) { attention_gradient(i, q) = static_cast<Real>(sum); });
    double const weight = static_cast<double>(weights(i, 0));
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, width), [&](std::int64_t const v) {
      double const before = static_cast<double>(second(i, v));
      double const after  = static_cast<double>(linalg::activate(activation, second(i, v)));
      double const sign   = !absolute ? 1.0 : after > 0 ? 1.0 : after < 0 ? -1.0 : 0.0;
      double const slope  = bag < 0 ? 0.0 : weight * static_cast<double>(pooled_gradient(bag, v)) * sign;
      second(i, v)        = static_cast<Real>(slope * activation_slope(activation, before));
    });
  }
};

/// slope *= activation'(before)
template <class Member, class Lines>
struct ThroughActivation {
  Lines before, slope;
  linalg::Activation activation;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t i) const {
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(before, 1)), [&](std::int64_t const j) {
      slope(i, j) = static_cast<element_t<Lines>>(static_cast<double>(slope(i, j)) * activation_slope(activation, static_cast<double>(before(i, j))));
    });
  }
};

/// A matrix (B, V) as (B, 1, V) for the sums over bags.
template <AnyView Pooled>
[[nodiscard]] auto one_branch(Pooled const& pooled) {
  using View = Kokkos::View<typename Pooled::value_type***, Kokkos::LayoutStride, typename Pooled::memory_space, Kokkos::MemoryTraits<Kokkos::Unmanaged>>;
  return View(pooled.data(), Kokkos::LayoutStride(pooled.extent(0), pooled.stride(0), 1, pooled.stride(0), pooled.extent(1), pooled.stride(1)));
}

template <ExecutionSpace Exec, class Real>
struct AgataBuffers {
  using Lines = UnmanagedTensor<Real**, typename Exec::memory_space>;
  Lines first_before, first, second, attention, weights, attention_gradient, first_gradient;

  AgataBuffers(Arena<Exec>& arena, std::int64_t rows, std::int64_t hidden, std::int64_t values, std::int64_t queries, bool backward)
      : first_before(arena.template take<Real**>(rows, hidden)),
        first(arena.template take<Real**>(rows, hidden)),
        second(arena.template take<Real**>(rows, values)),
        attention(arena.template take<Real**>(rows, queries)),
        weights(arena.template take<Real**>(rows, 1)) {
    if (!backward) return;
    attention_gradient = arena.template take<Real**>(rows, queries);
    first_gradient     = arena.template take<Real**>(rows, hidden);
  }
};

}  // namespace ocellus::explain::detail
