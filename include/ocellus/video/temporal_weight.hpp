// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/video/detail/temporal_window.hpp>

namespace ocellus::video {

struct TemporalWeightOptions {
  double level      = 1.0;  ///< above 0; 1: weights grow linearly with the distance in time, large: all frames but the centre weigh the same
  double min_weight = 0.0;  ///< of the centre frame
  double max_weight = 1.0;  ///< of the first and the last frame
};

namespace detail {

/// A line of one feature of one frame a call; the last call of a frame writes its weight.
template <class Member, class Features, class Weights, class Output>
struct TemporalWeightRows {
  Features features;
  Weights weights;
  Output output;
  TemporalWeightOptions options;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t row) const {
    using Real               = accumulate_of_t<Features>;
    std::int64_t const count = extent(features, 0), kinds = extent(features, 1), height = extent(features, 2), lines = kinds * height + 1;
    std::int64_t const frame = row / lines, line = row % lines;
    double const weight = profile_weight(frame, count, options.level, options.min_weight, options.max_weight);
    if (line == lines - 1) {
      if constexpr (!std::is_same_v<Weights, None>) {
        if (is_present(weights)) Kokkos::single(Kokkos::PerThread(member), [&]() { weights(frame) = static_cast<element_t<Weights>>(weight); });
      }
      return;
    }
    std::int64_t const kind = line / height, y = line % height;
    Real const factor = static_cast<Real>(weight);
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(features, 3)), [&](std::int64_t const x) {
      output(frame * kinds + kind, y, x) = static_cast<element_t<Output>>(factor * static_cast<Real>(features(frame, kind, y, x)));
    });
  }
};

}  // namespace detail

/// Weighs the feature maps of a window's frames by their distance from the centre frame and puts them one behind the other: the input of the Deep Temporal Filter.
///
///     d_i = |i - N/2| / (N/2) with whole halves,   g_i = min_weight + (max_weight - min_weight) (1 - (1 - d_i)^level),   output[i K + k] = g_i features[i, k]
///
/// features (N, K, H, W) of N frames -> weights (N) or none, output (N K, H, W), frame-major. With the defaults and N = 5 the weights are 1, 1/2, 0, 1/2, 1:
/// the centre frame does not enter, so the output may be trained against it. A NaN stays where it is, also under a weight of 0.
///
/// Errors: `std::invalid_argument` when N is even or below 3, when level is not above 0, or when the outputs do not fit.
/// Error bound: 4 machine epsilons of the accumulation type times max(|min_weight|, |max_weight|), times |features| for the output, plus the rounding of the
/// storage type.
/// Determinism: an element depends on its own feature only. Allocates: nothing. Synchronises: no.
/// Source: M. Aiyetigbo, A. Korte, E. Anderson, R. Chalhoub, P. Kalivas, F. Luo, N. Li, "Unsupervised microscopy video denoising", CVPR Workshops 2024.
template <ExecutionSpace Exec, RealView<4> Features, OptionalRealView<1> Weights, RealView<3> Output>
  requires AccessibleFrom<Exec, Features, Weights, Output>
void temporal_weight(Exec const& exec, Features const& features, Weights const& weights, Output const& output, TemporalWeightOptions const& options = {}) {
  constexpr auto function  = "ocellus::video::temporal_weight";
  std::int64_t const count = extent(features, 0);
  require(count % 2 == 1, function, "features.extent(0) is ", count, " but the number of frames must be odd");
  require(count >= 3, function, "features.extent(0) is ", count, " but there must be at least 3 frames");
  require(options.level > 0, function, "level is ", options.level, " but must be above 0");
  require_equal(function, {"output.extent(0)", extent(output, 0)}, {"features.extent(0) features.extent(1)", count * extent(features, 1)});
  require_equal(function, {"output.extent(1)", extent(output, 1)}, {"features.extent(2)", extent(features, 2)});
  require_equal(function, {"output.extent(2)", extent(output, 2)}, {"features.extent(3)", extent(features, 3)});
  if constexpr (!std::is_same_v<Weights, None>) {
    if (is_present(weights)) require_equal(function, {"weights.extent(0)", extent(weights, 0)}, {"features.extent(0)", count});
  }
  for_each_row(exec, function, count * (extent(features, 1) * extent(features, 2) + 1),
               detail::TemporalWeightRows<TeamMember<Exec>, Features, Weights, Output>{features, weights, output, options});
}

/// Work on `elements` elements of all frames together.
[[nodiscard]] constexpr Cost temporal_weight_cost(double elements, double bytes_per_element) {
  return {.flops = elements, .special = 0, .bytes_read = elements * bytes_per_element, .bytes_written = elements * bytes_per_element};
}

}  // namespace ocellus::video
