// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/image/connected_components.hpp>
#include <ocellus/image/distance_transform.hpp>
#include <ocellus/image/gaussian_smooth.hpp>
#include <ocellus/image/keep_objects.hpp>
#include <ocellus/image/local_maxima.hpp>
#include <ocellus/image/otsu_threshold.hpp>
#include <ocellus/image/watershed.hpp>

namespace ocellus::image {

struct SegmentNucleiOptions {
  double diameter      = 20.0;  ///< typical diameter of a nucleus in pixels; sets the scales below
  double smoothing     = 0.05;  ///< sigma of the image's smoothing, in diameters
  double background    = 3.0;   ///< sigma of the background that is subtracted, in diameters; 0: none
  double smallest      = 0.15;  ///< least area, in areas of a disc of the diameter
  double largest       = 8.0;   ///< greatest area, likewise
  bool split           = true;  ///< separate touching nuclei by a watershed on the distance transform
  ThresholdScale scale = ThresholdScale::square_root;
};

namespace detail {

/// input - background, not below zero.
template <class Member, class Input, class Background>
struct SubtractRows {
  Input input;
  Background background;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t y) const {
    using Real = element_t<Input>;
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(input, 1)), [&](std::int64_t const x) {
      Real const rest = input(y, x) - background(y, x);
      input(y, x)     = rest > Real(0) ? rest : Real(0);
    });
  }
};

template <class Member, class Input, class Threshold, class Mask>
struct AboveThreshold {
  Input input;
  Threshold threshold;
  Mask mask;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t y) const {
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(input, 1)), [&](std::int64_t const x) { mask(y, x) = input(y, x) > threshold(); });
  }
};

template <class Member, class Mask>
struct InvertRows {
  Mask input, output;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t y) const {
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(input, 1)), [&](std::int64_t const x) { output(y, x) = !input(y, x); });
  }
};

/// Marks the background parts that touch the border; the others are holes.
template <class Member, class Labels, class Flags>
struct MarkOutside {
  Labels labels;
  Flags flags;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t y) const {
    std::int64_t const height = extent(labels, 0), width = extent(labels, 1);
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, width), [&](std::int64_t const x) {
      if (y != 0 && y + 1 != height && x != 0 && x + 1 != width) return;
      if (labels(y, x) > 0) Kokkos::atomic_store(&flags(labels(y, x) - 1), 1);
    });
  }
};

template <class Member, class Labels, class Flags, class Mask>
struct FillHoles {
  Labels labels;
  Flags flags;
  Mask mask;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t y) const {
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(labels, 1)), [&](std::int64_t const x) {
      if (labels(y, x) > 0 && flags(labels(y, x) - 1) == 0) mask(y, x) = true;
    });
  }
};

template <class Member, class Input>
struct NegateRows {
  Input input;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t y) const {
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(input, 1)), [&](std::int64_t const x) { input(y, x) = -input(y, x); });
  }
};

}  // namespace detail

/// Bytes of workspace that `segment_nuclei` takes: about 45 a pixel.
template <ExecutionSpace Exec, RealView<2> Image, LabelView<2> Labels>
[[nodiscard]] std::size_t segment_nuclei_workspace_size(Exec const&, Image const& image, Labels const&, SegmentNucleiOptions const& = {}) {
  std::size_t const pixels = element_count(image);
  return 2 * workspace_bytes<float>(pixels) + 2 * workspace_bytes<bool>(pixels) + 2 * workspace_bytes<int>(pixels) + workspace_bytes<float>(1) +
         3 * workspace_bytes<std::uint64_t>(pixels) + workspace_bytes<float>(2 * image.extent(0)) + workspace_bytes<int>(256) + 16 * workspace_alignment;
}

/// Finds nuclei in a fluorescence image.
///
///     smooth; subtract a smoothed background; Otsu's threshold; fill holes; connected parts; split by a watershed on the distance transform; drop
///     what is too small or too large
///
/// image (H, W), bright nuclei -> labels (H, W) with 1 .. count in row-major order of their seeds; returns the count.
///
/// Errors: `std::invalid_argument` when the labels do not fit, the image is empty, or an option is negative.
/// Error bound: none: a heuristic. NaN pixels are background. Otsu's threshold splits any image that is not constant: one of noise alone gives parts of noise.
/// Determinism: identical for every number of threads.
/// Allocates: nothing. Synchronises: fences `exec`, since it returns the count.
template <ExecutionSpace Exec, RealView<2> Image, LabelView<2> Labels>
  requires AccessibleFrom<Exec, Image, Labels> std::int64_t segment_nuclei(Exec const& exec, Image const& image, Labels const& labels,
                                                                           SegmentNucleiOptions const& options, WorkspaceFor<Exec>& workspace) {
    constexpr auto function = "ocellus::image::segment_nuclei";
    require_equal(function, {"labels.extent(0)", extent(labels, 0)}, {"image.extent(0)", extent(image, 0)});
    require_equal(function, {"labels.extent(1)", extent(labels, 1)}, {"image.extent(1)", extent(image, 1)});
    std::int64_t const height = extent(image, 0), width = extent(image, 1);
    require(height > 0 && width > 0, function, "image is ", height, " x ", width);
    require(
        options.diameter > 0 && options.diameter < 1000 && options.smoothing >= 0 && options.background >= 0 && options.smallest >= 0 && options.largest >= 0,
        function, "diameter (", options.diameter, "), smoothing (", options.smoothing, "), background (", options.background, "), smallest (", options.smallest,
        ") and largest (", options.largest, ") must be positive");
    typename WorkspaceFor<Exec>::Scope const scope(workspace);
    auto const smooth    = workspace.template take<float**>(function, height, width);
    auto const other     = workspace.template take<float**>(function, height, width);
    auto const mask      = workspace.template take<bool**>(function, height, width);
    auto const inverse   = workspace.template take<bool**>(function, height, width);
    auto const parts     = workspace.template take<int**>(function, height, width);
    auto const flags     = workspace.template take<int*>(function, height * width);
    auto const threshold = workspace.template take<float>(function);
    using Member         = TeamMember<Exec>;
    using Array          = std::remove_const_t<decltype(smooth)>;
    using Mask           = std::remove_const_t<decltype(mask)>;
    using Parts          = std::remove_const_t<decltype(parts)>;
    using Flags          = std::remove_const_t<decltype(flags)>;
    using Threshold      = std::remove_const_t<decltype(threshold)>;

    gaussian_smooth(exec, image, smooth, {.sigma = options.smoothing * options.diameter}, workspace);
    if (options.background > 0) {
      gaussian_smooth(exec, image, other, {.sigma = std::min(options.background * options.diameter, 1000.0)}, workspace);
      for_each_row(exec, "ocellus::image::segment_nuclei::subtract", height, detail::SubtractRows<Member, Array, Array>{smooth, other});
    }
    otsu_threshold(exec, smooth, threshold, {.scale = options.scale}, workspace);
    for_each_row(exec, "ocellus::image::segment_nuclei::mask", height, detail::AboveThreshold<Member, Array, Threshold, Mask>{smooth, threshold, mask});

    for_each_row(exec, "ocellus::image::segment_nuclei::invert", height, detail::InvertRows<Member, Mask>{mask, inverse});
    connected_components(exec, inverse, parts, {.connectivity = Connectivity::four}, workspace);
    for_each_row(exec, "ocellus::image::segment_nuclei::clear", detail::chunks_of(height * width), detail::ClearAreas<Member, Flags>{flags});
    for_each_row(exec, "ocellus::image::segment_nuclei::outside", height, detail::MarkOutside<Member, Parts, Flags>{parts, flags});
    for_each_row(exec, "ocellus::image::segment_nuclei::fill", height, detail::FillHoles<Member, Parts, Flags, Mask>{parts, flags, mask});

    std::int64_t count = 0;
    if (options.split) {
      distance_transform(exec, mask, other, {}, workspace);
      gaussian_smooth(exec, other, smooth, {.sigma = 0.08 * options.diameter}, workspace);
      std::int64_t const radius = std::max<std::int64_t>(1, std::llround(0.35 * options.diameter));
      count                     = local_maxima(exec, smooth, mask, parts, {.radius = radius}, workspace);
      for_each_row(exec, "ocellus::image::segment_nuclei::negate", height, detail::NegateRows<Member, Array>{smooth});
      watershed(exec, smooth, parts, mask, parts, {}, workspace);
    } else {
      count = connected_components(exec, mask, parts, {}, workspace);
    }
    double const disc = 0.78539816339744830962 * options.diameter * options.diameter;
    return keep_objects(exec, parts, labels, count,
                        {.minimum_area = std::llround(options.smallest * disc), .maximum_area = std::llround(options.largest * disc)}, workspace);
  }

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, RealView<2> Image, LabelView<2> Labels>
  requires AccessibleFrom<Exec, Image, Labels> std::int64_t segment_nuclei(Exec const& exec, Image const& image, Labels const& labels,
                                                                           SegmentNucleiOptions const& options = {}) {
    WorkspaceFor<Exec> workspace(exec, segment_nuclei_workspace_size(exec, image, labels, options));
    auto const result = segment_nuclei(exec, image, labels, options, workspace);
    exec.fence("ocellus::image::segment_nuclei");
    return result;
  }

/// Work on `pixels` pixels: mostly the two smoothings and about a diameter of watershed sweeps.
[[nodiscard]] constexpr Cost segment_nuclei_cost(double pixels, double diameter) {
  return gaussian_smooth_cost(pixels, 3 * diameter, 4) + watershed_cost(pixels, diameter) + distance_transform_cost(pixels, 4);
}

}  // namespace ocellus::image
