// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/profiling/normalize.hpp>
#include <ocellus/profiling/pca.hpp>

namespace ocellus::profiling {

struct PcaCenterScaleOptions {
  std::int64_t components = 0;  ///< 0: as many as there can be, min(controls, features)
};

/// What it learned; it can be saved, and applied to new rows of the same batches.
template <MemorySpace Space>
struct PcaCenterScaleFit {
  PcaFit<Space> pca;
  NormalizeFit<Space> scale;  ///< a group is a batch
};

/// Fits principal components on the controls and the scale of their scores on the controls of each batch.
///
///     scores = PCA fitted on the controls, all rows projected;   output = (scores - mean of the batch's controls) / their deviation (ddof 0)
///
/// profiles (n, d), control (n), batch (n) or none -> PcaCenterScaleFit. Computed in double.
///
/// Errors: `std::invalid_argument` when control or batch does not fit, or components exceeds min(controls, d).
/// Error bound: that of `linalg::svd` in double.
/// Determinism: bits do not depend on the number of threads.
/// Allocates: copies of the rows in double. Synchronises: fences `exec`.
/// Source: EFAAR_benchmarking's centerscale_on_controls (definition).
template <ExecutionSpace Exec, RealView<2> Profiles, MaskView<1> ControlMask, OptionalIndexView<1> Batch>
  requires AccessibleFrom<Exec, Profiles, ControlMask, Batch>
[[nodiscard]] PcaCenterScaleFit<typename Exec::memory_space> fit_pca_center_scale(Exec const& exec, Profiles const& profiles, ControlMask const& control,
                                                                                  Batch const& batch, PcaCenterScaleOptions const& options = {}) {
  constexpr auto function = "ocellus::profiling::pca_center_scale";
  std::int64_t const rows = extent(profiles, 0);
  detail::require_length(function, "control", extent(control, 0), rows);
  detail::require_optional_length(function, "batch", batch, rows);
  std::int64_t const controls = static_cast<std::int64_t>(detail::marked_rows(exec, control, rows).size()),
                     most     = controls < extent(profiles, 1) ? controls : extent(profiles, 1);
  require(controls >= 2, function, "control marks ", controls, " rows but at least 2 are needed");
  require(options.components >= 0 && options.components <= most, function, "components is ", options.components, " but must lie between 0 and ", most,
          ", the smaller of controls and features");
  PcaCenterScaleFit<typename Exec::memory_space> fit;
  fit.pca           = fit_pca(exec, profiles, control, {.components = options.components});
  auto const scores = make_tensor<double**>(exec, "ocellus::profiling::pca_center_scale::scores", rows, extent(fit.pca.components, 1));
  apply_pca(exec, fit.pca, profiles, scores);
  fit.scale = fit_normalize(exec, scores, control, batch);
  return fit;
}

/// Applies a fit to rows of its batches.
///
/// fit, profiles (n, d), batch (n) or none -> output (n, k).
///
/// Errors: `std::invalid_argument` when batch, features or output do not fit. Error bound, determinism: as `apply_pca`.
/// Allocates: copies of the rows in double. Synchronises: fences `exec`.
template <ExecutionSpace Exec, MemorySpace Space, RealView<2> Profiles, OptionalIndexView<1> Batch, RealView<2> Output>
  requires AccessibleFrom<Exec, Profiles, Batch, Output>
void apply_pca_center_scale(Exec const& exec, PcaCenterScaleFit<Space> const& fit, Profiles const& profiles, Batch const& batch, Output const& output) {
  constexpr auto function = "ocellus::profiling::pca_center_scale";
  require_equal(function, {"output.extent(0)", extent(output, 0)}, {"profiles.extent(0)", extent(profiles, 0)});
  require_equal(function, {"output.extent(1)", extent(output, 1)}, {"components", extent(fit.pca.components, 1)});
  auto const scores = make_tensor<double**>(exec, "ocellus::profiling::pca_center_scale::scores", extent(profiles, 0), extent(fit.pca.components, 1));
  apply_pca(exec, fit.pca, profiles, scores);
  apply_normalize(exec, fit.scale, scores, batch, output);
}

/// Fits on the controls and applies to all rows.
///
/// profiles (n, d), control (n), batch (n) or none -> output (n, k). Errors, bounds, determinism: as the two above.
template <ExecutionSpace Exec, RealView<2> Profiles, MaskView<1> ControlMask, OptionalIndexView<1> Batch, RealView<2> Output>
  requires AccessibleFrom<Exec, Profiles, ControlMask, Batch, Output>
void pca_center_scale(Exec const& exec, Profiles const& profiles, ControlMask const& control, Batch const& batch, Output const& output,
                      PcaCenterScaleOptions const& options = {}) {
  apply_pca_center_scale(exec, fit_pca_center_scale(exec, profiles, control, batch, options), profiles, batch, output);
}

/// Work on `rows` x `features`.
[[nodiscard]] constexpr Cost pca_center_scale_cost(double rows, double features, double components, double bytes_per_element) {
  return pca_cost(rows, features, components, bytes_per_element) + normalize_cost(rows, components, 8);
}

}  // namespace ocellus::profiling
