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

namespace detail {

/// Scratch of the errors: the heat and the flows of the shapes.
template <ExecutionSpace Exec>
struct FlowErrorBuffers {
  DiffusionBuffers<Exec> diffusion;
  UnmanagedTensor<double*, typename Exec::memory_space> flow;

  FlowErrorBuffers(Arena<Exec>& arena, std::int64_t pixels) : diffusion(arena, pixels), flow(arena.template take<double*>(2 * pixels)) {}
};

/// The error of each object; waits for `exec` once.
template <ExecutionSpace Exec, class Label, class Flow, class Error>
void flow_errors(Exec const& exec, char const* function, Volumes<Label> const& labels, Volumes<Flow> const& flow, Error const& error,
                 FlowErrorBuffers<Exec> const& buffers) {
  using Member             = TeamMember<Exec>;
  std::string const label  = function;
  auto const& heat         = buffers.diffusion;
  std::int64_t const count = diffuse(exec, function, labels, heat, 0);
  auto const shape_flow    = packed_volumes(buffers.flow.data(), 2, labels.extents + 2);
  for_each_row(exec, label + "::flows", labels.rows(),
               HeatGradient<Member, Label, double>{labels, heat.first.data(), heat.second.data(), heat.numbers.data() + 1, count, shape_flow});
  for_each_row(exec, label + "::errors", extent(error, 0), ObjectError<Member, Label, Flow, Error>{labels, heat.boxes.data(), count, shape_flow, flow, error});
}

}  // namespace detail

/// Bytes of workspace that `flow_error` takes: 48 a pixel.
template <ExecutionSpace Exec, LabelView<2> Labels, RealView<3> Flow, RealView<1> Error>
[[nodiscard]] std::size_t flow_error_workspace_size(Exec const&, Labels const& labels, Flow const&, Error const&) {
  detail::Arena<Exec> arena("ocellus::explain::flow_error");
  detail::FlowErrorBuffers<Exec> const buffers(arena, static_cast<std::int64_t>(element_count(labels)));
  return arena.bytes();
}

/// How badly a network's flows fit the shape of each object: what Cellpose drops objects by.
///
///     error[k - 1] = mean over object k of |masks_to_flows(labels) - flow / 5|^2
///
/// labels (H, W), 1..K without gaps, flow (2, H, W) as the network gives it, five times the unit vectors -> error (K). A label that does not occur gets NaN. A
/// NaN flow spoils its object.
///
/// Errors: `std::invalid_argument` when the flow does not fit or the image has 2^31 pixels or more.
/// Error bound: that of `masks_to_flows`, and (width + 16) machine epsilons of double relative to the error, plus the rounding of the output.
/// Determinism: lines of an object are added in their order.
/// Allocates: nothing. Synchronises: fences `exec` once, to find the number of objects.
/// Source: C. Stringer et al., "Cellpose", Nature Methods 18, 2021.
template <ExecutionSpace Exec, LabelView<2> Labels, RealView<3> Flow, RealView<1> Error>
  requires AccessibleFrom<Exec, Labels, Flow, Error>
void flow_error(Exec const& exec, Labels const& labels, Flow const& flow, Error const& error, WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::explain::flow_error";
  require(extent(flow, 0) == 2, function, "flow.extent(0) is ", extent(flow, 0), " but must be 2");
  require_equal(function, {"flow.extent(1)", extent(flow, 1)}, {"labels.extent(0)", extent(labels, 0)});
  require_equal(function, {"flow.extent(2)", extent(flow, 2)}, {"labels.extent(1)", extent(labels, 1)});
  require(labels.size() < (std::size_t{1} << 31), function, "labels has ", labels.size(), " pixels, more than 2^31");
  if (extent(error, 0) == 0) return;
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  detail::Arena<Exec> arena(function, &workspace);
  detail::FlowErrorBuffers<Exec> const buffers(arena, static_cast<std::int64_t>(labels.size()));
  detail::flow_errors(exec, function, detail::volumes<element_t<Labels> const>(labels, 0), detail::volumes<element_t<Flow> const>(flow, 1), error, buffers);
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, LabelView<2> Labels, RealView<3> Flow, RealView<1> Error>
  requires AccessibleFrom<Exec, Labels, Flow, Error>
void flow_error(Exec const& exec, Labels const& labels, Flow const& flow, Error const& error) {
  WorkspaceFor<Exec> workspace(exec, flow_error_workspace_size(exec, labels, flow, error));
  flow_error(exec, labels, flow, error, workspace);
  exec.fence("ocellus::explain::flow_error");
}

/// Work on `pixels` pixels, of which `inside` are in objects, in `steps` steps of diffusion.
[[nodiscard]] constexpr Cost flow_error_cost(double pixels, double inside, double steps, double objects, double bytes_per_element, double bytes_per_label) {
  return {.flops         = 10 * inside * steps + 7 * inside,
          .special       = inside * (steps + 5),
          .bytes_read    = pixels * bytes_per_label + 2 * pixels * bytes_per_element,
          .bytes_written = objects * bytes_per_element};
}

}  // namespace ocellus::explain
