// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/reduce.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/profiling/detail/order_statistics.hpp>

namespace ocellus::profiling::detail {

/// How rows are prepared so that their inner products are similarities.
enum class RowPreparation { unit, centred_unit, ranked_unit };

/// One row of unit length a call; zero rows (after centring) stay zero. A row is prepared the same way wherever it stands, so equal rows stay equal.
template <class Member, class Input, class Output, class Order>
struct PrepareRows {
  Input input;
  Output output;
  Order order;  ///< (rows, features): the row's indices sorted, for ranks
  RowPreparation preparation;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t row) const {
    using Real               = element_t<Output>;
    std::int64_t const width = extent(input, 1);
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      bool const centred = preparation != RowPreparation::unit;
      if (preparation == RowPreparation::ranked_unit) rank(row, width);
      bool const ranked    = preparation == RowPreparation::ranked_unit;
      auto const value     = [&](std::int64_t d) { return ranked ? static_cast<double>(output(row, d)) : static_cast<double>(input(row, d)); };
      double const origin  = centred && width > 0 ? value(0) : 0.0;
      double const mean    = centred ? ordered_sum<double>(width, [&](std::int64_t d) { return value(d) - origin; }) / static_cast<double>(width) : 0.0;
      double const squares = ordered_sum<double>(width, [&](std::int64_t d) { return (value(d) - origin - mean) * (value(d) - origin - mean); });
      double const length  = Kokkos::sqrt(squares);
      for (std::int64_t d = 0; d < width; ++d) {
        double const x = value(d) - origin - mean;
        output(row, d) = static_cast<Real>(length == 0 ? 0.0 : x / length);
      }
    });
  }

 private:
  /// Ranks from 1, equal values sharing their mean rank, into the output. A NaN makes the row NaN.
  KOKKOS_INLINE_FUNCTION void rank(std::int64_t row, std::int64_t width) const {
    auto const line = Kokkos::subview(order, row, Kokkos::ALL);
    bool known      = true;
    for (std::int64_t d = 0; d < width; ++d) {
      line(d) = d;
      known   = known && input(row, d) == input(row, d);
    }
    heap_sort(line, 0, width, RowOrder{input, row});
    for (std::int64_t first = 0; first < width;) {
      std::int64_t last = first;
      while (last + 1 < width && !(input(row, line(last + 1)) > input(row, line(first)))) ++last;
      for (std::int64_t i = first; i <= last; ++i) {
        output(row, line(i)) =
            known ? static_cast<element_t<Output>>(0.5 * static_cast<double>(first + last) + 1.0) : Kokkos::Experimental::quiet_NaN_v<element_t<Output>>;
      }
      first = last + 1;
    }
  }

  struct RowOrder {
    Input input;
    std::int64_t row;
    template <class Index>
    KOKKOS_INLINE_FUNCTION bool operator()(Index a, Index b) const {
      auto const x = input(row, a), y = input(row, b);
      return x < y || (!(y < x) && a < b);
    }
  };
};

/// What is left to do with a row of products or distances.
enum class SimilarityFinish { nothing, absolute, one_minus, one_minus_absolute, root, root_inverse, inverse };

template <class Member, class Output>
struct FinishSimilarity {
  Output output;
  SimilarityFinish finish;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t row) const {
    using Real = element_t<Output>;
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(output, 1)), [&](std::int64_t const j) {
      Real const v    = output(row, j);
      Real const size = v < Real(0) ? -v : v;
      Real result     = v;
      switch (finish) {
        case SimilarityFinish::nothing:
          break;
        case SimilarityFinish::absolute:
          result = size;
          break;
        case SimilarityFinish::one_minus:
          result = Real(1) - v;
          break;
        case SimilarityFinish::one_minus_absolute:
          result = Real(1) - size;
          break;
        case SimilarityFinish::root:
          result = Kokkos::sqrt(v);
          break;
        case SimilarityFinish::root_inverse:
          result = Real(1) / (Real(1) + Kokkos::sqrt(v));
          break;
        case SimilarityFinish::inverse:
          result = Real(1) / (Real(1) + v);
          break;
      }
      output(row, j) = result;
    });
  }
};

}  // namespace ocellus::profiling::detail
