// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/reduce.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/explain/detail/label_sums.hpp>
#include <ocellus/explain/detail/volumes.hpp>

namespace ocellus::explain {
namespace detail {

template <class Member, class Background, class Valid>
struct LabelBackground {
  double const* totals;
  double* mass;  ///< of all cells, of everything
  std::int64_t slots;
  Background background;
  Valid valid;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t) const {
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      double const cells = ordered_sum<double>(slots - 1, [&](std::int64_t i) { return totals[i + 1]; });
      double const all   = cells + totals[0];
      mass[0]            = cells;
      mass[1]            = all;
      background()       = static_cast<element_t<Background>>(static_cast<accumulate_of_t<Background>>(all > 0 ? totals[0] / all : 0.0));
      valid()            = all > 0;
    });
  }
};

template <class Member, class Score, class Neighbour>
struct LabelScores {
  double const *totals, *mass;
  Score score;
  Neighbour neighbour;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t group) const {
    std::int64_t const first = group * 64, count = extent(score, 0) - first < 64 ? extent(score, 0) - first : 64;
    double const cells = mass[0], all = mass[1];
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, count), [&](std::int64_t const i) {
      std::int64_t const k = first + i;
      double const own     = totals[k + 1];
      score(k)             = static_cast<element_t<Score>>(static_cast<accumulate_of_t<Score>>(all > 0 ? own / all : 0.0));
      neighbour(k)         = static_cast<element_t<Neighbour>>(static_cast<accumulate_of_t<Neighbour>>(all > 0 ? (cells - own) / all : 0.0));
    });
  }
};

}  // namespace detail

/// Bytes of workspace that `grad_camo_labels` takes: at most a byte a pixel, or 16 a label where that is more.
template <ExecutionSpace Exec, SingleMapView Map, AnyView Labels, RealView<1> Score, RealView<1> Neighbour, RealView<0> Background, MaskView<0> Valid>
[[nodiscard]] std::size_t grad_camo_labels_workspace_size(Exec const&, Map const& map, Labels const&, Score const& score, Neighbour const&, Background const&,
                                                          Valid const&) {
  auto const shape = detail::volumes<typename Map::const_value_type>(map, 0);
  detail::LabelBlocking const blocking(extent(score, 0), shape.rows(), shape.width(), detail::most_label_blocks<Exec>);
  return workspace_bytes<double>(static_cast<std::size_t>(blocking.blocks * blocking.slots)) +
         workspace_bytes<double>(static_cast<std::size_t>(blocking.slots)) + workspace_bytes<double>(2);
}

/// Grad-CAMO of every cell of a label image in one pass: how much of a map's attention falls on each cell, on the others, and on the background.
///
///     score[k - 1] = sum over label k of L / sum of L,   L = max(map, 0)
///     neighbour[k - 1] = the share of all other labels,   background = the share of label 0
///
/// map (H, W) or (D, H, W), labels of that shape, 0 = background -> score (K), neighbour (K), background (), valid (). score + neighbour + background = 1 for
/// each cell. K says how many labels there are; one outside 0..K counts as a neighbour of every cell and has no score. A label that does not occur scores 0. A
/// map without mass, or with NaN, gives zeros and valid false.
///
/// Errors: `std::invalid_argument` when labels or neighbour does not fit.
/// Error bound: (lines per block + width / 16 + 80) machine epsilons of double relative to each share, 4 relative to 1 for neighbour, plus the rounding of the
/// outputs.
/// Determinism: lines are summed in blocks that the shape and K alone decide, and blocks are added in their order: no atomics, bits do not depend on threads.
/// Allocates: nothing. Synchronises: no.
/// Source: as `grad_camo`, keyed by label.
template <ExecutionSpace Exec, SingleMapView Map, LabelView<static_cast<int>(Map::rank())> Labels, RealView<1> Score, RealView<1> Neighbour,
          RealView<0> Background, MaskView<0> Valid>
  requires AccessibleFrom<Exec, Map, Labels, Score, Neighbour, Background, Valid>
void grad_camo_labels(Exec const& exec, Map const& map, Labels const& labels, Score const& score, Neighbour const& neighbour, Background const& background,
                      Valid const& valid, WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::explain::grad_camo_labels";
  detail::require_same_shape(function, "labels", labels, "map", map);
  require_equal(function, {"neighbour.extent(0)", extent(neighbour, 0)}, {"score.extent(0)", extent(score, 0)});
  auto const values = detail::volumes<element_t<Map> const>(map, 0);
  auto const keys   = detail::volumes<element_t<Labels> const>(labels, 0);
  detail::LabelBlocking const blocking(extent(score, 0), values.rows(), values.width(), detail::most_label_blocks<Exec>);
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  auto const sums   = workspace.template take<double*>(function, blocking.blocks * blocking.slots);
  auto const totals = workspace.template take<double*>(function, blocking.slots);
  auto const mass   = workspace.template take<double*>(function, 2);
  using Member      = TeamMember<Exec>;
  detail::sum_label_blocks(exec, "ocellus::explain::grad_camo_labels::blocks", values, keys, sums.data(), blocking);
  for_each_row(exec, "ocellus::explain::grad_camo_labels::combine", (blocking.slots + 63) / 64,
               detail::CombineLabelBlocks<Member>{sums.data(), totals.data(), blocking});
  for_each_row(exec, "ocellus::explain::grad_camo_labels::background", 1,
               detail::LabelBackground<Member, Background, Valid>{totals.data(), mass.data(), blocking.slots, background, valid});
  for_each_row(exec, function, (extent(score, 0) + 63) / 64, detail::LabelScores<Member, Score, Neighbour>{totals.data(), mass.data(), score, neighbour});
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, SingleMapView Map, LabelView<static_cast<int>(Map::rank())> Labels, RealView<1> Score, RealView<1> Neighbour,
          RealView<0> Background, MaskView<0> Valid>
  requires AccessibleFrom<Exec, Map, Labels, Score, Neighbour, Background, Valid>
void grad_camo_labels(Exec const& exec, Map const& map, Labels const& labels, Score const& score, Neighbour const& neighbour, Background const& background,
                      Valid const& valid) {
  WorkspaceFor<Exec> workspace(exec, grad_camo_labels_workspace_size(exec, map, labels, score, neighbour, background, valid));
  grad_camo_labels(exec, map, labels, score, neighbour, background, valid, workspace);
  exec.fence("ocellus::explain::grad_camo_labels");
}

/// Work on `pixels` pixels: one read of the map and of the labels.
[[nodiscard]] constexpr Cost grad_camo_labels_cost(double pixels, double labels, double bytes_per_element, double bytes_per_label) {
  return {.flops         = 2 * pixels,
          .special       = 2 * labels,
          .bytes_read    = pixels * (bytes_per_element + bytes_per_label),
          .bytes_written = 2 * labels * bytes_per_element};
}

}  // namespace ocellus::explain
