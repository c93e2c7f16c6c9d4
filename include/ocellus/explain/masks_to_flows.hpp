// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/explain/detail/diffusion_kernels.hpp>

namespace ocellus::explain {

struct MasksToFlowsOptions {
  std::int64_t iterations = 0;  ///< 0: twice the largest height + width + 2 of an object's bounding box
};

/// Bytes of workspace that `masks_to_flows` takes: 32 a pixel.
template <ExecutionSpace Exec, LabelView<2> Labels, RealView<3> Flow>
[[nodiscard]] std::size_t masks_to_flows_workspace_size(Exec const&, Labels const& labels, Flow const&, MasksToFlowsOptions const& = {}) {
  detail::Arena<Exec> arena("ocellus::explain::masks_to_flows");
  detail::DiffusionBuffers<Exec> const buffers(arena, static_cast<std::int64_t>(element_count(labels)));
  return arena.bytes();
}

/// The flows that Cellpose learns: inside each object, the direction of the heat that spreads from its centre.
///
///     T = 0;   each step: T += 1 at every object's centre, then T[p] = (1/9) sum of T over the 3 x 3 neighbours of p that have its label, for all pixels at once
///     flow = (T[y + 1, x] - T[y - 1, x], T[y, x + 1] - T[y, x - 1]) / (1e-60 + its norm) inside objects, 0 outside
///
/// labels (H, W), 1..K without gaps -> flow (2, H, W), the component along y first. The differences take neighbours whatever their label, and 0 beyond the
/// border. The centre is the mean row and column within the bounding box, rounded half to even; where that is not in the object, its pixel nearest to it, the
/// first in row-major order. Heat is kept in double precision. Labels above the number of pixels get flow 0.
///
/// Errors: `std::invalid_argument` when the flow does not fit, iterations is negative, or the image has 2^31 pixels or more.
/// Error bound: 16 machine epsilons of double a step relative to the heat, plus the rounding of the flow; where neighbouring heats cancel, relative to 1.
/// Determinism: an object's flow depends on its own pixels and its neighbours' heat; neighbours are added in one order:
/// itself, sides, corners.
/// Allocates: nothing. Synchronises: fences `exec` once, to find the number of objects.
/// Source: C. Stringer et al., "Cellpose", Nature Methods 18, 2021.
template <ExecutionSpace Exec, LabelView<2> Labels, RealView<3> Flow>
  requires AccessibleFrom<Exec, Labels, Flow>
void masks_to_flows(Exec const& exec, Labels const& labels, Flow const& flow, MasksToFlowsOptions const& options, WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::explain::masks_to_flows";
  require(extent(flow, 0) == 2, function, "flow.extent(0) is ", extent(flow, 0), " but must be 2");
  require_equal(function, {"flow.extent(1)", extent(flow, 1)}, {"labels.extent(0)", extent(labels, 0)});
  require_equal(function, {"flow.extent(2)", extent(flow, 2)}, {"labels.extent(1)", extent(labels, 1)});
  require(options.iterations >= 0, function, "iterations is ", options.iterations, " but must not be negative");
  require(labels.size() < (std::size_t{1} << 31), function, "labels has ", labels.size(), " pixels, more than 2^31");
  if (labels.size() == 0) return;
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  detail::Arena<Exec> arena(function, &workspace);
  auto const image = detail::volumes<element_t<Labels> const>(labels, 0);
  detail::DiffusionBuffers<Exec> const buffers(arena, image.pixels());
  std::int64_t const count = detail::diffuse(exec, function, image, buffers, options.iterations);
  using Kernel             = detail::HeatGradient<TeamMember<Exec>, element_t<Labels> const, element_t<Flow>>;
  for_each_row(exec, function, image.rows(),
               Kernel{image, buffers.first.data(), buffers.second.data(), buffers.numbers.data() + 1, count, detail::volumes<element_t<Flow>>(flow, 1)});
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, LabelView<2> Labels, RealView<3> Flow>
  requires AccessibleFrom<Exec, Labels, Flow>
void masks_to_flows(Exec const& exec, Labels const& labels, Flow const& flow, MasksToFlowsOptions const& options = {}) {
  WorkspaceFor<Exec> workspace(exec, masks_to_flows_workspace_size(exec, labels, flow, options));
  masks_to_flows(exec, labels, flow, options, workspace);
  exec.fence("ocellus::explain::masks_to_flows");
}

/// Work on `pixels` pixels, of which `inside` are in objects, in `steps` steps.
[[nodiscard]] constexpr Cost masks_to_flows_cost(double pixels, double inside, double steps, double bytes_per_element, double bytes_per_label) {
  return {
      .flops = 10 * inside * steps, .special = inside * (steps + 3), .bytes_read = pixels * bytes_per_label, .bytes_written = 2 * pixels * bytes_per_element};
}

}  // namespace ocellus::explain
