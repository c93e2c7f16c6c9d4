// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <type_traits>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/profiling/coral.hpp>
#include <ocellus/profiling/normalize.hpp>
#include <ocellus/profiling/pca.hpp>

namespace ocellus::profiling {

struct TvnOptions {
  double regularization   = 0.5;  ///< of CORAL
  std::int64_t components = 0;    ///< principal components kept; 0: all, min(controls, features)
};

/// What typical variation normalisation learned; it can be saved, and applied to new rows.
template <MemorySpace Space>
struct TvnFit {
  NormalizeFit<Space> first;   ///< standardisation on the controls
  PcaFit<Space> pca;           ///< principal components of the controls
  NormalizeFit<Space> second;  ///< standardisation of the scores on the controls: this whitens
  CoralFit<Space> coral;       ///< no batches: not applied

  [[nodiscard]] bool converged() const { return pca.converged && coral.converged; }
};

namespace detail {

/// The steps before CORAL, into double.
template <ExecutionSpace Exec, MemorySpace Space, class Profiles>
[[nodiscard]] DoubleMatrix<Exec> tvn_whiten(Exec const& exec, TvnFit<Space> const& fit, Profiles const& profiles) {
  auto const standard = make_tensor<double**>(exec, "ocellus::profiling::tvn::standard", extent(profiles, 0), extent(profiles, 1));
  auto const scores   = make_tensor<double**>(exec, "ocellus::profiling::tvn::scores", extent(profiles, 0), extent(fit.pca.components, 1));
  apply_normalize(exec, fit.first, profiles, none, standard);
  apply_pca(exec, fit.pca, standard, scores);
  apply_normalize(exec, fit.second, scores, none, scores);
  return scores;
}

}  // namespace detail

/// Fits typical variation normalisation on the controls.
///
///     Z1 = standardise(X) on controls;  Z2 = principal components of the controls, all rows projected;  Z3 = standardise(Z2) on controls;
///     with batch:  Z[i] = Z3[i] (covariance of the controls of i's batch, ddof 1, + regularization I)^(-1/2)
///
/// profiles (n, d), control (n), batch (n) or none -> TvnFit with k = min(controls, d) components, or as many as asked for. Meant for more controls than
/// features: otherwise the last component has no variance, and what is divided by it means nothing; then ask for fewer components. Computed in double.
///
/// Errors: `std::invalid_argument` when control or batch does not fit, when there are fewer than 2 controls (in all, or in a batch), or components exceeds
/// min(controls, d).
/// Error bound: that of `linalg::svd` in double times the condition of the controls.
/// Determinism: bits do not depend on the number of threads.
/// Allocates: copies of the rows in double. Synchronises: fences `exec`.
/// Source: D. M. Ando, C. Y. McLean, M. Berndl, 2017; EFAAR_benchmarking (definition).
template <ExecutionSpace Exec, RealView<2> Profiles, MaskView<1> ControlMask, OptionalIndexView<1> Batch>
  requires AccessibleFrom<Exec, Profiles, ControlMask, Batch>
[[nodiscard]] TvnFit<typename Exec::memory_space> fit_tvn(Exec const& exec, Profiles const& profiles, ControlMask const& control, Batch const& batch,
                                                          TvnOptions const& options = {}) {
  constexpr auto function = "ocellus::profiling::tvn";
  std::int64_t const rows = extent(profiles, 0);
  detail::require_length(function, "control", extent(control, 0), rows);
  detail::require_optional_length(function, "batch", batch, rows);
  require(options.regularization >= 0, function, "regularization is ", options.regularization, " but must not be negative");
  TvnFit<typename Exec::memory_space> fit;
  fit.first           = fit_normalize(exec, profiles, control, none);
  auto const standard = make_tensor<double**>(exec, "ocellus::profiling::tvn::standard", rows, extent(profiles, 1));
  apply_normalize(exec, fit.first, profiles, none, standard);
  fit.pca           = fit_pca(exec, standard, control, {.components = options.components});
  auto const scores = make_tensor<double**>(exec, "ocellus::profiling::tvn::scores", rows, extent(fit.pca.components, 1));
  apply_pca(exec, fit.pca, standard, scores);
  fit.second = fit_normalize(exec, scores, control, none);
  if constexpr (!std::is_same_v<Batch, None>) {
    if (is_present(batch)) {
      apply_normalize(exec, fit.second, scores, none, scores);
      fit.coral = fit_coral(exec, scores, control, batch, {.regularization = options.regularization});
    }
  }
  return fit;
}

/// Applies a fit to rows.
///
/// fit, profiles (n, d), batch (n) or none -> output (n, k). With a batch View, rows of batches that the fit does not know become NaN; without one CORAL is
/// not applied.
///
/// Errors: `std::invalid_argument` when batch, features or output do not fit.
/// Error bound: d machine epsilons of double relative to the sum of absolute terms of each step, plus the rounding of the output type.
/// Determinism: a row's bits depend on that row and the fit.
/// Allocates: copies of the rows in double. Synchronises: fences `exec`.
template <ExecutionSpace Exec, MemorySpace Space, RealView<2> Profiles, OptionalIndexView<1> Batch, RealView<2> Output>
  requires AccessibleFrom<Exec, Profiles, Batch, Output>
void apply_tvn(Exec const& exec, TvnFit<Space> const& fit, Profiles const& profiles, Batch const& batch, Output const& output) {
  constexpr auto function = "ocellus::profiling::tvn";
  require_equal(function, {"output.extent(0)", extent(output, 0)}, {"profiles.extent(0)", extent(profiles, 0)});
  require_equal(function, {"output.extent(1)", extent(output, 1)}, {"the number of components", extent(fit.pca.components, 1)});
  auto const scores = detail::tvn_whiten(exec, fit, profiles);
  if constexpr (!std::is_same_v<Batch, None>) {
    if (is_present(batch)) {
      apply_coral(exec, fit.coral, scores, batch, output);
      return;
    }
  }
  detail::put_rows(exec, scores, {}, output);
  exec.fence(function);
}

/// Fits on the controls and applies to all rows.
///
/// profiles (n, d), control (n), batch (n) or none -> output (n, k); returns whether it converged. Errors, bounds, determinism: as `fit_tvn` and `apply_tvn`.
template <ExecutionSpace Exec, RealView<2> Profiles, MaskView<1> ControlMask, OptionalIndexView<1> Batch, RealView<2> Output>
  requires AccessibleFrom<Exec, Profiles, ControlMask, Batch, Output>
bool tvn(Exec const& exec, Profiles const& profiles, ControlMask const& control, Batch const& batch, Output const& output, TvnOptions const& options = {}) {
  auto const fit = fit_tvn(exec, profiles, control, batch, options);
  apply_tvn(exec, fit, profiles, batch, output);
  return fit.converged();
}

/// Work on `rows` x `features` with `batches` batches.
[[nodiscard]] constexpr Cost tvn_cost(double rows, double features, double batches, double bytes_per_element) {
  return 2.0 * normalize_cost(rows, features, 8) + pca_cost(rows, features, features, 8) + coral_cost(rows, features, batches, bytes_per_element);
}

}  // namespace ocellus::profiling
