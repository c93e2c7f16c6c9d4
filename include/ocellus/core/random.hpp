// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Counter-based random numbers: Philox4x32-10. A number is a function of (seed, stream, step, sample, element) alone, never of the thread that asks.
///
/// Source: J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011; the known answers of the
/// Random123 distribution are among the tests.

#include <cstdint>

#include <ocellus/core/kokkos.hpp>

namespace ocellus {

/// What a random number is for; one value a use, so that two uses never share numbers.
enum class RandomStream : std::uint32_t {
  weights         = 1,
  masking         = 2,
  augmentation    = 3,
  null_sampling   = 4,
  permutation     = 5,
  bootstrap       = 6,
  simulation      = 7,
  channel_dropout = 8,
  test            = 9,
};

/// Four 32-bit words: a counter, or the random words made from it.
struct PhiloxBlock {
  std::uint32_t word[4] = {0, 0, 0, 0};
};

/// Ten rounds of Philox4x32 over `counter` with the 64-bit key.
KOKKOS_INLINE_FUNCTION PhiloxBlock philox4x32(PhiloxBlock counter, std::uint64_t key) {
  auto key0 = static_cast<std::uint32_t>(key);
  auto key1 = static_cast<std::uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    std::uint64_t const product0 = std::uint64_t{0xD2511F53u} * counter.word[0];
    std::uint64_t const product1 = std::uint64_t{0xCD9E8D57u} * counter.word[2];
    PhiloxBlock next;
    next.word[0] = static_cast<std::uint32_t>(product1 >> 32) ^ counter.word[1] ^ key0;
    next.word[1] = static_cast<std::uint32_t>(product1);
    next.word[2] = static_cast<std::uint32_t>(product0 >> 32) ^ counter.word[3] ^ key1;
    next.word[3] = static_cast<std::uint32_t>(product0);
    counter      = next;
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
  return counter;
}

/// Where a random number sits: the key is the seed, the counter {element / 4, sample, step, stream}.
struct RandomSequence {
  std::uint64_t seed   = 0;
  RandomStream stream  = RandomStream::test;
  std::uint32_t step   = 0;
  std::uint32_t sample = 0;

  /// 32 random bits for element `element` of the sequence.
  KOKKOS_INLINE_FUNCTION std::uint32_t bits(std::uint64_t element) const {
    PhiloxBlock counter;
    counter.word[0] = static_cast<std::uint32_t>(element / 4);
    counter.word[1] = sample;
    counter.word[2] = step;
    counter.word[3] = static_cast<std::uint32_t>(stream);
    return philox4x32(counter, seed).word[element % 4];
  }

  /// Uniform in [0, 1): a multiple of 2^-24, exact in float and double, so that both precisions see the same noise.
  KOKKOS_INLINE_FUNCTION float uniform(std::uint64_t element) const { return static_cast<float>(bits(element) >> 8) * 5.9604644775390625e-8f; }

  /// Standard normal by Box and Muller from elements 2 e and 2 e + 1, evaluated in double.
  KOKKOS_INLINE_FUNCTION double normal(std::uint64_t element) const {
    double const radius = (static_cast<double>(bits(2 * element) >> 8) + 0.5) * 5.9604644775390625e-8;
    double const angle  = static_cast<double>(bits(2 * element + 1) >> 8) * 5.9604644775390625e-8;
    return Kokkos::sqrt(-2.0 * Kokkos::log(radius)) * Kokkos::cos(6.283185307179586476925 * angle);
  }

  /// Uniform integer in [0, bound), bound > 0, by multiply-shift: the bias is below bound / 2^32.
  KOKKOS_INLINE_FUNCTION std::uint32_t below(std::uint64_t element, std::uint32_t bound) const {
    return static_cast<std::uint32_t>((static_cast<std::uint64_t>(bits(element)) * bound) >> 32);
  }
};

}  // namespace ocellus
