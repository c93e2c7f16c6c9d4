// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The plan between two clouds as a function of two indices, from potentials; and the kernels that apply it.

#include <cstdint>
#include <string>

#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/transport/detail/masses.hpp>
#include <ocellus/transport/ground_cost.hpp>

namespace ocellus::transport::detail {

/// A cloud's rows in memory.
template <class T>
struct CloudRows {
  T const* data               = nullptr;
  std::int64_t rows           = 0;
  std::int64_t width          = 0;
  std::int64_t row_stride     = 0;
  std::int64_t feature_stride = 0;

  KOKKOS_INLINE_FUNCTION T const* row(std::int64_t i) const { return data + i * row_stride; }
};

template <class V>
[[nodiscard]] CloudRows<element_t<V>> cloud_rows(V const& view) {
  return {view.data(), extent(view, 0), extent(view, 1), static_cast<std::int64_t>(view.stride(0)), static_cast<std::int64_t>(view.stride(1))};
}

template <class T>
struct Line {
  T const* data       = nullptr;
  std::int64_t stride = 0;

  KOKKOS_INLINE_FUNCTION T operator()(std::int64_t i) const { return data[i * stride]; }
};

template <class V>
[[nodiscard]] Line<element_t<V>> line_of(V const& view) {
  return {view.data(), static_cast<std::int64_t>(view.stride(0))};
}

/// Masses where the reference is their product, ones where it counts.
template <class Real, class V>
[[nodiscard]] MassArray<Real> reference_masses(V const& view, std::int64_t count, PlanReference reference) {
  if (reference == PlanReference::counting) return {nullptr, 0, Real(1)};
  return mass_array<Real>(view, count);
}

/// P_ij = a_i b_j exp((f_i + g_j - C_ij) / epsilon); exactly zero where a mass is.
template <class T>
struct CloudPlan {
  CloudRows<T> x, y;
  Line<T> f, g;
  MassArray<T> a, b;
  GroundCost cost;
  T inverse_epsilon;

  KOKKOS_INLINE_FUNCTION T cost_at(std::int64_t i, std::int64_t j) const {
    return ground_cost<T>(cost, x.row(i), x.feature_stride, y.row(j), y.feature_stride, x.width);
  }
  KOKKOS_INLINE_FUNCTION T operator()(std::int64_t i, std::int64_t j) const {
    T const weight = a(i) * b(j);
    return weight == T(0) ? T(0) : weight * Kokkos::exp(((f(i) + g(j)) - cost_at(i, j)) * inverse_epsilon);
  }
  [[nodiscard]] CloudPlan transposed() const { return {y, x, g, f, b, a, cost, inverse_epsilon}; }
};

/// Columns of the plan whose entries are formed together.
inline constexpr std::int64_t plan_block = 64;

template <class Real, class Member>
using PlanScratch = Kokkos::View<Real*, Kokkos::LayoutRight, typename Member::execution_space::scratch_memory_space, Kokkos::MemoryTraits<Kokkos::Unmanaged>>;

/// output_i = sum_j P_ij v_j, in blocks of 64 columns.
template <class Member, class Real, class V, class Output>
struct ApplyPlan {
  CloudPlan<Real> plan;
  V v;
  Output output;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t i) const {
    PlanScratch<Real, Member> const weight(member.thread_scratch(1), plan_block);
    std::int64_t const count = extent(v, 1), columns = plan.y.rows;
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, count), [&](std::int64_t const c) { output(i, c) = 0; });
    for (std::int64_t first = 0; first < columns; first += plan_block) {
      std::int64_t const size = first + plan_block < columns ? plan_block : columns - first;
      Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, size), [&](std::int64_t const j) { weight(j) = plan(i, first + j); });
      Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, count), [&](std::int64_t const c) {
        Real sum = 0;
        for (std::int64_t j = 0; j < size; ++j) {
          if (weight(j) != Real(0)) sum += weight(j) * static_cast<Real>(v(first + j, c));
        }
        output(i, c) += sum;
      });
    }
  }
};

/// The gradient of sum_ij P_ij C_ij with respect to x_i, with P held: sum_j w_j (x_i - y_j) + rest x_i. Scaled, and added to what is there or written.
template <class Member, class Real, class Gradient>
struct CloudGradient {
  CloudPlan<Real> plan;
  Gradient gradient;
  Real factor;
  bool add;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t i) const {
    PlanScratch<Real, Member> const weight(member.thread_scratch(1), plan_block), own(member.thread_scratch(1), plan_block);
    std::int64_t const width = plan.x.width, columns = plan.y.rows, stride = plan.x.feature_stride;
    Real const* const point = plan.x.row(i);
    bool const is_cosine    = plan.cost == GroundCost::cosine;
    Real squared            = 0;
    for (std::int64_t k = 0; is_cosine && k < width; ++k) squared += point[k * stride] * point[k * stride];
    if (!add) Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, width), [&](std::int64_t const k) { gradient(i, k) = 0; });
    for (std::int64_t first = 0; first < columns; first += plan_block) {
      std::int64_t const size = first + plan_block < columns ? plan_block : columns - first;
      Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, size), [&](std::int64_t const j) {
        Real const p = plan(i, first + j);
        Real w = 2 * p, rest = 0;
        if (plan.cost == GroundCost::euclidean) {
          Real const distance = plan.cost_at(i, first + j);
          w                   = distance > Real(0) ? p / distance : Real(0);
        } else if (is_cosine) {
          Real const* const other = plan.y.row(first + j);
          Real length             = 0;
          for (std::int64_t k = 0; k < width; ++k) length += other[k * plan.y.feature_stride] * other[k * plan.y.feature_stride];
          bool const defined = squared > Real(0) && length > Real(0);
          w                  = defined ? p / Kokkos::sqrt(squared * length) : Real(0);
          rest               = defined ? p * (Real(1) - plan.cost_at(i, first + j)) / squared - w : Real(0);
        }
        weight(j) = w;
        own(j)    = rest;
      });
      Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, width), [&](std::int64_t const k) {
        Real sum = 0;
        for (std::int64_t j = 0; j < size; ++j)
          sum += weight(j) * (point[k * stride] - plan.y.row(first + j)[k * plan.y.feature_stride]) + own(j) * point[k * stride];
        gradient(i, k) += factor * sum;
      });
    }
  }
};

/// Launches `CloudGradient` for all rows.
template <ExecutionSpace Exec, class Real, class Gradient>
void launch_cloud_gradient(Exec const& exec, std::string const& label, CloudPlan<Real> const& plan, Gradient const& gradient, double factor, bool add) {
  for_each_row(exec, label, plan.x.rows, CloudGradient<TeamMember<Exec>, Real, Gradient>{plan, gradient, static_cast<Real>(factor), add},
               2 * static_cast<std::size_t>(plan_block) * sizeof(Real) + 128);
}

template <class Real>
struct WeightedTerm {
  MassArray<Real> mass;
  Line<Real> value;

  KOKKOS_INLINE_FUNCTION Totals<2> operator()(std::int64_t i) const {
    double const a = static_cast<double>(mass(i));
    return {{a, a > 0 ? a * static_cast<double>(value(i)) : 0.0}};
  }
};

/// to_i = factor (from_i - constant), added to what is there or written.
template <class Member, class Real, class To>
struct MassGradient {
  Line<Real> from;
  double constant, factor;
  bool add;
  To to;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t i) const {
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      double const value = factor * (static_cast<double>(from(i)) - constant);
      to(i)              = static_cast<element_t<To>>(add ? static_cast<double>(to(i)) + value : value);
    });
  }
};

/// Potentials as gradients of the masses, without the part that the masses' average sees. Waits for `exec`.
template <ExecutionSpace Exec, class Real, class To>
void launch_mass_gradient(Exec const& exec, std::string const& label, MassArray<Real> const& mass, Line<Real> const& potential, std::int64_t count,
                          To const& to, double factor, bool add, double* partials) {
  auto const totals = host_totals<2, 0>(exec, label, count, WeightedTerm<Real>{mass, potential}, partials);
  for_each_row(exec, label, count, MassGradient<TeamMember<Exec>, Real, To>{potential, totals.value[1] / totals.value[0], factor, add, to});
}

}  // namespace ocellus::transport::detail
