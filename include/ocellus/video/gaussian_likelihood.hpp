// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <type_traits>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/reduce.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/video/detail/small_gaussian.hpp>

namespace ocellus::video {

struct GaussianLikelihoodOptions {
  double sigma    = 0;      ///< standard deviation of the noise, in the unit of the pixels; not negative
  bool accumulate = false;  ///< backward: add to the gradients instead of setting them
};

namespace detail {

template <class Member, class Mean, class Factor, class Truth, class Partials>
struct GaussianLikelihoodRows {
  Mean mean;
  Factor factor;
  Truth truth;
  Partials partials;
  double noise;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t row) const {
    std::int64_t const height = extent(mean, 2), n = row / height, y = row % height;
    int const size = static_cast<int>(extent(mean, 1));
    double sum     = 0;
    Kokkos::parallel_reduce(
        Kokkos::ThreadVectorRange(member, extent(mean, 3)),
        [&](std::int64_t const x, double& partial) {
          auto const l = cholesky_of(covariance_of(factor_at(factor, size, n, y, x), size, noise), size);
          double r[3] = {0, 0, 0}, z[3] = {0, 0, 0};
          for (int c = 0; c < size; ++c) z[c] = r[c] = static_cast<double>(truth(n, c, y, x)) - static_cast<double>(mean(n, c, y, x));
          solve(l, size, z);
          double term = 0;
          for (int c = 0; c < size; ++c) term += 0.5 * r[c] * z[c] + Kokkos::log(l.at[c][c]);
          partial += term;
        },
        sum);
    Kokkos::single(Kokkos::PerThread(member), [&]() { partials(row) = sum; });
  }
};

template <class Member, class Partials, class Loss>
struct GaussianLikelihoodResult {
  Partials partials;
  Loss loss;
  double pixels, sigma;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t) const {
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      double const sum = ordered_sum<double>(extent(partials, 0), [&](std::int64_t i) { return partials(i); });
      loss()           = static_cast<element_t<Loss>>(sum / pixels - 0.1 * sigma);
    });
  }
};

template <class Member, class Mean, class Factor, class Truth, class MeanGradient, class FactorGradient>
struct GaussianLikelihoodBackwardRows {
  Mean mean;
  Factor factor;
  Truth truth;
  MeanGradient mean_gradient;
  FactorGradient factor_gradient;
  double noise, pixels;
  bool accumulate;

  template <class View>
  KOKKOS_INLINE_FUNCTION void put(View const& view, std::int64_t n, std::int64_t c, std::int64_t y, std::int64_t x, double value) const {
    if (accumulate) value += static_cast<double>(view(n, c, y, x));
    view(n, c, y, x) = static_cast<element_t<View>>(value);
  }

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t row) const {
    std::int64_t const height = extent(mean, 2), n = row / height, y = row % height;
    int const size = static_cast<int>(extent(mean, 1));
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(mean, 3)), [&](std::int64_t const x) {
      auto const a = factor_at(factor, size, n, y, x);
      auto const l = cholesky_of(covariance_of(a, size, noise), size);
      double z[3]  = {0, 0, 0};
      for (int c = 0; c < size; ++c) z[c] = static_cast<double>(truth(n, c, y, x)) - static_cast<double>(mean(n, c, y, x));
      solve(l, size, z);
      if constexpr (!std::is_same_v<MeanGradient, None>) {
        for (int c = 0; is_present(mean_gradient) && c < size; ++c) put(mean_gradient, n, c, y, x, -z[c] / pixels);
      }
      if constexpr (!std::is_same_v<FactorGradient, None>) {
        if (is_present(factor_gradient)) put_factor(a, l, z, size, n, y, x);
      }
    });
  }

  KOKKOS_INLINE_FUNCTION void put_factor(SmallMatrix const& a, SmallMatrix const& l, double const (&z)[3], int size, std::int64_t n, std::int64_t y,
                                         std::int64_t x) const {
    if constexpr (!std::is_same_v<FactorGradient, None>) {
      // The derivative by S is (S^-1 - z z^T) / 2, and by A, with S = A^T A + s I, it is A (S^-1 - z z^T).
      SmallMatrix slope;
      for (int c = 0; c < size; ++c) {
        double column[3] = {0, 0, 0};
        column[c]        = 1;
        solve(l, size, column);
        for (int k = 0; k < size; ++k) slope.at[k][c] = column[k] - z[k] * z[c];
      }
      int entry = 0;
      for (int i = 0; i < size; ++i) {
        for (int j = 0; j < size - i; ++j) {
          double sum = 0;
          for (int k = 0; k < size; ++k) sum += a.at[i][k] * slope.at[k][j];
          put(factor_gradient, n, entry++, y, x, sum / pixels);
        }
      }
    }
  }
};

}  // namespace detail

/// Bytes of workspace that `gaussian_likelihood` takes: a number a row of pixels.
template <ExecutionSpace Exec, RealView<4> Mean, RealView<4> Factor, RealView<4> Truth, RealView<0> Loss>
[[nodiscard]] std::size_t gaussian_likelihood_workspace_size(Exec const&, Mean const& mean, Factor const&, Truth const&, Loss const&,
                                                             GaussianLikelihoodOptions const& = {}) {
  return workspace_bytes<double>(mean.extent(0) * mean.extent(2));
}

/// How unlikely the pixels are under a Gaussian for each of them: the loss that trains a network to say what it expects and how sure it is.
///
///     loss = mean over pixels and images of ( r^T S^-1 r / 2 + log det S / 2 ) - 0.1 sigma,   r = truth - mean,   S = A^T A + (sigma^2 + 1e-5) I
///
/// mean, truth (N, C, H, W), factor (N, C (C + 1) / 2, H, W) as in `gaussian_posterior`, C from 1 to 3 -> loss (). All arithmetic is in double. A NaN pixel
/// gives NaN.
///
/// Errors: `std::invalid_argument` when the shapes do not fit, for more than 3 channels, without pixels, or when sigma is negative.
/// Error bound: (W + 64) machine epsilons of double times the mean of (1 + |A|^2 / s) (r^T S^-1 r + |log det S| + 1), plus the rounding of the loss' type.
/// Determinism: rows are summed in order and combine as in `ocellus/core/reduce.hpp`. Allocates: nothing. Synchronises: no.
/// Source: D. Y. Sheth, S. Mohan, J. L. Vincent et al., "Unsupervised deep video denoising", ICCV 2021.
template <ExecutionSpace Exec, RealView<4> Mean, RealView<4> Factor, RealView<4> Truth, RealView<0> Loss>
  requires AccessibleFrom<Exec, Mean, Factor, Truth, Loss>
void gaussian_likelihood(Exec const& exec, Mean const& mean, Factor const& factor, Truth const& truth, Loss const& loss,
                         GaussianLikelihoodOptions const& options, WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::video::gaussian_likelihood";
  detail::check_gaussian(function, mean, factor, "truth", truth, options.sigma);
  require(mean.size() > 0, function, "mean has no pixels to take a mean over");
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  std::int64_t const rows = extent(mean, 0) * extent(mean, 2);
  auto const partials     = workspace.template take<double*>(function, rows);
  using Partials          = std::remove_const_t<decltype(partials)>;
  double const noise      = options.sigma * options.sigma + detail::gaussian_floor;
  for_each_row(exec, "ocellus::video::gaussian_likelihood::rows", rows,
               detail::GaussianLikelihoodRows<TeamMember<Exec>, Mean, Factor, Truth, Partials>{mean, factor, truth, partials, noise});
  for_each_row(exec, "ocellus::video::gaussian_likelihood::loss", 1,
               detail::GaussianLikelihoodResult<TeamMember<Exec>, Partials, Loss>{partials, loss, static_cast<double>(rows * extent(mean, 3)), options.sigma});
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, RealView<4> Mean, RealView<4> Factor, RealView<4> Truth, RealView<0> Loss>
  requires AccessibleFrom<Exec, Mean, Factor, Truth, Loss>
void gaussian_likelihood(Exec const& exec, Mean const& mean, Factor const& factor, Truth const& truth, Loss const& loss,
                         GaussianLikelihoodOptions const& options) {
  WorkspaceFor<Exec> workspace(exec, gaussian_likelihood_workspace_size(exec, mean, factor, truth, loss, options));
  gaussian_likelihood(exec, mean, factor, truth, loss, options, workspace);
  exec.fence("ocellus::video::gaussian_likelihood");
}

/// The backward pass of `gaussian_likelihood`, for a gradient of 1.
///
///     mean_gradient = -S^-1 r / pixels,   factor_gradient = A (S^-1 - S^-1 r r^T S^-1) / pixels, its upper left triangle by rows
///
/// mean, factor, truth as forward -> mean_gradient (N, C, H, W), factor_gradient (N, C (C + 1) / 2, H, W), either of them or `none`; set, or added to when
/// options.accumulate is.
///
/// Errors: as forward. Error bound: 64 machine epsilons of double times (1 + |A|^2 / s) times the absolute terms, plus the rounding of the storage type.
/// Determinism: a pixel depends on itself only. Allocates: nothing. Synchronises: no.
template <ExecutionSpace Exec, RealView<4> Mean, RealView<4> Factor, RealView<4> Truth, OptionalRealView<4> MeanGradient, OptionalRealView<4> FactorGradient>
  requires AccessibleFrom<Exec, Mean, Factor, Truth, MeanGradient, FactorGradient>
void gaussian_likelihood_backward(Exec const& exec, Mean const& mean, Factor const& factor, Truth const& truth, MeanGradient const& mean_gradient,
                                  FactorGradient const& factor_gradient, GaussianLikelihoodOptions const& options) {
  constexpr auto function = "ocellus::video::gaussian_likelihood_backward";
  detail::check_gaussian(function, mean, factor, "truth", truth, options.sigma);
  auto const check = [&](char const* name, auto const& gradient, char const* other, auto const& like) {
    if constexpr (!std::is_same_v<std::remove_cvref_t<decltype(gradient)>, None>) {
      for (int axis = 0; is_present(gradient) && axis < 4; ++axis)
        require(extent(gradient, axis) == extent(like, axis), function, name, ".extent(", axis, ") is ", extent(gradient, axis), " but ", other, ".extent(",
                axis, ") is ", extent(like, axis));
    }
  };
  check("mean_gradient", mean_gradient, "mean", mean);
  check("factor_gradient", factor_gradient, "factor", factor);
  double const pixels = static_cast<double>(extent(mean, 0) * extent(mean, 2) * extent(mean, 3)),
               noise  = options.sigma * options.sigma + detail::gaussian_floor;
  using Kernel        = detail::GaussianLikelihoodBackwardRows<TeamMember<Exec>, Mean, Factor, Truth, MeanGradient, FactorGradient>;
  for_each_row(exec, function, extent(mean, 0) * extent(mean, 2),
               Kernel{mean, factor, truth, mean_gradient, factor_gradient, noise, pixels, options.accumulate});
}

/// Work on `pixels` pixels of `channels` channels; backward about twice as much.
[[nodiscard]] constexpr Cost gaussian_likelihood_cost(double pixels, double channels, double bytes_per_element) {
  return {.flops         = pixels * channels * channels * (3 * channels + 2),
          .special       = pixels * 4 * channels,
          .bytes_read    = pixels * channels * (2 + (channels + 1) / 2) * bytes_per_element,
          .bytes_written = 0};
}

}  // namespace ocellus::video
