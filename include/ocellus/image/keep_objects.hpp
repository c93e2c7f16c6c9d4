// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/image/detail/label_kernels.hpp>

namespace ocellus::image {

struct KeepObjectsOptions {
  std::int64_t minimum_area = 1;          ///< in pixels
  std::int64_t maximum_area = INT64_MAX;  ///< in pixels
};

namespace detail {

template <class Member, class Areas>
struct ClearAreas {
  Areas areas;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t chunk) const {
    for_chunk(member, chunk, extent(areas, 0), [&](std::int64_t const i) { areas(i) = 0; });
  }
};

template <class Member, class Labels, class Areas>
struct CountAreas {
  Labels labels;
  Areas areas;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t y) const {
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(labels, 1)), [&](std::int64_t const x) {
      auto const label = static_cast<std::int64_t>(labels(y, x));
      if (label >= 1 && label <= extent(areas, 0)) Kokkos::atomic_inc(&areas(label - 1));
    });
  }
};

/// Areas become flags: is the object kept?
template <class Member, class Areas>
struct JudgeAreas {
  Areas areas;
  std::int64_t least, most;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t chunk) const {
    for_chunk(member, chunk, extent(areas, 0), [&](std::int64_t const i) { areas(i) = areas(i) >= least && areas(i) <= most && areas(i) > 0 ? 1 : 0; });
  }
};

template <class Member, class Labels, class Ranks, class Output>
struct RenumberPixels {
  Labels labels;
  Ranks ranks;
  Output output;
  int count;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t y) const {
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(labels, 1)), [&](std::int64_t const x) {
      auto const label = static_cast<std::int64_t>(labels(y, x));
      int rank         = 0;
      if (label >= 1 && label <= extent(ranks, 0)) {
        int const next = label < extent(ranks, 0) ? ranks(label) : count;
        if (next > ranks(label - 1)) rank = ranks(label - 1) + 1;
      }
      output(y, x) = static_cast<element_t<Output>>(rank);
    });
  }
};

}  // namespace detail

/// Bytes of workspace that `keep_objects` takes for labels up to `largest`.
template <ExecutionSpace Exec, LabelView<2> Labels, LabelView<2> Output>
[[nodiscard]] std::size_t keep_objects_workspace_size(Exec const&, Labels const&, Output const&, std::int64_t largest, KeepObjectsOptions const& = {}) {
  return workspace_bytes<int>(static_cast<std::size_t>(largest));
}

/// Drops objects that are too small or too large and numbers the rest anew.
///
///     output = 1 + the rank of the label among the labels whose area lies in [minimum_area, maximum_area], 0 for the others
///
/// labels (H, W) of 0 .. largest -> output (H, W), which may be the input; returns the number of objects kept. Gaps in the numbers close; labels above
/// `largest` become 0.
///
/// Errors: `std::invalid_argument` when the output does not fit or largest is negative or above 2^31.
/// Error bound: exact.
/// Determinism: identical on every backend and for every number of threads.
/// Allocates: nothing. Synchronises: fences `exec`, since it returns the count.
template <ExecutionSpace Exec, LabelView<2> Labels, LabelView<2> Output>
  requires AccessibleFrom<Exec, Labels, Output> std::int64_t keep_objects(Exec const& exec, Labels const& labels, Output const& output, std::int64_t largest,
                                                                          KeepObjectsOptions const& options, WorkspaceFor<Exec>& workspace) {
    constexpr auto function = "ocellus::image::keep_objects";
    require_equal(function, {"output.extent(0)", extent(output, 0)}, {"labels.extent(0)", extent(labels, 0)});
    require_equal(function, {"output.extent(1)", extent(output, 1)}, {"labels.extent(1)", extent(labels, 1)});
    require(largest >= 0 && largest < (std::int64_t{1} << 31), function, "largest is ", largest, " but must be between 0 and 2^31");
    typename WorkspaceFor<Exec>::Scope const scope(workspace);
    auto const ranks = workspace.template take<int*>(function, largest);
    using Member     = TeamMember<Exec>;
    using Line       = std::remove_const_t<decltype(ranks)>;
    for_each_row(exec, "ocellus::image::keep_objects::clear", detail::chunks_of(largest), detail::ClearAreas<Member, Line>{ranks});
    for_each_row(exec, "ocellus::image::keep_objects::count", extent(labels, 0), detail::CountAreas<Member, Labels, Line>{labels, ranks});
    for_each_row(exec, "ocellus::image::keep_objects::judge", detail::chunks_of(largest),
                 detail::JudgeAreas<Member, Line>{ranks, options.minimum_area, options.maximum_area});
    int const count = detail::exclusive_ranks(exec, "ocellus::image::keep_objects::rank", ranks);
    for_each_row(exec, function, extent(labels, 0), detail::RenumberPixels<Member, Labels, Line, Output>{labels, ranks, output, count});
    exec.fence(function);
    return count;
  }

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, LabelView<2> Labels, LabelView<2> Output>
  requires AccessibleFrom<Exec, Labels, Output> std::int64_t keep_objects(Exec const& exec, Labels const& labels, Output const& output, std::int64_t largest,
                                                                          KeepObjectsOptions const& options = {}) {
    WorkspaceFor<Exec> workspace(exec, keep_objects_workspace_size(exec, labels, output, largest, options));
    auto const result = keep_objects(exec, labels, output, largest, options, workspace);
    exec.fence("ocellus::image::keep_objects");
    return result;
  }

/// Work on `pixels` pixels.
[[nodiscard]] constexpr Cost keep_objects_cost(double pixels, double bytes_per_label) {
  return {.flops = 0, .special = 0, .bytes_read = 2 * pixels * bytes_per_label, .bytes_written = pixels * bytes_per_label};
}

}  // namespace ocellus::image
