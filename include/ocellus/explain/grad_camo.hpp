// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/reduce.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/explain/detail/volumes.hpp>

namespace ocellus::explain {

struct GradCamoOptions {
  bool subtract_minimum = false;  ///< forward only: L = map - its minimum over the image, else L = max(map, 0)
  bool accumulate       = false;  ///< backward only: add to the gradient
};

namespace detail {

/// Pixels of a line that one partial sum covers.
inline constexpr std::int64_t camo_run = 1024;

inline std::int64_t runs_of_width(std::int64_t width) { return (width + camo_run - 1) / camo_run; }

/// Sums of L M and of L over one run of a line.
template <class Member, class Map, class Mask>
struct CamoRuns {
  Volumes<Map> map;
  Volumes<Mask> mask;
  double const* ranges;  ///< (batch, 2), or null for L = max(map, 0)
  double* partials;      ///< (batch, rows, runs, 2)
  std::int64_t runs;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t item) const {
    std::int64_t const line = item / runs, first = item % runs * camo_run, batch = line / map.rows(), row = line % map.rows();
    std::int64_t const count = map.width() - first < camo_run ? map.width() - first : camo_run;
    Map const* const values  = map.row(batch, 0, row) + first * map.strides[4];
    Mask const* const masks  = mask.row(batch, 0, row) + first * mask.strides[4];
    bool const shifted       = ranges != nullptr;
    double const least       = shifted ? ranges[2 * batch] : 0.0;
    auto const term          = [&](std::int64_t x) {
      double const value = static_cast<double>(values[x * map.strides[4]]);
      double const mass  = shifted ? value - least : positive_part(value);
      return TwoSums{mass * static_cast<double>(masks[x * mask.strides[4]]), mass};
    };
    TwoSums const sums = two_sums(member, count, term);
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      partials[2 * item]     = sums.first;
      partials[2 * item + 1] = sums.second;
    });
  }
};

/// The two sums of an image, in place of its first partials.
template <class Member>
struct CamoTotals {
  double const* partials;
  double* totals;  ///< (batch, 2): sum L M, sum L
  std::int64_t count;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t batch) const {
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      TreeSum<double> inside, all;
      for (std::int64_t i = batch * count; i < (batch + 1) * count; ++i) {
        inside.push(partials[2 * i]);
        all.push(partials[2 * i + 1]);
      }
      totals[2 * batch]     = inside.result();
      totals[2 * batch + 1] = all.result();
    });
  }
};

template <class Member, class Score, class Valid>
struct CamoScores {
  double const* totals;
  Score score;
  Valid valid;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t batch) const {
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      double const inside = totals[2 * batch], all = totals[2 * batch + 1];
      score(batch) = static_cast<element_t<Score>>(static_cast<accumulate_of_t<Score>>(all > 0 ? inside / all : 0.0));
      if constexpr (!std::is_same_v<Valid, None>) {
        if (is_present(valid)) valid(batch) = all > 0;
      }
    });
  }
};

template <class Member, class Map, class Mask, class ScoreGradient, class Gradient>
struct CamoGradient {
  Volumes<Map> map;
  Volumes<Mask> mask;
  double const* totals;
  ScoreGradient score_gradient;
  Volumes<Gradient> gradient;
  bool accumulate;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t item) const {
    std::int64_t const batch = item / map.rows(), row = item % map.rows();
    double const all = totals[2 * batch + 1], score = all > 0 ? totals[2 * batch] / all : 0.0;
    double const factor = all > 0 ? static_cast<double>(score_gradient(batch)) / all : 0.0;
    using Real          = accumulate_t<Gradient>;
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, map.width()), [&](std::int64_t const x) {
      bool const counts  = all > 0 && static_cast<double>(map(batch, 0, row, x)) > 0;
      double const slope = counts ? factor * (static_cast<double>(mask(batch, 0, row, x)) - score) : 0.0;
      Gradient& to       = gradient(batch, 0, row, x);
      to                 = static_cast<Gradient>(static_cast<Real>(accumulate ? static_cast<double>(to) + slope : slope));
    });
  }
};

/// Numbers of double scratch: partial sums, totals, ranges of images and of rows.
template <MapView Map>
[[nodiscard]] std::size_t camo_doubles(Map const& map, bool with_ranges) {
  auto const shape         = volumes<typename Map::const_value_type>(map, 1);
  std::int64_t const lines = shape.extents[0] * shape.rows();
  return static_cast<std::size_t>(2 * (lines * runs_of_width(shape.width()) + shape.extents[0] + (with_ranges ? lines + shape.extents[0] : 0)));
}

/// Fills totals (batch, 2), which it returns, from `scratch`.
template <ExecutionSpace Exec, class Map, class Mask>
double* camo_totals(Exec const& exec, std::string const& label, Volumes<Map> const& map, Volumes<Mask> const& mask, double* scratch, bool subtract_minimum) {
  std::int64_t const batch = map.extents[0], lines = batch * map.rows(), runs = runs_of_width(map.width());
  double* const totals = scratch;
  double* ranges       = nullptr;
  scratch += 2 * batch;
  if (subtract_minimum) {
    ranges = scratch;
    scratch += 2 * batch;
    image_ranges(exec, label, map, scratch, ranges);
    scratch += 2 * lines;
  }
  for_each_row(exec, label + "::sums", lines * runs, CamoRuns<TeamMember<Exec>, Map, Mask>{map, mask, ranges, scratch, runs});
  for_each_row(exec, label + "::totals", batch, CamoTotals<TeamMember<Exec>>{scratch, totals, map.rows() * runs});
  return totals;
}

}  // namespace detail

/// Bytes of workspace that `grad_camo` takes: two sums for every run of 1024 pixels.
template <ExecutionSpace Exec, MapView Map, MapView Mask, RealView<1> Score, OptionalMaskView<1> Valid>
[[nodiscard]] std::size_t grad_camo_workspace_size(Exec const&, Map const& map, Mask const&, Score const&, Valid const&, GradCamoOptions const& options = {}) {
  return workspace_bytes<double>(detail::camo_doubles(map, options.subtract_minimum));
}

/// The share of a class activation map that falls on the object of interest.
///
///     score[b] = sum_p L[b, p] mask[b, p] / sum_p L[b, p],   L = max(map, 0);   valid[b] = sum_p L[b, p] > 0
///
/// map (B, H, W) or (B, D, H, W), mask of that shape with values in [0, 1] (soft masks count in part) -> score (B) in [0, 1], valid (B) or none. 1 means that
/// all attention is on the object, 0 that none is. A map without mass, or with NaN, gives score 0 and valid false; so does an empty mask score 0, with valid
/// true. A mask of ones gives exactly 1. No minimum is subtracted unless asked for: that adds a floor on which the background counts too.
///
/// Errors: `std::invalid_argument` when mask, score or valid does not fit.
/// Error bound: (16 + log2(pixels)) machine epsilons of double relative to the score, plus the rounding of the score.
/// Determinism: runs of 1024 pixels of a line are summed in eight interleaved chains and combine in a binary tree; bits depend on the image alone.
/// Allocates: nothing. Synchronises: no.
/// Source: the README of Grad-CAMO (V. Gopalakrishnan et al., CVPR workshops 2024): "proportion of attention concentrated on the cell of interest".
template <ExecutionSpace Exec, MapView Map, MapView Mask, RealView<1> Score, OptionalMaskView<1> Valid>
  requires AccessibleFrom<Exec, Map, Mask, Score, Valid>
void grad_camo(Exec const& exec, Map const& map, Mask const& mask, Score const& score, Valid const& valid, GradCamoOptions const& options,
               WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::explain::grad_camo";
  detail::require_same_shape(function, "mask", mask, "map", map);
  require_equal(function, {"score.extent(0)", extent(score, 0)}, {"map.extent(0)", extent(map, 0)});
  if constexpr (!std::is_same_v<Valid, None>) {
    if (is_present(valid)) require_equal(function, {"valid.extent(0)", extent(valid, 0)}, {"map.extent(0)", extent(map, 0)});
  }
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  auto const scratch = workspace.template take<double*>(function, detail::camo_doubles(map, options.subtract_minimum));
  auto const totals  = detail::camo_totals(exec, function, detail::volumes<element_t<Map> const>(map, 1), detail::volumes<element_t<Mask> const>(mask, 1),
                                           scratch.data(), options.subtract_minimum);
  for_each_row(exec, function, extent(map, 0), detail::CamoScores<TeamMember<Exec>, Score, Valid>{totals, score, valid});
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, MapView Map, MapView Mask, RealView<1> Score, OptionalMaskView<1> Valid>
  requires AccessibleFrom<Exec, Map, Mask, Score, Valid>
void grad_camo(Exec const& exec, Map const& map, Mask const& mask, Score const& score, Valid const& valid, GradCamoOptions const& options = {}) {
  WorkspaceFor<Exec> workspace(exec, grad_camo_workspace_size(exec, map, mask, score, valid, options));
  grad_camo(exec, map, mask, score, valid, options, workspace);
  exec.fence("ocellus::explain::grad_camo");
}

/// Bytes of workspace that `grad_camo_backward` takes.
template <ExecutionSpace Exec, MapView Map, MapView Mask, RealView<1> ScoreGradient, MapView MapGradient>
[[nodiscard]] std::size_t grad_camo_backward_workspace_size(Exec const&, Map const& map, Mask const&, ScoreGradient const&, MapGradient const&,
                                                            GradCamoOptions const& = {}) {
  return workspace_bytes<double>(detail::camo_doubles(map, false));
}

/// The gradient of `grad_camo` with respect to the map, for training with attention kept on the object.
///
///     map_gradient[b, p] = score_gradient[b] (mask[b, p] - score[b]) / sum L[b]  where map[b, p] > 0, else 0;   0 where the map is not valid
///
/// map, mask (B, S...), score_gradient (B) -> map_gradient (B, S...), added to with `accumulate`. The score is computed again: nothing is kept from the forward
/// pass.
///
/// Errors: `std::invalid_argument` when a shape does not fit, or with `subtract_minimum`, which has no backward pass.
/// Error bound: (24 + log2(pixels)) machine epsilons of double relative to |score_gradient| / sum L, plus the rounding of the gradient.
/// Determinism: as `grad_camo`. Allocates: nothing. Synchronises: no.
template <ExecutionSpace Exec, MapView Map, MapView Mask, RealView<1> ScoreGradient, MapView MapGradient>
  requires AccessibleFrom<Exec, Map, Mask, ScoreGradient, MapGradient>
void grad_camo_backward(Exec const& exec, Map const& map, Mask const& mask, ScoreGradient const& score_gradient, MapGradient const& map_gradient,
                        GradCamoOptions const& options, WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::explain::grad_camo_backward";
  detail::require_same_shape(function, "mask", mask, "map", map);
  detail::require_same_shape(function, "map_gradient", map_gradient, "map", map);
  require_equal(function, {"score_gradient.extent(0)", extent(score_gradient, 0)}, {"map.extent(0)", extent(map, 0)});
  require(!options.subtract_minimum, function, "subtract_minimum is set, but the backward pass is that of L = max(map, 0)");
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  auto const scratch  = workspace.template take<double*>(function, detail::camo_doubles(map, false));
  auto const values   = detail::volumes<element_t<Map> const>(map, 1);
  auto const masks    = detail::volumes<element_t<Mask> const>(mask, 1);
  auto const gradient = detail::volumes<element_t<MapGradient>>(map_gradient, 1);
  auto const totals   = detail::camo_totals(exec, function, values, masks, scratch.data(), false);
  using Kernel        = detail::CamoGradient<TeamMember<Exec>, element_t<Map> const, element_t<Mask> const, ScoreGradient, element_t<MapGradient>>;
  for_each_row(exec, function, extent(map, 0) * values.rows(), Kernel{values, masks, totals, score_gradient, gradient, options.accumulate});
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, MapView Map, MapView Mask, RealView<1> ScoreGradient, MapView MapGradient>
  requires AccessibleFrom<Exec, Map, Mask, ScoreGradient, MapGradient>
void grad_camo_backward(Exec const& exec, Map const& map, Mask const& mask, ScoreGradient const& score_gradient, MapGradient const& map_gradient,
                        GradCamoOptions const& options = {}) {
  WorkspaceFor<Exec> workspace(exec, grad_camo_backward_workspace_size(exec, map, mask, score_gradient, map_gradient, options));
  grad_camo_backward(exec, map, mask, score_gradient, map_gradient, options, workspace);
  exec.fence("ocellus::explain::grad_camo_backward");
}

/// Work on `pixels` pixels.
[[nodiscard]] constexpr Cost grad_camo_cost(double pixels, double bytes_per_element) {
  return {.flops = 3 * pixels, .special = 0, .bytes_read = 2 * pixels * bytes_per_element, .bytes_written = 0};
}

/// Work of the backward pass: the sums, then the gradient.
[[nodiscard]] constexpr Cost grad_camo_backward_cost(double pixels, double bytes_per_element) {
  return {.flops = 5 * pixels, .special = 0, .bytes_read = 2 * pixels * bytes_per_element, .bytes_written = pixels * bytes_per_element};
}

}  // namespace ocellus::explain
