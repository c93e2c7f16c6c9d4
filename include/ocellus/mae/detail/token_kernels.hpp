// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/random.hpp>
#include <ocellus/core/tensor.hpp>

namespace ocellus::mae::detail {

/// From the order of tokens: which are kept, where each went, which are hidden. One image a call.
template <class Member, class Order, class Keep, class Restore, class Mask>
struct MaskByOrder {
  Order order;
  Keep keep;
  Restore restore;
  Mask mask;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t n) const {
    std::int64_t const kept = extent(keep, 1);
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(order, 1)), [&](std::int64_t const place) {
      std::int64_t const token = static_cast<std::int64_t>(order(n, place));
      if (place < kept) keep(n, place) = static_cast<typename Keep::non_const_value_type>(token);
      restore(n, token) = static_cast<typename Restore::non_const_value_type>(place);
      mask(n, token)    = static_cast<typename Mask::non_const_value_type>(place < kept ? 0 : 1);
    });
  }
};

/// Integer noise, so that the choice is the same on every backend.
template <class Member, class Keys>
struct FillNoise {
  Keys keys;
  RandomSequence sequence;  ///< of the first image

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t n) const {
    RandomSequence random = sequence;
    random.sample += static_cast<std::uint32_t>(n);
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(keys, 1)),
                         [&](std::int64_t const l) { keys(n, l) = random.bits(static_cast<std::uint64_t>(l)); });
  }
};

/// output[n, t] = source[n, index[n, t]] where the index is below the source's rows, else the filler (unshuffle) or NaN.
template <class Member, class Source, class Filler, class Index, class Output>
struct TakeTokens {
  Source source;
  Filler filler;  ///< (D): for indices from extent(source, 1) to extent(index, 1) - 1; None: NaN
  Index index;
  Output output;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t item) const {
    using Real               = accumulate_of_t<Source>;
    std::int64_t const count = extent(index, 1), n = item / count, t = item % count, rows = extent(source, 1);
    std::int64_t const from = static_cast<std::int64_t>(index(n, t));
    bool const is_source = from >= 0 && from < rows, is_filler = from >= rows && from < count;
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(source, 2)), [&](std::int64_t const d) {
      Real value = Kokkos::Experimental::quiet_NaN_v<Real>;
      if (is_source) {
        value = static_cast<Real>(source(n, from, d));
      } else if (is_filler) {
        if constexpr (!std::is_same_v<Filler, None>) value = static_cast<Real>(filler(d));
      }
      output(n, t, d) = static_cast<element_t<Output>>(value);
    });
  }
};

/// output[n, t] = sum of gradient[n, k] over those k, ascending, whose index is t.
template <class Member, class Gradient, class Index, class Output>
struct ReturnTokens {
  Gradient gradient;
  Index index;
  Output output;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t item) const {
    using Real               = accumulate_of_t<Gradient>;
    std::int64_t const count = extent(output, 1), n = item / count, t = item % count, sources = extent(index, 1), width = extent(output, 2);
    bool first = true;
    for (std::int64_t k = 0; k < sources; ++k) {
      if (static_cast<std::int64_t>(index(n, k)) != t) continue;
      Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, width), [&](std::int64_t const d) {
        Real const g    = static_cast<Real>(gradient(n, k, d));
        output(n, t, d) = static_cast<element_t<Output>>(first ? g : static_cast<Real>(output(n, t, d)) + g);
      });
      first = false;
    }
    if (first) {
      Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, width), [&](std::int64_t const d) { output(n, t, d) = static_cast<element_t<Output>>(Real(0)); });
    }
  }
};

/// Sums over the hidden tokens of all images, one chain in the order of the tokens for each feature; 16 features a call.
template <class Member, class Gradient, class Restore, class Output>
struct SumHidden {
  Gradient gradient;
  Restore restore;
  Output output;
  std::int64_t kept;
  bool accumulate;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t group) const {
    using Real               = accumulate_of_t<Gradient>;
    std::int64_t const first = group * 16, left = extent(output, 0) - first, images = extent(restore, 0), tokens = extent(restore, 1);
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, left < 16 ? left : 16), [&](std::int64_t const offset) {
      std::int64_t const d = first + offset;
      Real sum             = accumulate ? static_cast<Real>(output(d)) : Real(0);
      for (std::int64_t n = 0; n < images; ++n) {
        for (std::int64_t t = 0; t < tokens; ++t) {
          std::int64_t const from = static_cast<std::int64_t>(restore(n, t));
          if (from >= kept && from < tokens) sum += static_cast<Real>(gradient(n, t, d));
        }
      }
      output(d) = static_cast<element_t<Output>>(sum);
    });
  }
};

/// Pixels to tokens or back: an index of a token's element and one of a pixel name the same number.
template <class Member, class Image, class Tokens, bool to_tokens>
struct MovePatches {
  Image image;
  Tokens tokens;
  std::int64_t patch;
  bool channel_agnostic;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t item) const {
    std::int64_t const count = extent(tokens, 1), n = item / count, t = item % count, channels = extent(image, 1);
    std::int64_t const columns = extent(image, 3) / patch, patches = extent(image, 2) / patch * columns;
    std::int64_t const l = channel_agnostic ? t % patches : t, top = l / columns * patch, left = l % columns * patch;
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(tokens, 2)), [&](std::int64_t const k) {
      std::int64_t const c = channel_agnostic ? t / patches : k % channels, pixel = channel_agnostic ? k : k / channels;
      if constexpr (to_tokens)
        tokens(n, t, k) = static_cast<element_t<Tokens>>(image(n, c, top + pixel / patch, left + pixel % patch));
      else
        image(n, c, top + pixel / patch, left + pixel % patch) = static_cast<element_t<Image>>(tokens(n, t, k));
    });
  }
};

}  // namespace ocellus::mae::detail
