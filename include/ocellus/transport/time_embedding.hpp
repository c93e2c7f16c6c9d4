// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>

namespace ocellus::transport {

struct TimeEmbeddingOptions {
  double scale         = 1000.0;  ///< factor of the times
  double max_positions = 1000.0;  ///< ratio of the highest frequency to the lowest
};

namespace detail {

template <class Member, class Times, class Embedding>
struct EmbedTimes {
  Times times;
  Embedding embedding;
  double scale, log_positions;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t i) const {
    using Out                    = element_t<Embedding>;
    std::int64_t const dimension = extent(embedding, 1), half = dimension / 2;
    double const t = scale * static_cast<double>(times(i));
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, half), [&](std::int64_t const k) {
      double const angle     = t * Kokkos::exp(-static_cast<double>(k) * log_positions / static_cast<double>(half - 1));
      embedding(i, k)        = static_cast<Out>(Kokkos::sin(angle));
      embedding(i, half + k) = static_cast<Out>(Kokkos::cos(angle));
    });
    if (dimension % 2 != 0) Kokkos::single(Kokkos::PerThread(member), [&]() { embedding(i, dimension - 1) = static_cast<Out>(0.0); });
  }
};

}  // namespace detail

/// Sinusoidal embedding of times.
///
///     [sin, cos](scale t exp(-k log(max_positions) / (h - 1))),  k = 0..h-1,  h = dimension / 2 rounded down;   an odd dimension ends in a zero
///
/// times (K) -> embedding (K, dimension), dimension at least 4. Computed in double.
///
/// Errors: `std::invalid_argument` when embedding does not fit, its dimension is below 4, or max_positions is not positive.
/// Error bound: (|scale t| + 2) machine epsilons of double, absolute, plus the rounding of the output. Determinism: an element depends on its time alone.
/// Allocates: nothing. Synchronises: no.
/// Source: A. Vaswani et al., "Attention is all you need", 2017, in the halves of J. Ho et al., "Denoising diffusion probabilistic models", 2020.
template <ExecutionSpace Exec, RealView<1> Times, RealView<2> Embedding>
  requires AccessibleFrom<Exec, Times, Embedding>
void time_embedding(Exec const& exec, Times const& times, Embedding const& embedding, TimeEmbeddingOptions const& options = {}) {
  constexpr auto function = "ocellus::transport::time_embedding";
  require_equal(function, {"embedding.extent(0)", extent(embedding, 0)}, {"times.extent(0)", extent(times, 0)});
  require(extent(embedding, 1) >= 4, function, "embedding.extent(1) (dimension) is ", extent(embedding, 1), ", not at least 4");
  require(options.max_positions > 0, function, "max_positions is ", options.max_positions, ", not a positive number");
  for_each_row(exec, function, extent(times, 0),
               detail::EmbedTimes<TeamMember<Exec>, Times, Embedding>{times, embedding, options.scale, std::log(options.max_positions)});
}

/// Work for K times.
[[nodiscard]] constexpr Cost time_embedding_cost(double times, double dimension, double bytes_per_element) {
  return {.flops         = times * dimension,
          .special       = 1.5 * times * dimension,
          .bytes_read    = times * bytes_per_element,
          .bytes_written = times * dimension * bytes_per_element};
}

}  // namespace ocellus::transport
