// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>

namespace ocellus::image {

struct DistanceTransformOptions {
  bool squared = false;  ///< squared distances: whole numbers
};

namespace detail {

/// Distance along its column from each pixel to the nearest one outside the mask; `far` where the column has none.
template <class Member, class Mask, class Columns>
struct ColumnDistances {
  Mask mask;
  Columns columns;
  int far;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t group) const {
    std::int64_t const height = extent(mask, 0), first = group * 64, width = extent(mask, 1) - first < 64 ? extent(mask, 1) - first : 64;
    for (std::int64_t y = 0; y < height; ++y) {
      Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, width), [&](std::int64_t const i) {
        std::int64_t const x = first + i;
        int const above      = y > 0 ? columns(y - 1, x) : far;
        columns(y, x)        = !mask(y, x) ? 0 : above < far ? above + 1 : far;
      });
    }
    for (std::int64_t y = height - 2; y >= 0; --y) {
      Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, width), [&](std::int64_t const i) {
        std::int64_t const x = first + i;
        int const below      = columns(y + 1, x) + 1;
        if (below < columns(y, x)) columns(y, x) = below;
      });
    }
  }
};

/// The lower envelope of the parabolas (x - u)^2 + column(u)^2 along a row, in whole numbers.
template <class Member, class Columns, class Output>
struct RowEnvelopes {
  Columns columns, vertices, starts;
  Output output;
  int far;
  bool squared;

  KOKKOS_INLINE_FUNCTION std::int64_t height_at(std::int64_t y, std::int64_t x, std::int64_t u) const {
    std::int64_t const g = columns(y, u);
    return (x - u) * (x - u) + g * g;
  }

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t y) const {
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      std::int64_t const width = extent(columns, 1);
      std::int64_t top         = -1;
      for (std::int64_t u = 0; u < width; ++u) {
        if (columns(y, u) >= far) continue;  // no pixel of the background in this column
        while (top >= 0 && height_at(y, starts(y, top), vertices(y, top)) > height_at(y, starts(y, top), u)) --top;
        if (top < 0) {
          top            = 0;
          vertices(y, 0) = static_cast<int>(u);
          starts(y, 0)   = 0;
        } else {
          std::int64_t const i = vertices(y, top), gi = columns(y, i), gu = columns(y, u);
          std::int64_t const numerator = u * u - i * i + gu * gu - gi * gi, denominator = 2 * (u - i);
          std::int64_t const meet = numerator >= 0 ? numerator / denominator + 1 : -((-numerator + denominator - 1) / denominator) + 1;
          if (meet < width) {
            ++top;
            vertices(y, top) = static_cast<int>(u);
            starts(y, top)   = static_cast<int>(meet < 0 ? 0 : meet);
          }
        }
      }
      using Real = element_t<Output>;
      for (std::int64_t x = width - 1; x >= 0; --x) {
        if (top < 0) {
          output(y, x) = Kokkos::Experimental::infinity_v<Real>;
          continue;
        }
        double const square = static_cast<double>(height_at(y, x, vertices(y, top)));
        output(y, x)        = static_cast<Real>(squared ? square : Kokkos::sqrt(square));
        if (x == starts(y, top) && top > 0) --top;
      }
    });
  }
};

}  // namespace detail

/// Bytes of workspace that `distance_transform` takes: three numbers a pixel.
template <ExecutionSpace Exec, MaskView<2> Mask, RealView<2> Output>
[[nodiscard]] std::size_t distance_transform_workspace_size(Exec const&, Mask const& mask, Output const&, DistanceTransformOptions const& = {}) {
  return 3 * workspace_bytes<int>(element_count(mask));
}

/// The exact Euclidean distance of each pixel of a mask to the nearest pixel outside it.
///
///     output[y, x] = min over (v, u) with mask[v, u] false of sqrt((y - v)^2 + (x - u)^2)
///
/// mask (H, W) -> output (H, W) of float or double, in pixels; 0 outside the mask; infinity when the mask covers the image. The image's border is no
/// background.
///
/// Errors: `std::invalid_argument` when the output does not fit.
/// Error bound: squared distances are whole numbers, exact below 2^24 in float; the root adds one machine epsilon.
/// Determinism: identical for every number of threads.
/// Allocates: nothing. Synchronises: no.
/// Source: A. Meijster, J. Roerdink, W. Hesselink, "A general algorithm for computing distance transforms in linear time", 2000.
template <ExecutionSpace Exec, MaskView<2> Mask, RealView<2> Output>
  requires AccessibleFrom<Exec, Mask, Output> && RealScalar<element_t<Output>>
void distance_transform(Exec const& exec, Mask const& mask, Output const& output, DistanceTransformOptions const& options, WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::image::distance_transform";
  require_equal(function, {"output.extent(0)", extent(output, 0)}, {"mask.extent(0)", extent(mask, 0)});
  require_equal(function, {"output.extent(1)", extent(output, 1)}, {"mask.extent(1)", extent(mask, 1)});
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  std::int64_t const height = extent(mask, 0), width = extent(mask, 1);
  auto const columns  = workspace.template take<int**>(function, height, width);
  auto const vertices = workspace.template take<int**>(function, height, width);
  auto const starts   = workspace.template take<int**>(function, height, width);
  int const far       = static_cast<int>(height + width);
  using Columns       = std::remove_const_t<decltype(columns)>;
  for_each_row(exec, "ocellus::image::distance_transform::columns", (width + 63) / 64,
               detail::ColumnDistances<TeamMember<Exec>, Mask, Columns>{mask, columns, far});
  for_each_row(exec, function, height, detail::RowEnvelopes<TeamMember<Exec>, Columns, Output>{columns, vertices, starts, output, far, options.squared});
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, MaskView<2> Mask, RealView<2> Output>
  requires AccessibleFrom<Exec, Mask, Output> && RealScalar<element_t<Output>>
void distance_transform(Exec const& exec, Mask const& mask, Output const& output, DistanceTransformOptions const& options = {}) {
  WorkspaceFor<Exec> workspace(exec, distance_transform_workspace_size(exec, mask, output, options));
  distance_transform(exec, mask, output, options, workspace);
  exec.fence("ocellus::image::distance_transform");
}

/// Work on `pixels` pixels.
[[nodiscard]] constexpr Cost distance_transform_cost(double pixels, double bytes_per_element) {
  return {.flops = 12 * pixels, .special = pixels, .bytes_read = pixels, .bytes_written = pixels * bytes_per_element};
}

}  // namespace ocellus::image
