// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/linalg/covariance.hpp>
#include <ocellus/linalg/matmul.hpp>
#include <ocellus/linalg/spd_inverse_sqrt.hpp>
#include <ocellus/profiling/detail/reference_rows.hpp>
#include <ocellus/profiling/normalize.hpp>

namespace ocellus::profiling {

struct CoralOptions {
  double regularization = 0.5;  ///< added to the diagonal of each covariance
};

/// What CORAL learned of each batch; it can be saved, and applied to new rows of these batches.
template <MemorySpace Space>
struct CoralFit {
  std::vector<std::int64_t> keys;      ///< of the batches, ascending
  Tensor<double***, Space> transform;  ///< (batches, d, d)
  bool converged = true;               ///< false for NaN in the controls of a batch; its transform is NaN then
};

/// Learns for each batch the inverse square root of its controls' covariance.
///
///     transform[b] = (covariance of the controls of b, ddof 1, + regularization I)^(-1/2)
///
/// profiles (n, d), control (n) or none (all rows), batch (n) -> CoralFit. Computed in double.
///
/// Errors: `std::invalid_argument` when control or batch does not fit, when a batch has fewer than 2 controls, or when regularization is negative.
/// Error bound: that of `linalg::covariance` and `linalg::spd_inverse_sqrt` in double.
/// Determinism: bits do not depend on the number of threads.
/// Allocates: copies of the controls. Synchronises: fences `exec`.
/// Source: B. Sun, J. Feng, K. Saenko, "Return of frustratingly easy domain adaptation", 2016; EFAAR_benchmarking (definition).
template <ExecutionSpace Exec, RealView<2> Profiles, OptionalMaskView<1> ControlMask, IndexView<1> Batch>
  requires AccessibleFrom<Exec, Profiles, ControlMask, Batch>
[[nodiscard]] CoralFit<typename Exec::memory_space> fit_coral(Exec const& exec, Profiles const& profiles, ControlMask const& control, Batch const& batch,
                                                              CoralOptions const& options = {}) {
  constexpr auto function = "ocellus::profiling::coral";
  std::int64_t const rows = extent(profiles, 0), features = extent(profiles, 1);
  detail::require_optional_length(function, "control", control, rows);
  detail::require_length(function, "batch", extent(batch, 0), rows);
  require(options.regularization >= 0, function, "regularization is ", options.regularization, " but must not be negative");
  auto const groups = detail::group_used_rows(exec, detail::keys_on_host(exec, batch, rows), detail::mask_on_host(exec, control, rows));
  CoralFit<typename Exec::memory_space> fit;
  fit.keys              = groups.keys;
  fit.transform         = make_tensor<double***>(exec, "ocellus::profiling::coral::transform", groups.count(), features, features);
  auto const covariance = make_tensor<double**>(exec, "ocellus::profiling::coral::covariance", features, features);
  auto const mean       = make_tensor<double*>(exec, "ocellus::profiling::coral::mean", features);
  for (std::int64_t g = 0; g < groups.count(); ++g) {
    auto const first = groups.host_offsets[static_cast<std::size_t>(g)], last = groups.host_offsets[static_cast<std::size_t>(g) + 1];
    require(last - first >= 2, function, "batch ", groups.keys[static_cast<std::size_t>(g)], " has ", last - first,
            " rows in control but at least 2 are needed");
    std::vector<std::int64_t> const members(groups.host_rows.begin() + first, groups.host_rows.begin() + last);
    auto const indices   = detail::indices_on_device(exec, "ocellus::profiling::coral::rows", members);
    auto const reference = detail::take_rows(exec, profiles, indices, {}, {});
    linalg::covariance(exec, reference, none, covariance, mean, {.ddof = 1});
    auto const result =
        linalg::spd_inverse_sqrt(exec, covariance, Kokkos::subview(fit.transform, g, Kokkos::ALL, Kokkos::ALL), {.diagonal_shift = options.regularization});
    fit.converged = fit.converged && result.converged;
  }
  return fit;
}

/// Multiplies each row by the transform of its batch; nothing is centred.
///
///     output[i] = profiles[i] transform[batch of i]
///
/// fit, profiles (n, d), batch (n) -> output (n, d), which may be the input. A row whose batch the fit does not know becomes NaN.
///
/// Errors: `std::invalid_argument` when batch, features or output do not fit.
/// Error bound: d machine epsilons of double relative to the sum of absolute terms, plus the rounding of the output type.
/// Determinism: a row's bits depend on that row and the fit.
/// Allocates: copies of the rows in double. Synchronises: fences `exec`.
template <ExecutionSpace Exec, MemorySpace Space, RealView<2> Profiles, IndexView<1> Batch, RealView<2> Output>
  requires AccessibleFrom<Exec, Profiles, Batch, Output>
void apply_coral(Exec const& exec, CoralFit<Space> const& fit, Profiles const& profiles, Batch const& batch, Output const& output) {
  constexpr auto function = "ocellus::profiling::coral";
  std::int64_t const rows = extent(profiles, 0);
  detail::require_length(function, "batch", extent(batch, 0), rows);
  require_equal(function, {"profiles.extent(1)", extent(profiles, 1)}, {"the fit's number of features", extent(fit.transform, 1)});
  require_equal(function, {"output.extent(0)", extent(output, 0)}, {"profiles.extent(0)", rows});
  require_equal(function, {"output.extent(1)", extent(output, 1)}, {"profiles.extent(1)", extent(profiles, 1)});
  auto const keys = detail::keys_on_host(exec, batch, rows);
  auto const all  = make_tensor<double**>(exec, "ocellus::profiling::coral::output", rows, extent(profiles, 1));
  detail::fill_rows(exec, all, std::numeric_limits<double>::quiet_NaN());
  for (std::size_t g = 0; g < fit.keys.size(); ++g) {
    std::vector<std::int64_t> members;
    for (std::int64_t i = 0; i < rows; ++i) {
      if (keys[static_cast<std::size_t>(i)] == fit.keys[g]) members.push_back(i);
    }
    if (members.empty()) continue;
    auto const indices = detail::indices_on_device(exec, "ocellus::profiling::coral::rows", members);
    auto const taken   = detail::take_rows(exec, profiles, indices, {}, {});
    auto const moved   = make_tensor<double**>(exec, "ocellus::profiling::coral::moved", extent(taken, 0), extent(taken, 1));
    linalg::matmul(exec, taken, Kokkos::subview(fit.transform, g, Kokkos::ALL, Kokkos::ALL), moved);
    detail::put_rows(exec, moved, indices, all);
    exec.fence(function);
  }
  detail::put_rows(exec, all, {}, output);
  exec.fence(function);
}

/// Fits on the controls of each batch and applies to all rows.
///
/// profiles (n, d), control (n) or none, batch (n) -> output (n, d); returns whether it converged. Errors, bounds, determinism: as `fit_coral` and
/// `apply_coral`.
template <ExecutionSpace Exec, RealView<2> Profiles, OptionalMaskView<1> ControlMask, IndexView<1> Batch, RealView<2> Output>
  requires AccessibleFrom<Exec, Profiles, ControlMask, Batch, Output>
bool coral(Exec const& exec, Profiles const& profiles, ControlMask const& control, Batch const& batch, Output const& output, CoralOptions const& options = {}) {
  auto const fit = fit_coral(exec, profiles, control, batch, options);
  apply_coral(exec, fit, profiles, batch, output);
  return fit.converged;
}

/// Work on `rows` x `features` in `batches` batches.
[[nodiscard]] constexpr Cost coral_cost(double rows, double features, double batches, double bytes_per_element) {
  return linalg::covariance_cost(rows, features, 8) + batches * linalg::spd_inverse_sqrt_cost(features, 8) +
         linalg::matmul_cost(rows, features, features, bytes_per_element);
}

}  // namespace ocellus::profiling
