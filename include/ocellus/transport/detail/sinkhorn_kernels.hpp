// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Kernels of the entropic solvers. All work with exponents: P_ij = exp(U_i + V_j - C_ij / epsilon), whatever the reference measure. One half step is
///
///     U_i = constant_i - phi L_i,   L_i = log sum_j exp(V_j - C_ij / epsilon)
///
/// with constant = log a for the product reference and phi log a for the counting one, and phi = rho / (rho + epsilon), 1 for an exact marginal.

#include <cstdint>

#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/transport/detail/masses.hpp>

namespace ocellus::transport::detail {

/// A sum of exponentials that neither overflowed nor lost its digits.
template <class Real>
KOKKOS_INLINE_FUNCTION bool is_safe_sum(Real sum) {
  if constexpr (sizeof(Real) == 4)
    return sum > Real(1e-30) && sum < Real(1e30);
  else
    return sum > Real(1e-280) && sum < Real(1e280);
}

/// log sum_j exp(other_j - C_ij / epsilon): relative to `guess` (about minus the result) when that is good, else to the largest term.
template <class Real, class Member, class Costs>
KOKKOS_INLINE_FUNCTION Real row_log_sum_exp(Member const& member, Costs const& costs, Real const* other, Real inverse_epsilon, std::int64_t row,
                                            std::int64_t columns, Real guess) {
  Real sum = 0;
  Kokkos::parallel_reduce(
      Kokkos::ThreadVectorRange(member, columns),
      [&](std::int64_t const j, Real& partial) { partial += Kokkos::exp((other[j] - costs(row, j) * inverse_epsilon) + guess); }, sum);
  if (is_safe_sum(sum)) return Kokkos::log(sum) - guess;
  Real const infinity = Kokkos::Experimental::infinity_v<Real>;
  Real largest        = -infinity;
  Kokkos::parallel_reduce(
      Kokkos::ThreadVectorRange(member, columns),
      [&](std::int64_t const j, Real& most) {
        Real const t = other[j] - costs(row, j) * inverse_epsilon;
        if (t > most || t != t) most = most != most ? most : t;
      },
      Kokkos::Max<Real>(largest));
  if (!(largest > -infinity)) return largest;
  sum = 0;
  Kokkos::parallel_reduce(
      Kokkos::ThreadVectorRange(member, columns),
      [&](std::int64_t const j, Real& partial) { partial += Kokkos::exp((other[j] - costs(row, j) * inverse_epsilon) - largest); }, sum);
  return largest + Kokkos::log(sum);
}

/// One half step for all rows, and what it changed: |sum_j P_ij - a_i| before it, or |U - U before| when `of_potential`.
template <class Member, class Real, class Costs>
struct UpdateRows {
  Costs costs;
  std::int64_t columns;
  Real inverse_epsilon, phi;
  Real const* other;
  Real const* before;  ///< also where it writes, unless `averaged`
  Real* after;
  Real const* constant;
  MassArray<Real> mass;
  Real* change;
  bool averaged, of_potential;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t row) const {
    Real const infinity = Kokkos::Experimental::infinity_v<Real>;
    if (constant[row] == -infinity) {
      Kokkos::single(Kokkos::PerThread(member), [&]() {
        after[row]  = -infinity;
        change[row] = 0;
      });
      return;
    }
    Real const old  = before[row];
    Real const sum  = row_log_sum_exp(member, costs, other, inverse_epsilon, row, columns, old);
    Real const next = constant[row] - phi * sum;
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      Real const value = averaged ? (old + next) / Real(2) : next;
      after[row]       = value;
      change[row]      = of_potential ? Kokkos::abs(value - old) : Kokkos::abs(Kokkos::exp(old + sum) - mass(row));
    });
  }
};

/// L_i, the mass of each row of the plan and its cost <P, C> without linear terms and shift.
template <class Member, class Real, class Costs>
struct MeasureRows {
  Costs costs;
  std::int64_t columns;
  Real inverse_epsilon, scale;  ///< scale: added to every exponent
  Real const* other;
  Real const* own;
  Real* log_sum;
  Real* mass;
  Real* cost;

  /// An entry of the plan.
  KOKKOS_INLINE_FUNCTION Real entry(std::int64_t row, std::int64_t j) const {
    return Kokkos::exp((other[j] - costs(row, j) * inverse_epsilon) + (own[row] + scale));
  }

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t row) const {
    Real const infinity = Kokkos::Experimental::infinity_v<Real>;
    Real const sum      = row_log_sum_exp(member, costs, other, inverse_epsilon, row, columns, own[row]);
    Real spent = 0, held = 0;
    if (own[row] != -infinity) {
      // A loop for each result: not every backend has reductions with several.
      Kokkos::parallel_reduce(
          Kokkos::ThreadVectorRange(member, columns), [&](std::int64_t const j, Real& p_sum) { p_sum += entry(row, j); }, held);
      Kokkos::parallel_reduce(
          Kokkos::ThreadVectorRange(member, columns),
          [&](std::int64_t const j, Real& c_sum) {
            Real const p = entry(row, j);
            c_sum += p == Real(0) ? Real(0) : p * costs(row, j);
          },
          spent);
    }
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      log_sum[row] = sum;
      mass[row]    = held;
      cost[row]    = spent;
    });
  }
};

template <class Member, class Real, class Costs, class Plan>
struct WritePlan {
  Costs costs;
  Real inverse_epsilon, scale;
  Real const* row;
  Real const* column;
  Plan plan;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t i) const {
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(plan, 1)), [&](std::int64_t const j) {
      bool const absent = row[i] == -Kokkos::Experimental::infinity_v<Real> || column[j] == -Kokkos::Experimental::infinity_v<Real>;
      plan(i, j)        = static_cast<element_t<Plan>>(absent ? Real(0) : Kokkos::exp((column[j] - costs(i, j) * inverse_epsilon) + (row[i] + scale)));
    });
  }
};

/// The constants of one side and, `start`, exponents of zero potentials.
template <class Member, class Real>
struct StartSide {
  MassArray<Real> mass;
  bool counting;
  Real phi;
  Real* constant;
  Real* exponent;
  bool start, unknown;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t i) const {
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      Real const a = mass(i), infinity = Kokkos::Experimental::infinity_v<Real>, log_a = a > Real(0) ? Kokkos::log(a) : -infinity;
      constant[i] = counting && a > Real(0) ? phi * log_a : log_a;
      if (start) exponent[i] = !(a > Real(0)) ? -infinity : unknown ? Kokkos::Experimental::quiet_NaN_v<Real> : counting ? Real(0) : log_a;
    });
  }
};

/// Exponents for another epsilon: potentials stay.
template <class Member, class Real>
struct RescaleSide {
  MassArray<Real> mass;
  bool counting;
  Real ratio;
  Real* exponent;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t i) const {
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      Real const a = mass(i);
      if (!(a > Real(0))) return;
      Real const log_a = counting ? Real(0) : Kokkos::log(a);
      exponent[i]      = (exponent[i] - log_a) * ratio + log_a;
    });
  }
};

/// The potential of row i without the gauge: epsilon times (U - log a), or - phi L where a row without mass has none; plus the linear part of the costs.
template <class Real>
struct SidePotential {
  MassArray<Real> mass;
  bool counting;
  double epsilon, phi;
  Real const* exponent;
  Real const* log_sum;
  double const* linear;  ///< null: none

  KOKKOS_INLINE_FUNCTION double operator()(std::int64_t i) const {
    double const a = static_cast<double>(mass(i));
    double potential;
    if (counting)
      potential = static_cast<double>(exponent[i]);
    else if (a > 0)
      potential = static_cast<double>(exponent[i]) - static_cast<double>(Kokkos::log(mass(i)));
    else
      potential = -phi * static_cast<double>(log_sum[i]);
    return epsilon * potential + (linear == nullptr ? 0.0 : linear[i]);
  }
};

/// Sums over one side that the costs, the dual value and the marginal error are made of. The KL divergence of the masses held from those wanted, and
/// a (exp(-f / rho) - 1), where rho is finite.
template <class Real>
struct SideTerm {
  SidePotential<Real> potential;
  Real const* held;
  Real const* cost;  ///< null: none
  double rho;        ///< 0: exact
  double constant;   ///< added to potentials

  /// held, its cost, its linear cost, a f, held f, |held - a|, KL(held, a), a (exp(-f / rho) - 1)
  KOKKOS_INLINE_FUNCTION Totals<8> operator()(std::int64_t i) const {
    double const r = static_cast<double>(held[i]), a = static_cast<double>(potential.mass(i)), f = potential(i) + constant;
    double divergence = 0, conjugate = 0;
    if (rho > 0) {
      divergence = (r > 0 ? r * Kokkos::log(r / a) : 0.0) - r + a;
      conjugate  = a > 0 ? a * (Kokkos::exp(-f / rho) - 1) : 0.0;
    }
    double const linear = potential.linear == nullptr ? 0.0 : potential.linear[i];
    return {{r, cost == nullptr ? 0.0 : static_cast<double>(cost[i]), r * linear, a > 0 ? a * f : 0.0, r > 0 ? r * f : 0.0, Kokkos::abs(r - a), divergence,
             conjugate}};
  }
};

template <class Member, class Real, class F>
struct WritePotential {
  SidePotential<Real> potential;
  double constant;
  F f;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t i) const {
    Kokkos::single(Kokkos::PerThread(member), [&]() { f(i) = static_cast<element_t<F>>(potential(i) + constant); });
  }
};

template <class Real>
struct ChangeTerm {
  Real const* change;
  bool largest;

  KOKKOS_INLINE_FUNCTION Totals<2> operator()(std::int64_t i) const { return {{static_cast<double>(change[i]), static_cast<double>(change[i])}}; }
};

}  // namespace ocellus::transport::detail
