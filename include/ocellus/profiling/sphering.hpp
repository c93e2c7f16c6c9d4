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
#include <ocellus/linalg/covariance.hpp>
#include <ocellus/linalg/gram.hpp>
#include <ocellus/linalg/matmul.hpp>
#include <ocellus/linalg/symmetric_eigen.hpp>
#include <ocellus/profiling/detail/principal_axes.hpp>
#include <ocellus/profiling/detail/reference_rows.hpp>
#include <ocellus/profiling/normalize.hpp>

namespace ocellus::profiling {

enum class SpheringMethod {
  zca,      ///< stays as near to the input as it can
  pca,      ///< principal axes
  zca_cor,  ///< zca of the standardised features
  pca_cor,  ///< pca of the standardised features
};

struct SpheringOptions {
  SpheringMethod method = SpheringMethod::zca_cor;
  bool center           = true;  ///< the -cor methods need it
  double epsilon        = 1e-6;  ///< added to each singular value
};

/// What sphering learned; it can be saved, and applied to new rows.
template <MemorySpace Space>
struct SpheringFit {
  Tensor<double*, Space> mean, scale;  ///< (d); 0 and 1 where they are not used
  Tensor<double**, Space> weights;     ///< (d, d)
  bool full_rank     = false;          ///< the rank is d; with fewer reference rows than features, their number (less 1 if centred)
  bool zero_variance = false;          ///< a feature of a -cor method is constant: the weights are NaN
  bool converged     = false;          ///< false for NaN or infinity in the reference rows
};

/// Fits a transform that makes the covariance of the reference rows the identity.
///
///     X (centred, for -cor divided by its deviation, ddof 0) = U S V^T, V full;   S += epsilon;   weights = V diag(1/S) sqrt(n - 1), for zca times V^T
///
/// profiles (n, d), control (n) or none (all rows) -> SpheringFit. With fewer reference rows than features (n <= d), the missing singular values repeat the
/// last positive one. Computed in double on the host: from the eigenvectors of the covariance where the condition of the reference rows is below 1000, else
/// from their singular value decomposition.
///
/// Errors: `std::invalid_argument` when control does not fit, when there are fewer than 2 reference rows, when a -cor method is not centred, or when
/// epsilon is negative.
/// Error bound: that of `linalg::covariance` and `linalg::symmetric_eigen` in double times the squared condition of the reference rows, or that of `linalg::svd`
/// times the condition.
/// Determinism: bits do not depend on the number of threads (but see `linalg::symmetric_eigen` for LAPACK).
/// Allocates: copies of the reference rows and a few d x d matrices. Synchronises: fences `exec`.
/// Source: pycytominer 1.2.4's Spherize (definition); A. Kessy, A. Lewin, K. Strimmer, "Optimal whitening and decorrelation", 2018.
template <ExecutionSpace Exec, RealView<2> Profiles, OptionalMaskView<1> ControlMask>
  requires AccessibleFrom<Exec, Profiles, ControlMask>
[[nodiscard]] SpheringFit<typename Exec::memory_space> fit_sphering(Exec const& exec, Profiles const& profiles, ControlMask const& control,
                                                                    SpheringOptions const& options = {}) {
  constexpr auto function = "ocellus::profiling::sphering";
  std::int64_t const rows = extent(profiles, 0), features = extent(profiles, 1);
  bool const cor = options.method == SpheringMethod::zca_cor || options.method == SpheringMethod::pca_cor,
             zca = options.method == SpheringMethod::zca || options.method == SpheringMethod::zca_cor;
  detail::require_optional_length(function, "control", control, rows);
  require(options.center || !cor, function, "center is false but the -cor methods need it");
  require(options.epsilon >= 0, function, "epsilon is ", options.epsilon, " but must not be negative");
  auto const marked        = detail::marked_rows(exec, control, rows);
  std::int64_t const count = static_cast<std::int64_t>(marked.size());
  require(count >= 2, function, "control marks ", count, " reference rows but at least 2 are needed");
  auto const x =
      detail::to_host(exec, detail::take_rows(exec, profiles, detail::indices_on_device(exec, "ocellus::profiling::sphering::rows", marked), {}, {}));
  auto const moments = detail::column_moments(x);
  auto const mean    = make_host_tensor<double*>("ocellus::profiling::sphering::mean", features);
  auto const scale   = make_host_tensor<double*>("ocellus::profiling::sphering::scale", features);
  bool zero_variance = false;
  for (std::int64_t d = 0; d < features; ++d) {
    mean(d)       = options.center ? moments.mean(d) : 0.0;
    scale(d)      = cor ? moments.deviation(d) : 1.0;
    zero_variance = zero_variance || scale(d) == 0;
  }
  for (std::int64_t i = 0; i < count; ++i) {
    for (std::int64_t d = 0; d < features; ++d) x(i, d) = (x(i, d) - mean(d)) / scale(d);
  }
  std::int64_t const least = std::min(count, features);
  auto const weights       = make_host_tensor<double**>("ocellus::profiling::sphering::weights", features, features);
  Kokkos::DefaultHostExecutionSpace const host;
  auto const axes      = zero_variance ? detail::PrincipalAxes{} : detail::principal_axes("ocellus::profiling::sphering::axes", x, options.center);
  bool const converged = axes.converged;
  std::int64_t rank    = 0;
  if (!converged) {
    detail::fill_rows(host, weights, std::numeric_limits<double>::quiet_NaN());
    host.fence(function);
  } else {
    double const tolerance = static_cast<double>(std::max(count, features)) * std::numeric_limits<double>::epsilon() * (least > 0 ? axes.values(0) : 0.0);
    while (rank < least && axes.values(rank) > tolerance) ++rank;
    // All d directions with their singular values: those that the reference rows lack form a basis of what is left.
    auto const basis         = make_host_tensor<double**>("ocellus::profiling::sphering::basis", features, features);
    auto const scaled        = make_host_tensor<double**>("ocellus::profiling::sphering::scaled", features, features);
    auto const values        = make_host_tensor<double*>("ocellus::profiling::sphering::values", features);
    std::int64_t const known = count <= features ? rank : least;
    for (std::int64_t j = 0; j < known; ++j) values(j) = axes.values(j);
    for (std::int64_t d = 0; d < features; ++d) {
      for (std::int64_t j = 0; j < known; ++j) basis(d, j) = axes.vectors(d, j);
    }
    if (known < features) {
      auto const rest    = make_host_tensor<double**>("ocellus::profiling::sphering::rest", features, features);
      auto const vectors = make_host_tensor<double**>("ocellus::profiling::sphering::vectors", features, features);
      auto const lengths = make_host_tensor<double*>("ocellus::profiling::sphering::lengths", features);
      linalg::gram(host, Kokkos::subview(axes.vectors, Kokkos::ALL, Kokkos::make_pair(std::size_t{0}, static_cast<std::size_t>(known))), rest,
                   {.of = linalg::GramOf::rows});
      host.fence(function);
      for (std::int64_t a = 0; a < features; ++a) {
        for (std::int64_t b = 0; b < features; ++b) rest(a, b) = (a == b ? 1.0 : 0.0) - rest(a, b);
      }
      linalg::symmetric_eigen(host, rest, lengths, vectors);
      for (std::int64_t j = known; j < features; ++j) {
        values(j) = rank > 0 ? axes.values(rank - 1) : 0.0;
        for (std::int64_t d = 0; d < features; ++d) basis(d, j) = vectors(d, j);
      }
    }
    double const size = std::sqrt(static_cast<double>(count - 1));
    auto const& whole = zca ? scaled : weights;
    for (std::int64_t a = 0; a < features; ++a) {
      for (std::int64_t j = 0; j < features; ++j) whole(a, j) = basis(a, j) * (size / (values(j) + options.epsilon));
    }
    if (zca) linalg::matmul(host, scaled, basis, weights, {.transpose_b = true});
    host.fence(function);
  }
  std::int64_t const wanted = count > features ? features : options.center ? std::min(features, count - 1) : std::min(features, count);
  return {
      detail::to_device(exec, mean), detail::to_device(exec, scale), detail::to_device(exec, weights), converged && rank >= wanted, zero_variance, converged};
}

/// Applies a fitted sphering transform.
///
///     output = ((profiles - mean) / scale) weights
///
/// fit, profiles (n, d) -> output (n, d).
///
/// Errors: `std::invalid_argument` when features or output do not fit.
/// Error bound: d machine epsilons of double relative to the sum of absolute terms, plus the rounding of the output type.
/// Determinism: a row's bits depend on that row and the fit.
/// Allocates: copies of the rows in double. Synchronises: fences `exec`.
template <ExecutionSpace Exec, MemorySpace Space, RealView<2> Profiles, RealView<2> Output>
  requires AccessibleFrom<Exec, Profiles, Output>
void apply_sphering(Exec const& exec, SpheringFit<Space> const& fit, Profiles const& profiles, Output const& output) {
  constexpr auto function = "ocellus::profiling::sphering";
  require_equal(function, {"profiles.extent(1)", extent(profiles, 1)}, {"the fit's number of features", extent(fit.mean, 0)});
  require_equal(function, {"output.extent(0)", extent(output, 0)}, {"profiles.extent(0)", extent(profiles, 0)});
  require_equal(function, {"output.extent(1)", extent(output, 1)}, {"profiles.extent(1)", extent(profiles, 1)});
  auto const centred  = detail::take_rows(exec, profiles, {}, fit.mean, fit.scale);
  auto const whitened = make_tensor<double**>(exec, "ocellus::profiling::sphering::output", extent(profiles, 0), extent(profiles, 1));
  linalg::matmul(exec, centred, fit.weights, whitened);
  detail::put_rows(exec, whitened, {}, output);
  exec.fence(function);
}

/// Work of fitting `rows` x `features`, by the covariance.
[[nodiscard]] constexpr Cost fit_sphering_cost(double rows, double features) {
  return linalg::covariance_cost(rows, features, 8) + linalg::symmetric_eigen_cost(features, 8) + linalg::matmul_cost(features, features, features, 8);
}

/// Work of fitting and applying `rows` x `features`.
[[nodiscard]] constexpr Cost sphering_cost(double rows, double features, double bytes_per_element) {
  return fit_sphering_cost(rows, features) + linalg::matmul_cost(rows, features, features, bytes_per_element);
}

}  // namespace ocellus::profiling
