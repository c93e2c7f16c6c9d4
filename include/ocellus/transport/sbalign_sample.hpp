// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/transport/brownian_bridge.hpp>
#include <ocellus/transport/diffusivity_schedule.hpp>

namespace ocellus::transport {

struct SbalignSampleOptions {
  Diffusivity schedule = Diffusivity::constant;
  double g_max         = 1.0;
};

namespace detail {

template <class Member, class X0, class Noise, class Matrix, class Offset, class Slope, class Path>
struct SbalignPaths {
  X0 x0;
  Noise noise;
  Matrix matrix;
  Offset offset;
  Slope slope;
  Path path;
  SbalignSampleOptions options;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t i) const {
    using Real               = element_t<Path>;
    std::int64_t const steps = extent(noise, 0), width = extent(x0, 1);
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, width), [&](std::int64_t const k) { path(0, i, k) = static_cast<Real>(x0(i, k)); });
    for (std::int64_t step = 0; step < steps; ++step) {
      double const t = static_cast<double>(step + 1) / static_cast<double>(steps), g = diffusivity(options.schedule, options.g_max, t);
      Real const drive = static_cast<Real>(g * g / static_cast<double>(steps)), spread = static_cast<Real>(g / Kokkos::sqrt(static_cast<double>(steps)));
      Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, width), [&](std::int64_t const k) {
        Real drift = static_cast<Real>(offset(k)) + static_cast<Real>(t) * static_cast<Real>(slope(k));
        for (std::int64_t c = 0; c < width; ++c) drift += path(step, i, c) * static_cast<Real>(matrix(k, c));
        path(step + 1, i, k) = path(step, i, k) + drive * drift + spread * static_cast<Real>(noise(step, i, k));
      });
    }
  }
};

}  // namespace detail

/// Paths of an aligned Schroedinger bridge with an affine drift, by Euler and Maruyama with given noise.
///
///     x += g(t)^2 b(x, t) / K + g(t) K^{-1/2} noise_k,   t = k / K for k = 1..K,   b(x, t) = x drift_matrix^T + drift_offset + t drift_slope
///
/// x0 (n, d), noise (K, n, d), drift_matrix (d, d), drift_offset (d), drift_slope (d) -> path (K + 1, n, d) of float or double, the start first. Times are the
/// right ends of the steps.
///
/// Errors: `std::invalid_argument` when something does not fit.
/// Error bound: K (d + 6) machine epsilons of the largest term times the growth of the drift. Determinism: a path depends on its start and noise alone.
/// Allocates: nothing. Synchronises: no.
/// Source: V. R. Somnath et al., "Aligned diffusion Schroedinger bridges", 2023.
template <ExecutionSpace Exec, RealView<2> X0, RealView<3> Noise, RealView<2> Matrix, RealView<1> Offset, RealView<1> Slope, RealView<3> Path>
  requires AccessibleFrom<Exec, X0, Noise, Matrix, Offset, Slope, Path> && RealScalar<element_t<Path>>
void sbalign_sample(Exec const& exec, X0 const& x0, Noise const& noise, Matrix const& drift_matrix, Offset const& drift_offset, Slope const& drift_slope,
                    Path const& path, SbalignSampleOptions const& options = {}) {
  constexpr auto function = "ocellus::transport::sbalign_sample";
  std::int64_t const n = extent(x0, 0), d = extent(x0, 1), steps = extent(noise, 0);
  require_equal(function, {"noise.extent(1)", extent(noise, 1)}, {"x0.extent(0)", n});
  require_equal(function, {"noise.extent(2)", extent(noise, 2)}, {"x0.extent(1)", d});
  require_equal(function, {"drift_matrix.extent(0)", extent(drift_matrix, 0)}, {"x0.extent(1)", d});
  require_equal(function, {"drift_matrix.extent(1)", extent(drift_matrix, 1)}, {"x0.extent(1)", d});
  require_equal(function, {"drift_offset.extent(0)", extent(drift_offset, 0)}, {"x0.extent(1)", d});
  require_equal(function, {"drift_slope.extent(0)", extent(drift_slope, 0)}, {"x0.extent(1)", d});
  require_equal(function, {"path.extent(0)", extent(path, 0)}, {"noise.extent(0) + 1", steps + 1});
  require_equal(function, {"path.extent(1)", extent(path, 1)}, {"x0.extent(0)", n});
  require_equal(function, {"path.extent(2)", extent(path, 2)}, {"x0.extent(1)", d});
  using Paths = detail::SbalignPaths<TeamMember<Exec>, X0, Noise, Matrix, Offset, Slope, Path>;
  for_each_row(exec, function, n, Paths{x0, noise, drift_matrix, drift_offset, drift_slope, path, options});
}

/// Work for n paths of K steps.
[[nodiscard]] constexpr Cost sbalign_sample_cost(double paths, double width, double steps, double bytes_per_element) {
  return {.flops         = paths * steps * width * (2 * width + 6),
          .special       = 0,
          .bytes_read    = (paths * width * (steps + 1) + width * (width + 2)) * bytes_per_element,
          .bytes_written = paths * width * (steps + 1) * bytes_per_element};
}

}  // namespace ocellus::transport
