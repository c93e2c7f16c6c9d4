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

/// The visible tokens of each image.
///
///     visible[n, k] = tokens[n, keep[n, k]]
///
/// tokens (N, L, D), without class token, keep (N, K) -> visible (N, K, D). An index out of range reads nothing and gives NaN.
///
/// Errors: `std::invalid_argument` when the images of tokens and keep differ or the output does not fit.
/// Error bound: copies are exact.
/// Determinism: exact. Allocates: nothing. Synchronises: no.
/// Source: K. He et al., arXiv 2111.06377.
template <ExecutionSpace Exec, RealView<3> Tokens, IndexView<2> Keep, RealView<3> Visible>
  requires AccessibleFrom<Exec, Tokens, Keep, Visible>
void gather_tokens(Exec const& exec, Tokens const& tokens, Keep const& keep, Visible const& visible) {
  constexpr auto function = "ocellus::mae::gather_tokens";
  require_equal(function, {"keep.extent(0)", extent(keep, 0)}, {"tokens.extent(0)", extent(tokens, 0)});
  require_equal(function, {"visible.extent(0)", extent(visible, 0)}, {"tokens.extent(0)", extent(tokens, 0)});
  require_equal(function, {"visible.extent(1)", extent(visible, 1)}, {"keep.extent(1)", extent(keep, 1)});
  require_equal(function, {"visible.extent(2)", extent(visible, 2)}, {"tokens.extent(2)", extent(tokens, 2)});
  for_each_row(exec, function, extent(keep, 0) * extent(keep, 1),
               detail::TakeTokens<TeamMember<Exec>, Tokens, None, Keep, Visible>{tokens, none, keep, visible});
}

/// The gradient of the tokens: that of the visible ones in their places, zero elsewhere. A token kept twice gets the sum, in the order of keep.
///
///     tokens_gradient[n, l] = sum over keep[n, k] = l of visible_gradient[n, k]
///
/// visible_gradient (N, K, D), keep (N, K) -> tokens_gradient (N, L, D). An index out of range counts for nothing.
///
/// Errors: `std::invalid_argument` when the extents differ.
/// Error bound: exact when no index occurs twice.
/// Determinism: an image's bits do not depend on the others. Allocates: nothing. Synchronises: no.
template <ExecutionSpace Exec, RealView<3> VisibleGradient, IndexView<2> Keep, RealView<3> TokensGradient>
  requires AccessibleFrom<Exec, VisibleGradient, Keep, TokensGradient>
void gather_tokens_backward(Exec const& exec, VisibleGradient const& visible_gradient, Keep const& keep, TokensGradient const& tokens_gradient) {
  constexpr auto function = "ocellus::mae::gather_tokens_backward";
  require_equal(function, {"keep.extent(0)", extent(keep, 0)}, {"visible_gradient.extent(0)", extent(visible_gradient, 0)});
  require_equal(function, {"keep.extent(1)", extent(keep, 1)}, {"visible_gradient.extent(1)", extent(visible_gradient, 1)});
  require_equal(function, {"tokens_gradient.extent(0)", extent(tokens_gradient, 0)}, {"visible_gradient.extent(0)", extent(visible_gradient, 0)});
  require_equal(function, {"tokens_gradient.extent(2)", extent(tokens_gradient, 2)}, {"visible_gradient.extent(2)", extent(visible_gradient, 2)});
  for_each_row(exec, function, extent(tokens_gradient, 0) * extent(tokens_gradient, 1),
               detail::ReturnTokens<TeamMember<Exec>, VisibleGradient, Keep, TokensGradient>{visible_gradient, keep, tokens_gradient});
}

/// Work of `gather_tokens`: copies.
[[nodiscard]] constexpr Cost gather_tokens_cost(double images, double kept, double width, double bytes_per_element) {
  double const copied = images * kept * width * bytes_per_element;
  return {.flops = 0, .special = 0, .bytes_read = copied + images * kept * 8, .bytes_written = copied};
}

}  // namespace ocellus::mae
