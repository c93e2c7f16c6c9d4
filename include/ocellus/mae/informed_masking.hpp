// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/mae/random_masking.hpp>

namespace ocellus::mae {

/// Bytes of workspace that `informed_masking` takes.
template <ExecutionSpace Exec, RealView<2> Score, IndexView<2> Keep, IndexView<2> Restore, HiddenMask<2> Mask>
[[nodiscard]] std::size_t informed_masking_workspace_size(Exec const& exec, Score const& score, Keep const&, Restore const&, Mask const&) {
  return detail::masking_bytes<element_t<Score>>(exec, extent(score, 0), extent(score, 1));
}

/// Hides the tokens with the highest scores: those where a segmentation is uncertain, say.
///
///     shuffle = argsort(score);   keep = shuffle[:K];   restore = argsort(shuffle);   mask = 1 where restore >= K
///
/// score (N, L), from `patch_scores` -> keep (N, K), restore (N, L), mask (N, L) with 1 = hidden. K, from `kept_tokens`, may be 0. Of equal scores the lower
/// token is kept first; NaN counts as the highest.
///
/// Errors: `std::invalid_argument` when an output does not fit the scores, or when K is above L.
/// Error bound: exact.
/// Determinism: an image's choice depends on its scores alone.
/// Allocates: nothing. Synchronises: no.
/// Source: as `random_masking`, with scores in place of noise.
template <ExecutionSpace Exec, RealView<2> Score, IndexView<2> Keep, IndexView<2> Restore, HiddenMask<2> Mask>
  requires AccessibleFrom<Exec, Score, Keep, Restore, Mask>
void informed_masking(Exec const& exec, Score const& score, Keep const& keep, Restore const& restore, Mask const& mask, WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::mae::informed_masking";
  detail::check_masking(function, "score", extent(score, 0), extent(score, 1), keep, restore, mask);
  detail::mask_by_keys(exec, function, score, keep, restore, mask, workspace);
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, RealView<2> Score, IndexView<2> Keep, IndexView<2> Restore, HiddenMask<2> Mask>
  requires AccessibleFrom<Exec, Score, Keep, Restore, Mask>
void informed_masking(Exec const& exec, Score const& score, Keep const& keep, Restore const& restore, Mask const& mask) {
  WorkspaceFor<Exec> workspace(exec, informed_masking_workspace_size(exec, score, keep, restore, mask));
  informed_masking(exec, score, keep, restore, mask, workspace);
  exec.fence("ocellus::mae::informed_masking");
}

/// Work of `informed_masking`.
[[nodiscard]] constexpr Cost informed_masking_cost(double images, double tokens, double kept, double bytes_per_element) {
  return random_masking_cost(images, tokens, kept, bytes_per_element);
}

}  // namespace ocellus::mae
