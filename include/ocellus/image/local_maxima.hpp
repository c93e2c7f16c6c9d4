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

struct LocalMaximaOptions {
  std::int64_t radius = 1;  ///< no larger value within this distance (pixels, Euclidean)
};

namespace detail {

/// 1 where a pixel of the mask beats all others within the radius; of equal ones the first in row-major order wins.
template <class Member, class Input, class Mask, class Flags>
struct MarkMaxima {
  Input input;
  Mask mask;
  Flags flags;
  std::int64_t radius;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t y) const {
    std::int64_t const height = extent(input, 0), width = extent(input, 1);
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, width), [&](std::int64_t const x) {
      bool wins        = mask(y, x);
      auto const value = input(y, x);
      for (std::int64_t dy = -radius; wins && dy <= radius; ++dy) {
        for (std::int64_t dx = -radius; wins && dx <= radius; ++dx) {
          std::int64_t const v = y + dy, u = x + dx;
          if ((dy == 0 && dx == 0) || dy * dy + dx * dx > radius * radius || v < 0 || v >= height || u < 0 || u >= width || !mask(v, u)) continue;
          auto const other = input(v, u);
          if (other > value || (other == value && (dy < 0 || (dy == 0 && dx < 0)))) wins = false;
        }
      }
      flags(y * width + x) = wins ? 1 : 0;
    });
  }
};

template <class Member, class Input, class Mask, class Ranks, class Labels>
struct NumberMaxima {
  Input input;
  Mask mask;
  Ranks ranks;
  Labels labels;
  int count;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t y) const {
    std::int64_t const width = extent(labels, 1), size = extent(labels, 0) * width;
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, width), [&](std::int64_t const x) {
      std::int64_t const i = y * width + x;
      int const next       = i + 1 < size ? ranks(i + 1) : count;
      labels(y, x)         = static_cast<element_t<Labels>>(next > ranks(i) ? ranks(i) + 1 : 0);
    });
  }
};

}  // namespace detail

/// Bytes of workspace that `local_maxima` takes: one number a pixel.
template <ExecutionSpace Exec, RealView<2> Input, MaskView<2> Mask, LabelView<2> Labels>
[[nodiscard]] std::size_t local_maxima_workspace_size(Exec const&, Input const& input, Mask const&, Labels const&, LocalMaximaOptions const& = {}) {
  return workspace_bytes<int>(element_count(input));
}

/// Numbers the pixels of a mask that are the largest within a radius: seeds for `watershed`.
///
///     labels[y, x] = 1, 2, ... in row-major order where input[y, x] beats every pixel of the mask within `radius`, else 0; of equal values the first wins
///
/// input (H, W), mask (H, W) -> labels (H, W); returns the number of maxima.
///
/// Errors: `std::invalid_argument` when mask or labels do not fit or the radius is below 1 or above 1000.
/// Error bound: exact.
/// Determinism: identical on every backend and for every number of threads.
/// Allocates: nothing. Synchronises: fences `exec`, since it returns the count.
template <ExecutionSpace Exec, RealView<2> Input, MaskView<2> Mask, LabelView<2> Labels>
  requires AccessibleFrom<Exec, Input, Mask, Labels> std::int64_t local_maxima(Exec const& exec, Input const& input, Mask const& mask, Labels const& labels,
                                                                               LocalMaximaOptions const& options, WorkspaceFor<Exec>& workspace) {
    constexpr auto function = "ocellus::image::local_maxima";
    for (int axis = 0; axis < 2; ++axis) {
      require_equal(function, {axis == 0 ? "mask.extent(0)" : "mask.extent(1)", extent(mask, axis)},
                    {axis == 0 ? "input.extent(0)" : "input.extent(1)", extent(input, axis)});
      require_equal(function, {axis == 0 ? "labels.extent(0)" : "labels.extent(1)", extent(labels, axis)},
                    {axis == 0 ? "input.extent(0)" : "input.extent(1)", extent(input, axis)});
    }
    require(options.radius >= 1 && options.radius <= 1000, function, "radius is ", options.radius, " but must be between 1 and 1000");
    if (input.size() == 0) return 0;
    typename WorkspaceFor<Exec>::Scope const scope(workspace);
    auto const ranks = workspace.template take<int*>(function, input.size());
    using Line       = std::remove_const_t<decltype(ranks)>;
    for_each_row(exec, "ocellus::image::local_maxima::mark", extent(input, 0),
                 detail::MarkMaxima<TeamMember<Exec>, Input, Mask, Line>{input, mask, ranks, options.radius});
    int const count = detail::exclusive_ranks(exec, "ocellus::image::local_maxima::rank", ranks);
    for_each_row(exec, "ocellus::image::local_maxima::number", extent(input, 0),
                 detail::NumberMaxima<TeamMember<Exec>, Input, Mask, Line, Labels>{input, mask, ranks, labels, count});
    exec.fence(function);
    return count;
  }

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, RealView<2> Input, MaskView<2> Mask, LabelView<2> Labels>
  requires AccessibleFrom<Exec, Input, Mask, Labels> std::int64_t local_maxima(Exec const& exec, Input const& input, Mask const& mask, Labels const& labels,
                                                                               LocalMaximaOptions const& options = {}) {
    WorkspaceFor<Exec> workspace(exec, local_maxima_workspace_size(exec, input, mask, labels, options));
    auto const result = local_maxima(exec, input, mask, labels, options, workspace);
    exec.fence("ocellus::image::local_maxima");
    return result;
  }

/// Work on `pixels` pixels, most of which lose early.
[[nodiscard]] constexpr Cost local_maxima_cost(double pixels, double bytes_per_element) {
  return {.flops = 4 * pixels, .special = 0, .bytes_read = pixels * (bytes_per_element + 1), .bytes_written = 4 * pixels};
}

}  // namespace ocellus::image
