// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/mae/detail/token_kernels.hpp>

namespace ocellus::mae {

struct UnshuffleTokensOptions {
  bool accumulate = false;  ///< of the backward pass: adds to mask_token_gradient
};

/// The visible tokens back in their places, the mask token everywhere else.
///
///     tokens[n, l] = restore[n, l] < K ? visible[n, restore[n, l]] : mask_token
///
/// visible (N, K, D), without class token, mask_token (D), restore (N, L) -> tokens (N, L, D). A value of restore outside 0..L-1 gives NaN.
///
/// Errors: `std::invalid_argument` when the images of visible and restore differ, or mask_token or the output does not fit.
/// Error bound: copies are exact.
/// Determinism: exact. Allocates: nothing. Synchronises: no.
/// Source: K. He et al., arXiv 2111.06377.
template <ExecutionSpace Exec, RealView<3> Visible, RealView<1> MaskToken, IndexView<2> Restore, RealView<3> Tokens>
  requires AccessibleFrom<Exec, Visible, MaskToken, Restore, Tokens>
void unshuffle_tokens(Exec const& exec, Visible const& visible, MaskToken const& mask_token, Restore const& restore, Tokens const& tokens) {
  constexpr auto function = "ocellus::mae::unshuffle_tokens";
  require_equal(function, {"restore.extent(0)", extent(restore, 0)}, {"visible.extent(0)", extent(visible, 0)});
  require_equal(function, {"mask_token.extent(0)", extent(mask_token, 0)}, {"visible.extent(2)", extent(visible, 2)});
  require_equal(function, {"tokens.extent(0)", extent(tokens, 0)}, {"visible.extent(0)", extent(visible, 0)});
  require_equal(function, {"tokens.extent(1)", extent(tokens, 1)}, {"restore.extent(1)", extent(restore, 1)});
  require_equal(function, {"tokens.extent(2)", extent(tokens, 2)}, {"visible.extent(2)", extent(visible, 2)});
  for_each_row(exec, function, extent(restore, 0) * extent(restore, 1),
               detail::TakeTokens<TeamMember<Exec>, Visible, MaskToken, Restore, Tokens>{visible, mask_token, restore, tokens});
}

/// The gradients of the visible tokens and of the mask token, which is the sum over all hidden tokens of all images.
///
///     visible_gradient[n, restore[n, l]] = tokens_gradient[n, l] where restore[n, l] < K;   mask_token_gradient = sum over the other (n, l)
///
/// tokens_gradient (N, L, D), restore (N, L) -> visible_gradient (N, K, D), mask_token_gradient (D), added to when `accumulate` is set. A value of restore
/// outside 0..L-1 counts for nothing.
///
/// Errors: `std::invalid_argument` when the extents differ.
/// Error bound: mask_token_gradient N (L - K) machine epsilons of the accumulation type, relative to the sum of absolute terms.
/// Determinism: mask_token_gradient is one chain over the images in order, so that a batch in two accumulated parts gives the bits of the whole.
/// Allocates: nothing. Synchronises: no.
template <ExecutionSpace Exec, RealView<3> TokensGradient, IndexView<2> Restore, RealView<3> VisibleGradient, RealView<1> MaskTokenGradient>
  requires AccessibleFrom<Exec, TokensGradient, Restore, VisibleGradient, MaskTokenGradient>
void unshuffle_tokens_backward(Exec const& exec, TokensGradient const& tokens_gradient, Restore const& restore, VisibleGradient const& visible_gradient,
                               MaskTokenGradient const& mask_token_gradient, UnshuffleTokensOptions const& options = {}) {
  constexpr auto function = "ocellus::mae::unshuffle_tokens_backward";
  require_equal(function, {"restore.extent(0)", extent(restore, 0)}, {"tokens_gradient.extent(0)", extent(tokens_gradient, 0)});
  require_equal(function, {"restore.extent(1)", extent(restore, 1)}, {"tokens_gradient.extent(1)", extent(tokens_gradient, 1)});
  require_equal(function, {"visible_gradient.extent(0)", extent(visible_gradient, 0)}, {"tokens_gradient.extent(0)", extent(tokens_gradient, 0)});
  require_equal(function, {"visible_gradient.extent(2)", extent(visible_gradient, 2)}, {"tokens_gradient.extent(2)", extent(tokens_gradient, 2)});
  require_equal(function, {"mask_token_gradient.extent(0)", extent(mask_token_gradient, 0)}, {"tokens_gradient.extent(2)", extent(tokens_gradient, 2)});
  for_each_row(exec, "ocellus::mae::unshuffle_tokens_backward::visible", extent(visible_gradient, 0) * extent(visible_gradient, 1),
               detail::ReturnTokens<TeamMember<Exec>, TokensGradient, Restore, VisibleGradient>{tokens_gradient, restore, visible_gradient});
  for_each_row(exec, "ocellus::mae::unshuffle_tokens_backward::mask_token", (extent(mask_token_gradient, 0) + 15) / 16,
               detail::SumHidden<TeamMember<Exec>, TokensGradient, Restore, MaskTokenGradient>{tokens_gradient, restore, mask_token_gradient,
                                                                                               extent(visible_gradient, 1), options.accumulate});
}

/// Work of `unshuffle_tokens`: copies.
[[nodiscard]] constexpr Cost unshuffle_tokens_cost(double images, double kept, double tokens, double width, double bytes_per_element) {
  return {.flops         = 0,
          .special       = 0,
          .bytes_read    = images * (kept * width * bytes_per_element + tokens * 8),
          .bytes_written = images * tokens * width * bytes_per_element};
}

}  // namespace ocellus::mae
