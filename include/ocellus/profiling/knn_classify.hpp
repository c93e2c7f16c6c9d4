// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/profiling/detail/neighbour_search.hpp>

namespace ocellus::profiling {

enum class KnnVote {
  weighted,  ///< exp(similarity / temperature)
  majority,  ///< 1 each
};

struct KnnClassifyOptions {
  std::int64_t k     = 20;
  KnnVote vote       = KnnVote::weighted;
  double temperature = 0.07;
};

namespace detail {

template <class Member, class Indices, class Distances, class Label, class Predicted, class Probability>
struct CountVotes {
  Indices indices;
  Distances distances;
  Label label;
  Predicted predicted;
  Probability probability;
  bool weighted;
  double temperature;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t row) const {
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      std::int64_t const classes = extent(probability, 1);
      // The largest exponent is taken off: it cancels in the shares.
      double const nearest = static_cast<double>(distances(row, 0));
      double total         = 0;
      std::int64_t best    = -1;
      double most          = -1;
      for (std::int64_t c = 0; c < classes; ++c) {
        double votes = 0;
        for (std::int64_t n = 0; n < extent(indices, 1); ++n) {
          std::int64_t const j = indices(row, n);
          if (j < 0 || static_cast<std::int64_t>(label(j)) != c) continue;
          votes += weighted ? Kokkos::exp((nearest - static_cast<double>(distances(row, n))) / temperature) : 1.0;
        }
        if (votes > most) most = votes, best = c;
        total += votes;
        probability(row, c) = static_cast<element_t<Probability>>(votes);
      }
      predicted(row) = static_cast<element_t<Predicted>>(total > 0 ? best : -1);
      for (std::int64_t c = 0; c < classes; ++c) probability(row, c) = static_cast<element_t<Probability>>(static_cast<double>(probability(row, c)) / total);
    });
  }
};

}  // namespace detail

/// Classifies each query by the votes of its nearest profiles.
///
///     votes[c] = sum over the k most cosine-similar profiles of label c of exp(similarity / temperature), or of 1;   probability = votes / their sum
///
/// profiles (n, d), label (n) >= 0, query (q, d) -> predicted (q), probability (q, classes): at least 1 + the largest label. Equal votes go to the smallest
/// label. A query without neighbours (NaN) gets -1 and NaN. A label outside the classes has no vote.
///
/// Errors: `std::invalid_argument` when label, features or outputs do not fit, k is not in 1 .. n, or the temperature is not positive.
/// Error bound: (d + 8) / temperature machine epsilons of the accumulation type, relative.
/// Determinism: a query's result does not depend on the other queries or on the number of threads.
/// Allocates: as `knn`, and k numbers a query. Synchronises: fences `exec`.
/// Source: M. Caron et al., "Emerging properties in self-supervised vision transformers", ICCV 2021.
template <ExecutionSpace Exec, RealView<2> Profiles, IndexView<1> Label, RealView<2> Query, IndexView<1> Predicted, RealView<2> Probability>
  requires AccessibleFrom<Exec, Profiles, Label, Query, Predicted, Probability>
void knn_classify(Exec const& exec, Profiles const& profiles, Label const& label, Query const& query, Predicted const& predicted,
                  Probability const& probability, KnnClassifyOptions const& options = {}) {
  constexpr auto function = "ocellus::profiling::knn_classify";
  require_equal(function, {"label.extent(0)", extent(label, 0)}, {"profiles.extent(0)", extent(profiles, 0)});
  require_equal(function, {"query.extent(1)", extent(query, 1)}, {"profiles.extent(1)", extent(profiles, 1)});
  require_equal(function, {"predicted.extent(0)", extent(predicted, 0)}, {"query.extent(0)", extent(query, 0)});
  require_equal(function, {"probability.extent(0)", extent(probability, 0)}, {"query.extent(0)", extent(query, 0)});
  require(options.k >= 1 && options.k <= extent(profiles, 0), function, "k is ", options.k, " but must lie between 1 and profiles.extent(0), ",
          extent(profiles, 0));
  require(options.temperature > 0, function, "temperature is ", options.temperature, " but must be positive");
  auto const indices   = make_tensor<std::int64_t**>(exec, "ocellus::profiling::knn_classify::indices", extent(query, 0), options.k);
  auto const distances = make_tensor<accumulate_of_t<Query>**>(exec, "ocellus::profiling::knn_classify::distances", extent(query, 0), options.k);
  detail::nearest(exec, function, query, profiles, none, none, none, none, indices, distances, SimilarityMetric::cosine);
  using Kernel =
      detail::CountVotes<TeamMember<Exec>, std::remove_const_t<decltype(indices)>, std::remove_const_t<decltype(distances)>, Label, Predicted, Probability>;
  for_each_row(exec, "ocellus::profiling::knn_classify::vote", extent(query, 0),
               Kernel{indices, distances, label, predicted, probability, options.vote == KnnVote::weighted, options.temperature});
  exec.fence(function);
}

/// Work of classifying `queries` by `rows` profiles of `features`.
[[nodiscard]] constexpr Cost knn_classify_cost(double queries, double rows, double features, double bytes_per_element) {
  return {.flops = 2 * queries * rows * features, .special = 0, .bytes_read = (queries + rows) * features * bytes_per_element, .bytes_written = 0};
}

}  // namespace ocellus::profiling
