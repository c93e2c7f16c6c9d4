// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/video/detail/bilinear_sample.hpp>
#include <ocellus/video/detail/flow_warp_host.hpp>

namespace ocellus::video {

enum class WarpMode {
  bilinear,
  nearest,  ///< forward only; a position half way between two pixels takes the even one
};

struct FlowWarpOptions {
  WarpMode mode   = WarpMode::bilinear;
  WarpEdge edge   = WarpEdge::zeros;
  bool accumulate = false;  ///< backward: add to the gradients instead of setting them
};

namespace detail {

template <class Member, class X, class Flow, class Output>
struct FlowWarpRows {
  X x;
  Flow flow;
  Output output;
  FlowWarpOptions options;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t row) const {
    using Real                = accumulate_of_t<X>;
    std::int64_t const height = extent(x, 2), width = extent(x, 3), n = row / height, i = row % height;
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, width), [&](std::int64_t const j) {
      auto const vertical   = sample_position(static_cast<double>(i) + static_cast<double>(flow(n, 1, i, j)), height, options.edge);
      auto const horizontal = sample_position(static_cast<double>(j) + static_cast<double>(flow(n, 0, i, j)), width, options.edge);
      auto const sample     = options.mode == WarpMode::nearest ? nearest_sample<Real>(vertical, height, horizontal, width)
                                                                : bilinear_sample<Real>(vertical, height, horizontal, width);
      for (std::int64_t c = 0; c < extent(x, 1); ++c) {
        Real sum = sample.start;
        for (int k = 0; k < 4; ++k) {
          if (sample.weight[k] != Real(0)) sum += sample.weight[k] * static_cast<Real>(x(n, c, sample.row[k], sample.column[k]));
        }
        output(n, c, i, j) = static_cast<element_t<Output>>(sum);
      }
    });
  }
};

/// One channel of one image a call: the samples give back to the pixels that they were taken from, in the order of the output's pixels.
template <class Member, class Flow, class OutputGradient, class XGradient>
struct FlowWarpBackwardPlanes {
  Flow flow;
  OutputGradient output_gradient;
  XGradient x_gradient;
  FlowWarpOptions options;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t plane) const {
    using Real                  = accumulate_of_t<XGradient>;
    std::int64_t const channels = extent(x_gradient, 1), height = extent(x_gradient, 2), width = extent(x_gradient, 3), n = plane / channels,
                       c = plane % channels;
    if (!options.accumulate) {
      Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, height * width), [&](std::int64_t const p) { x_gradient(n, c, p / width, p % width) = 0; });
    }
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      for (std::int64_t i = 0; i < height; ++i) {
        for (std::int64_t j = 0; j < width; ++j) {
          auto const vertical   = sample_position(static_cast<double>(i) + static_cast<double>(flow(n, 1, i, j)), height, options.edge);
          auto const horizontal = sample_position(static_cast<double>(j) + static_cast<double>(flow(n, 0, i, j)), width, options.edge);
          auto const sample     = bilinear_sample<Real>(vertical, height, horizontal, width);
          Real const gradient   = static_cast<Real>(output_gradient(n, c, i, j));
          for (int k = 0; k < 4; ++k) {
            if (sample.weight[k] != Real(0)) x_gradient(n, c, sample.row[k], sample.column[k]) += sample.weight[k] * gradient;
          }
        }
      }
    });
  }
};

template <class Member, class X, class Flow, class OutputGradient, class FlowGradient>
struct FlowWarpBackwardRows {
  X x;
  Flow flow;
  OutputGradient output_gradient;
  FlowGradient flow_gradient;
  FlowWarpOptions options;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t row) const {
    using Real                = accumulate_of_t<X>;
    std::int64_t const height = extent(x, 2), width = extent(x, 3), n = row / height, i = row % height;
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, width), [&](std::int64_t const j) {
      auto const vertical   = sample_position(static_cast<double>(i) + static_cast<double>(flow(n, 1, i, j)), height, options.edge);
      auto const horizontal = sample_position(static_cast<double>(j) + static_cast<double>(flow(n, 0, i, j)), width, options.edge);
      auto const slope      = bilinear_slopes<Real>(vertical, height, horizontal, width);
      Real sum_row = slope.start, sum_column = slope.start;
      for (std::int64_t c = 0; c < extent(x, 1); ++c) {
        Real by_row = 0, by_column = 0;
        for (int k = 0; k < 4; ++k) {
          if (!slope.inside[k]) continue;
          Real const value = static_cast<Real>(x(n, c, slope.row[k], slope.column[k]));
          by_row += slope.by_row[k] * value;
          by_column += slope.by_column[k] * value;
        }
        Real const gradient = static_cast<Real>(output_gradient(n, c, i, j));
        sum_row += gradient * by_row;
        sum_column += gradient * by_column;
      }
      sum_column *= static_cast<Real>(horizontal.slope);
      sum_row *= static_cast<Real>(vertical.slope);
      using Out = element_t<FlowGradient>;
      if (options.accumulate) {
        sum_column += static_cast<Real>(flow_gradient(n, 0, i, j));
        sum_row += static_cast<Real>(flow_gradient(n, 1, i, j));
      }
      flow_gradient(n, 0, i, j) = static_cast<Out>(sum_column);
      flow_gradient(n, 1, i, j) = static_cast<Out>(sum_row);
    });
  }
};

template <class X, class Flow>
void check_flow(std::string_view function, X const& x, Flow const& flow) {
  require_equal(function, {"flow.extent(0)", extent(flow, 0)}, {"x.extent(0)", extent(x, 0)});
  require(extent(flow, 1) == 2, function, "flow.extent(1) is ", extent(flow, 1), " but must be 2: displacements in columns and in rows");
  require_equal(function, {"flow.extent(2)", extent(flow, 2)}, {"x.extent(2)", extent(x, 2)});
  require_equal(function, {"flow.extent(3)", extent(flow, 3)}, {"x.extent(3)", extent(x, 3)});
}

template <class A, class B>
void check_same_image(std::string_view function, char const* name, A const& a, char const* other, B const& b) {
  for (int axis = 0; axis < 4; ++axis) {
    require(extent(a, axis) == extent(b, axis), function, name, ".extent(", axis, ") is ", extent(a, axis), " but ", other, ".extent(", axis, ") is ",
            extent(b, axis));
  }
}

}  // namespace detail

/// Samples images where a flow field points.
///
///     output[n, c, i, j] = x[n, c] at row i + flow[n, 1, i, j], column j + flow[n, 0, i, j]
///
/// x (N, C, H, W), flow (N, 2, H, W) in pixels, channel 0 along columns and channel 1 along rows -> output (N, C, H, W), not the input. Between pixels
/// bilinear or the nearest. Outside, `zeros`: each corner outside counts as 0; `border`: the position is clamped to the image; `reflection`: it is reflected
/// about the centres of the border pixels, again and again. A pixel whose weight is 0 is not read, so a flow of 0 copies x, NaN included. A flow that is NaN,
/// or with `reflection` infinite, gives NaN.
///
/// Errors: `std::invalid_argument` when flow or output does not fit x.
/// Error bound: 6 machine epsilons of the accumulation type times the largest |x| of the four corners, plus the rounding of the storage type. Positions are
/// formed in double.
/// Determinism: an output depends on its own flow and corners only. Allocates: nothing. Synchronises: no.
template <ExecutionSpace Exec, RealView<4> X, RealView<4> Flow, RealView<4> Output>
  requires AccessibleFrom<Exec, X, Flow, Output>
void flow_warp(Exec const& exec, X const& x, Flow const& flow, Output const& output, FlowWarpOptions const& options = {}) {
  constexpr auto function = "ocellus::video::flow_warp";
  detail::check_flow(function, x, flow);
  detail::check_same_image(function, "output", output, "x", x);
  if constexpr (is_host_execution_v<Exec>) {
    if (detail::fits_flow_warp_lines(x, flow, output)) {
      if (options.mode == WarpMode::nearest)
        for_each_row(exec, function, extent(x, 0) * extent(x, 2),
                     detail::FlowWarpLines<TeamMember<Exec>, X, Flow, Output, true>{x, flow, output, options.edge});
      else
        for_each_row(exec, function, extent(x, 0) * extent(x, 2),
                     detail::FlowWarpLines<TeamMember<Exec>, X, Flow, Output, false>{x, flow, output, options.edge});
      return;
    }
  }
  for_each_row(exec, function, extent(x, 0) * extent(x, 2), detail::FlowWarpRows<TeamMember<Exec>, X, Flow, Output>{x, flow, output, options});
}

/// The backward pass of `flow_warp` with bilinear samples.
///
/// output_gradient (N, C, H, W) with x and flow as forward -> x_gradient (N, C, H, W), flow_gradient (N, 2, H, W), either of them or `none`; set, or added to
/// when options.accumulate is. Between four pixels the derivative by the flow is that of the bilinear form. Where the position was clamped, or stands on the
/// border of `border` or `reflection`, it is 0; where it was reflected an odd number of times it changes its sign.
///
/// Errors: `std::invalid_argument` when shapes do not fit or the mode is `nearest`.
/// Error bound: 6 (C + 1) machine epsilons of the sum of absolute terms for flow_gradient; for x_gradient 6 plus the number of samples that touch the pixel.
/// Determinism: a channel of an image is gathered by one thread in the order of the output's pixels. Allocates: nothing. Synchronises: no.
template <ExecutionSpace Exec, RealView<4> X, RealView<4> Flow, RealView<4> OutputGradient, OptionalRealView<4> XGradient, OptionalRealView<4> FlowGradient>
  requires AccessibleFrom<Exec, X, Flow, OutputGradient, XGradient, FlowGradient>
void flow_warp_backward(Exec const& exec, X const& x, Flow const& flow, OutputGradient const& output_gradient, XGradient const& x_gradient,
                        FlowGradient const& flow_gradient, FlowWarpOptions const& options = {}) {
  constexpr auto function = "ocellus::video::flow_warp_backward";
  require(options.mode == WarpMode::bilinear, function, "mode is nearest, which has no derivative");
  detail::check_flow(function, x, flow);
  detail::check_same_image(function, "output_gradient", output_gradient, "x", x);
  if constexpr (!std::is_same_v<XGradient, None>) {
    if (is_present(x_gradient)) {
      detail::check_same_image(function, "x_gradient", x_gradient, "x", x);
      for_each_row(exec, "ocellus::video::flow_warp_backward::x", extent(x, 0) * extent(x, 1),
                   detail::FlowWarpBackwardPlanes<TeamMember<Exec>, Flow, OutputGradient, XGradient>{flow, output_gradient, x_gradient, options});
    }
  }
  if constexpr (!std::is_same_v<FlowGradient, None>) {
    if (is_present(flow_gradient)) {
      detail::check_same_image(function, "flow_gradient", flow_gradient, "flow", flow);
      for_each_row(exec, "ocellus::video::flow_warp_backward::flow", extent(x, 0) * extent(x, 2),
                   detail::FlowWarpBackwardRows<TeamMember<Exec>, X, Flow, OutputGradient, FlowGradient>{x, flow, output_gradient, flow_gradient, options});
    }
  }
}

/// Work on `positions` positions of `channels` channels; backward about twice as much.
[[nodiscard]] constexpr Cost flow_warp_cost(double positions, double channels, double bytes_per_element) {
  return {.flops         = positions * (8 * channels + 10),
          .special       = 0,
          .bytes_read    = positions * (channels + 2) * bytes_per_element,
          .bytes_written = positions * channels * bytes_per_element};
}

}  // namespace ocellus::video
