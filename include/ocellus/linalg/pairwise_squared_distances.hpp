// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/linalg/pairwise_distances.hpp>

namespace ocellus::linalg {

/// Squared Euclidean distances between all rows of two sets.
///
///     output[i, j] = sum_d (x[i, d] - y[j, d])^2
///
/// x (N, D), y (M, D) -> output (N, M). Summed from the squared differences, not as |x|^2 + |y|^2 - 2 x.y, which loses all digits for near points.
///
/// Errors: `std::invalid_argument` when the feature extents differ or the output does not fit.
/// Error bound: D + 2 machine epsilons of the accumulation type, relative; an exact zero for equal points.
/// Determinism: an element is one chain over ascending d: its bits depend on its two points alone.
/// Allocates: nothing. Synchronises: no.
template <class Tuning = void, ExecutionSpace Exec, RealView<2> X, RealView<2> Y, RealView<2> Output>
  requires AccessibleFrom<Exec, X, Y, Output>
void pairwise_squared_distances(Exec const& exec, X const& x, Y const& y, Output const& output) {
  detail::launch_pairwise<Tuning>(exec, "ocellus::linalg::pairwise_squared_distances", x, y, output, DistanceMetric::squared_euclidean);
}

/// Work of all squared distances between `rows` and `columns` points of `width` features.
[[nodiscard]] constexpr Cost pairwise_squared_distances_cost(double rows, double columns, double width, double bytes_per_element) {
  return pairwise_distances_cost(rows, columns, width, bytes_per_element);
}

}  // namespace ocellus::linalg
