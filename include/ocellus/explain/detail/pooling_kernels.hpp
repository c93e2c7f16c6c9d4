// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/reduce.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/explain/detail/volumes.hpp>
#include <ocellus/linalg/matmul.hpp>

namespace ocellus::explain::detail {

/// The last offset; waits for `exec`.
template <ExecutionSpace Exec, IndexView<1> Offsets>
[[nodiscard]] std::int64_t last_offset(Exec const& exec, char const* function, Offsets const& offsets) {
  element_t<Offsets> last = 0;
  Kokkos::View<element_t<Offsets>, Kokkos::HostSpace, Kokkos::MemoryTraits<Kokkos::Unmanaged>> const target(&last);
  Kokkos::deep_copy(exec, target, Kokkos::subview(offsets, offsets.extent(0) - 1));
  exec.fence(function);
  return static_cast<std::int64_t>(last);
}

/// Refuses offsets that do not end at the number of rows; waits for `exec`.
template <ExecutionSpace Exec, IndexView<1> Offsets>
void require_offsets(Exec const& exec, char const* function, Offsets const& offsets, std::int64_t rows) {
  require(extent(offsets, 0) > 0, function, "offsets.extent(0) is 0 but must be the number of bags + 1");
  std::int64_t const last = last_offset(exec, function, offsets);
  require(last == rows, function, "the last of offsets is ", last, " but features.extent(0) is ", rows);
}

/// The rows of one bag; `good` is false where they do not lie in the array.
struct BagRange {
  std::int64_t first = 0, last = 0;
  bool good = false;
};

template <class Offsets>
KOKKOS_INLINE_FUNCTION BagRange bag_range(Offsets const& offsets, std::int64_t bag, std::int64_t rows) {
  BagRange range{static_cast<std::int64_t>(offsets(bag)), static_cast<std::int64_t>(offsets(bag + 1)), true};
  if (range.first < 0 || range.last < range.first || range.last > rows) range = {0, 0, false};
  return range;
}

/// The bag that holds a row: the last one that begins at or before it and does not end there. -1: none.
template <class Offsets>
KOKKOS_INLINE_FUNCTION std::int64_t bag_of(Offsets const& offsets, std::int64_t row) {
  std::int64_t low = 0, high = extent(offsets, 0) - 1;  // offsets(low) <= row < offsets(high)
  if (high < 1 || static_cast<std::int64_t>(offsets(0)) > row || static_cast<std::int64_t>(offsets(high)) <= row) return -1;
  while (high - low > 1) {
    std::int64_t const middle = low + (high - low) / 2;
    if (static_cast<std::int64_t>(offsets(middle)) <= row)
      low = middle;
    else
      high = middle;
  }
  return low;
}

/// Softmax over the rows of each bag, in place, one column a call.
template <class Member, class Offsets, class Scores>
struct BagSoftmax {
  Offsets offsets;
  Scores scores;  ///< (n, R)

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t item) const {
    using Real                 = element_t<Scores>;
    std::int64_t const columns = extent(scores, 1), bag = item / columns, r = item % columns;
    BagRange const range = bag_range(offsets, bag, extent(scores, 0));
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      Real largest = -Kokkos::Experimental::infinity_v<Real>;
      for (std::int64_t i = range.first; i < range.last; ++i) {
        if (scores(i, r) > largest) largest = scores(i, r);
      }
      double const total = ordered_sum<double>(range.last - range.first, [&](std::int64_t i) {
        Real const weight          = Kokkos::exp(scores(range.first + i, r) - largest);
        scores(range.first + i, r) = weight;
        return static_cast<double>(weight);
      });
      for (std::int64_t i = range.first; i < range.last; ++i) scores(i, r) = static_cast<Real>(static_cast<double>(scores(i, r)) / total);
    });
  }
};

/// The gradient of the scores from that of the weights, in place: ds = a (da - sum a da), one column of one bag a call.
template <class Member, class Offsets, class Weights, class Gradients>
struct BagSoftmaxBackward {
  Offsets offsets;
  Weights weights;      ///< (n, R)
  Gradients gradients;  ///< (n, R)
  double scale;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t item) const {
    std::int64_t const columns = extent(weights, 1), bag = item / columns, r = item % columns;
    BagRange const range = bag_range(offsets, bag, extent(weights, 0));
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      double const mean = ordered_sum<double>(range.last - range.first, [&](std::int64_t i) {
        return static_cast<double>(weights(range.first + i, r)) * static_cast<double>(gradients(range.first + i, r));
      });
      for (std::int64_t i = range.first; i < range.last; ++i)
        gradients(i, r) = static_cast<element_t<Gradients>>(scale * static_cast<double>(weights(i, r)) * (static_cast<double>(gradients(i, r)) - mean));
    });
  }
};

/// pooled[bag, r, m] = sum over the bag of weights[i, r] values[i, m], 32 columns a call, rows in their order.
template <class Member, class Offsets, class Weights, class Values, class Pooled>
struct BagSums {
  static constexpr int lanes = 32;

  Offsets offsets;
  Weights weights;  ///< (n, R)
  Values values;    ///< (n, M)
  Pooled pooled;    ///< (B, R, M)
  bool absolute = false;

  [[nodiscard]] std::int64_t items() const { return extent(pooled, 0) * extent(pooled, 1) * ((extent(pooled, 2) + lanes - 1) / lanes); }

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t item) const {
    std::int64_t const chunks = (extent(pooled, 2) + lanes - 1) / lanes, columns = extent(pooled, 1);
    std::int64_t const first = item % chunks * lanes, r = item / chunks % columns, bag = item / chunks / columns;
    std::int64_t const count = extent(pooled, 2) - first < lanes ? extent(pooled, 2) - first : lanes;
    BagRange const range     = bag_range(offsets, bag, extent(weights, 0));
    if constexpr (is_host_execution_v<typename Member::execution_space>) {
      double sums[lanes];
      for (int m = 0; m < lanes; ++m) sums[m] = 0;
      for (std::int64_t i = range.first; i < range.last; ++i) {
        double const weight = static_cast<double>(weights(i, r));
        for (std::int64_t m = 0; m < count; ++m) sums[m] += weight * value(i, first + m);
      }
      for (std::int64_t m = 0; m < count; ++m) write(bag, r, first + m, range.good, sums[m]);
    } else {
      Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, count), [&](std::int64_t const m) {
        double sum = 0;
        for (std::int64_t i = range.first; i < range.last; ++i) sum += static_cast<double>(weights(i, r)) * value(i, first + m);
        write(bag, r, first + m, range.good, sum);
      });
    }
  }

  KOKKOS_INLINE_FUNCTION double value(std::int64_t i, std::int64_t m) const {
    double const x = static_cast<double>(values(i, m));
    return absolute && x < 0 ? -x : x;
  }
  KOKKOS_INLINE_FUNCTION void write(std::int64_t bag, std::int64_t r, std::int64_t m, bool good, double sum) const {
    using Real        = accumulate_of_t<Pooled>;
    pooled(bag, r, m) = static_cast<element_t<Pooled>>(good ? static_cast<Real>(sum) : Kokkos::Experimental::quiet_NaN_v<Real>);
  }
};

/// result[d] (+)= sum over the rows of values[n, d].
template <class Member, class Values, class Result>
struct AddColumns {
  Values values;
  Result result;
  bool accumulate;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t group) const {
    std::int64_t const first = group * 16, count = extent(values, 1) - first < 16 ? extent(values, 1) - first : 16;
    using Real = accumulate_of_t<Result>;
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, count), [&](std::int64_t const d) {
      double const sum = ordered_sum<double>(extent(values, 0), [&](std::int64_t n) { return static_cast<double>(values(n, first + d)); });
      auto& to         = result(first + d);
      to               = static_cast<element_t<Result>>(static_cast<Real>(accumulate ? static_cast<double>(to) + sum : sum));
    });
  }
};

template <ExecutionSpace Exec, class Values, class Result>
void add_columns(Exec const& exec, std::string const& label, Values const& values, Result const& result, bool accumulate) {
  for_each_row(exec, label, (extent(values, 1) + 15) / 16, AddColumns<TeamMember<Exec>, Values, Result>{values, result, accumulate});
}

/// output (+)= op(a) b
template <ExecutionSpace Exec, class A, class B, class Output>
void add_product(Exec const& exec, A const& a, bool transpose_a, B const& b, Output const& output, bool accumulate) {
  linalg::matmul(exec, a, b, none, none, accumulate ? output : Output(), output, {.transpose_a = transpose_a});
}

/// target[i, j] (+)= source[i, j]
template <class Member, class Source, class Target>
struct AddRows {
  Source source;
  Target target;
  bool accumulate;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t i) const {
    using Real = accumulate_of_t<Target>;
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(target, 1)), [&](std::int64_t const j) {
      auto& to = target(i, j);
      to       = static_cast<element_t<Target>>(static_cast<Real>(source(i, j)) + (accumulate ? static_cast<Real>(to) : Real(0)));
    });
  }
};

template <ExecutionSpace Exec, class Source, class Target>
void add_rows(Exec const& exec, std::string const& label, Source const& source, Target const& target, bool accumulate) {
  for_each_row(exec, label, extent(target, 0), AddRows<TeamMember<Exec>, Source, Target>{source, target, accumulate});
}

template <class Weight>
void require_matrix(char const* function, char const* name, Weight const& weight, std::int64_t rows, char const* rows_name, std::int64_t columns,
                    char const* columns_name) {
  require_equal(function, {axis_name(name, 0), extent(weight, 0)}, {rows_name, rows});
  require_equal(function, {axis_name(name, 1), extent(weight, 1)}, {columns_name, columns});
}

template <class Vector>
void require_vector(char const* function, char const* name, Vector const& vector, std::int64_t size, char const* size_name) {
  require_equal(function, {axis_name(name, 0), extent(vector, 0)}, {size_name, size});
}

}  // namespace ocellus::explain::detail
