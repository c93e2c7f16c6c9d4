// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/host_copy.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/linalg/matmul.hpp>
#include <ocellus/linalg/svd.hpp>
#include <ocellus/profiling/detail/reference_rows.hpp>
#include <ocellus/profiling/normalize.hpp>

namespace ocellus::profiling {

struct PcaOptions {
  std::int64_t components = 0;      ///< 0: as many as there can be, min(reference rows, features)
  bool whiten             = false;  ///< scores divided by the square root of the explained variance
};

/// What principal component analysis learned; it can be saved, and applied to new rows.
template <MemorySpace Space>
struct PcaFit {
  Tensor<double*, Space> mean;                      ///< (d)
  Tensor<double**, Space> components;               ///< (d, k), orthonormal columns; the largest entry of each is positive
  Tensor<double*, Space> explained_variance;        ///< (k), ddof 1, falling
  Tensor<double*, Space> explained_variance_ratio;  ///< (k), of the total
  bool whiten    = false;
  bool converged = false;  ///< false for NaN or infinity in the reference rows; the rest is NaN then
};

/// Fits principal components on the reference rows.
///
///     X - mean = U S V^T;   components = the first k columns of V;   explained_variance = S^2 / (reference rows - 1)
///
/// profiles (n, d), control (n) or none (all rows) -> PcaFit. Computed in double on the host.
///
/// Errors: `std::invalid_argument` when control does not fit, when there are fewer than 2 reference rows, or components exceeds min(reference rows, d).
/// Error bound: that of `linalg::svd` in double.
/// Determinism: one host thread: bits do not depend on the number of threads.
/// Allocates: copies of the reference rows. Synchronises: fences `exec`.
template <ExecutionSpace Exec, RealView<2> Profiles, OptionalMaskView<1> ControlMask>
  requires AccessibleFrom<Exec, Profiles, ControlMask>
[[nodiscard]] PcaFit<typename Exec::memory_space> fit_pca(Exec const& exec, Profiles const& profiles, ControlMask const& control,
                                                          PcaOptions const& options = {}) {
  constexpr auto function = "ocellus::profiling::pca";
  std::int64_t const rows = extent(profiles, 0), features = extent(profiles, 1);
  detail::require_optional_length(function, "control", control, rows);
  auto const marked        = detail::marked_rows(exec, control, rows);
  std::int64_t const count = static_cast<std::int64_t>(marked.size()), most = std::min(count, features);
  require(count >= 2, function, "control marks ", count, " reference rows but at least 2 are needed");
  require(options.components >= 0 && options.components <= most, function, "components is ", options.components, " but must lie between 0 and ", most,
          ", the smaller of reference rows and features");
  std::int64_t const k = options.components == 0 ? most : options.components;
  auto const reference =
      detail::to_host(exec, detail::take_rows(exec, profiles, detail::indices_on_device(exec, "ocellus::profiling::pca::rows", marked), {}, {}));
  auto const moments = detail::column_moments(reference);
  for (std::int64_t i = 0; i < count; ++i) {
    for (std::int64_t d = 0; d < features; ++d) reference(i, d) -= moments.mean(d);
  }
  auto const u          = make_host_tensor<double**>("ocellus::profiling::pca::u", count, most);
  auto const v          = make_host_tensor<double**>("ocellus::profiling::pca::v", features, most);
  auto const components = make_host_tensor<double**>("ocellus::profiling::pca::components", features, k);
  auto const s          = make_host_tensor<double*>("ocellus::profiling::pca::s", most);
  auto const variance   = make_host_tensor<double*>("ocellus::profiling::pca::variance", k);
  auto const ratio      = make_host_tensor<double*>("ocellus::profiling::pca::ratio", k);
  bool const converged  = linalg::svd(Kokkos::DefaultHostExecutionSpace(), reference, u, s, v).converged;
  double total          = 0;
  for (std::int64_t j = 0; j < most; ++j) total += s(j) * s(j);
  for (std::int64_t j = 0; j < k; ++j) {
    variance(j) = s(j) * s(j) / static_cast<double>(count - 1);
    ratio(j)    = s(j) * s(j) / total;
    for (std::int64_t d = 0; d < features; ++d) components(d, j) = v(d, j);
  }
  return {detail::to_device(exec, moments.mean),
          detail::to_device(exec, components),
          detail::to_device(exec, variance),
          detail::to_device(exec, ratio),
          options.whiten,
          converged};
}

/// Projects rows on fitted components.
///
///     scores = (profiles - mean) components,   with whiten divided by sqrt(explained_variance)
///
/// fit, profiles (n, d) -> scores (n, k).
///
/// Errors: `std::invalid_argument` when features or scores do not fit.
/// Error bound: d machine epsilons of double relative to the sum of absolute terms, plus the rounding of the output type.
/// Determinism: a row's bits depend on that row and the fit.
/// Allocates: copies of the rows in double. Synchronises: fences `exec`.
template <ExecutionSpace Exec, MemorySpace Space, RealView<2> Profiles, RealView<2> Scores>
  requires AccessibleFrom<Exec, Profiles, Scores>
void apply_pca(Exec const& exec, PcaFit<Space> const& fit, Profiles const& profiles, Scores const& scores) {
  constexpr auto function = "ocellus::profiling::pca";
  require_equal(function, {"profiles.extent(1)", extent(profiles, 1)}, {"the fit's number of features", extent(fit.mean, 0)});
  require_equal(function, {"scores.extent(0)", extent(scores, 0)}, {"profiles.extent(0)", extent(profiles, 0)});
  require_equal(function, {"scores.extent(1)", extent(scores, 1)}, {"components", extent(fit.components, 1)});
  auto const centred   = detail::take_rows(exec, profiles, {}, fit.mean, {});
  auto const projected = make_tensor<double**>(exec, "ocellus::profiling::pca::scores", extent(profiles, 0), extent(fit.components, 1));
  linalg::matmul(exec, centred, fit.components, projected);
  if (fit.whiten) {
    auto const host  = copy_to_host(exec, function, fit.explained_variance);
    auto const roots = make_host_tensor<double*>("ocellus::profiling::pca::roots", host.extent(0));
    for (std::size_t j = 0; j < roots.extent(0); ++j) roots(j) = std::sqrt(host(j));
    auto const scale    = detail::to_device(exec, roots);
    auto const whitened = detail::take_rows(exec, projected, {}, {}, scale);
    detail::put_rows(exec, whitened, {}, scores);
    exec.fence(function);  // before the scale and the copy go
  } else {
    detail::put_rows(exec, projected, {}, scores);
  }
  exec.fence(function);
}

/// Work of fitting `rows` x `features` and projecting.
[[nodiscard]] constexpr Cost pca_cost(double rows, double features, double components, double bytes_per_element) {
  return linalg::svd_cost(rows, features, 8) + linalg::matmul_cost(rows, components, features, bytes_per_element);
}

}  // namespace ocellus::profiling
