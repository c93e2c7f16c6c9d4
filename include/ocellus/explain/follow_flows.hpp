// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/explain/detail/flow_kernels.hpp>

namespace ocellus::explain {

struct FollowFlowsOptions {
  std::int64_t iterations = 200;
};

namespace detail {

/// Follows the pixels of one line and writes their ends behind those of the lines before it.
template <class Member, class Field, class Positions>
struct FollowLines {
  Field field;
  std::int64_t const* before;
  Positions positions;
  std::int64_t iterations;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t row) const {
    using Real = accumulate_of_t<Positions>;
    // A pixel's place is found by counting again: that is little beside its many steps.
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, field.inside.width()), [&](std::int64_t const x) {
      if (!field.inside(0, 0, row, x)) return;
      std::int64_t place = before[row];
      for (std::int64_t i = 0; i < x; ++i) place += field.inside(0, 0, row, i) ? 1 : 0;
      Real end[3];
      field.follow(row, x, iterations, end);
      for (int c = 0; c < field.dimensions; ++c) positions(place, c) = static_cast<element_t<Positions>>(end[c]);
    });
  }
};

/// Refuses an array of flows that does not have a component for each axis of `image`, or other extents.
template <class Flow, class Image>
void require_flow(char const* function, Flow const& flow, char const* name, Image const& image) {
  constexpr int rank = static_cast<int>(Image::rank());
  static_assert(Flow::rank() == Image::rank() + 1, "ocellus::explain: flow must have one axis more than the image it belongs to");
  require(extent(flow, 0) == rank, function, "flow.extent(0) is ", extent(flow, 0), " but ", name, " has ", rank, " axes");
  for (int axis = 0; axis < rank; ++axis)
    require_equal(function, {axis_name(name, axis), extent(image, axis)}, {axis_name("flow", axis + 1), extent(flow, axis + 1)});
}

}  // namespace detail

/// Bytes of workspace that `follow_flows` takes: one number a line of pixels.
template <ExecutionSpace Exec, MapView Flow, AnyView Inside, RealView<2> Positions>
[[nodiscard]] std::size_t follow_flows_workspace_size(Exec const&, Flow const&, Inside const& inside, Positions const&, FollowFlowsOptions const& = {}) {
  auto const shape = detail::volumes<typename Inside::const_value_type>(inside, 0);
  return workspace_bytes<std::int64_t>(static_cast<std::size_t>(shape.rows() + 1));
}

/// Where the pixels of an image end when they follow a field of flows: the Euler integration of Cellpose.
///
///     field = flow inside / 5;   u = 2 p / (n - 1) - 1 along an axis of n pixels
///     each step: u += 2 / (n - 1) field((u + 1) n / 2 - 1/2), clamped to [-1, 1];   end = (u + 1) / 2 (n - 1)
///
/// flow (2, H, W) or (3, D, H, W), components in the order of the axes, inside (H, W) or (D, H, W) -> positions (P, axes): the ends of the P pixels that are
/// inside, in row-major order. The field is interpolated linearly; corners outside the image count as 0. The half pixel between the two maps of coordinates is
/// part of the method. Along an axis of one pixel the end is 0. A NaN flow gives NaN to the pixels that meet it.
///
/// Errors: `std::invalid_argument` when flow has not a component for each axis, inside or positions does not fit, or iterations is negative.
/// Error bound: a step is exact to 32 machine epsilons of the accumulation type; steps multiply errors by up to 1 + the field's slope.
/// Determinism: a pixel's bits depend on the field alone.
/// Allocates: nothing. Synchronises: fences `exec` once, to compare the number of pixels with positions.extent(0) before anything is written.
/// Source: C. Stringer et al., "Cellpose", Nature Methods 18, 2021.
template <ExecutionSpace Exec, MapView Flow, MaskView<static_cast<int>(Flow::rank()) - 1> Inside, RealView<2> Positions>
  requires AccessibleFrom<Exec, Flow, Inside, Positions>
void follow_flows(Exec const& exec, Flow const& flow, Inside const& inside, Positions const& positions, FollowFlowsOptions const& options,
                  WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::explain::follow_flows";
  using Member            = TeamMember<Exec>;
  using Real              = accumulate_of_t<Positions>;
  detail::require_flow(function, flow, "inside", inside);
  require_equal(function, {"positions.extent(1)", extent(positions, 1)}, {"flow.extent(0)", extent(flow, 0)});
  require(options.iterations >= 0, function, "iterations is ", options.iterations, " but must not be negative");
  using Field = detail::FlowField<Real, element_t<Flow> const, bool const>;
  Field const field{detail::volumes<element_t<Flow> const>(flow, 1), detail::volumes<bool const>(inside, 0), static_cast<int>(Inside::rank())};
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  std::int64_t const lines = field.inside.rows();
  auto const counts        = workspace.template take<std::int64_t*>(function, lines + 1);
  for_each_row(exec, "ocellus::explain::follow_flows::count", lines, detail::CountLines<Member, bool const>{field.inside, counts.data()});
  for_each_row(exec, "ocellus::explain::follow_flows::count", 1, detail::SumLines<Member>{counts.data(), lines});
  std::int64_t const count = detail::number_at(exec, function, counts.data() + lines);
  require(count == extent(positions, 0), function, "positions.extent(0) is ", extent(positions, 0), " but inside holds ", count, " pixels");
  if (count == 0) return;
  for_each_row(exec, function, lines, detail::FollowLines<Member, Field, Positions>{field, counts.data(), positions, options.iterations});
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, MapView Flow, MaskView<static_cast<int>(Flow::rank()) - 1> Inside, RealView<2> Positions>
  requires AccessibleFrom<Exec, Flow, Inside, Positions>
void follow_flows(Exec const& exec, Flow const& flow, Inside const& inside, Positions const& positions, FollowFlowsOptions const& options = {}) {
  WorkspaceFor<Exec> workspace(exec, follow_flows_workspace_size(exec, flow, inside, positions, options));
  follow_flows(exec, flow, inside, positions, options, workspace);
  exec.fence("ocellus::explain::follow_flows");
}

/// Work of `steps` steps of `pixels` pixels along `axes` axes; bytes of `image` pixels.
[[nodiscard]] constexpr Cost follow_flows_cost(double image, double pixels, double steps, double axes, double bytes_per_element) {
  double const corners = axes > 2 ? 8 : 4;
  return {.flops         = pixels * steps * (corners * 3 * axes + 8 * axes),
          .special       = pixels * steps * axes,
          .bytes_read    = image * (axes * bytes_per_element + 1),
          .bytes_written = pixels * axes * bytes_per_element};
}

}  // namespace ocellus::explain
