// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/profiling/detail/order_statistics.hpp>

namespace ocellus::profiling::detail {

/// Columns that must be equal or different, as bits.
struct PairRule {
  std::uint64_t same = 0, different = 0;

  KOKKOS_INLINE_FUNCTION bool holds(std::uint64_t equal) const { return (same & ~equal) == 0 && (different & equal) == 0; }
};

/// Mean average precision of a random ranking of `positives` among `total`.
KOKKOS_INLINE_FUNCTION double expected_average_precision(std::int64_t positives, std::int64_t total) {
  if (positives == total) return 1.0;
  double harmonic = 0;
  for (std::int64_t k = total; k >= 1; --k) harmonic += 1.0 / static_cast<double>(k);
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
      double const nan     = Kokkos::Experimental::quiet_NaN_v<double>;
      double const ap      = m > 0 ? sum / static_cast<double>(m) : nan;
      average_precision(i) = static_cast<element_t<Output>>(ap);
      normalized(i)        = static_cast<element_t<Output>>(m > 0 ? normalized_average_precision(ap, m, m + negatives) : nan);
      positive_pairs(i)    = static_cast<element_t<Counts>>(m);
      total_pairs(i)       = static_cast<element_t<Counts>>(m + negatives);
    });
  }

 private:
  /// NaN ranks last.
  template <class Real>
  KOKKOS_INLINE_FUNCTION static Real known(Real s) {
    return s == s ? s : -Kokkos::Experimental::infinity_v<Real>;
  }
};

}  // namespace ocellus::profiling::detail
