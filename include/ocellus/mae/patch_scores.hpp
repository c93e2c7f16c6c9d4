// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>

namespace ocellus::mae {

enum class PatchReduction { mean, max };

struct PatchScoresOptions {
  std::int64_t patch    = 16;
  PatchReduction reduce = PatchReduction::mean;
};

namespace detail {

/// The patches of one row of patches of an image; lanes own patches.
template <class Member, class Map, class Score>
struct ScorePatches {
  Map map;
  Score score;
  std::int64_t patch;
  bool mean;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t item) const {
    using Real               = accumulate_of_t<Map>;
    std::int64_t const lines = extent(map, 1) / patch, columns = extent(map, 2) / patch, n = item / lines, i = item % lines;
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, columns), [&](std::int64_t const j) {
      Real total = 0, largest = -Kokkos::Experimental::infinity_v<Real>;
      for (std::int64_t u = 0; u < patch; ++u) {
        Real sum = 0;
        for (std::int64_t v = 0; v < patch; ++v) {
          Real const x = static_cast<Real>(map(n, i * patch + u, j * patch + v));
          sum += x;
          largest = x > largest || x != x ? x : largest;  // NaN wins, and stays: nothing compares greater than it
        }
        total += sum;
      }
      score(n, i * columns + j) = static_cast<element_t<Score>>(mean ? total / static_cast<Real>(patch * patch) : largest);
    });
  }
};

}  // namespace detail

/// One number a patch from a map of pixels: the scores of `informed_masking`.
///
///     score[n, i W/P + j] = mean or maximum of map[n, i P ... (i + 1) P - 1, j P ... (j + 1) P - 1]
///
/// map (N, H, W) -> score (N, H/P * W/P). NaN wins a maximum.
///
/// Errors: `std::invalid_argument` when H or W is not divisible by the patch or the scores do not fit.
/// Error bound: the mean 2 P machine epsilons of the accumulation type, relative to the mean of absolute values, plus the rounding of the output.
/// Determinism: a patch's bits depend on its pixels alone.
/// Allocates: nothing. Synchronises: no.
/// Source: average and maximum pooling over the encoder's patches.
template <ExecutionSpace Exec, RealView<3> Map, RealView<2> Score>
  requires AccessibleFrom<Exec, Map, Score>
void patch_scores(Exec const& exec, Map const& map, Score const& score, PatchScoresOptions const& options) {
  constexpr auto function  = "ocellus::mae::patch_scores";
  std::int64_t const patch = options.patch, rows = extent(map, 1), columns = extent(map, 2);
  require(patch > 0, function, "patch is ", patch, " but must be positive");
  require(rows % patch == 0, function, "map.extent(1) is ", rows, ", not a multiple of patch, which is ", patch);
  require(columns % patch == 0, function, "map.extent(2) is ", columns, ", not a multiple of patch, which is ", patch);
  require_equal(function, {"score.extent(0)", extent(score, 0)}, {"map.extent(0)", extent(map, 0)});
  require_equal(function, {"score.extent(1)", extent(score, 1)}, {"the number of patches", rows / patch * (columns / patch)});
  if (columns == 0) return;
  for_each_row(exec, function, extent(map, 0) * (rows / patch),
               detail::ScorePatches<TeamMember<Exec>, Map, Score>{map, score, patch, options.reduce == PatchReduction::mean});
}

/// Work of scoring `pixels` pixels in `patches` patches.
[[nodiscard]] constexpr Cost patch_scores_cost(double pixels, double patches, double bytes_per_element) {
  return {.flops = pixels, .special = 0, .bytes_read = pixels * bytes_per_element, .bytes_written = patches * bytes_per_element};
}

}  // namespace ocellus::mae
