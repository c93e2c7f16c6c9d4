// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/profiling/detail/order_statistics.hpp>
#include <ocellus/profiling/detail/similarity_blocks.hpp>
#include <ocellus/profiling/similarity.hpp>

namespace ocellus::profiling::detail {

/// Columns that must be equal or different, as bits.
struct PairRule {
  std::uint64_t same = 0, different = 0;

  KOKKOS_INLINE_FUNCTION bool holds(std::uint64_t equal) const { return (same & ~equal) == 0 && (different & equal) == 0; }
};

/// 1 + 1/2 + ... + 1/n: summed up to 64 terms, beyond them by Euler and Maclaurin's series, whose rest is below an epsilon there.
KOKKOS_INLINE_FUNCTION double harmonic_number(std::int64_t n) {
  if (n <= 64) {
    double sum = 0;
    for (std::int64_t k = n; k >= 1; --k) sum += 1.0 / static_cast<double>(k);
    return sum;
  }
  double const x = 1.0 / static_cast<double>(n), square = x * x;
  return Kokkos::log(static_cast<double>(n)) + 0.57721566490153286061 + (0.5 * x - square * (1.0 / 12.0 - square * (1.0 / 120.0 - square * (1.0 / 252.0))));
}

/// Mean average precision of a random ranking of `positives` among `total`.
KOKKOS_INLINE_FUNCTION double expected_average_precision(std::int64_t positives, std::int64_t total) {
  if (positives == total) return 1.0;
  double const harmonic = harmonic_number(total);
  double const m = static_cast<double>(positives), l = static_cast<double>(total);
  return ((m - 1.0) / (l - 1.0) * (l - harmonic) + harmonic) / l;
}

/// clip((AP - mu) / max(1 - mu, 1e-10), -1, 1).
KOKKOS_INLINE_FUNCTION double normalized_average_precision(double ap, std::int64_t positives, std::int64_t total) {
  double const mu    = expected_average_precision(positives, total);
  double const span  = 1.0 - mu > 1e-10 ? 1.0 - mu : 1e-10;
  double const value = (ap - mu) / span;
  return value < -1.0 ? -1.0 : value > 1.0 ? 1.0 : value;
}

/// Row i's results from the sum of its precisions, one a positive; without positives there is no average precision.
template <class Output, class Counts>
KOKKOS_INLINE_FUNCTION void write_average_precision(std::int64_t i, double sum, std::int64_t positives, std::int64_t negatives, Output const& average_precision,
                                                    Output const& normalized, Counts const& positive_pairs, Counts const& total_pairs) {
  double const nan     = Kokkos::Experimental::quiet_NaN_v<double>;
  double const ap      = positives > 0 ? sum / static_cast<double>(positives) : nan;
  average_precision(i) = static_cast<element_t<Output>>(ap);
  normalized(i)        = static_cast<element_t<Output>>(positives > 0 ? normalized_average_precision(ap, positives, positives + negatives) : nan);
  positive_pairs(i)    = static_cast<element_t<Counts>>(positives);
  total_pairs(i)       = static_cast<element_t<Counts>>(positives + negatives);
}

/// Average precision of one row a call. Positives are sorted; each negative is counted at the first positive that it beats.
template <class Member, class Similarities, class Metadata, class Positives, class Beaten, class Output, class Counts>
struct AveragePrecisionRows {
  Similarities similarities;  ///< (rows of this block, n)
  Metadata metadata;
  PairRule positive, negative;
  Positives positives;  ///< scratch (rows of this block, n)
  Beaten beaten;        ///< scratch (rows of this block, n)
  Output average_precision, normalized;
  Counts positive_pairs, total_pairs;
  std::int64_t first;

  KOKKOS_INLINE_FUNCTION std::uint64_t equal_columns(std::int64_t i, std::int64_t j) const {
    std::uint64_t bits = 0;
    for (std::int64_t c = 0; c < extent(metadata, 1); ++c) bits |= static_cast<std::uint64_t>(metadata(i, c) == metadata(j, c)) << c;
    return bits;
  }

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t row) const {
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      std::int64_t const i = first + row, rows = extent(similarities, 1);
      auto const line = Kokkos::subview(positives, row, Kokkos::ALL);
      std::int64_t m = 0, negatives = 0;
      for (std::int64_t j = 0; j < rows; ++j) {
        if (j != i && positive.holds(equal_columns(i, j))) line(m++) = known(similarities(row, j));
      }
      heap_sort(line, 0, m, Descending{});
      for (std::int64_t k = 0; k < m; ++k) beaten(row, k) = 0;
      for (std::int64_t j = 0; j < rows; ++j) {
        if (j == i || !negative.holds(equal_columns(i, j))) continue;
        ++negatives;
        auto const s     = known(similarities(row, j));
        std::int64_t low = 0, high = m;  // the first positive below s: a positive comes before a negative of equal similarity
        while (low < high) {
          std::int64_t const middle = (low + high) / 2;
          if (line(middle) < s)
            high = middle;
          else
            low = middle + 1;
        }
        if (low < m) ++beaten(row, low);
      }
      double sum          = 0;
      std::int64_t before = 0;
      for (std::int64_t k = 0; k < m; ++k) {
        before += beaten(row, k);
        sum += static_cast<double>(k + 1) / static_cast<double>(k + 1 + before);
      }
      write_average_precision(i, sum, m, negatives, average_precision, normalized, positive_pairs, total_pairs);
    });
  }

 private:
  /// NaN ranks last.
  template <class Real>
  KOKKOS_INLINE_FUNCTION static Real known(Real s) {
    return s == s ? s : -Kokkos::Experimental::infinity_v<Real>;
  }
};

/// All rows, block by block, on any backend. Fences `exec`.
template <ExecutionSpace Exec, class Profiles, class Metadata, class Output, class Counts>
void average_precision_by_rows(Exec const& exec, char const* function, Profiles const& profiles, Metadata const& metadata, PairRule const& positive,
                               PairRule const& negative, Output const& average_precision, Output const& normalized, Counts const& positive_pairs,
                               Counts const& total_pairs, SimilarityMetric metric) {
  using Real              = accumulate_of_t<Profiles>;
  std::int64_t const rows = extent(profiles, 0), block = similarity_rows < rows ? similarity_rows : rows;
  bool const product = is_product_metric(metric), ranked = metric == SimilarityMetric::spearman;
  auto const similarities = make_tensor<Real**>(exec, "ocellus::profiling::average_precision::similarities", block, rows);
  auto const positives    = make_tensor<Real**>(exec, "ocellus::profiling::average_precision::positives", block, rows);
  auto const beaten       = make_tensor<std::int64_t**>(exec, "ocellus::profiling::average_precision::beaten", block, rows);
  auto const prepared     = make_tensor<Real**>(exec, "ocellus::profiling::average_precision::prepared", product ? rows : 0, extent(profiles, 1));
  auto const order        = make_tensor<std::int64_t**>(exec, "ocellus::profiling::average_precision::order", ranked ? rows : 0, extent(profiles, 1));
  if (product) prepare_rows(exec, profiles, prepared, order, metric);
  for (std::int64_t first = 0; first < rows; first += similarity_rows) {
    std::int64_t const count = similarity_rows < rows - first ? similarity_rows : rows - first;
    auto const range         = Kokkos::make_pair(static_cast<std::size_t>(first), static_cast<std::size_t>(first + count));
    auto const part          = Kokkos::subview(similarities, Kokkos::make_pair(std::size_t{0}, static_cast<std::size_t>(count)), Kokkos::ALL);
    if (product)
      prepared_similarity(exec, Kokkos::subview(prepared, range, Kokkos::ALL), prepared, part, metric, false);
    else
      prepared_similarity(exec, Kokkos::subview(profiles, range, Kokkos::ALL), profiles, part, metric, false);
    using Kernel = AveragePrecisionRows<TeamMember<Exec>, std::remove_const_t<decltype(part)>, Metadata, std::remove_const_t<decltype(positives)>,
                                        std::remove_const_t<decltype(beaten)>, Output, Counts>;
    for_each_row(exec, function, count,
                 Kernel{part, metadata, positive, negative, positives, beaten, average_precision, normalized, positive_pairs, total_pairs, first});
  }
  exec.fence(function);
}

}  // namespace ocellus::profiling::detail
