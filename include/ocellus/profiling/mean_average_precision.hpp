// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/host_copy.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/profiling/detail/average_precision_kernel.hpp>
#include <ocellus/profiling/group_rows.hpp>

namespace ocellus::profiling {
namespace detail {

template <class Member, class Input, class Counts, class Indices, class Output>
struct MeanOfGroups {
  Input average_precision;
  Counts positive_pairs, total_pairs;
  Indices offsets, rows;
  Output mean, normalized;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t g) const {
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      double sum = 0, normalized_sum = 0;
      std::int64_t known = 0;
      for (std::int64_t k = offsets(g); k < offsets(g + 1); ++k) {
        std::int64_t const i = rows(k);
        double const ap      = static_cast<double>(average_precision(i));
        if (ap != ap) continue;
        ++known;
        sum += ap;
        normalized_sum += normalized_average_precision(ap, static_cast<std::int64_t>(positive_pairs(i)), static_cast<std::int64_t>(total_pairs(i)));
      }
      mean(g)       = static_cast<element_t<Output>>(sum / static_cast<double>(known));
      normalized(g) = static_cast<element_t<Output>>(normalized_sum / static_cast<double>(known));
    });
  }
};

}  // namespace detail

/// Mean average precision of each group.
///
///     mean over the group's rows with an average precision, of AP and of its normalised form
///
/// average_precision (n), n_pos_pairs (n), n_total_pairs (n), group (n) -> groups (g) ascending, mean_average_precision (g),
/// mean_normalized_average_precision (g); NaN where no row has one.
///
/// Errors: `std::invalid_argument` when an array does not fit.
/// Error bound: 2 machine epsilons of the output type: computed in double.
/// Determinism: rows of a group are summed in order.
/// Allocates: indices. Synchronises: fences `exec`.
template <ExecutionSpace Exec, RealView<1> Input, IndexView<1> Counts, IndexView<1> Group, IndexView<1> Groups, RealView<1> Output>
  requires AccessibleFrom<Exec, Input, Counts, Group, Groups, Output>
void mean_average_precision(Exec const& exec, Input const& average_precision, Counts const& n_pos_pairs, Counts const& n_total_pairs, Group const& group,
                            Groups const& groups, Output const& mean_average_precision, Output const& mean_normalized_average_precision) {
  constexpr auto function = "ocellus::profiling::mean_average_precision";
  std::int64_t const rows = extent(average_precision, 0);
  require_equal(function, {"n_pos_pairs.extent(0)", extent(n_pos_pairs, 0)}, {"average_precision.extent(0)", rows});
  require_equal(function, {"n_total_pairs.extent(0)", extent(n_total_pairs, 0)}, {"average_precision.extent(0)", rows});
  require_equal(function, {"group.extent(0)", extent(group, 0)}, {"average_precision.extent(0)", rows});
  auto const gathered = group_rows(exec, group);
  require_equal(function, {"groups.extent(0)", extent(groups, 0)}, {"the number of groups", gathered.count()});
  require_equal(function, {"mean_average_precision.extent(0)", extent(mean_average_precision, 0)}, {"the number of groups", gathered.count()});
  require_equal(function, {"mean_normalized_average_precision.extent(0)", extent(mean_normalized_average_precision, 0)},
                {"the number of groups", gathered.count()});
  using Kernel = detail::MeanOfGroups<TeamMember<Exec>, Input, Counts, decltype(gathered.rows), Output>;
  for_each_row(
      exec, function, gathered.count(),
      Kernel{average_precision, n_pos_pairs, n_total_pairs, gathered.offsets, gathered.rows, mean_average_precision, mean_normalized_average_precision});
  auto const keys = make_host_tensor<element_t<Groups>*>(std::string(function) + "::groups", gathered.count());
  for (std::int64_t g = 0; g < gathered.count(); ++g) keys(g) = static_cast<element_t<Groups>>(gathered.keys[static_cast<std::size_t>(g)]);
  copy_from_host(exec, function, keys, groups);  // fences
}

/// Work on `rows` rows.
[[nodiscard]] constexpr Cost mean_average_precision_cost(double rows, double bytes_per_element) {
  return {.flops = 4 * rows, .special = 0, .bytes_read = 4 * rows * bytes_per_element, .bytes_written = 0};
}

}  // namespace ocellus::profiling
