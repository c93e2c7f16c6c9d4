// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/transport/assignment.hpp>
#include <ocellus/transport/detail/host_arrays.hpp>
#include <ocellus/transport/detail/linear_assignment.hpp>

namespace ocellus::transport {

struct MinibatchCouplingResult {
  double total_cost = 0;  ///< mean squared distance of partners: W_2^2 of the two batches
};

/// The exact coupling of two equally large batches under squared Euclidean cost, and draws from it.
///
///     columns = the permutation s that minimises sum_i |x0_i - x1_{s(i)}|^2;   draw k: the first entry of the row-major plan whose cumulative mass exceeds
///     uniforms_k (inverse of a right-continuous distribution function)
///
/// x0 (n, d), x1 (n, d), uniforms (k) in [0, 1) or none -> columns (n), sampled_rows (k), sampled_columns (k), the last two none without uniforms.
/// A uniform outside [0, 1) or NaN gives -1. Solved on the host, in double.
///
/// Errors: `std::invalid_argument` when sizes differ, an output does not fit, or a coordinate is NaN or infinite.
/// Error bound: exact but for ties within n machine epsilons of double of the largest distance.
/// Determinism: one host thread. Allocates: on the host, O(n^2). Synchronises: fences `exec`.
/// Source: A. Tong et al., "Improving and generalizing flow-based generative models with minibatch optimal transport", 2023.
template <ExecutionSpace Exec, RealView<2> X0, RealView<2> X1, OptionalRealView<1> Uniforms, IndexView<1> Columns, OptionalIndexView<1> SampledRows,
          OptionalIndexView<1> SampledColumns>
  requires AccessibleFrom<Exec, X0, X1, Uniforms, Columns, SampledRows, SampledColumns> MinibatchCouplingResult
  minibatch_coupling(Exec const& exec, X0 const& x0, X1 const& x1, Uniforms const& uniforms, Columns const& columns, SampledRows const& sampled_rows,
                     SampledColumns const& sampled_columns) {
    constexpr auto function = "ocellus::transport::minibatch_coupling";
    std::int64_t const n = extent(x0, 0), width = extent(x0, 1);
    require_equal(function, {"x1.extent(0)", extent(x1, 0)}, {"x0.extent(0)", n});
    require_equal(function, {"x1.extent(1)", extent(x1, 1)}, {"x0.extent(1)", width});
    require_equal(function, {"columns.extent(0)", extent(columns, 0)}, {"x0.extent(0)", n});
    std::int64_t draws = 0;
    if constexpr (!std::is_same_v<Uniforms, None>) draws = is_present(uniforms) ? extent(uniforms, 0) : 0;
    if constexpr (!std::is_same_v<SampledRows, None>) {
      if (is_present(sampled_rows)) require_equal(function, {"sampled_rows.extent(0)", extent(sampled_rows, 0)}, {"uniforms.extent(0)", draws});
    }
    if constexpr (!std::is_same_v<SampledColumns, None>) {
      if (is_present(sampled_columns)) require_equal(function, {"sampled_columns.extent(0)", extent(sampled_columns, 0)}, {"uniforms.extent(0)", draws});
    }
    auto const p = detail::to_host(exec, function, x0), q = detail::to_host(exec, function, x1), u = detail::to_host(exec, function, uniforms);
    auto const at = [](std::int64_t i) { return static_cast<std::size_t>(i); };
    std::vector<double> cost(at(n * n));
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::int64_t j = 0; j < n; ++j) {
        double sum = 0;
        for (std::int64_t k = 0; k < width; ++k) sum += (p[at(i * width + k)] - q[at(j * width + k)]) * (p[at(i * width + k)] - q[at(j * width + k)]);
        require(std::isfinite(sum), function, "x0 or x1 holds NaN or infinity");
        cost[at(i * n + j)] = sum;
      }
    }
    auto const partner = detail::linear_assignment(n, n, cost, false);
    MinibatchCouplingResult result;
    std::vector<double> cumulative(at(n));
    double mass = 0;
    for (std::int64_t i = 0; i < n; ++i) {
      result.total_cost += cost[at(i * n + partner[at(i)])];
      mass += 1.0 / static_cast<double>(n);
      cumulative[at(i)] = mass;
    }
    if (n > 0) result.total_cost /= static_cast<double>(n);
    std::vector<std::int64_t> rows(at(draws), -1), sampled(at(draws), -1);
    for (std::int64_t k = 0; k < draws; ++k) {
      double const uniform = u[at(k)];
      if (!(uniform >= 0 && uniform < 1) || n == 0) continue;
      std::int64_t row = 0;
      while (row + 1 < n && !(cumulative[at(row)] / mass > uniform)) ++row;
      rows[at(k)]    = row;
      sampled[at(k)] = partner[at(row)];
    }
    detail::to_device(exec, function, columns, partner);
    detail::to_device(exec, function, sampled_rows, rows);
    detail::to_device(exec, function, sampled_columns, sampled);
    return result;
  }

/// Work of the distances and of an assignment of n rows.
[[nodiscard]] constexpr Cost minibatch_coupling_cost(double rows, double width, double bytes_per_element) {
  Cost cost = assignment_cost(rows, rows, bytes_per_element);
  cost.flops += 3 * rows * rows * width;
  cost.bytes_read = 2 * rows * width * bytes_per_element;
  return cost;
}

}  // namespace ocellus::transport
