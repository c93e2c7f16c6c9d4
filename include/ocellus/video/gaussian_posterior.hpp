// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/video/detail/small_gaussian.hpp>

namespace ocellus::video {

struct GaussianPosteriorOptions {
  double sigma = 0;  ///< standard deviation of the noise, in the unit of the pixels; not negative
};

namespace detail {

template <class Member, class Mean, class Factor, class Noisy, class Output>
struct GaussianPosteriorRows {
  Mean mean;
  Factor factor;
  Noisy noisy;
  Output output;
  double noise;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t row) const {
    std::int64_t const height = extent(mean, 2), n = row / height, y = row % height;
    int const size = static_cast<int>(extent(mean, 1));
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(mean, 3)), [&](std::int64_t const x) {
      auto const prior = covariance_of(factor_at(factor, size, n, y, x), size, gaussian_floor);
      auto total       = prior;
      double r[3]      = {0, 0, 0};
      for (int c = 0; c < size; ++c) {
        total.at[c][c] += noise;
        r[c] = static_cast<double>(noisy(n, c, y, x)) - static_cast<double>(mean(n, c, y, x));
      }
      solve(cholesky_of(total, size), size, r);
      for (int c = 0; c < size; ++c) {
        double value = static_cast<double>(mean(n, c, y, x));
        for (int k = 0; k < size; ++k) value += prior.at[c][k] * r[k];
        output(n, c, y, x) = static_cast<element_t<Output>>(value);
      }
    });
  }
};

}  // namespace detail

/// What a noisy pixel most likely was, when a network has said what to expect there without having seen it.
///
///     output = (Sx^-1 + I/s)^-1 (Sx^-1 mean + noisy/s) = mean + Sx (Sx + s I)^-1 (noisy - mean),   Sx = A^T A + 1e-5 I,   s = sigma^2 + 1e-5
///
/// mean (N, C, H, W) and factor (N, C (C + 1) / 2, H, W): the network's guess and, by rows, the upper left triangle of A (C = 3: a0 a1 a2 / a3 a4 0 / a5 0 0);
/// noisy (N, C, H, W), C from 1 to 3 -> output (N, C, H, W), which may be noisy or mean. All arithmetic is in double, in the second form, which does not invert
/// a small Sx. A NaN spoils its own pixel.
///
/// Errors: `std::invalid_argument` when the shapes do not fit, for more than 3 channels, or when sigma is negative.
/// Error bound: 64 machine epsilons of double times (1 + |A|^2 / s) max(|mean|, |noisy|), plus the rounding of the storage type.
/// Determinism: a pixel depends on itself only. Allocates: nothing. Synchronises: no.
/// Source: D. Y. Sheth, S. Mohan, J. L. Vincent et al., "Unsupervised deep video denoising", ICCV 2021.
template <ExecutionSpace Exec, RealView<4> Mean, RealView<4> Factor, RealView<4> Noisy, RealView<4> Output>
  requires AccessibleFrom<Exec, Mean, Factor, Noisy, Output>
void gaussian_posterior(Exec const& exec, Mean const& mean, Factor const& factor, Noisy const& noisy, Output const& output,
                        GaussianPosteriorOptions const& options) {
  constexpr auto function = "ocellus::video::gaussian_posterior";
  detail::check_gaussian(function, mean, factor, "noisy", noisy, options.sigma);
  for (int axis = 0; axis < 4; ++axis)
    require(extent(output, axis) == extent(mean, axis), function, "output.extent(", axis, ") is ", extent(output, axis), " but mean.extent(", axis, ") is ",
            extent(mean, axis));
  for_each_row(exec, function, extent(mean, 0) * extent(mean, 2),
               detail::GaussianPosteriorRows<TeamMember<Exec>, Mean, Factor, Noisy, Output>{mean, factor, noisy, output,
                                                                                            options.sigma * options.sigma + detail::gaussian_floor});
}

/// Work on `pixels` pixels of `channels` channels.
[[nodiscard]] constexpr Cost gaussian_posterior_cost(double pixels, double channels, double bytes_per_element) {
  return {.flops         = pixels * channels * channels * (3 * channels + 4),
          .special       = pixels * 3 * channels,
          .bytes_read    = pixels * channels * (2 + (channels + 1) / 2) * bytes_per_element,
          .bytes_written = pixels * channels * bytes_per_element};
}

}  // namespace ocellus::video
