// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/transport/plan_apply.hpp>

namespace ocellus::transport {

struct PlanTopEntriesOptions {
  double epsilon          = 0.0;  ///< of the potentials, above 0
  GroundCost cost         = GroundCost::squared_euclidean;
  PlanReference reference = PlanReference::product;
};

namespace detail {

template <class Member, class Real, class Values, class Columns>
struct TopPlanEntries {
  CloudPlan<Real> plan;
  Values values;
  Columns columns;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t i) const {
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      std::int64_t const k = extent(values, 1);
      std::int64_t held    = 0;
      for (std::int64_t j = 0; j < plan.y.rows; ++j) {
        Real const entry = plan(i, j);
        if (held == k && !(entry > static_cast<Real>(values(i, k - 1)))) continue;
        std::int64_t at = held < k ? held : k - 1;
        for (; at > 0 && entry > static_cast<Real>(values(i, at - 1)); --at) {
          values(i, at)  = values(i, at - 1);
          columns(i, at) = columns(i, at - 1);
        }
        values(i, at)  = entry;
        columns(i, at) = static_cast<element_t<Columns>>(j);
        if (held < k) ++held;
      }
    });
  }
};

}  // namespace detail

/// The largest entries of each row of a plan between two point clouds, from potentials, without the plan.
///
///     values_i = the k largest of P_ij over j, largest first;   P as in `plan_apply`
///
/// x (n, d), y (m, d), a (n) or none, b (m) or none, f (n), g (m) -> values (n, k), columns (n, k), 1 <= k <= m. Equal entries stand in the order of their
/// columns. NaN entries come where nothing larger is left.
///
/// Errors: `std::invalid_argument` when something does not fit, epsilon is not positive, or k is not between 1 and m.
/// Error bound: as `plan_apply` for one entry.
/// Determinism: a row's bits depend on that row and y alone. Allocates: nothing. Synchronises: no.
template <ExecutionSpace Exec, RealView<2> X, RealView<2> Y, OptionalRealView<1> A, OptionalRealView<1> B, RealView<1> F, RealView<1> G, RealView<2> Values,
          IndexView<2> Columns>
  requires AccessibleFrom<Exec, X, Y, A, B, F, G, Values, Columns> && RealScalar<element_t<X>>
void plan_top_entries(Exec const& exec, X const& x, Y const& y, A const& a, B const& b, F const& f, G const& g, Values const& values, Columns const& columns,
                      PlanTopEntriesOptions const& options) {
  constexpr auto function = "ocellus::transport::plan_top_entries";
  detail::require_plan(function, x, y, a, b, f, g, options.epsilon);
  std::int64_t const k = extent(values, 1);
  require(k >= 1 && k <= extent(y, 0), function, "k, which is values.extent(1), is ", k, ", not between 1 and y.extent(0), which is ", extent(y, 0));
  require_equal(function, {"values.extent(0)", extent(values, 0)}, {"x.extent(0)", extent(x, 0)});
  require_equal(function, {"columns.extent(0)", extent(columns, 0)}, {"x.extent(0)", extent(x, 0)});
  require_equal(function, {"columns.extent(1)", extent(columns, 1)}, {"values.extent(1)", k});
  auto const plan = detail::cloud_plan(x, y, a, b, f, g, options.cost, options.reference, options.epsilon);
  for_each_row(exec, function, extent(x, 0), detail::TopPlanEntries<TeamMember<Exec>, element_t<X>, Values, Columns>{plan, values, columns});
}

/// Work for n rows and m columns of points of `width`.
[[nodiscard]] constexpr Cost plan_top_entries_cost(double rows, double columns, double width, double k, double bytes_per_element) {
  return {.flops         = rows * columns * 3 * width,
          .special       = rows * columns,
          .bytes_read    = (rows + columns) * (width + 2) * bytes_per_element,
          .bytes_written = rows * k * (bytes_per_element + 8)};
}

}  // namespace ocellus::transport
