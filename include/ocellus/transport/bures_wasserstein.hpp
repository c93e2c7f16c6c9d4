// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/transport/detail/gaussian_algebra.hpp>

namespace ocellus::transport {

struct BuresWassersteinResult {
  double distance_squared = std::numeric_limits<double>::quiet_NaN();  ///< W_2^2, not negative
};

/// Wasserstein distance of two Gaussians, and the map that attains it.
///
///     distance^2 = |m0 - m1|^2 + tr(S0 + S1 - 2 (S0^{1/2} S1 S0^{1/2})^{1/2}),   T(x) = A x + offset,  A = S0^{-1/2} (S0^{1/2} S1 S0^{1/2})^{1/2} S0^{-1/2}
///
/// mean0, mean1 (d), covariance0, covariance1 (d, d) -> map_matrix (d, d) or none, map_offset (d) or none. Where S0 is singular its pseudo-inverse stands for
/// the inverse (eigenvalues below d machine epsilons of the largest count as zero), and the map moves the support of S0 only. NaN in the input gives NaN.
///
/// Errors: `std::invalid_argument` when a covariance is not square or something does not fit.
/// Error bound: 64 d machine epsilons of double of tr(S0 + S1); the map that times the condition of S0; plus the rounding of the outputs.
/// Determinism: one host thread. Allocates: on the host, O(d^2). Synchronises: fences `exec`.
/// Source: D. C. Dowson, B. V. Landau, "The Frechet distance between multivariate normal distributions", 1982.
template <ExecutionSpace Exec, RealView<1> Mean0, RealView<2> Covariance0, RealView<1> Mean1, RealView<2> Covariance1, OptionalRealView<2> MapMatrix,
          OptionalRealView<1> MapOffset>
  requires AccessibleFrom<Exec, Mean0, Covariance0, Mean1, Covariance1, MapMatrix, MapOffset> BuresWassersteinResult
  bures_wasserstein(Exec const& exec, Mean0 const& mean0, Covariance0 const& covariance0, Mean1 const& mean1, Covariance1 const& covariance1,
                    MapMatrix const& map_matrix, MapOffset const& map_offset) {
    constexpr auto function = "ocellus::transport::bures_wasserstein";
    std::int64_t const d    = extent(mean0, 0);
    detail::require_gaussian(function, "mean0.extent(0)", covariance0, d, d, 0);
    detail::require_gaussian(function, "mean1.extent(0)", covariance1, extent(mean1, 0), d, 1);
    if constexpr (!std::is_same_v<MapMatrix, None>) {
      if (is_present(map_matrix)) {
        require_equal(function, {"map_matrix.extent(0)", extent(map_matrix, 0)}, {"mean0.extent(0)", d});
        require_equal(function, {"map_matrix.extent(1)", extent(map_matrix, 1)}, {"mean0.extent(0)", d});
      }
    }
    if constexpr (!std::is_same_v<MapOffset, None>) {
      if (is_present(map_offset)) require_equal(function, {"map_offset.extent(0)", extent(map_offset, 0)}, {"mean0.extent(0)", d});
    }
    auto const m0 = detail::to_matrix(exec, function, mean0), m1 = detail::to_matrix(exec, function, mean1);
    auto const s0 = detail::to_matrix(exec, function, covariance0), s1 = detail::to_matrix(exec, function, covariance1);
    BuresWassersteinResult result;
    detail::HostMatrix map(d, d), offset(d, 1);
    detail::in_host_kernel(function, [&]() {
      auto const root    = detail::root_of(s0);
      auto const middle  = detail::root_of(root * s1 * root);
      double const size  = static_cast<double>(std::max<std::int64_t>(d, 1));
      auto const inverse = detail::function_of_symmetric(
          s0, [size](double l, double largest) { return l > size * std::numeric_limits<double>::epsilon() * largest ? 1 / std::sqrt(l) : 0.0; });
      map                = inverse * middle * inverse;
      offset             = m1 - map * m0;
      double const moved = (m0 - m1).squaredNorm(), spread = s0.trace() + s1.trace() - 2 * middle.trace();
      result.distance_squared = moved + (spread < 0 ? 0.0 : spread);
    });
    detail::to_device(exec, function, map_matrix, detail::flatten(map));
    detail::to_device(exec, function, map_offset, detail::flatten(offset));
    return result;
  }

/// Work of three eigenproblems and the products.
[[nodiscard]] constexpr Cost bures_wasserstein_cost(double width, double bytes_per_element) {
  return {.flops         = 45 * width * width * width,
          .special       = 3 * width,
          .bytes_read    = 2 * width * (width + 1) * bytes_per_element,
          .bytes_written = width * (width + 1) * bytes_per_element};
}

}  // namespace ocellus::transport
