// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/transport/detail/cloud_plan.hpp>
#include <ocellus/transport/ground_cost.hpp>

namespace ocellus::transport {

struct BarycentricMapOptions {
  double epsilon          = 0.0;  ///< of the potential, above 0
  GroundCost cost         = GroundCost::squared_euclidean;
  PlanReference reference = PlanReference::product;
};

namespace detail {

template <class Member, class Real, class Output>
struct BarycentricRows {
  CloudRows<Real> query, y;
  Line<Real> g;
  MassArray<Real> b;
  GroundCost cost;
  Real inverse_epsilon;
  Output output;

  KOKKOS_INLINE_FUNCTION Real exponent(std::int64_t i, std::int64_t j) const {
    return (g(j) - ground_cost<Real>(cost, query.row(i), query.feature_stride, y.row(j), y.feature_stride, y.width)) * inverse_epsilon;
  }

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t i) const {
    PlanScratch<Real, Member> const weight(member.thread_scratch(1), plan_block);
    Real const infinity = Kokkos::Experimental::infinity_v<Real>;
    Real largest        = -infinity;
    Kokkos::parallel_reduce(
        Kokkos::ThreadVectorRange(member, y.rows),
        [&](std::int64_t const j, Real& most) {
          Real const t = b(j) > Real(0) ? exponent(i, j) : -infinity;
          if (t > most) most = t;
        },
        Kokkos::Max<Real>(largest));
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, y.width), [&](std::int64_t const k) { output(i, k) = 0; });
    Real total = 0;
    for (std::int64_t first = 0; first < y.rows; first += plan_block) {
      std::int64_t const size = first + plan_block < y.rows ? plan_block : y.rows - first;
      Real held               = 0;
      Kokkos::parallel_reduce(
          Kokkos::ThreadVectorRange(member, size),
          [&](std::int64_t const j, Real& partial) {
            Real const w = b(first + j) > Real(0) ? b(first + j) * Kokkos::exp(exponent(i, first + j) - largest) : Real(0);
            weight(j)    = w;
            partial += w;
          },
          held);
      total += held;
      Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, y.width), [&](std::int64_t const k) {
        Real sum = 0;
        for (std::int64_t j = 0; j < size; ++j) {
          if (weight(j) != Real(0)) sum += weight(j) * y.row(first + j)[k * y.feature_stride];
        }
        output(i, k) += sum;
      });
    }
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, y.width), [&](std::int64_t const k) { output(i, k) /= total; });
  }
};

}  // namespace detail

/// The barycentric map of an entropic plan: where mass at a point goes on average. Query points need not be of the cloud.
///
///     T(q) = sum_j w_j y_j / sum_j w_j,   w_j = b_j exp((g_j - C(q, y_j)) / epsilon)  (counting: without b_j)
///
/// query (q, d), y (m, d), g (m), b (m) or none (uniform; not read when counting) -> output (q, d). One scalar type, float or double. NaN in a query spoils its
/// row.
///
/// Errors: `std::invalid_argument` when something does not fit, y is empty or epsilon is not positive.
/// Error bound: (d + (|g| + |C|) / epsilon + m / 64 + 8) machine epsilons relative to the largest |y|.
/// Determinism: a row's bits depend on that query, y and g alone. Allocates: nothing. Synchronises: no.
/// Source: A.-A. Pooladian, J. Niles-Weed, "Entropic estimation of optimal transport maps", 2021.
template <ExecutionSpace Exec, RealView<2> Query, RealView<2> Y, OptionalRealView<1> B, RealView<1> G, RealView<2> Output>
  requires AccessibleFrom<Exec, Query, Y, B, G, Output> && RealScalar<element_t<Query>>
void barycentric_map(Exec const& exec, Query const& query, Y const& y, B const& b, G const& g, Output const& output, BarycentricMapOptions const& options) {
  constexpr auto function = "ocellus::transport::barycentric_map";
  using Real              = element_t<Query>;
  require(std::isfinite(options.epsilon) && options.epsilon > 0, function, "epsilon is ", options.epsilon, ", not a positive number");
  require_equal(function, {"y.extent(1)", extent(y, 1)}, {"query.extent(1)", extent(query, 1)});
  require(extent(y, 0) > 0, function, "y is empty");
  require_equal(function, {"g.extent(0)", extent(g, 0)}, {"y.extent(0)", extent(y, 0)});
  detail::require_masses(function, "b.extent(0)", b, {"y.extent(0)", extent(y, 0)});
  require_equal(function, {"output.extent(0)", extent(output, 0)}, {"query.extent(0)", extent(query, 0)});
  require_equal(function, {"output.extent(1)", extent(output, 1)}, {"query.extent(1)", extent(query, 1)});
  for_each_row(exec, function, extent(query, 0),
               detail::BarycentricRows<TeamMember<Exec>, Real, Output>{detail::cloud_rows(query), detail::cloud_rows(y), detail::line_of(g),
                                                                       detail::reference_masses<Real>(b, extent(y, 0), options.reference), options.cost,
                                                                       static_cast<Real>(1.0 / options.epsilon), output},
               static_cast<std::size_t>(detail::plan_block) * sizeof(Real) + 64);
}

/// Work for `queries` over m points of `width`.
[[nodiscard]] constexpr Cost barycentric_map_cost(double queries, double points, double width, double bytes_per_element) {
  return {.flops         = queries * points * 8 * width,
          .special       = queries * points,
          .bytes_read    = (queries + points) * width * bytes_per_element,
          .bytes_written = queries * width * bytes_per_element};
}

}  // namespace ocellus::transport
