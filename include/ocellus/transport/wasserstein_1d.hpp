// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <string>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/sort.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/transport/detail/masses.hpp>
#include <ocellus/transport/detail/solver_runner.hpp>

namespace ocellus::transport {

struct Wasserstein1dOptions {
  double p = 1.0;  ///< power of the distance, at least 1
};

namespace detail {

/// Columns of a cloud as rows.
template <class Member, class From, class To>
struct ColumnsToRows {
  From from;
  To to;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t k) const {
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(to, 1)), [&](std::int64_t const i) { to(k, i) = from(i, k); });
  }
};

/// Moves mass between two sorted rows, smallest to smallest.
template <class Member, class Real, class Values, class Order, class Output>
struct MergeQuantiles {
  Values x, y;
  Order x_order, y_order;
  MassArray<Real> a, b;
  double ratio;  ///< of the totals: masses of y are scaled by it
  double p;
  Output output;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t k) const {
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      std::int64_t const n = extent(x, 1), m = extent(y, 1);
      std::int64_t i = 0, j = 0;
      // NaN stands last in the order; it spoils its column whether it has mass or not.
      double sum =
          static_cast<double>(x(k, x_order(k, n - 1)) - x(k, x_order(k, n - 1))) + static_cast<double>(y(k, y_order(k, m - 1)) - y(k, y_order(k, m - 1)));
      if (sum != 0) sum = Kokkos::Experimental::quiet_NaN_v<double>;
      double left_a = static_cast<double>(a(x_order(k, 0))), left_b = static_cast<double>(b(y_order(k, 0))) * ratio;
      for (;;) {
        double const moved    = left_a < left_b ? left_a : left_b;
        double const distance = Kokkos::abs(static_cast<double>(x(k, x_order(k, i))) - static_cast<double>(y(k, y_order(k, j))));
        if (moved > 0) sum += moved * (p == 1.0 ? distance : p == 2.0 ? distance * distance : Kokkos::pow(distance, p));
        left_a -= moved;
        left_b -= moved;
        if (left_a <= 0) {
          if (++i == n) break;
          left_a = static_cast<double>(a(x_order(k, i)));
        }
        if (left_b <= 0) {
          if (++j == m) break;
          left_b = static_cast<double>(b(y_order(k, j))) * ratio;
        }
      }
      output(k) = static_cast<element_t<Output>>(sum);
    });
  }
};

template <class Real, ExecutionSpace Exec>
[[nodiscard]] std::size_t quantile_bytes(Exec const& exec, std::int64_t n, std::int64_t m, std::int64_t columns) {
  std::int64_t const longer = n > m ? n : m;
  auto const count          = [](std::int64_t c) { return static_cast<std::size_t>(c); };
  return workspace_bytes<Real>(count(n * columns)) + workspace_bytes<Real>(count(m * columns)) + workspace_bytes<std::int64_t>(count(n * columns)) +
         workspace_bytes<std::int64_t>(count(m * columns)) + argsort_rows_workspace_size<Real>(exec, columns, longer) +
         workspace_bytes<double>(count(2 * reduction_blocks(longer)));
}

/// W_p^p of every pair of rows of two arrays that hold the columns of two clouds as rows.
template <ExecutionSpace Exec, class Rows, class A, class B, class Output>
void quantile_costs(Exec const& exec, std::string const& function, Rows const& x, Rows const& y, A const& a, B const& b, Output const& output, double p,
                    WorkspaceFor<Exec>& workspace) {
  using Real           = element_t<Rows>;
  std::int64_t const n = extent(x, 1), m = extent(y, 1), columns = extent(x, 0);
  auto const x_order   = workspace.template take<std::int64_t**>(function, columns, n);
  auto const y_order   = workspace.template take<std::int64_t**>(function, columns, m);
  auto const partials  = workspace.template take<double*>(function, 2 * reduction_blocks(n > m ? n : m));
  double const total_a = read_masses<Real>(LaunchRunner<Exec>{exec, function}, "a", a, n, partials.data()),
               total_b = read_masses<Real>(LaunchRunner<Exec>{exec, function}, "b", b, m, partials.data());
  require_equal_totals(function, total_a, total_b);
  argsort_rows(exec, x, x_order, {}, workspace);
  argsort_rows(exec, y, y_order, {}, workspace);
  for_each_row(exec, function + "::merge", columns,
               MergeQuantiles<TeamMember<Exec>, Real, Rows, std::remove_const_t<decltype(x_order)>, Output>{
                   x, y, x_order, y_order, mass_array<Real>(a, n), mass_array<Real>(b, m), total_a / total_b, p, output});
}

}  // namespace detail

/// Bytes of workspace that `wasserstein_1d` takes: both clouds, and their orders.
template <ExecutionSpace Exec, RealView<2> X, RealView<2> Y>
[[nodiscard]] std::size_t wasserstein_1d_workspace_size(Exec const& exec, X const& x, Y const& y) {
  return detail::quantile_bytes<element_t<X>>(exec, extent(x, 0), extent(y, 0), extent(x, 1));
}

/// Wasserstein distances on the line, one for each column, to the power p.
///
///     cost_k = min_P sum_ij P_ij |x_ik - y_jk|^p = integral |F^-1 - G^-1|^p
///
/// x (n, k), y (m, k), a (n) or none, b (m) or none (uniform), shared by all columns -> cost (k). Solved by sorting; sums are in double. Not divided by the
/// total mass. NaN or infinity in a column spoils that one.
///
/// Errors: `std::invalid_argument` when something does not fit, a side is empty, p is below 1, a mass is negative, NaN or infinite, a total mass is zero, or
/// totals differ by more than 1e-5.
/// Error bound: n + m machine epsilons of double, relative, plus the rounding of the output.
/// Determinism: a column's bits depend on that column and the masses alone. Allocates: nothing. Synchronises: fences `exec` to read masses, unless both are none.
template <ExecutionSpace Exec, RealView<2> X, RealView<2> Y, OptionalRealView<1> A, OptionalRealView<1> B, RealView<1> Output>
  requires AccessibleFrom<Exec, X, Y, A, B, Output> && RealScalar<element_t<X>>
void wasserstein_1d(Exec const& exec, X const& x, Y const& y, A const& a, B const& b, Output const& cost, Wasserstein1dOptions const& options,
                    WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::transport::wasserstein_1d";
  using Real              = element_t<X>;
  std::int64_t const n = extent(x, 0), m = extent(y, 0), columns = extent(x, 1);
  require(std::isfinite(options.p) && options.p >= 1, function, "p is ", options.p, ", not a number of at least 1");
  require_equal(function, {"y.extent(1)", extent(y, 1)}, {"x.extent(1)", columns});
  require(n > 0, function, "x is empty");
  require(m > 0, function, "y is empty");
  require_equal(function, {"cost.extent(0)", extent(cost, 0)}, {"x.extent(1)", columns});
  detail::require_masses(function, "a.extent(0)", a, {"x.extent(0)", n});
  detail::require_masses(function, "b.extent(0)", b, {"y.extent(0)", m});
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  auto const x_rows = workspace.template take<Real**>(function, columns, n);
  auto const y_rows = workspace.template take<Real**>(function, columns, m);
  using Rows        = std::remove_const_t<decltype(x_rows)>;
  for_each_row(exec, std::string(function) + "::columns", columns, detail::ColumnsToRows<TeamMember<Exec>, X, Rows>{x, x_rows});
  for_each_row(exec, std::string(function) + "::columns", columns, detail::ColumnsToRows<TeamMember<Exec>, Y, Rows>{y, y_rows});
  detail::quantile_costs(exec, function, x_rows, y_rows, a, b, cost, options.p, workspace);
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, RealView<2> X, RealView<2> Y, OptionalRealView<1> A, OptionalRealView<1> B, RealView<1> Output>
  requires AccessibleFrom<Exec, X, Y, A, B, Output> && RealScalar<element_t<X>>
void wasserstein_1d(Exec const& exec, X const& x, Y const& y, A const& a, B const& b, Output const& cost, Wasserstein1dOptions const& options = {}) {
  WorkspaceFor<Exec> workspace(exec, wasserstein_1d_workspace_size(exec, x, y));
  wasserstein_1d(exec, x, y, a, b, cost, options, workspace);
  exec.fence("ocellus::transport::wasserstein_1d");
}

/// Work: sorts of both sides in every column; comparisons count as operations.
[[nodiscard]] constexpr Cost wasserstein_1d_cost(double rows, double columns_of_y, double columns, double bytes_per_element) {
  double const points = rows + columns_of_y;
  double levels       = 1;
  for (double n = points; n > 2; n /= 2) levels += 1;
  return {
      .flops = columns * points * (levels + 4), .special = 0, .bytes_read = columns * points * bytes_per_element, .bytes_written = columns * bytes_per_element};
}

}  // namespace ocellus::transport
