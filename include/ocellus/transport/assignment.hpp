// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/transport/detail/host_arrays.hpp>
#include <ocellus/transport/detail/linear_assignment.hpp>

namespace ocellus::transport {

struct AssignmentOptions {
  bool maximise = false;  ///< the dearest assignment
};

struct AssignmentResult {
  double total_cost = 0;  ///< sum_i cost(i, columns(i)) over the rows that have one
};

/// Rectangular assignment: each row its own column, or each column its own row, whichever are fewer, at the least total cost.
///
///     min sum_i C(i, columns_i)
///
/// cost (n, m), finite -> columns (n): the column of each row, -1 for a row left out (n > m). Solved by shortest augmenting paths on the host, in double.
/// Where several assignments are optimal, which is given is a function of the input. No rows or no columns: nothing is assigned, the total is 0.
///
/// Errors: `std::invalid_argument` when columns does not fit or cost holds NaN or infinity.
/// Error bound: exact but for ties within min(n, m) machine epsilons of double of the largest cost; the total carries as many.
/// Determinism: one host thread. Allocates: on the host, O(n m). Synchronises: fences `exec`.
/// Source: R. Jonker, A. Volgenant, "A shortest augmenting path algorithm for dense and sparse linear assignment problems", 1987; D. F. Crouse, "On implementing
/// 2D rectangular assignment algorithms", 2016.
template <ExecutionSpace Exec, RealView<2> CostMatrix, IndexView<1> Columns>
  requires AccessibleFrom<Exec, CostMatrix, Columns> AssignmentResult assignment(Exec const& exec, CostMatrix const& cost, Columns const& columns,
                                                                                 AssignmentOptions const& options = {}) {
    constexpr auto function = "ocellus::transport::assignment";
    std::int64_t const n = extent(cost, 0), m = extent(cost, 1);
    require_equal(function, {"columns.extent(0)", extent(columns, 0)}, {"cost.extent(0)", n});
    auto const costs = detail::to_host(exec, function, cost);
    for (double const c : costs) require(std::isfinite(c), function, "cost holds NaN or infinity");
    auto const partner = detail::linear_assignment(n, m, costs, options.maximise);
    AssignmentResult result;
    for (std::int64_t i = 0; i < n; ++i) {
      auto const j = partner[static_cast<std::size_t>(i)];
      if (j >= 0) result.total_cost += costs[static_cast<std::size_t>(i * m + j)];
    }
    detail::to_device(exec, function, columns, partner);
    return result;
  }

/// Work of about min(n, m) searches of n m entries at most.
[[nodiscard]] constexpr Cost assignment_cost(double rows, double columns, double bytes_per_element) {
  double const least = rows < columns ? rows : columns;
  return {.flops = 3 * least * rows * columns, .special = 0, .bytes_read = rows * columns * bytes_per_element, .bytes_written = 8 * rows};
}

}  // namespace ocellus::transport
