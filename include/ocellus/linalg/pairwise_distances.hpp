// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/tuning.hpp>
#include <ocellus/linalg/detail/matmul_kernel.hpp>
#include <ocellus/linalg/tuning/matmul_tuning.hpp>

namespace ocellus::linalg {

enum class DistanceMetric {
  squared_euclidean,  ///< sum of squared differences
  manhattan,          ///< sum of absolute differences
  chebyshev,          ///< largest absolute difference
};

struct PairwiseDistancesOptions {
  DistanceMetric metric = DistanceMetric::squared_euclidean;
};

namespace detail {

template <class Tuning, ExecutionSpace Exec, class X, class Y, class Output>
void launch_pairwise(Exec const& exec, char const* function, X const& x, Y const& y, Output const& output, DistanceMetric metric) {
  require_equal(function, {"y.extent(1)", extent(y, 1)}, {"x.extent(1)", extent(x, 1)});
  require_equal(function, {"output.extent(0)", extent(output, 0)}, {"x.extent(0)", extent(x, 0)});
  require_equal(function, {"output.extent(1)", extent(output, 1)}, {"y.extent(0)", extent(y, 0)});
  using Real       = std::common_type_t<accumulate_of_t<X>, accumulate_of_t<Y>>;
  using Row        = tuning_row_t<Tuning, MatmulTuning<Exec, Real>>;
  auto const left  = strided_matrix(x);
  auto const right = strided_matrix(y, true);
  MatmulProblem<element_t<X>, element_t<Y>, element_t<Output>, Epilogue<Real, float const, float const, float const>> problem;
  problem.a       = {left.data, left.row_stride, left.column_stride, 0};
  problem.b       = {right.data, right.row_stride, right.column_stride, 0};
  problem.output  = strided_matrix(output);
  problem.rows    = extent(x, 0);
  problem.columns = extent(y, 0);
  problem.inner   = extent(x, 1);
  if (metric == DistanceMetric::squared_euclidean)
    launch_matmul<Row, Real, SquaredDifference>(exec, function, problem);
  else if (metric == DistanceMetric::manhattan)
    launch_matmul<Row, Real, AbsoluteDifference>(exec, function, problem);
  else
    launch_matmul<Row, Real, LargestDifference>(exec, function, problem);
}

}  // namespace detail

/// Distances between all rows of two sets.
///
///     output[i, j] = sum_d (x[i, d] - y[j, d])^2,  sum_d |x[i, d] - y[j, d]|,  or max_d |x[i, d] - y[j, d]|
///
/// x (N, D), y (M, D) -> output (N, M). Formed from the differences: an exact zero for equal points, and relative accuracy.
///
/// Errors: `std::invalid_argument` when the feature extents differ or the output does not fit.
/// Error bound: D + 2 machine epsilons of the accumulation type, relative, plus the rounding of the output. NaN in a row spoils the distances to it.
/// Determinism: an element is one chain over ascending d: its bits depend on its two points alone.
/// Allocates: nothing. Synchronises: no.
template <class Tuning = void, ExecutionSpace Exec, RealView<2> X, RealView<2> Y, RealView<2> Output>
  requires AccessibleFrom<Exec, X, Y, Output>
void pairwise_distances(Exec const& exec, X const& x, Y const& y, Output const& output, PairwiseDistancesOptions const& options = {}) {
  detail::launch_pairwise<Tuning>(exec, "ocellus::linalg::pairwise_distances", x, y, output, options.metric);
}

/// Work of all distances between `rows` and `columns` points of `width` features.
[[nodiscard]] constexpr Cost pairwise_distances_cost(double rows, double columns, double width, double bytes_per_element) {
  return {.flops         = 3 * rows * columns * width,
          .special       = 0,
          .bytes_read    = (rows + columns) * width * bytes_per_element,
          .bytes_written = rows * columns * bytes_per_element};
}

}  // namespace ocellus::linalg
