// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/image/detail/otsu_host.hpp>

namespace ocellus::image {

/// On which scale intensities are binned.
enum class ThresholdScale {
  linear,
  square_root,  ///< of the distance from the minimum: dim nuclei beside bright ones are kept
};

struct OtsuThresholdOptions {
  ThresholdScale scale = ThresholdScale::linear;
};

namespace detail {

inline constexpr std::int64_t otsu_bins = 256;

/// The finite range of a row; extremes(row, 0) and (row, 1).
template <class Member, class Input, class Extremes>
struct RowExtremes {
  Input input;
  Extremes extremes;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t y) const {
    using Real     = typename Extremes::non_const_value_type;
    Real const big = Kokkos::Experimental::finite_max_v<Real>;
    Real low = big, high = -big;
    Kokkos::parallel_reduce(
        Kokkos::ThreadVectorRange(member, extent(input, 1)),
        [&](std::int64_t const x, Real& least) {
          Real const v = static_cast<Real>(input(y, x));
          if (v < least && v >= -big) least = v;
        },
        Kokkos::Min<Real>(low));
    Kokkos::parallel_reduce(
        Kokkos::ThreadVectorRange(member, extent(input, 1)),
        [&](std::int64_t const x, Real& most) {
          Real const v = static_cast<Real>(input(y, x));
          if (v > most && v <= big) most = v;
        },
        Kokkos::Max<Real>(high));
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      extremes(y, 0) = low;
      extremes(y, 1) = high;
    });
  }
};

/// The rows' extremes as one, in row 0; empties the bins.
template <class Member, class Extremes, class Counts>
struct CombineExtremes {
  Extremes extremes;
  Counts counts;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t) const {
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(counts, 0)), [&](std::int64_t const b) { counts(b) = 0; });
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      for (std::int64_t y = 1; y < extent(extremes, 0); ++y) {
        if (extremes(y, 0) < extremes(0, 0)) extremes(0, 0) = extremes(y, 0);
        if (extremes(y, 1) > extremes(0, 1)) extremes(0, 1) = extremes(y, 1);
      }
    });
  }
};

/// Counts of the bins; integers, so that the order of the atomics does not matter.
template <class Member, class Input, class Extremes, class Counts>
struct CountBins {
  Input input;
  Extremes extremes;
  Counts counts;
  ThresholdScale scale;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t y) const {
    using Real     = typename Extremes::non_const_value_type;
    Real const low = extremes(0, 0), range = extremes(0, 1) - extremes(0, 0);
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(input, 1)), [&](std::int64_t const x) {
      Real const v = static_cast<Real>(input(y, x));
      if (!(v >= low) || !(range > Real(0)) || v > low + range) return;
      Real share = (v - low) / range;
      if (scale == ThresholdScale::square_root) share = Kokkos::sqrt(share);
      std::int64_t bin = static_cast<std::int64_t>(share * static_cast<Real>(otsu_bins));
      if (bin >= otsu_bins) bin = otsu_bins - 1;
      Kokkos::atomic_inc(&counts(bin));
    });
  }
};

/// The edge between bins that separates two classes best.
template <class Member, class Counts, class Extremes, class Threshold>
struct BestEdge {
  Counts counts;
  Extremes extremes;
  Threshold threshold;
  ThresholdScale scale;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t) const {
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      double total = 0, moment = 0;
      for (std::int64_t b = 0; b < otsu_bins; ++b) {
        total += static_cast<double>(counts(b));
        moment += static_cast<double>(counts(b)) * (static_cast<double>(b) + 0.5);
      }
      double below = 0, below_moment = 0, best = -1;
      std::int64_t edge = otsu_bins;
      for (std::int64_t b = 0; b + 1 < otsu_bins; ++b) {
        below += static_cast<double>(counts(b));
        below_moment += static_cast<double>(counts(b)) * (static_cast<double>(b) + 0.5);
        double const above = total - below;
        if (below == 0 || above == 0) continue;
        double const difference = below_moment / below - (moment - below_moment) / above;
        double const between    = below * above * difference * difference;
        if (between > best) best = between, edge = b + 1;
      }
      double share = static_cast<double>(edge) / static_cast<double>(otsu_bins);
      if (scale == ThresholdScale::square_root) share *= share;
      double const low = static_cast<double>(extremes(0, 0)), high = static_cast<double>(extremes(0, 1));
      threshold() = static_cast<element_t<Threshold>>(low <= high ? low + share * (high - low) : low);
    });
  }
};

/// Sets of bins: on hosts one a thread.
template <ExecutionSpace Exec>
[[nodiscard]] std::int64_t otsu_strips([[maybe_unused]] Exec const& exec, [[maybe_unused]] std::int64_t height) {
  if constexpr (is_host_execution_v<Exec>)
    return std::max<std::int64_t>(1, std::min<std::int64_t>(height, static_cast<std::int64_t>(exec.concurrency())));
  else
    return 1;
}

}  // namespace detail

/// Bytes of workspace that `otsu_threshold` takes.
template <ExecutionSpace Exec, RealView<2> Input, RealView<0> Threshold>
[[nodiscard]] std::size_t otsu_threshold_workspace_size(Exec const& exec, Input const& input, Threshold const&, OtsuThresholdOptions const& = {}) {
  return workspace_bytes<accumulate_of_t<Input>>(input.extent(0) * 2) +
         workspace_bytes<int>(static_cast<std::size_t>(detail::otsu_strips(exec, extent(input, 0)) * detail::otsu_bins));
}

/// Otsu's threshold between a dark and a bright class.
///
///     the edge between two of 256 bins over [min, max] that maximises n_below n_above (mean_below - mean_above)^2
///
/// input (H, W) -> threshold (): pixels above it are bright. Pixels that are NaN or infinite do not count. A constant image gives its value, so nothing is
/// above it.
///
/// Errors: `std::invalid_argument` when the image is empty.
/// Error bound: one bin, (max - min) / 256 (on the square-root scale at most twice that).
/// Determinism: counts are integers: bits do not depend on the number of threads.
/// Allocates: nothing. Synchronises: no.
/// Source: N. Otsu, "A threshold selection method from gray-level histograms", 1979.
template <ExecutionSpace Exec, RealView<2> Input, RealView<0> Threshold>
  requires AccessibleFrom<Exec, Input, Threshold>
void otsu_threshold(Exec const& exec, Input const& input, Threshold const& threshold, OtsuThresholdOptions const& options, WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::image::otsu_threshold";
  require(extent(input, 0) > 0 && extent(input, 1) > 0, function, "input is ", extent(input, 0), " x ", extent(input, 1), ": an empty image has no threshold");
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  auto const extremes = workspace.template take<accumulate_of_t<Input>**>(function, extent(input, 0), 2);
  auto const counts   = workspace.template take<int*>(function, detail::otsu_strips(exec, extent(input, 0)) * detail::otsu_bins);
  using Member        = TeamMember<Exec>;
  using Extremes      = std::remove_const_t<decltype(extremes)>;
  using Counts        = std::remove_const_t<decltype(counts)>;
  if constexpr (is_host_execution_v<Exec>) {
    if (input.stride(1) == 1) {
      std::int64_t const strips = detail::otsu_strips(exec, extent(input, 0));
      for_each_row(exec, "ocellus::image::otsu_threshold::extremes", extent(input, 0), detail::LineExtremes<Member, Input, Extremes>{input, extremes});
      for_each_row(exec, "ocellus::image::otsu_threshold::combine", 1, detail::CombineExtremes<Member, Extremes, Counts>{extremes, counts});
      for_each_row(exec, "ocellus::image::otsu_threshold::count", strips,
                   detail::CountBinsOfStrip<Member, Input, Extremes, static_cast<int>(detail::otsu_bins)>{input, extremes, counts.data(), strips,
                                                                                                          options.scale == ThresholdScale::square_root});
      for_each_row(exec, "ocellus::image::otsu_threshold::sum", 1, detail::SumStrips<Member, static_cast<int>(detail::otsu_bins)>{counts.data(), strips});
      for_each_row(exec, function, 1, detail::BestEdge<Member, Counts, Extremes, Threshold>{counts, extremes, threshold, options.scale});
      return;
    }
  }
  for_each_row(exec, "ocellus::image::otsu_threshold::extremes", extent(input, 0), detail::RowExtremes<Member, Input, Extremes>{input, extremes});
  for_each_row(exec, "ocellus::image::otsu_threshold::combine", 1, detail::CombineExtremes<Member, Extremes, Counts>{extremes, counts});
  for_each_row(exec, "ocellus::image::otsu_threshold::count", extent(input, 0),
               detail::CountBins<Member, Input, Extremes, Counts>{input, extremes, counts, options.scale});
  for_each_row(exec, function, 1, detail::BestEdge<Member, Counts, Extremes, Threshold>{counts, extremes, threshold, options.scale});
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, RealView<2> Input, RealView<0> Threshold>
  requires AccessibleFrom<Exec, Input, Threshold>
void otsu_threshold(Exec const& exec, Input const& input, Threshold const& threshold, OtsuThresholdOptions const& options = {}) {
  WorkspaceFor<Exec> workspace(exec, otsu_threshold_workspace_size(exec, input, threshold, options));
  otsu_threshold(exec, input, threshold, options, workspace);
  exec.fence("ocellus::image::otsu_threshold");
}

/// Work on `pixels` pixels: three passes.
[[nodiscard]] constexpr Cost otsu_threshold_cost(double pixels, double bytes_per_element) {
  return {.flops = 4 * pixels, .special = 0, .bytes_read = 3 * pixels * bytes_per_element, .bytes_written = 0};
}

}  // namespace ocellus::image
