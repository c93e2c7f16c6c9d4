// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/transport/detail/cloud_plan.hpp>
#include <ocellus/transport/ground_cost.hpp>

namespace ocellus::transport {

struct PlanApplyOptions {
  double epsilon          = 0.0;  ///< of the potentials, above 0
  GroundCost cost         = GroundCost::squared_euclidean;
  PlanReference reference = PlanReference::product;
  bool transpose          = false;  ///< P^T v
};

namespace detail {

/// Checks what every function of a plan between clouds takes.
template <class X, class Y, class A, class B, class F, class G>
void require_plan(std::string const& function, X const& x, Y const& y, A const& a, B const& b, F const& f, G const& g, double epsilon) {
  require(std::isfinite(epsilon) && epsilon > 0, function, "epsilon is ", epsilon, ", not a positive number");
  require_equal(function, {"y.extent(1)", extent(y, 1)}, {"x.extent(1)", extent(x, 1)});
  require_equal(function, {"f.extent(0)", extent(f, 0)}, {"x.extent(0)", extent(x, 0)});
  require_equal(function, {"g.extent(0)", extent(g, 0)}, {"y.extent(0)", extent(y, 0)});
  require_masses(function, "a.extent(0)", a, {"x.extent(0)", extent(x, 0)});
  require_masses(function, "b.extent(0)", b, {"y.extent(0)", extent(y, 0)});
}

template <class X, class Y, class A, class B, class F, class G>
[[nodiscard]] CloudPlan<element_t<X>> cloud_plan(X const& x, Y const& y, A const& a, B const& b, F const& f, G const& g, GroundCost cost,
                                                 PlanReference reference, double epsilon) {
  using Real = element_t<X>;
  return {cloud_rows(x),
          cloud_rows(y),
          line_of(f),
          line_of(g),
          reference_masses<Real>(a, extent(x, 0), reference),
          reference_masses<Real>(b, extent(y, 0), reference),
          cost,
          static_cast<Real>(1.0 / epsilon)};
}

}  // namespace detail

/// The plan of two point clouds applied to vectors, from potentials, without the plan.
///
///     output = P v,  or P^T v;   P_ij = a_i b_j exp((f_i + g_j - C_ij) / epsilon)  (counting: without a_i b_j)
///
/// x (n, d), y (m, d), a (n) or none, b (m) or none (uniform; not read when counting), f (n), g (m), v (m, k) ((n, k) when transposed) -> output (n, k) or
/// (m, k). One scalar type, float or double. A row or column without mass takes no part, whatever stands there.
///
/// Errors: `std::invalid_argument` when something does not fit or epsilon is not positive.
/// Error bound: (d + (|f| + |g| + |C|) / epsilon + m / 64 + 8) machine epsilons relative to P |v|.
/// Determinism: a row's bits depend on that row and the other side alone; columns enter in blocks of 64.
/// Allocates: nothing. Synchronises: no.
template <ExecutionSpace Exec, RealView<2> X, RealView<2> Y, OptionalRealView<1> A, OptionalRealView<1> B, RealView<1> F, RealView<1> G, RealView<2> V,
          RealView<2> Output>
  requires AccessibleFrom<Exec, X, Y, A, B, F, G, V, Output> && RealScalar<element_t<X>>
void plan_apply(Exec const& exec, X const& x, Y const& y, A const& a, B const& b, F const& f, G const& g, V const& v, Output const& output,
                PlanApplyOptions const& options) {
  constexpr auto function = "ocellus::transport::plan_apply";
  using Real              = element_t<X>;
  detail::require_plan(function, x, y, a, b, f, g, options.epsilon);
  bool const t = options.transpose;
  require_equal(function, {"v.extent(0)", extent(v, 0)}, {t ? "x.extent(0)" : "y.extent(0)", t ? extent(x, 0) : extent(y, 0)});
  require_equal(function, {"output.extent(0)", extent(output, 0)}, {t ? "y.extent(0)" : "x.extent(0)", t ? extent(y, 0) : extent(x, 0)});
  require_equal(function, {"output.extent(1)", extent(output, 1)}, {"v.extent(1)", extent(v, 1)});
  auto plan = detail::cloud_plan(x, y, a, b, f, g, options.cost, options.reference, options.epsilon);
  if (t) plan = plan.transposed();
  for_each_row(exec, function, extent(output, 0), detail::ApplyPlan<TeamMember<Exec>, Real, V, Output>{plan, v, output},
               static_cast<std::size_t>(detail::plan_block) * sizeof(Real) + 64);
}

/// Work for n rows, m columns, points of `width` and k vectors.
[[nodiscard]] constexpr Cost plan_apply_cost(double rows, double columns, double width, double vectors, double bytes_per_element) {
  return {.flops         = rows * columns * (3 * width + 2 * vectors),
          .special       = rows * columns,
          .bytes_read    = ((rows + columns) * (width + 2) + columns * vectors) * bytes_per_element,
          .bytes_written = rows * vectors * bytes_per_element};
}

}  // namespace ocellus::transport
