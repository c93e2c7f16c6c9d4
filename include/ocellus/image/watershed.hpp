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

struct WatershedOptions {
  std::int64_t maximum_sweeps = 65536;  ///< a safeguard: the flood needs about as many sweeps as an object is wide
};

namespace detail {

/// A pixel's claim: how high the flood had to rise on its way (32 bits), how many steps it took (11 bits), from which seed (21 bits). Smaller is better.
using FloodClaim                             = std::uint64_t;
inline constexpr FloodClaim flood_unclaimed  = ~FloodClaim{0};
inline constexpr FloodClaim flood_most_steps = 2047;

/// Orders floats as unsigned integers.
KOKKOS_INLINE_FUNCTION std::uint32_t ordered_bits(float value) {
  std::uint32_t const bits = Kokkos::bit_cast<std::uint32_t>(value);
  return (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u;
}

template <class Member, class Seeds, class Claims>
struct StartFlood {
  Seeds seeds;
  Claims claims;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t y) const {
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(seeds, 1)), [&](std::int64_t const x) {
      auto const label = static_cast<std::int64_t>(seeds(y, x));
      claims(y, x)     = label > 0 ? static_cast<FloodClaim>(label) : flood_unclaimed;
    });
  }
};

/// One synchronous sweep: every pixel of the mask takes the best claim among its own and its neighbours'. Reads `before`, writes `after`.
template <class Exec, class Landscape, class Mask, class Claims>
struct FloodSweep {
  using Policy = Kokkos::TeamPolicy<Exec, Kokkos::IndexType<std::int64_t>>;

  Landscape landscape;
  Mask mask;
  Claims before, after;

  KOKKOS_FUNCTION void operator()(typename Policy::member_type const& member, int& changed) const {
    std::int64_t const y = member.league_rank(), height = extent(mask, 0), width = extent(mask, 1);
    int in_row = 0;
    Kokkos::parallel_reduce(
        Kokkos::TeamVectorRange(member, width),
        [&](std::int64_t const x, int& count) {
          FloodClaim const own = before(y, x);
          FloodClaim best      = own;
          if (mask(y, x)) {
            std::uint32_t const level = ordered_bits(static_cast<float>(landscape(y, x)));
            for (std::int64_t v = y > 0 ? y - 1 : 0; v <= y + 1 && v < height; ++v) {
              for (std::int64_t u = x > 0 ? x - 1 : 0; u <= x + 1 && u < width; ++u) {
                FloodClaim const other = before(v, u);
                if (other == flood_unclaimed || (v == y && u == x) || !mask(v, u)) continue;
                FloodClaim const risen = (other >> 32) > level ? other >> 32 : level, steps = ((other >> 21) & flood_most_steps) + 1;
                FloodClaim const claim = risen << 32 | (steps < flood_most_steps ? steps : flood_most_steps) << 21 | (other & 0x1fffffu);
                if (claim < best) best = claim;
              }
            }
          }
          after(y, x) = best;
          if (best != own) ++count;
        },
        in_row);
    Kokkos::single(Kokkos::PerTeam(member), [&]() { changed += in_row; });
  }
};

template <class Member, class Mask, class Claims, class Labels>
struct FinishFlood {
  Mask mask;
  Claims claims;
  Labels labels;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t y) const {
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(mask, 1)), [&](std::int64_t const x) {
      FloodClaim const claim = claims(y, x);
      labels(y, x)           = static_cast<element_t<Labels>>(mask(y, x) && claim != flood_unclaimed ? claim & 0x1fffffu : 0);
    });
  }
};

}  // namespace detail

/// Bytes of workspace that `watershed` takes: two 64-bit numbers a pixel.
template <ExecutionSpace Exec, RealView<2> Landscape, LabelView<2> Seeds, MaskView<2> Mask, LabelView<2> Labels>
[[nodiscard]] std::size_t watershed_workspace_size(Exec const&, Landscape const& landscape, Seeds const&, Mask const&, Labels const&,
                                                   WatershedOptions const& = {}) {
  return 2 * workspace_bytes<std::uint64_t>(element_count(landscape));
}

/// Floods a landscape from seeds: each pixel of the mask goes to the seed from which the flood reaches it at the lowest level.
///
///     a claim = (highest level on the way, steps, seed); in each sweep every pixel takes the least of its own and its eight neighbours' claims,
///     until none changes
///
/// landscape (H, W), seeds (H, W) with labels 1, 2, ... below 2^21, mask (H, W) -> labels (H, W): 0 outside the mask and where no seed reaches. There is no
/// line between regions. To split touching objects, give the negated distance transform and its maxima. Levels are compared in float; NaN is a high level.
/// Returns the number of sweeps.
///
/// Errors: `std::invalid_argument` when an array does not fit.
/// Error bound: exact.
/// Determinism: sweeps are synchronous, so that labels are identical on every backend and for every number of threads; of equal claims the smaller seed wins.
/// Allocates: nothing. Synchronises: fences `exec` after each sweep, to learn whether it was the last.
/// Source: the minimax path definition of the watershed (L. Najman, M. Schmitt, 1994).
template <ExecutionSpace Exec, RealView<2> Landscape, LabelView<2> Seeds, MaskView<2> Mask, LabelView<2> Labels>
  requires AccessibleFrom<Exec, Landscape, Seeds, Mask, Labels> std::int64_t watershed(Exec const& exec, Landscape const& landscape, Seeds const& seeds,
                                                                                       Mask const& mask, Labels const& labels, WatershedOptions const& options,
                                                                                       WorkspaceFor<Exec>& workspace) {
    constexpr auto function = "ocellus::image::watershed";
    for (int axis = 0; axis < 2; ++axis) {
      std::string const at = ".extent(" + std::to_string(axis) + ")";
      require_equal(function, {"seeds" + at, extent(seeds, axis)}, {"landscape" + at, extent(landscape, axis)});
      require_equal(function, {"mask" + at, extent(mask, axis)}, {"landscape" + at, extent(landscape, axis)});
      require_equal(function, {"labels" + at, extent(labels, axis)}, {"landscape" + at, extent(landscape, axis)});
    }
    if (landscape.size() == 0) return 0;
    typename WorkspaceFor<Exec>::Scope const scope(workspace);
    std::int64_t const height = extent(landscape, 0), width = extent(landscape, 1);
    auto before  = workspace.template take<std::uint64_t**>(function, height, width);
    auto after   = workspace.template take<std::uint64_t**>(function, height, width);
    using Claims = decltype(before);
    using Sweep  = detail::FloodSweep<Exec, Landscape, Mask, Claims>;
    for_each_row(exec, "ocellus::image::watershed::start", height, detail::StartFlood<TeamMember<Exec>, Seeds, Claims>{seeds, before});
    std::int64_t sweeps = 0;
    for (int changed = 1; changed != 0 && sweeps < options.maximum_sweeps; ++sweeps) {
      Kokkos::parallel_reduce("ocellus::image::watershed::sweep", typename Sweep::Policy(exec, static_cast<int>(height), Kokkos::AUTO),
                              Sweep{landscape, mask, before, after}, changed);
      exec.fence(function);
      auto const swap = before;
      before          = after;
      after           = swap;
    }
    for_each_row(exec, "ocellus::image::watershed::finish", height, detail::FinishFlood<TeamMember<Exec>, Mask, Claims, Labels>{mask, before, labels});
    return sweeps;
  }

/// The same; allocates its workspace.
template <ExecutionSpace Exec, RealView<2> Landscape, LabelView<2> Seeds, MaskView<2> Mask, LabelView<2> Labels>
  requires AccessibleFrom<Exec, Landscape, Seeds, Mask, Labels> std::int64_t watershed(Exec const& exec, Landscape const& landscape, Seeds const& seeds,
                                                                                       Mask const& mask, Labels const& labels,
                                                                                       WatershedOptions const& options = {}) {
    WorkspaceFor<Exec> workspace(exec, watershed_workspace_size(exec, landscape, seeds, mask, labels, options));
    std::int64_t const sweeps = watershed(exec, landscape, seeds, mask, labels, options, workspace);
    exec.fence("ocellus::image::watershed");
    return sweeps;
  }

/// Work of `sweeps` sweeps over `pixels` pixels.
[[nodiscard]] constexpr Cost watershed_cost(double pixels, double sweeps) {
  return {.flops = 0, .special = 0, .bytes_read = 8 * sweeps * pixels, .bytes_written = 8 * sweeps * pixels};
}

}  // namespace ocellus::image
