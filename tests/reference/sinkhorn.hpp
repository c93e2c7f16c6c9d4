// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

namespace ocellus::reference {

/// Entropic transport, balanced where a rho is infinite, by plain iterations in the log domain.
template <class Real>
struct EntropicTransport {
  std::vector<Real> f, g, plan;
  Real transport_cost = 0, regularised_cost = 0, row_error = 0, column_error = 0, mass = 0;
};

template <class Real>
EntropicTransport<Real> sinkhorn(std::vector<Real> const& cost, std::vector<Real> const& a, std::vector<Real> const& b, Real epsilon, Real rho1, Real rho2,
                                 bool counting, int iterations) {
  std::size_t const n = a.size(), m = b.size();
  Real const infinity = std::numeric_limits<Real>::infinity();
  Real const phi1 = std::isinf(rho1) ? Real(1) : rho1 / (rho1 + epsilon), phi2 = std::isinf(rho2) ? Real(1) : rho2 / (rho2 + epsilon);
  EntropicTransport<Real> t;
  t.f.assign(n, 0);
  t.g.assign(m, 0);
  t.plan.assign(n * m, 0);
  auto const weight = [&](Real mass) { return counting ? (mass > 0 ? Real(0) : -infinity) : (mass > 0 ? std::log(mass) : -infinity); };
  auto const step   = [&](std::vector<Real>& to, std::vector<Real> const& from, std::vector<Real> const& own, std::vector<Real> const& other, Real phi,
                        bool rows) {
    for (std::size_t i = 0; i < to.size(); ++i) {
      std::vector<Real> z(from.size());
      Real largest = -infinity, sum = 0;
      for (std::size_t j = 0; j < from.size(); ++j) {
        z[j] = weight(other[j]) == -infinity ? -infinity : weight(other[j]) + (from[j] - cost[rows ? i * m + j : j * m + i]) / epsilon;
        if (z[j] > largest) largest = z[j];
      }
      for (Real const value : z) sum += std::exp(value - largest);
      Real const log_sum = largest + std::log(sum);
      to[i]              = counting ? (own[i] > 0 ? phi * epsilon * (std::log(own[i]) - log_sum) : -infinity) : -phi * epsilon * log_sum;
    }
  };
  for (int k = 0; k < iterations; ++k) {
    step(t.f, t.g, a, b, phi1, true);
    step(t.g, t.f, b, a, phi2, false);
  }
  Real entropy = 0, total_a = 0, total_b = 0;
  std::vector<Real> row(n, 0), column(m, 0);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < m; ++j) {
      if (!(a[i] > 0) || !(b[j] > 0)) continue;
      Real const reference = counting ? Real(1) : a[i] * b[j], p = reference * std::exp((t.f[i] + t.g[j] - cost[i * m + j]) / epsilon);
      t.plan[i * m + j] = p;
      t.transport_cost += p * cost[i * m + j];
      if (p > 0) entropy += p * std::log(p / reference) - p;
      row[i] += p;
      column[j] += p;
      t.mass += p;
    }
  }
  auto const divergence = [](std::vector<Real> const& p, std::vector<Real> const& q) {
    Real sum = 0;
    for (std::size_t i = 0; i < p.size(); ++i) sum += (p[i] > 0 ? p[i] * std::log(p[i] / q[i]) : Real(0)) - p[i] + q[i];
    return sum;
  };
  for (std::size_t i = 0; i < n; ++i) {
    total_a += a[i];
    t.row_error += std::abs(row[i] - a[i]);
  }
  for (std::size_t j = 0; j < m; ++j) {
    total_b += b[j];
    t.column_error += std::abs(column[j] - b[j]);
  }
  t.regularised_cost = t.transport_cost + epsilon * (entropy + (counting ? Real(0) : total_a * total_b));
  if (!std::isinf(rho1)) t.regularised_cost += rho1 * divergence(row, a);
  if (!std::isinf(rho2)) t.regularised_cost += rho2 * divergence(column, b);
  return t;
}

}  // namespace ocellus::reference
