// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/host_copy.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/reduce.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/profiling/detail/order_statistics.hpp>
#include <ocellus/profiling/group_rows.hpp>

namespace ocellus::profiling {

enum class AggregateMethod { mean, median };

struct AggregateOptions {
  AggregateMethod method = AggregateMethod::mean;
};

namespace detail {

template <class Member, class Profiles, class Indices, class Scratch, class Output>
struct AggregateFeatures {
  Profiles profiles;
  Indices offsets, rows;
  Scratch scratch;  ///< (features, rows); empty for the mean
  Output output;
  bool median;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t item) const {
    std::int64_t const features = extent(profiles, 1), g = item / features, d = item % features, first = offsets(g), count = offsets(g + 1) - first;
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      double value       = 0;
      std::int64_t known = 0;
      if (median) {
        auto const line = Kokkos::subview(scratch, d, Kokkos::ALL);
        for (std::int64_t i = 0; i < count; ++i) {
          double const x = static_cast<double>(profiles(rows(first + i), d));
          if (x == x) line(first + known++) = x;
        }
        heap_sort(line, first, known, Ascending{});
        value = sorted_quantile(line, first, known, 1, 2);
      } else {
        for (std::int64_t i = 0; i < count; ++i) {
          double const x = static_cast<double>(profiles(rows(first + i), d));
          known += x == x ? 1 : 0;
        }
        auto const term = [&](std::int64_t i) {
          double const x = static_cast<double>(profiles(rows(first + i), d));
          return x == x ? x : 0.0;
        };
        value = known > 0 ? ordered_sum<double>(count, term) / static_cast<double>(known) : Kokkos::Experimental::quiet_NaN_v<double>;
      }
      output(g, d) = static_cast<element_t<Output>>(value);
    });
  }
};

}  // namespace detail

/// Mean or median of each group's rows, feature by feature.
///
///     output[g, d] = mean or median of profiles[i, d] over the rows i of group g that are not NaN; NaN where nothing is left
///
/// profiles (n, d), group (n) -> output (g, d), groups (g): the distinct keys, ascending. `group_rows` tells how many there are.
///
/// Errors: `std::invalid_argument` when group does not fit, or an output has not one row a group.
/// Error bound: 4 machine epsilons of double relative to the mean of absolute values, plus the rounding of the output: computed in double.
/// Determinism: a group's rows are summed in order, in blocks of 256 and a binary tree: bits do not depend on the number of threads.
/// Allocates: indices, and for the median one number a value. Synchronises: fences `exec`.
template <ExecutionSpace Exec, RealView<2> Profiles, IndexView<1> Group, RealView<2> Output, IndexView<1> Groups>
  requires AccessibleFrom<Exec, Profiles, Group, Output, Groups>
void aggregate(Exec const& exec, Profiles const& profiles, Group const& group, Output const& output, Groups const& groups,
               AggregateOptions const& options = {}) {
  constexpr auto function = "ocellus::profiling::aggregate";
  require_equal(function, {"group.extent(0)", extent(group, 0)}, {"profiles.extent(0)", extent(profiles, 0)});
  auto const gathered = group_rows(exec, group);
  require_equal(function, {"output.extent(0)", extent(output, 0)}, {"the number of groups", gathered.count()});
  require_equal(function, {"output.extent(1)", extent(output, 1)}, {"profiles.extent(1)", extent(profiles, 1)});
  require_equal(function, {"groups.extent(0)", extent(groups, 0)}, {"the number of groups", gathered.count()});
  bool const median  = options.method == AggregateMethod::median;
  auto const scratch = make_tensor<double**>(exec, "ocellus::profiling::aggregate::sorted", median ? extent(profiles, 1) : 0, median ? extent(profiles, 0) : 0);
  using Kernel       = detail::AggregateFeatures<TeamMember<Exec>, Profiles, decltype(gathered.rows), std::remove_const_t<decltype(scratch)>, Output>;
  for_each_row(exec, function, gathered.count() * extent(profiles, 1), Kernel{profiles, gathered.offsets, gathered.rows, scratch, output, median});
  auto const keys = make_host_tensor<element_t<Groups>*>(std::string(function) + "::groups", gathered.count());
  for (std::int64_t g = 0; g < gathered.count(); ++g) keys(g) = static_cast<element_t<Groups>>(gathered.keys[static_cast<std::size_t>(g)]);
  copy_from_host(exec, function, keys, groups);  // fences
}

/// Work of aggregating `rows` x `features`.
[[nodiscard]] constexpr Cost aggregate_cost(double rows, double features, double groups, double bytes_per_element) {
  return {.flops = rows * features, .special = 0, .bytes_read = rows * features * bytes_per_element, .bytes_written = groups * features * bytes_per_element};
}

}  // namespace ocellus::profiling
