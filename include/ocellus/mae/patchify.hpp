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

struct PatchifyOptions {
  std::int64_t patch    = 16;     ///< P
  bool channel_agnostic = false;  ///< a token for each channel's patch, channel-major
};

namespace detail {

/// Both directions: the image decides what tokens must be.
template <class Image, class Tokens>
void check_patches(char const* function, Image const& image, Tokens const& tokens, PatchifyOptions const& options) {
  std::int64_t const channels = extent(image, 1), rows = extent(image, 2), columns = extent(image, 3), patch = options.patch;
  require(patch > 0, function, "patch is ", patch, " but must be positive");
  require(rows % patch == 0, function, "image.extent(2) is ", rows, ", not a multiple of patch, which is ", patch);
  require(columns % patch == 0, function, "image.extent(3) is ", columns, ", not a multiple of patch, which is ", patch);
  std::int64_t const patches = rows / patch * (columns / patch);
  require_equal(function, {"tokens.extent(0)", extent(tokens, 0)}, {"image.extent(0)", extent(image, 0)});
  require_equal(function, {"tokens.extent(1)", extent(tokens, 1)}, {"the number of patches", options.channel_agnostic ? channels * patches : patches});
  require_equal(function, {"tokens.extent(2)", extent(tokens, 2)},
                {"the number of pixels of a patch", patch * patch * (options.channel_agnostic ? 1 : channels)});
}

}  // namespace detail

/// Cuts images into patches whose pixels are what a decoder predicts.
///
///     tokens[n, i W/P + j, (u P + v) C + c] = image[n, c, i P + u, j P + v]
///     channel-agnostic:  tokens[n, c L + i W/P + j, u P + v] = image[n, c, i P + u, j P + v],  L = (H/P)(W/P)
///
/// image (N, C, H, W) -> tokens (N, L, P P C), or (N, C L, P P). The order (u, v, c) is not that of the kernel of `vit::patch_embed`, which is (c, u, v).
///
/// Errors: `std::invalid_argument` when H or W is not divisible by the patch or the tokens do not fit the image.
/// Error bound: copies are exact.
/// Determinism: exact. Allocates: nothing. Synchronises: no.
/// Source: K. He et al., arXiv 2111.06377; channel-agnostic: O. Kraus et al., CVPR 2024.
template <ExecutionSpace Exec, RealView<4> Image, RealView<3> Tokens>
  requires AccessibleFrom<Exec, Image, Tokens>
void patchify(Exec const& exec, Image const& image, Tokens const& tokens, PatchifyOptions const& options) {
  constexpr auto function = "ocellus::mae::patchify";
  detail::check_patches(function, image, tokens, options);
  for_each_row(exec, function, extent(tokens, 0) * extent(tokens, 1),
               detail::MovePatches<TeamMember<Exec>, Image, Tokens, true>{image, tokens, options.patch, options.channel_agnostic});
}

/// Work of `patchify` and `unpatchify` on `pixels` numbers: copies.
[[nodiscard]] constexpr Cost patchify_cost(double pixels, double bytes_per_element) {
  return {.flops = 0, .special = 0, .bytes_read = pixels * bytes_per_element, .bytes_written = pixels * bytes_per_element};
}

}  // namespace ocellus::mae
