// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/profiling/detail/normalize_kernels.hpp>
#include <ocellus/profiling/group_rows.hpp>

namespace ocellus::profiling {

enum class NormalizeMethod {
  standardize,     ///< mean and deviation (ddof 0); a zero deviation divides by 1
  robustize,       ///< median and interquartile range; a zero range divides by 1
  mad_robustize,   ///< median and 1.4826 times the median absolute deviation, plus epsilon
  inverse_normal,  ///< normal scores of the ranks among the reference rows
};

struct NormalizeOptions {
  NormalizeMethod method = NormalizeMethod::standardize;
  double epsilon         = 1e-18;  ///< mad_robustize: added to the scale; a zero deviation then explodes
  bool guarded           = false;  ///< mad_robustize: no epsilon, a zero deviation divides by 1
  std::int64_t quantiles = 1000;   ///< inverse_normal: most landmarks
};

/// What normalisation learned from the reference rows of each group; it can be saved, and applied to new rows of these groups.
template <MemorySpace Space>
struct NormalizeFit {
  NormalizeMethod method = NormalizeMethod::standardize;
  std::vector<std::int64_t> keys;         ///< of the groups, ascending
  Tensor<double**, Space> centre, scale;  ///< (groups, features)
  Tensor<double***, Space> landmarks;     ///< inverse_normal: (groups, features, most)
  Tensor<std::int64_t*, Space> counts;    ///< inverse_normal: landmarks of each group
};

namespace detail {

inline void require_length(char const* function, char const* name, std::int64_t length, std::int64_t rows) {
  require(length == rows, function, name, ".extent(0) is ", length, " but profiles.extent(0) is ", rows);
}

template <class Optional>
void require_optional_length(char const* function, char const* name, Optional const& view, std::int64_t rows) {
  if constexpr (!std::is_same_v<Optional, None>) {
    if (is_present(view)) require_length(function, name, extent(view, 0), rows);
  }
}

}  // namespace detail

/// Learns centre and scale of each feature from the reference rows of each group.
///
///     standardize: mean, deviation;  robustize: median, quartile range;  mad_robustize: median, 1.4826 MAD + epsilon;  inverse_normal: quantiles
///
/// profiles (n, d), control (n) or none (all rows), group (n) or none (one group, key 0) -> NormalizeFit. NaN values are left out. A group without
/// reference rows gives NaN.
///
/// Errors: `std::invalid_argument` when control or group does not fit, when epsilon is negative or quantiles below 1.
/// Error bound: 4 machine epsilons of double times the condition of the statistic: computed in double.
/// Determinism: blocks of 256 reference rows in a binary tree; sorted values are exact. Bits do not depend on the number of threads.
/// Allocates: the fit, and for ranks one number a value. Synchronises: fences `exec` (groups are made on the host).
/// Source: pycytominer's normalize; scikit-learn's StandardScaler, RobustScaler, QuantileTransformer (behaviour).
template <ExecutionSpace Exec, RealView<2> Profiles, OptionalMaskView<1> ControlMask, OptionalIndexView<1> Group>
  requires AccessibleFrom<Exec, Profiles, ControlMask, Group>
[[nodiscard]] NormalizeFit<typename Exec::memory_space> fit_normalize(Exec const& exec, Profiles const& profiles, ControlMask const& control,
                                                                      Group const& group, NormalizeOptions const& options = {}) {
  constexpr auto function = "ocellus::profiling::normalize";
  std::int64_t const rows = extent(profiles, 0), features = extent(profiles, 1);
  detail::require_optional_length(function, "control", control, rows);
  detail::require_optional_length(function, "group", group, rows);
  require(options.epsilon >= 0, function, "epsilon is ", options.epsilon, " but must not be negative");
  require(options.quantiles >= 1, function, "quantiles is ", options.quantiles, " but must be positive");
  auto const groups = detail::group_used_rows(exec, detail::keys_on_host(exec, group, rows), detail::mask_on_host(exec, control, rows));
  NormalizeFit<typename Exec::memory_space> fit;
  fit.method               = options.method;
  fit.keys                 = groups.keys;
  using Member             = TeamMember<Exec>;
  using Indices            = decltype(groups.rows);
  std::int64_t const items = groups.count() * features;
  if (options.method == NormalizeMethod::standardize) {
    fit.centre = make_tensor<double**>(exec, "ocellus::profiling::normalize::centre", groups.count(), features);
    fit.scale  = make_tensor<double**>(exec, "ocellus::profiling::normalize::scale", groups.count(), features);
    for_each_row(exec, "ocellus::profiling::normalize::fit", items,
                 detail::FitMoments<Member, Profiles, Indices, decltype(fit.centre)>{profiles, groups.offsets, groups.rows, fit.centre, fit.scale});
  } else {
    auto const scratch = make_tensor<double**>(exec, "ocellus::profiling::normalize::sorted", features, groups.host_rows.size());
    using Scratch      = std::remove_const_t<decltype(scratch)>;
    if (options.method == NormalizeMethod::inverse_normal) {
      std::vector<std::int64_t> counts;
      std::int64_t most = 1;
      for (std::int64_t g = 0; g < groups.count(); ++g) {
        counts.push_back(std::min(options.quantiles, groups.host_offsets[static_cast<std::size_t>(g) + 1] - groups.host_offsets[static_cast<std::size_t>(g)]));
        most = std::max(most, counts.back());
      }
      fit.counts    = detail::indices_on_device(exec, "ocellus::profiling::normalize::counts", counts);
      fit.landmarks = make_tensor<double***>(exec, "ocellus::profiling::normalize::landmarks", groups.count(), features, most);
      for_each_row(exec, "ocellus::profiling::normalize::fit", items,
                   detail::FitLandmarks<Member, Profiles, Indices, decltype(fit.landmarks), Scratch>{profiles, groups.offsets, groups.rows, fit.landmarks,
                                                                                                     scratch, options.quantiles});
    } else {
      fit.centre = make_tensor<double**>(exec, "ocellus::profiling::normalize::centre", groups.count(), features);
      fit.scale  = make_tensor<double**>(exec, "ocellus::profiling::normalize::scale", groups.count(), features);
      for_each_row(exec, "ocellus::profiling::normalize::fit", items,
                   detail::FitRanks<Member, Profiles, Indices, decltype(fit.centre), Scratch>{profiles, groups.offsets, groups.rows, fit.centre, fit.scale,
                                                                                              scratch, options.method == NormalizeMethod::mad_robustize,
                                                                                              options.guarded, options.epsilon});
    }
    exec.fence(function);  // the sorted values go
  }
  exec.fence(function);
  return fit;
}

/// Applies a fit to rows of its groups.
///
///     output = (x - centre) / scale,   or for inverse_normal the inverse normal of the rank share, clipped to +-5.199337582605575
///
/// fit, profiles (n, d), group (n) or none -> output (n, d), which may be the input. NaN stays; a row whose group the fit does not know becomes NaN.
///
/// Errors: `std::invalid_argument` when group, features or output do not fit.
/// Error bound: 2 machine epsilons of double, plus the rounding of the output type.
/// Determinism: a row's bits depend on that row and the fit.
/// Allocates: one number a row. Synchronises: fences `exec`.
template <ExecutionSpace Exec, MemorySpace Space, RealView<2> Profiles, OptionalIndexView<1> Group, RealView<2> Output>
  requires AccessibleFrom<Exec, Profiles, Group, Output>
void apply_normalize(Exec const& exec, NormalizeFit<Space> const& fit, Profiles const& profiles, Group const& group, Output const& output) {
  constexpr auto function = "ocellus::profiling::normalize";
  std::int64_t const rows = extent(profiles, 0);
  bool const ranks        = fit.method == NormalizeMethod::inverse_normal;
  detail::require_optional_length(function, "group", group, rows);
  require_equal(function, {"profiles.extent(1)", extent(profiles, 1)},
                {"the fit's number of features", ranks ? extent(fit.landmarks, 1) : extent(fit.centre, 1)});
  require_equal(function, {"output.extent(0)", extent(output, 0)}, {"profiles.extent(0)", rows});
  require_equal(function, {"output.extent(1)", extent(output, 1)}, {"profiles.extent(1)", extent(profiles, 1)});
  auto group_of = detail::keys_on_host(exec, group, rows);
  for (auto& key : group_of) {
    auto const found = std::lower_bound(fit.keys.begin(), fit.keys.end(), key);
    key              = found != fit.keys.end() && *found == key ? found - fit.keys.begin() : -1;
  }
  auto const indices = detail::indices_on_device(exec, "ocellus::profiling::normalize::group_of", group_of);
  using Member       = TeamMember<Exec>;
  using Indices      = std::remove_const_t<decltype(indices)>;
  if (ranks)
    for_each_row(exec, function, rows,
                 detail::ApplyLandmarks<Member, Profiles, Indices, decltype(fit.landmarks), Output>{profiles, indices, fit.counts, fit.landmarks, output});
  else
    for_each_row(exec, function, rows,
                 detail::ApplyScale<Member, Profiles, Indices, decltype(fit.centre), Output>{profiles, indices, fit.centre, fit.scale, output});
  exec.fence(function);
}

/// Fits on the reference rows of each group and applies to all rows of that group.
///
/// profiles (n, d), control (n) or none, group (n) or none -> output (n, d). Errors, bounds, determinism: as `fit_normalize` and `apply_normalize`.
template <ExecutionSpace Exec, RealView<2> Profiles, OptionalMaskView<1> ControlMask, OptionalIndexView<1> Group, RealView<2> Output>
  requires AccessibleFrom<Exec, Profiles, ControlMask, Group, Output>
void normalize(Exec const& exec, Profiles const& profiles, ControlMask const& control, Group const& group, Output const& output,
               NormalizeOptions const& options = {}) {
  apply_normalize(exec, fit_normalize(exec, profiles, control, group, options), profiles, group, output);
}

/// Work of normalising `rows` x `features`.
[[nodiscard]] constexpr Cost normalize_cost(double rows, double features, double bytes_per_element) {
  return {
      .flops = 6 * rows * features, .special = 0, .bytes_read = 2 * rows * features * bytes_per_element, .bytes_written = rows * features * bytes_per_element};
}

}  // namespace ocellus::profiling
