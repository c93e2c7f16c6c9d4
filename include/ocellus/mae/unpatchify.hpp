// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/mae/detail/token_kernels.hpp>
#include <ocellus/mae/patchify.hpp>

namespace ocellus::mae {

using UnpatchifyOptions = PatchifyOptions;

/// Puts predicted patches together: the inverse of `patchify`.
///
///     image[n, c, i P + u, j P + v] = tokens[n, i W/P + j, (u P + v) C + c]
///     channel-agnostic:  image[n, c, i P + u, j P + v] = tokens[n, c L + i W/P + j, u P + v]
///
/// tokens (N, L, P P C), or (N, C L, P P) -> image (N, C, H, W).
///
/// Errors: `std::invalid_argument` when H or W is not divisible by the patch or the tokens do not fit the image.
/// Error bound: copies are exact.
/// Determinism: exact. Allocates: nothing. Synchronises: no.
/// Source: as `patchify`.
template <ExecutionSpace Exec, RealView<3> Tokens, RealView<4> Image>
  requires AccessibleFrom<Exec, Tokens, Image>
void unpatchify(Exec const& exec, Tokens const& tokens, Image const& image, UnpatchifyOptions const& options) {
  constexpr auto function = "ocellus::mae::unpatchify";
  detail::check_patches(function, image, tokens, options);
  for_each_row(exec, function, extent(tokens, 0) * extent(tokens, 1),
               detail::MovePatches<TeamMember<Exec>, Image, Tokens, false>{image, tokens, options.patch, options.channel_agnostic});
}

/// Work of `unpatchify` on `pixels` numbers.
[[nodiscard]] constexpr Cost unpatchify_cost(double pixels, double bytes_per_element) { return patchify_cost(pixels, bytes_per_element); }

}  // namespace ocellus::mae
