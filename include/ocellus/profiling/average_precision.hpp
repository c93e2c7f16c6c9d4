// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/profiling/detail/average_precision_host.hpp>
#include <ocellus/profiling/detail/average_precision_kernel.hpp>
#include <ocellus/profiling/similarity.hpp>

namespace ocellus::profiling {

struct AveragePrecisionOptions {
  std::span<std::int64_t const> pos_sameby = {};  ///< columns of the metadata in which a positive is equal to the row
  std::span<std::int64_t const> pos_diffby = {};  ///< and those in which it differs
  std::span<std::int64_t const> neg_sameby = {};
  std::span<std::int64_t const> neg_diffby = {};
  SimilarityMetric metric                  = SimilarityMetric::cosine;
};

namespace detail {

[[nodiscard]] inline PairRule pair_rule(char const* function, char const* same_name, char const* diff_name, std::span<std::int64_t const> same,
                                        std::span<std::int64_t const> different, std::int64_t columns) {
  PairRule rule;
  require(!same.empty() || !different.empty(), function, same_name, " and ", diff_name, " are both empty: nothing says which pairs are meant");
  for (auto const c : same) {
    require(c >= 0 && c < columns, function, same_name, " names column ", c, " but metadata.extent(1) is ", columns);
    rule.same |= std::uint64_t{1} << c;
  }
  for (auto const c : different) {
    require(c >= 0 && c < columns, function, diff_name, " names column ", c, " but metadata.extent(1) is ", columns);
    require((rule.same >> c & 1) == 0, function, diff_name, " names column ", c, ", which ", same_name, " names too");
    rule.different |= std::uint64_t{1} << c;
  }
  return rule;
}

}  // namespace detail

/// Average precision of each profile: does it find its like before the others?
///
///     row i ranks its positives and negatives by falling similarity, a positive before a negative of equal similarity;   AP = mean over positives of TP / rank
///     normalized = clip((AP - mu) / max(1 - mu, 1e-10), -1, 1), mu the expectation for a random ranking
///
/// profiles (n, d), metadata (n, c), c up to 64 -> average_precision (n), normalized_average_precision (n), n_pos_pairs (n), n_total_pairs (n). Positives
/// of i are the rows j != i equal to it in all columns of pos_sameby and different in all of pos_diffby, negatives likewise; a row
/// that is both ranks twice, as the one and as the other. Without a positive: NaN.
///
/// Errors: `std::invalid_argument` when a side has no rule, a column is out of range or in both lists of a side, or an array does not fit.
/// Error bound: exact, but for the order of similarities within d + 4 machine epsilons of the accumulation type.
/// Determinism: a row's result depends on that row and the profiles alone, not on the number of threads.
/// Allocates: unit copies of the profiles and the similarities of a block of rows to all: 64 on devices, with two scratch arrays of that size; on hosts 112 a
/// thread, but no more than d or 112, and the negatives ahead of n positives a thread. Never n x n. Synchronises: fences `exec`.
/// Source: copairs (definition); A. A. Kalinin et al., 2025.
template <ExecutionSpace Exec, RealView<2> Profiles, IndexView<2> Metadata, RealView<1> Output, IndexView<1> Counts>
  requires AccessibleFrom<Exec, Profiles, Metadata, Output, Counts>
void average_precision(Exec const& exec, Profiles const& profiles, Metadata const& metadata, Output const& average_precision,
                       Output const& normalized_average_precision, Counts const& n_pos_pairs, Counts const& n_total_pairs,
                       AveragePrecisionOptions const& options) {
  constexpr auto function = "ocellus::profiling::average_precision";
  std::int64_t const rows = extent(profiles, 0), columns = extent(metadata, 1);
  require_equal(function, {"metadata.extent(0)", extent(metadata, 0)}, {"profiles.extent(0)", rows});
  require(columns <= 64, function, "metadata.extent(1) is ", columns, " but at most 64 columns can be told apart");
  auto const positive = detail::pair_rule(function, "pos_sameby", "pos_diffby", options.pos_sameby, options.pos_diffby, columns);
  auto const negative = detail::pair_rule(function, "neg_sameby", "neg_diffby", options.neg_sameby, options.neg_diffby, columns);
  require_equal(function, {"average_precision.extent(0)", extent(average_precision, 0)}, {"profiles.extent(0)", rows});
  require_equal(function, {"normalized_average_precision.extent(0)", extent(normalized_average_precision, 0)}, {"profiles.extent(0)", rows});
  require_equal(function, {"n_pos_pairs.extent(0)", extent(n_pos_pairs, 0)}, {"profiles.extent(0)", rows});
  require_equal(function, {"n_total_pairs.extent(0)", extent(n_total_pairs, 0)}, {"profiles.extent(0)", rows});
  if constexpr (is_host_execution_v<Exec>)
    detail::average_precision_on_host(exec, function, profiles, metadata, positive, negative, average_precision, normalized_average_precision, n_pos_pairs,
                                      n_total_pairs, options.metric);
  else
    detail::average_precision_by_rows(exec, function, profiles, metadata, positive, negative, average_precision, normalized_average_precision, n_pos_pairs,
                                      n_total_pairs, options.metric);
}

/// Work on `rows` profiles of `features`.
[[nodiscard]] constexpr Cost average_precision_cost(double rows, double features, double bytes_per_element) {
  return {.flops = 2 * rows * rows * features, .special = 0, .bytes_read = rows * features * bytes_per_element, .bytes_written = 4 * rows * bytes_per_element};
}

}  // namespace ocellus::profiling
