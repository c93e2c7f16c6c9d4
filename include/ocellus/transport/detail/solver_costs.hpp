// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The costs that a solver works with: C_ij = costs(i, j) + row_linear_i + column_linear_j + shift. What is taken off moves into the potentials and leaves
/// the plan as it is, so that large constants never meet small differences.

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>

#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/reduce.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/transport/detail/masses.hpp>
#include <ocellus/transport/ground_cost.hpp>

namespace ocellus::transport::detail {

/// A matrix that the caller stored, less its smallest entry.
template <class Real>
struct StoredCosts {
  Real const* data           = nullptr;
  std::int64_t row_stride    = 0;
  std::int64_t column_stride = 0;
  Real shift                 = 0;

  KOKKOS_INLINE_FUNCTION Real operator()(std::int64_t i, std::int64_t j) const { return data[i * row_stride + j * column_stride] - shift; }
};

/// Costs of two prepared clouds, row-major: each moved to its centre, or of unit length for the cosine.
template <class Real>
struct PointCosts {
  Real const* x      = nullptr;
  Real const* y      = nullptr;
  std::int64_t width = 0;
  Real factor        = 1;      ///< 1/2 for the cosine
  bool root          = false;  ///< Euclidean
  /// Euclidean costs of clouds that lie far apart, relative to the distance of their centres: with v = |x' - y'|^2 + x_far_i + y_far_j,
  /// |x - y| - far = v / (sqrt(v + far^2) + far).
  Real far          = 0;
  Real const* x_far = nullptr;
  Real const* y_far = nullptr;

  KOKKOS_INLINE_FUNCTION Real operator()(std::int64_t i, std::int64_t j) const {
    Real const* const p = x + i * width;
    Real const* const q = y + j * width;
    Real sum            = 0;
    for (std::int64_t k = 0; k < width; ++k) {
      Real const difference = p[k] - q[k];
      sum += difference * difference;
    }
    if (!root) return factor * sum;
    if (far == Real(0)) return Kokkos::sqrt(sum);
    Real const v = sum + (x_far[i] + y_far[j]);
    return v / (Kokkos::sqrt(v + far * far) + far);
  }
};

/// Columns as rows.
template <class Costs>
struct Transposed {
  Costs costs;

  KOKKOS_INLINE_FUNCTION auto operator()(std::int64_t j, std::int64_t i) const { return costs(i, j); }
};

/// The smallest and the largest entry of one row of a stored matrix; NaN spoils both.
template <class Member, class Real>
struct RowExtremes {
  StoredCosts<Real> costs;
  std::int64_t columns;
  Real* smallest;
  Real* largest;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t row) const {
    Real low = Kokkos::Experimental::infinity_v<Real>, high = -low, spoiled = 0;
    // A loop for each result: not every backend has reductions with several.
    Kokkos::parallel_reduce(
        Kokkos::ThreadVectorRange(member, columns),
        [&](std::int64_t const j, Real& most) {
          Real const c = costs(row, j);
          if (c > most) most = c;
        },
        Kokkos::Max<Real>(high));
    Kokkos::parallel_reduce(
        Kokkos::ThreadVectorRange(member, columns),
        [&](std::int64_t const j, Real& least) {
          Real const c = costs(row, j);
          if (c < least) least = c;
        },
        Kokkos::Min<Real>(low));
    Kokkos::parallel_reduce(
        Kokkos::ThreadVectorRange(member, columns),
        [&](std::int64_t const j, Real& bad) {
          Real const c = costs(row, j);
          bad += c - c;
        },
        spoiled);
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      smallest[row] = spoiled == Real(0) ? low : spoiled - spoiled + Kokkos::Experimental::quiet_NaN_v<Real>;
      largest[row]  = spoiled == Real(0) ? high : Kokkos::Experimental::quiet_NaN_v<Real>;
    });
  }
};

template <class Real>
struct ExtremeTerm {
  Real const* smallest;
  Real const* largest;

  KOKKOS_INLINE_FUNCTION Totals<2> operator()(std::int64_t i) const { return {{-static_cast<double>(smallest[i]), static_cast<double>(largest[i])}}; }
};

/// Reads a stored matrix once and takes its smallest entry off. `scratch` holds two numbers a row.
///
/// Errors: `std::invalid_argument` when an entry is NaN or infinite.
template <class Real, class Runner, class Cost>
[[nodiscard]] StoredCosts<Real> read_costs(Runner const& run, Cost const& cost, Real* scratch, double* partials) {
  static_assert(std::is_same_v<element_t<Cost>, Real>, "ocellus::transport: masses and costs must have one scalar type");
  std::int64_t const rows = extent(cost, 0), columns = extent(cost, 1);
  StoredCosts<Real> costs{cost.data(), static_cast<std::int64_t>(cost.stride(0)), static_cast<std::int64_t>(cost.stride(1)), Real(0)};
  run.rows("::read_costs", rows, RowExtremes<typename Runner::Member, Real>{costs, columns, scratch, scratch + rows});
  auto const totals = run.template totals<0, 2>("::extremes", rows, ExtremeTerm<Real>{scratch, scratch + rows}, partials);
  require(std::isfinite(totals.value[0]) && std::isfinite(totals.value[1]), run.function, "cost holds NaN or infinity");
  costs.shift = static_cast<Real>(-totals.value[0]);
  return costs;
}

/// The mean of each column of a cloud, in double.
template <class Member, class X>
struct CloudCentre {
  X x;
  double* centre;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t k) const {
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      std::int64_t const rows = extent(x, 0);
      centre[k]               = ordered_sum<double>(rows, [&](std::int64_t i) { return static_cast<double>(x(i, k)); }) / static_cast<double>(rows);
    });
  }
};

/// A point less `centre` (none when null), or of unit length; its squared length after that (before, for the cosine) and 2 <offset, point>.
template <class Member, class X, class Real>
struct PrepareCloud {
  X x;
  bool unit;
  double const* centre;
  double const* other_centre;  ///< the offset is centre - other_centre; null: no linear term
  Real* prepared;
  double* linear;
  double* length;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t i) const {
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      std::int64_t const width = extent(x, 1);
      double squared = 0, along = 0;
      for (std::int64_t k = 0; k < width; ++k) {
        double const value      = static_cast<double>(x(i, k)) - (centre == nullptr || unit ? 0.0 : centre[k]);
        prepared[i * width + k] = static_cast<Real>(value);
        squared += value * value;
        if (other_centre != nullptr && !unit) along += 2 * (centre[k] - other_centre[k]) * static_cast<double>(prepared[i * width + k]);
      }
      if (unit) {
        double const scale = squared > 0 ? 1 / Kokkos::sqrt(squared) : 0;
        for (std::int64_t k = 0; k < width; ++k) prepared[i * width + k] = static_cast<Real>(static_cast<double>(x(i, k)) * scale);
      }
      linear[i] = along;
      length[i] = squared;
    });
  }
};

struct LengthTerm {
  double const* length;

  KOKKOS_INLINE_FUNCTION Totals<2> operator()(std::int64_t i) const { return {{length[i], -length[i]}}; }
};

template <class Member, class Real>
struct NarrowLine {
  double const* from;
  Real* to;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t i) const {
    Kokkos::single(Kokkos::PerThread(member), [&]() { to[i] = static_cast<Real>(from[i]); });
  }
};

/// Two clouds ready for a solver.
template <class Real>
struct PreparedClouds {
  PointCosts<Real> costs;
  double const* row_linear    = nullptr;  ///< C_ij = costs(i, j) + row_linear_i + column_linear_j + shift
  double const* column_linear = nullptr;
  double shift                = 0;
  double radius_x = 1, radius_y = 1;
};

template <class Real>
[[nodiscard]] std::size_t prepared_clouds_bytes(std::int64_t n, std::int64_t m, std::int64_t width) {
  auto const count = [](std::int64_t c) { return static_cast<std::size_t>(c); };
  return workspace_bytes<Real>(count(n * width)) + workspace_bytes<Real>(count(m * width)) + 2 * workspace_bytes<double>(count(width)) +
         2 * workspace_bytes<double>(count(n)) + 2 * workspace_bytes<double>(count(m)) + workspace_bytes<Real>(count(n)) + workspace_bytes<Real>(count(m));
}

/// Moves each cloud to its own centre where the plan does not change (`separate`: squared Euclidean, both marginals exact), else both to that of x; unit length
/// for the cosine; far apart Euclidean clouds relative to the distance of their centres. Waits for `exec`.
///
/// Errors: `std::invalid_argument` when a coordinate is NaN or infinite, or a point at the origin has no cosine.
template <class Real, class Runner, class X, class Y>
[[nodiscard]] PreparedClouds<Real> prepare_clouds(Runner const& run, X const& x, Y const& y, GroundCost cost, bool separate,
                                                  Workspace<typename Runner::Space>& workspace, double* partials) {
  std::string const& function = run.function;
  using Member                = typename Runner::Member;
  std::int64_t const n = extent(x, 0), m = extent(y, 0), width = extent(x, 1);
  auto const px = workspace.template take<Real*>(function, n * width), py = workspace.template take<Real*>(function, m * width);
  auto const cx = workspace.template take<double*>(function, width), cy = workspace.template take<double*>(function, width);
  auto const lx = workspace.template take<double*>(function, n), sx = workspace.template take<double*>(function, n);
  auto const ly = workspace.template take<double*>(function, m), sy = workspace.template take<double*>(function, m);
  auto const fx = workspace.template take<Real*>(function, n), fy = workspace.template take<Real*>(function, m);
  bool const unit = cost == GroundCost::cosine, root = cost == GroundCost::euclidean;
  PreparedClouds<Real> clouds;
  clouds.costs = {px.data(), py.data(), width, unit ? Real(0.5) : Real(1), root, Real(0), fx.data(), fy.data()};
  run.rows("::centre", width, CloudCentre<Member, X>{x, cx.data()});
  run.rows("::centre", width, CloudCentre<Member, Y>{y, cy.data()});
  double distance    = 0;  // of the centres
  auto const prepare = [&](bool own) {
    run.rows("::prepare", n, PrepareCloud<Member, X, Real>{x, unit, cx.data(), own ? cy.data() : nullptr, px.data(), lx.data(), sx.data()});
    run.rows("::prepare", m, PrepareCloud<Member, Y, Real>{y, unit, own ? cy.data() : cx.data(), own ? cx.data() : nullptr, py.data(), ly.data(), sy.data()});
    auto const of_x = run.template totals<0, 2>("::radius", n, LengthTerm{sx.data()}, partials);
    auto const of_y = run.template totals<0, 2>("::radius", m, LengthTerm{sy.data()}, partials);
    require(std::isfinite(of_x.value[0]), function, "x holds NaN or infinity, or its lengths overflow");
    require(std::isfinite(of_y.value[0]), function, "y holds NaN or infinity, or its lengths overflow");
    if (unit) {
      require(of_x.value[1] < 0.0, function, "x holds a point at the origin, which has no cosine");
      require(of_y.value[1] < 0.0, function, "y holds a point at the origin, which has no cosine");
      return;
    }
    clouds.radius_x = std::sqrt(of_x.value[0]);
    clouds.radius_y = std::sqrt(of_y.value[0]);
  };
  prepare(!unit);
  if (unit) return clouds;
  auto const hx = run.line(cx.data(), width), hy = run.line(cy.data(), width);
  for (std::int64_t k = 0; k < width; ++k)
    distance += (hx[static_cast<std::size_t>(k)] - hy[static_cast<std::size_t>(k)]) * (hx[static_cast<std::size_t>(k)] - hy[static_cast<std::size_t>(k)]);
  distance = std::sqrt(distance);
  if (!root && separate) {
    clouds.row_linear    = lx.data();
    clouds.column_linear = ly.data();
    clouds.shift         = distance * distance;
  } else if (root && distance > 4 * (clouds.radius_x + clouds.radius_y)) {
    run.rows("::far", n, NarrowLine<Member, Real>{lx.data(), fx.data()});
    run.rows("::far", m, NarrowLine<Member, Real>{ly.data(), fy.data()});
    clouds.costs.far = static_cast<Real>(distance);
    clouds.shift     = distance;
  } else {
    prepare(false);
  }
  return clouds;
}

}  // namespace ocellus::transport::detail
