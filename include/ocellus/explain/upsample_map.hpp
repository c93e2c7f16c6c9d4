// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/explain/detail/upsample_kernel.hpp>
#include <ocellus/explain/detail/volumes.hpp>

namespace ocellus::explain {

/// Bytes of workspace that `upsample_map` takes: none for images, the spline's coefficients for stacks.
template <ExecutionSpace Exec, MapView Map, MapView Output>
[[nodiscard]] std::size_t upsample_map_workspace_size(Exec const&, Map const& map, Output const&) {
  return static_cast<int>(Map::rank()) == 3 ? 0 : workspace_bytes<double>(element_count(map));
}

/// Resizes class activation maps to the size of the image they explain.
///
///     2-D: bilinear with half-pixel centres: output i samples the map at (i + 1/2) n / size - 1/2, clamped to [0, n - 1], without smoothing when it shrinks
///     3-D: cubic B-spline interpolation (prefiltered) with mirrored ends, endpoint-aligned: output i samples at i (n - 1) / (size - 1)
///
/// map (B, H, W) -> output (B, height, width), or map (B, D, H, W) -> output (B, depth, height, width); the output's extents are the size. An axis of one slice
/// is constant; an output axis of extent 1 samples the first slice of a stack. Splines may overshoot and dip below zero. A NaN spoils the outputs that it
/// takes part in: in a stack, all of its image.
///
/// Errors: `std::invalid_argument` when the batches differ, or the map has no pixel but the output has.
/// Error bound: 16 machine epsilons of double (2-D), 200 (3-D) relative to the map's largest magnitude, plus the rounding of the output.
/// Determinism: an output's bits depend on its image alone.
/// Allocates: nothing. Synchronises: no.
/// Source: what OpenCV's resize (linear) and SciPy's ndimage.zoom (order 3) compute; M. Unser, "Splines", IEEE Signal Processing Magazine, 1999.
template <ExecutionSpace Exec, MapView Map, MapView Output>
  requires AccessibleFrom<Exec, Map, Output>
void upsample_map(Exec const& exec, Map const& map, Output const& output, WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::explain::upsample_map";
  static_assert(Map::rank() == Output::rank(), "ocellus::explain::upsample_map: output must have the rank of map");
  require_equal(function, {"output.extent(0)", extent(output, 0)}, {"map.extent(0)", extent(map, 0)});
  require(map.size() > 0 || output.size() == 0, function, "map.size() is 0 but output.size() is ", output.size());
  if (output.size() == 0) return;
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  constexpr bool cubic    = Map::rank() == 4;
  double* const transform = cubic ? workspace.template take<double*>(function, map.size()).data() : nullptr;
  detail::upsample(exec, function, detail::volumes<element_t<Map> const>(map, 1), detail::volumes<element_t<Output>>(output, 1), cubic, transform);
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, MapView Map, MapView Output>
  requires AccessibleFrom<Exec, Map, Output>
void upsample_map(Exec const& exec, Map const& map, Output const& output) {
  WorkspaceFor<Exec> workspace(exec, upsample_map_workspace_size(exec, map, output));
  upsample_map(exec, map, output, workspace);
  exec.fence("ocellus::explain::upsample_map");
}

/// Work for `outputs` pixels from `inputs`.
[[nodiscard]] constexpr Cost upsample_map_cost(double inputs, double outputs, bool stack, double bytes_per_element) {
  return {.flops         = stack ? 36 * inputs + 2 * 64 * outputs : 8 * outputs,
          .special       = 0,
          .bytes_read    = inputs * bytes_per_element,
          .bytes_written = outputs * bytes_per_element};
}

}  // namespace ocellus::explain
