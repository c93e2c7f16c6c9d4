// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/tensor.hpp>

/// Sequences of tokens: position 0 is the class token, patch token t stands at position 1 + t.
namespace ocellus::mae::detail {

/// What a decoder starts from, at positions [begin, begin + count) of every image:
/// the class token of the latent, its visible tokens in their places, the mask token elsewhere; plus positions and, for patch tokens, the channel's token.
template <class Member, class Latent, class Restore, class Vector, class Matrix, class Output>
struct AssembleTokens {
  Latent latent;    ///< (N, 1 + K, D)
  Restore restore;  ///< (N, L)
  Vector mask_token;
  Matrix positions;  ///< (1 + L, D), or null
  Vector modality;   ///< (D), or null
  Output output;     ///< position s at row s - shift
  std::int64_t begin, count, shift;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t item) const {
    using Real           = accumulate_of_t<Output>;
    std::int64_t const n = item / count, s = begin + item % count, kept = extent(latent, 1) - 1, tokens = extent(restore, 1);
    std::int64_t const from = s == 0 ? 0 : 1 + static_cast<std::int64_t>(restore(n, s - 1));
    bool const is_visible = from >= 0 && from <= kept && (s == 0 || from > 0), is_masked = from > kept && from <= tokens;
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(output, 2)), [&](std::int64_t const d) {
      Real x = is_visible ? static_cast<Real>(latent(n, from, d)) : is_masked ? static_cast<Real>(mask_token(d)) : Kokkos::Experimental::quiet_NaN_v<Real>;
      if (is_present(positions)) x += static_cast<Real>(positions(s, d));
      if (s > 0 && is_present(modality)) x += static_cast<Real>(modality(d));
      output(n, s - shift, d) = static_cast<element_t<Output>>(x);
    });
  }
};

/// The pixels of the kept patches, in the order (c, u, v) of the rows of the encoder's kernel.
template <class Member, class Image, class Keep, class Patches>
struct KeptPatches {
  Image image;
  Keep keep;        ///< (N, K)
  Patches patches;  ///< (N, K, C P P), or (N, K, P P)
  std::int64_t patch;
  bool channel_agnostic;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t item) const {
    std::int64_t const kept = extent(keep, 1), n = item / kept, k = item % kept, t = static_cast<std::int64_t>(keep(n, k));
    std::int64_t const columns = extent(image, 3) / patch, count = extent(image, 2) / patch * columns, area = patch * patch;
    std::int64_t const channel = channel_agnostic ? t / count : 0, l = t % count, top = l / columns * patch, left = l % columns * patch;
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(patches, 2)), [&](std::int64_t const i) {
      patches(n, k, i) = static_cast<element_t<Patches>>(image(n, channel + i / area, top + i % area / patch, left + i % patch));
    });
  }
};

/// What an encoder starts from: the class token, then the visible tokens, each with its position.
template <class Member, class Tokens, class Keep, class Matrix, class Output>
struct VisibleTokens {
  Tokens tokens;     ///< (N, K, D), the embedded patches
  Keep keep;         ///< (N, K)
  Matrix cls_token;  ///< (1, D)
  Matrix positions;  ///< (1 + L, D), or null
  Output output;     ///< (N, 1 + K, D)

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t item) const {
    using Real               = accumulate_of_t<Output>;
    std::int64_t const count = extent(output, 1), n = item / count, k = item % count, from = k == 0 ? 0 : 1 + static_cast<std::int64_t>(keep(n, k - 1));
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(output, 2)), [&](std::int64_t const d) {
      Real x = k == 0 ? static_cast<Real>(cls_token(0, d)) : static_cast<Real>(tokens(n, k - 1, d));
      if (is_present(positions)) x += static_cast<Real>(positions(from, d));
      output(n, k, d) = static_cast<element_t<Output>>(x);
    });
  }
};

/// Rows [first_from, ...) of each image to rows [first_to, ...); what `count` rows an image hold.
template <class Member, class From, class To>
struct CopyTokens {
  From from;
  To to;
  std::int64_t first_from, first_to, count;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t item) const {
    std::int64_t const n = item / count, t = item % count;
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(to, 2)),
                         [&](std::int64_t const d) { to(n, first_to + t, d) = static_cast<element_t<To>>(from(n, first_from + t, d)); });
  }
};

template <ExecutionSpace Exec, class From, class To>
void copy_tokens(Exec const& exec, char const* label, From const& from, std::int64_t first_from, To const& to, std::int64_t first_to, std::int64_t count) {
  for_each_row(exec, label, extent(to, 0) * count, CopyTokens<TeamMember<Exec>, From, To>{from, to, first_from, first_to, count});
}

}  // namespace ocellus::mae::detail
