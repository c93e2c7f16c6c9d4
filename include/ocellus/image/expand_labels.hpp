// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>

namespace ocellus::image {

struct ExpandLabelsOptions {
  std::int64_t distance = 1;  ///< steps that labels grow
};

namespace detail {

template <class Member, class Input, class Output>
struct CopyLabels {
  Input input;
  Output output;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t y) const {
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(input, 1)),
                         [&](std::int64_t const x) { output(y, x) = static_cast<element_t<Output>>(input(y, x)); });
  }
};

/// One synchronous step: a background pixel takes the smallest label among its 4 (or 8) neighbours.
template <class Member, class Input, class Output>
struct ExpandStep {
  Input input;
  Output output;
  bool eight;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t y) const {
    std::int64_t const height = extent(input, 0), width = extent(input, 1);
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, width), [&](std::int64_t const x) {
      auto label = static_cast<std::int64_t>(input(y, x));
      if (label == 0) {
        for (std::int64_t v = y > 0 ? y - 1 : 0; v <= y + 1 && v < height; ++v) {
          for (std::int64_t u = x > 0 ? x - 1 : 0; u <= x + 1 && u < width; ++u) {
            if (!eight && v != y && u != x) continue;
            auto const other = static_cast<std::int64_t>(input(v, u));
            if (other != 0 && (label == 0 || other < label)) label = other;
          }
        }
      }
      output(y, x) = static_cast<element_t<Output>>(label);
    });
  }
};

}  // namespace detail

/// Bytes of workspace that `expand_labels` takes: two numbers a pixel.
template <ExecutionSpace Exec, LabelView<2> Labels, LabelView<2> Output>
[[nodiscard]] std::size_t expand_labels_workspace_size(Exec const&, Labels const& labels, Output const&, ExpandLabelsOptions const& = {}) {
  return 2 * workspace_bytes<std::int64_t>(element_count(labels));
}

/// Grows objects into the background without letting them meet.
///
///     distance times: a background pixel takes the smallest label among its neighbours, the 4 nearest in odd steps and all 8 in even ones (an octagon)
///
/// labels (H, W) -> output (H, W), which may be the input.
///
/// Errors: `std::invalid_argument` when the output does not fit or distance is negative.
/// Error bound: exact; the octagon departs from a disc by at most 8 % of the distance.
/// Determinism: steps are synchronous: identical on every backend and for every number of threads.
/// Allocates: nothing. Synchronises: no.
template <ExecutionSpace Exec, LabelView<2> Labels, LabelView<2> Output>
  requires AccessibleFrom<Exec, Labels, Output>
void expand_labels(Exec const& exec, Labels const& labels, Output const& output, ExpandLabelsOptions const& options, WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::image::expand_labels";
  require_equal(function, {"output.extent(0)", extent(output, 0)}, {"labels.extent(0)", extent(labels, 0)});
  require_equal(function, {"output.extent(1)", extent(output, 1)}, {"labels.extent(1)", extent(labels, 1)});
  require(options.distance >= 0, function, "distance is ", options.distance, " but must not be negative");
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  std::int64_t const height = extent(labels, 0), width = extent(labels, 1);
  auto before  = workspace.template take<std::int64_t**>(function, height, width);
  auto after   = workspace.template take<std::int64_t**>(function, height, width);
  using Member = TeamMember<Exec>;
  using Array  = decltype(before);
  for_each_row(exec, "ocellus::image::expand_labels::start", height, detail::CopyLabels<Member, Labels, Array>{labels, before});
  for (std::int64_t step = 1; step <= options.distance; ++step) {
    for_each_row(exec, "ocellus::image::expand_labels::step", height, detail::ExpandStep<Member, Array, Array>{before, after, step % 2 == 0});
    auto const swap = before;
    before          = after;
    after           = swap;
  }
  for_each_row(exec, function, height, detail::CopyLabels<Member, Array, Output>{before, output});
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, LabelView<2> Labels, LabelView<2> Output>
  requires AccessibleFrom<Exec, Labels, Output>
void expand_labels(Exec const& exec, Labels const& labels, Output const& output, ExpandLabelsOptions const& options = {}) {
  WorkspaceFor<Exec> workspace(exec, expand_labels_workspace_size(exec, labels, output, options));
  expand_labels(exec, labels, output, options, workspace);
  exec.fence("ocellus::image::expand_labels");
}

/// Work on `pixels` pixels.
[[nodiscard]] constexpr Cost expand_labels_cost(double pixels, double distance) {
  return {.flops = 0, .special = 0, .bytes_read = 8 * distance * pixels, .bytes_written = 8 * distance * pixels};
}

}  // namespace ocellus::image
