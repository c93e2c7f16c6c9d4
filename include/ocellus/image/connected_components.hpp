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
#include <ocellus/image/detail/label_runs.hpp>

namespace ocellus::image {

enum class Connectivity { four, eight };

struct ConnectedComponentsOptions {
  Connectivity connectivity = Connectivity::eight;
};

namespace detail {

/// Links the trees of a pixel and of its neighbours before it. A tree's root is its smallest index, whatever the order of the links.
template <class Member, class Mask, class Parents>
struct LinkRows {
  Mask mask;
  Parents parents;
  bool eight;

  KOKKOS_INLINE_FUNCTION int root(int i) const {
    for (int parent = Kokkos::atomic_load(&parents(i)); parent != i; parent = Kokkos::atomic_load(&parents(i))) i = parent;
    return i;
  }

  KOKKOS_INLINE_FUNCTION void link(int a, int b) const {
    while (true) {
      a = root(a);
      b = root(b);
      if (a == b) return;
      int const high = a > b ? a : b, low = a > b ? b : a;
      int const before = Kokkos::atomic_fetch_min(&parents(high), low);
      if (before == high) return;
      a = before;
      b = low;
    }
  }

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t y) const {
    std::int64_t const width = extent(mask, 1);
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, width), [&](std::int64_t const x) {
      if (!mask(y, x)) return;
      int const at = static_cast<int>(y * width + x), up = static_cast<int>(at - width);
      if (x > 0 && mask(y, x - 1)) link(at, at - 1);
      if (y == 0) return;
      if (mask(y - 1, x)) link(at, up);
      if (eight && x > 0 && mask(y - 1, x - 1)) link(at, up - 1);
      if (eight && x + 1 < width && mask(y - 1, x + 1)) link(at, up + 1);
    });
  }
};

template <class Member, class Mask, class Parents>
struct OwnParents {
  Mask mask;
  Parents parents;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t y) const {
    std::int64_t const width = extent(mask, 1);
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, width),
                         [&](std::int64_t const x) { parents(y * width + x) = mask(y, x) ? static_cast<int>(y * width + x) : -1; });
  }
};

/// Marks in `ranks` which pixels are roots.
template <class Member, class Parents, class Ranks>
struct MarkRoots {
  Parents parents;
  Ranks ranks;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t chunk) const {
    for_chunk(member, chunk, extent(parents, 0), [&](std::int64_t const i) { ranks(i) = parents(i) == static_cast<int>(i) ? 1 : 0; });
  }
};

template <class Member, class Parents, class Ranks, class Labels>
struct NumberPixels {
  Parents parents;
  Ranks ranks;
  Labels labels;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t y) const {
    std::int64_t const width = extent(labels, 1);
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, width), [&](std::int64_t const x) {
      int i = parents(y * width + x);
      if (i >= 0) {
        while (parents(i) != i) i = parents(i);
      }
      labels(y, x) = static_cast<element_t<Labels>>(i < 0 ? 0 : ranks(i) + 1);
    });
  }
};

}  // namespace detail

/// Bytes of workspace that `connected_components` takes: two numbers a pixel, on hosts one and a half.
template <ExecutionSpace Exec, MaskView<2> Mask, LabelView<2> Labels>
[[nodiscard]] std::size_t connected_components_workspace_size([[maybe_unused]] Exec const& exec, Mask const& mask, Labels const&,
                                                              ConnectedComponentsOptions const& = {}) {
  if constexpr (is_host_execution_v<Exec>)
    return detail::label_runs_bytes(exec, extent(mask, 0), extent(mask, 1));
  else
    return 2 * workspace_bytes<int>(element_count(mask)) + workspace_bytes<int>(1);
}

/// Numbers the connected parts of a mask.
///
///     labels[y, x] = 0 where the mask is false, else 1 + the rank of the part's first pixel in row-major order among all first pixels
///
/// mask (H, W) -> labels (H, W); returns the number of parts. H W below 2^31.
///
/// Errors: `std::invalid_argument` when the labels do not fit or the image has 2^31 pixels or more.
/// Error bound: exact.
/// Determinism: identical on every backend and for every number of threads (integer links to the smallest index).
/// Allocates: nothing. Synchronises: fences `exec`, since it returns the count.
/// Source: union-find of runs on hosts, elsewhere of pixels with atomic minima, as in D. P. Playne, K. Hawick, "A new algorithm for parallel connected-component labelling on GPUs", 2018.
template <ExecutionSpace Exec, MaskView<2> Mask, LabelView<2> Labels>
  requires AccessibleFrom<Exec, Mask, Labels> std::int64_t connected_components(Exec const& exec, Mask const& mask, Labels const& labels,
                                                                                ConnectedComponentsOptions const& options, WorkspaceFor<Exec>& workspace) {
    constexpr auto function = "ocellus::image::connected_components";
    require_equal(function, {"labels.extent(0)", extent(labels, 0)}, {"mask.extent(0)", extent(mask, 0)});
    require_equal(function, {"labels.extent(1)", extent(labels, 1)}, {"mask.extent(1)", extent(mask, 1)});
    require(extent(mask, 0) * extent(mask, 1) < (std::int64_t{1} << 31), function, "the mask has ", mask.size(), " pixels, more than 2^31");
    if (mask.size() == 0) return 0;
    typename WorkspaceFor<Exec>::Scope const scope(workspace);
    if constexpr (is_host_execution_v<Exec>) {
      return detail::label_by_runs(exec, function, mask, labels, options.connectivity == Connectivity::eight, workspace);
    } else {
      auto const parents = workspace.template take<int*>(function, mask.size());
      auto const ranks   = workspace.template take<int*>(function, mask.size());
      using Member       = TeamMember<Exec>;
      using Line         = std::remove_const_t<decltype(parents)>;
      for_each_row(exec, "ocellus::image::connected_components::start", extent(mask, 0), detail::OwnParents<Member, Mask, Line>{mask, parents});
      for_each_row(exec, "ocellus::image::connected_components::link", extent(mask, 0),
                   detail::LinkRows<Member, Mask, Line>{mask, parents, options.connectivity == Connectivity::eight});
      for_each_row(exec, "ocellus::image::connected_components::roots", detail::chunks_of(extent(parents, 0)),
                   detail::MarkRoots<Member, Line, Line>{parents, ranks});
      int const count = detail::exclusive_ranks(exec, "ocellus::image::connected_components::rank", ranks);
      for_each_row(exec, "ocellus::image::connected_components::number", extent(mask, 0),
                   detail::NumberPixels<Member, Line, Line, Labels>{parents, ranks, labels});
      exec.fence(function);
      return count;
    }
  }

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, MaskView<2> Mask, LabelView<2> Labels>
  requires AccessibleFrom<Exec, Mask, Labels> std::int64_t connected_components(Exec const& exec, Mask const& mask, Labels const& labels,
                                                                                ConnectedComponentsOptions const& options = {}) {
    WorkspaceFor<Exec> workspace(exec, connected_components_workspace_size(exec, mask, labels, options));
    auto const result = connected_components(exec, mask, labels, options, workspace);
    exec.fence("ocellus::image::connected_components");
    return result;
  }

/// Work on `pixels` pixels.
[[nodiscard]] constexpr Cost connected_components_cost(double pixels) { return {.flops = 0, .special = 0, .bytes_read = pixels, .bytes_written = 4 * pixels}; }

}  // namespace ocellus::image
