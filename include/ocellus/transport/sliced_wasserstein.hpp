// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <string>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/reduce.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/transport/wasserstein_1d.hpp>

namespace ocellus::transport {

struct SlicedWassersteinOptions {
  double p = 2.0;  ///< power of the distance, at least 1
};

namespace detail {

/// Coordinates along one direction, as a row.
template <class Member, class X, class Projections, class Rows>
struct ProjectCloud {
  X x;
  Projections projections;
  Rows rows;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t k) const {
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(rows, 1)), [&](std::int64_t const i) {
      element_t<Rows> sum = 0;
      for (std::int64_t c = 0; c < extent(x, 1); ++c) sum += static_cast<element_t<Rows>>(x(i, c)) * static_cast<element_t<Rows>>(projections(c, k));
      rows(k, i) = sum;
    });
  }
};

template <class Member, class Values, class Distance>
struct MeanRoot {
  Values values;
  double p;
  Distance distance;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t) const {
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      std::int64_t const count = extent(values, 0);
      double const mean        = ordered_sum<double>(count, [&](std::int64_t k) { return static_cast<double>(values(k)); }) / static_cast<double>(count);
      distance()               = static_cast<element_t<Distance>>(p == 1.0 ? mean : p == 2.0 ? Kokkos::sqrt(mean) : Kokkos::pow(mean, 1.0 / p));
    });
  }
};

}  // namespace detail

/// Bytes of workspace that `sliced_wasserstein` takes: the projections of both clouds, and their orders.
template <ExecutionSpace Exec, RealView<2> X, RealView<2> Y, RealView<2> Projections>
[[nodiscard]] std::size_t sliced_wasserstein_workspace_size(Exec const& exec, X const& x, Y const& y, Projections const& projections) {
  return detail::quantile_bytes<element_t<X>>(exec, extent(x, 0), extent(y, 0), extent(projections, 1)) +
         workspace_bytes<double>(static_cast<std::size_t>(extent(projections, 1)));
}

/// Sliced Wasserstein distance: the mean of distances on lines.
///
///     distance = ( mean_k W_p^p(x projections_k, y projections_k) )^(1/p)
///
/// x (n, d), y (m, d), projections (d, k), usually unit columns, a (n) or none, b (m) or none -> distance (). NaN for no projection.
///
/// Errors: as `wasserstein_1d`; also when projections does not fit.
/// Error bound: d + 4 machine epsilons of the largest projection, and those of `wasserstein_1d`.
/// Determinism: does not depend on the number of threads. Allocates: nothing. Synchronises: as `wasserstein_1d`.
/// Source: N. Bonneel et al., "Sliced and Radon Wasserstein barycenters of measures", 2015.
template <ExecutionSpace Exec, RealView<2> X, RealView<2> Y, RealView<2> Projections, OptionalRealView<1> A, OptionalRealView<1> B, RealView<0> Distance>
  requires AccessibleFrom<Exec, X, Y, Projections, A, B, Distance> && RealScalar<element_t<X>>
void sliced_wasserstein(Exec const& exec, X const& x, Y const& y, Projections const& projections, A const& a, B const& b, Distance const& distance,
                        SlicedWassersteinOptions const& options, WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::transport::sliced_wasserstein";
  using Real              = element_t<X>;
  std::int64_t const n = extent(x, 0), m = extent(y, 0), count = extent(projections, 1);
  require(std::isfinite(options.p) && options.p >= 1, function, "p is ", options.p, ", not a number of at least 1");
  require_equal(function, {"y.extent(1)", extent(y, 1)}, {"x.extent(1)", extent(x, 1)});
  require_equal(function, {"projections.extent(0)", extent(projections, 0)}, {"x.extent(1)", extent(x, 1)});
  require(n > 0, function, "x is empty");
  require(m > 0, function, "y is empty");
  detail::require_masses(function, "a.extent(0)", a, {"x.extent(0)", n});
  detail::require_masses(function, "b.extent(0)", b, {"y.extent(0)", m});
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  auto const x_rows = workspace.template take<Real**>(function, count, n);
  auto const y_rows = workspace.template take<Real**>(function, count, m);
  auto const costs  = workspace.template take<double*>(function, count);
  using Rows        = std::remove_const_t<decltype(x_rows)>;
  using Costs       = std::remove_const_t<decltype(costs)>;
  using Member      = TeamMember<Exec>;
  for_each_row(exec, std::string(function) + "::project", count, detail::ProjectCloud<Member, X, Projections, Rows>{x, projections, x_rows});
  for_each_row(exec, std::string(function) + "::project", count, detail::ProjectCloud<Member, Y, Projections, Rows>{y, projections, y_rows});
  detail::quantile_costs(exec, function, x_rows, y_rows, a, b, costs, options.p, workspace);
  for_each_row(exec, std::string(function) + "::mean", 1, detail::MeanRoot<Member, Costs, Distance>{costs, options.p, distance});
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, RealView<2> X, RealView<2> Y, RealView<2> Projections, OptionalRealView<1> A, OptionalRealView<1> B, RealView<0> Distance>
  requires AccessibleFrom<Exec, X, Y, Projections, A, B, Distance> && RealScalar<element_t<X>>
void sliced_wasserstein(Exec const& exec, X const& x, Y const& y, Projections const& projections, A const& a, B const& b, Distance const& distance,
                        SlicedWassersteinOptions const& options = {}) {
  WorkspaceFor<Exec> workspace(exec, sliced_wasserstein_workspace_size(exec, x, y, projections));
  sliced_wasserstein(exec, x, y, projections, a, b, distance, options, workspace);
  exec.fence("ocellus::transport::sliced_wasserstein");
}

/// Work: projections and sorts.
[[nodiscard]] constexpr Cost sliced_wasserstein_cost(double rows, double columns, double width, double projections, double bytes_per_element) {
  Cost cost = wasserstein_1d_cost(rows, columns, projections, bytes_per_element);
  cost.flops += 2 * (rows + columns) * width * projections;
  cost.bytes_read    = (rows + columns + projections) * width * bytes_per_element;
  cost.bytes_written = bytes_per_element;
  return cost;
}

}  // namespace ocellus::transport
