// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Vectors of pixels on host backends: loads that widen, stores that narrow or bypass the cache, keys to sort by, and an exponential, which has a scalar twin of
/// the same bits for the portable kernels.

#include <cstdint>
#include <type_traits>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

#include <ocellus/core/instruction_set.hpp>
#include <ocellus/core/kokkos.hpp>
#include <ocellus/core/precision.hpp>

#define OCELLUS_VIDEO_INLINE inline __attribute__((always_inline))

namespace ocellus::video::detail {

/// sum + a b, fused wherever the instruction set can, as compilers fuse the same step on vectors.
template <class Real>
KOKKOS_INLINE_FUNCTION Real multiply_add(Real a, Real b, Real sum) {
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA) || defined(__CUDA_ARCH__) || defined(__HIP_DEVICE_COMPILE__) || defined(__SYCL_DEVICE_ONLY__)
  return Kokkos::fma(a, b, sum);
#else
  return sum + a * b;
#endif
}

/// Constants of `decaying_exp`.
template <class Real>
struct ExpConstants {
  static constexpr bool is_float = std::is_same_v<Real, float>;
  using Integer                  = std::conditional_t<is_float, std::int32_t, std::int64_t>;

  static constexpr Real lowest       = is_float ? Real(-87) : Real(-708);  ///< below, the result is 0
  static constexpr Real log2e        = Real(1.4426950408889634);
  static constexpr Real ln2_high     = Real(0.693145751953125);  ///< few bits: its multiples are exact
  static constexpr Real ln2_low      = Real(1.42860682030941723212e-6);
  static constexpr int degree        = is_float ? 7 : 13;
  static constexpr int mantissa_bits = is_float ? 23 : 52;
  static constexpr int bias          = is_float ? 127 : 1023;
};

/// exp(x) for x <= 0 by Taylor's polynomial between -ln(2)/2 and ln(2)/2; 0 where the result would not be normal. NaN stays. 2 machine epsilons.
template <class Real>
KOKKOS_INLINE_FUNCTION Real decaying_exp(Real x) {
  using C       = ExpConstants<Real>;
  using Integer = typename C::Integer;
  if (x != x) return x;
  if (x < C::lowest) return Real(0);
  Real const inverse[14] = {1,
                            1,
                            Real(1.0 / 2),
                            Real(1.0 / 6),
                            Real(1.0 / 24),
                            Real(1.0 / 120),
                            Real(1.0 / 720),
                            Real(1.0 / 5040),
                            Real(1.0 / 40320),
                            Real(1.0 / 362880),
                            Real(1.0 / 3628800),
                            Real(1.0 / 39916800),
                            Real(1.0 / 479001600),
                            Real(1.0 / 6227020800.0)};
  Integer const n        = static_cast<Integer>(multiply_add(x, C::log2e, Real(-0.5)));
  Real r                 = multiply_add(static_cast<Real>(n), -C::ln2_high, x);
  r                      = multiply_add(static_cast<Real>(n), -C::ln2_low, r);
  Real value             = inverse[C::degree];
  for (int i = C::degree - 1; i >= 0; --i) value = multiply_add(value, r, inverse[i]);
  return value * Kokkos::bit_cast<Real>(static_cast<Integer>((n + C::bias) << C::mantissa_bits));
}

inline namespace OCELLUS_INSTRUCTION_SET {

/// The vector's bytes past the caches, to an address that is a multiple of its size.
template <class Vector>
OCELLUS_VIDEO_INLINE void stream_vector(void* to, Vector const& value) {
#if defined(__AVX512F__)
  _mm512_stream_si512(reinterpret_cast<__m512i*>(to), reinterpret_cast<__m512i const&>(value));
#elif defined(__AVX2__)
  _mm256_stream_si256(reinterpret_cast<__m256i*>(to), reinterpret_cast<__m256i const&>(value));
#elif defined(__SSE2__)
  _mm_stream_si128(reinterpret_cast<__m128i*>(to), reinterpret_cast<__m128i const&>(value));
#else
  *reinterpret_cast<Vector*>(to) = value;
#endif
}

/// Orders streamed stores before whatever tells others that they are done.
OCELLUS_VIDEO_INLINE void finish_streaming() {
#if defined(__SSE2__)
  _mm_sfence();
#endif
}

/// A vector of `Element`, as wide as a register.
template <class Element>
struct PixelVector {
  static constexpr int lanes = host_vector_bytes / static_cast<int>(sizeof(Element));
  using Vector               = typename HostVector<Element, lanes>::type;
  using Unaligned            = typename HostVector<Element, lanes>::unaligned;

  /// `lanes` neighbouring pixels, converted.
  template <class T>
  static OCELLUS_VIDEO_INLINE Vector load(T const* from) {
    if constexpr (sizeof(T) == sizeof(Element) && (std::is_same_v<T, Element> || std::is_integral_v<Element>)) {
      return *reinterpret_cast<Unaligned const*>(from);
    } else if constexpr (std::is_integral_v<T> && sizeof(T) < 4 && std::is_floating_point_v<Element>) {
      // Written out, because GCC 12 takes many steps for it.
#if defined(__AVX512F__)
      // The masked forms, all lanes on, because GCC 12 warns of its own unmasked ones.
      using Integers = typename HostVector<std::int32_t, lanes>::type;
      if constexpr (std::is_same_v<Element, float> && sizeof(T) == 2) {
        auto const wide = _mm512_maskz_cvtepu16_epi32(0xffff, _mm256_loadu_si256(reinterpret_cast<__m256i const*>(from)));
        return __builtin_convertvector((Integers)wide, Vector);
      } else if constexpr (std::is_same_v<Element, float>) {
        auto const wide = _mm512_maskz_cvtepu8_epi32(0xffff, _mm_loadu_si128(reinterpret_cast<__m128i const*>(from)));
        return __builtin_convertvector((Integers)wide, Vector);
      }
#elif defined(__AVX2__)
      if constexpr (std::is_same_v<Element, float> && sizeof(T) == 2) {
        auto const stored = _mm_loadu_si128(reinterpret_cast<__m128i const*>(from));
        return (Vector)(_mm256_cvtepi32_ps(_mm256_cvtepu16_epi32(stored)));
      } else if constexpr (std::is_same_v<Element, float>) {
        auto const stored = _mm_loadl_epi64(reinterpret_cast<__m128i const*>(from));
        return (Vector)(_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(stored)));
      }
#endif
      using Narrow = typename HostVector<T, lanes>::unaligned;
      using Middle = typename HostVector<std::uint16_t, lanes>::type;
      using Wide   = typename HostVector<std::int32_t, lanes>::type;
      return __builtin_convertvector(__builtin_convertvector(__builtin_convertvector(*reinterpret_cast<Narrow const*>(from), Middle), Wide), Vector);
    } else {
      return gather(from, 1, lanes);
    }
  }

  /// `count` pixels at a distance of `stride`; the other lanes repeat the first.
  template <class T>
  static Vector gather(T const* from, std::int64_t stride, int count) {
    Vector result{};
    for (int lane = 0; lane < lanes; ++lane) {
      T const value = from[lane < count ? lane * stride : 0];
      if constexpr (std::is_integral_v<Element> && !std::is_integral_v<T>)
        result[lane] = static_cast<Element>(value.bits);
      else
        result[lane] = static_cast<Element>(value);
    }
    return result;
  }

  template <bool Streaming, class T>
  static OCELLUS_VIDEO_INLINE void store(T* to, Vector const& value) {
    if constexpr (sizeof(T) != sizeof(Element) || !(std::is_same_v<T, Element> || std::is_integral_v<Element>))
      scatter(to, 1, lanes, value);
    else if constexpr (Streaming)
      stream_vector(to, value);
    else
      *reinterpret_cast<Unaligned*>(to) = value;
  }

  template <class T>
  static void scatter(T* to, std::int64_t stride, int count, Vector const& value) {
    for (int lane = 0; lane < count; ++lane) {
      if constexpr (std::is_integral_v<Element> && !std::is_integral_v<T>)
        to[lane * stride].bits = static_cast<std::uint16_t>(value[lane]);
      else
        to[lane * stride] = static_cast<T>(value[lane]);
    }
  }
};

/// `decaying_exp` of a vector.
template <class Real, class Vector>
OCELLUS_VIDEO_INLINE Vector decaying_exp_vector(Vector const& x) {
  using C                = ExpConstants<Real>;
  using Integer          = typename HostVector<typename C::Integer, PixelVector<Real>::lanes>::type;
  Real const inverse[14] = {1,
                            1,
                            Real(1.0 / 2),
                            Real(1.0 / 6),
                            Real(1.0 / 24),
                            Real(1.0 / 120),
                            Real(1.0 / 720),
                            Real(1.0 / 5040),
                            Real(1.0 / 40320),
                            Real(1.0 / 362880),
                            Real(1.0 / 3628800),
                            Real(1.0 / 39916800),
                            Real(1.0 / 479001600),
                            Real(1.0 / 6227020800.0)};
  Vector const zero{}, lowest = zero + C::lowest;
  Vector const kept = x > lowest ? x : lowest;  // NaN goes to the bottom here and comes back at the end
  Integer const n   = __builtin_convertvector(kept * C::log2e + Real(-0.5), Integer);
  Vector const m    = __builtin_convertvector(n, Vector);
  Vector r          = kept + m * -C::ln2_high;
  r                 = r + m * -C::ln2_low;
  Vector value      = zero + inverse[C::degree];
#pragma GCC unroll 16
  for (int i = C::degree - 1; i >= 0; --i) value = value * r + inverse[i];
  Integer const exponent = (n + static_cast<typename C::Integer>(C::bias)) << C::mantissa_bits;
  Vector const result    = value * (Vector)exponent;
  Vector const cut       = x < lowest ? zero : result;
  return x == x ? cut : x;
}

/// How pixels of type T are ordered on vectors: as themselves, or for 16-bit floating point as integers of the same order. Keys are totally ordered but for
/// NaN of float and double, which `spoil` carries beside the comparisons; a zero comes out as +0.
template <class T>
struct OrderKey {
  static constexpr bool is_real = std::is_floating_point_v<T>;
  static constexpr bool is_half = std::is_same_v<T, float16> || std::is_same_v<T, bfloat16>;
  using Element                 = std::conditional_t<is_half, std::int16_t, T>;
  using Pixels                  = PixelVector<Element>;
  using Vector                  = typename Pixels::Vector;

  static constexpr std::int16_t half_nan      = 0x7fff;
  static constexpr std::int16_t half_infinity = std::is_same_v<T, float16> ? 0x7c00 : 0x7f80;

  static OCELLUS_VIDEO_INLINE Vector key(Vector const& stored) {
    if constexpr (is_half) {
      Vector const magnitude = stored & std::int16_t(0x7fff), ordered = stored ^ ((stored >> 15) & std::int16_t(0x7fff));
      Vector const nan = Vector{} + half_nan;
      return magnitude > half_infinity ? nan : ordered;
    } else {
      return stored;
    }
  }
  /// NaN where either is.
  static OCELLUS_VIDEO_INLINE Vector spoil(Vector const& a, Vector const& b) {
    if constexpr (is_real)
      return b == b ? a : b;
    else if constexpr (is_half)
      return a > b ? a : b;
    else
      return a;
  }
  /// The pixel of a chosen key; NaN where `carried` is.
  static OCELLUS_VIDEO_INLINE Vector pixel(Vector const& chosen, Vector const& carried) {
    if constexpr (is_real) {
      Vector const positive = chosen + T(0), nan = Vector{} + T(__builtin_nanf(""));
      return carried == carried ? positive : nan;
    } else if constexpr (is_half) {
      Vector const nan      = Vector{} + half_nan, zero{};
      Vector const bits     = chosen ^ ((chosen >> 15) & std::int16_t(0x7fff));
      Vector const positive = bits == std::int16_t(-0x8000) ? zero : bits;
      return carried == half_nan ? nan : positive;
    } else {
      return chosen;
    }
  }
};

template <class Vector>
OCELLUS_VIDEO_INLINE Vector least(Vector const& a, Vector const& b) {
  return a < b ? a : b;
}
template <class Vector>
OCELLUS_VIDEO_INLINE Vector most(Vector const& a, Vector const& b) {
  return a > b ? a : b;
}
template <class Vector>
OCELLUS_VIDEO_INLINE void order(Vector& a, Vector& b) {
  Vector const low = least(a, b);
  b                = most(a, b);
  a                = low;
}

}  // namespace OCELLUS_INSTRUCTION_SET
}  // namespace ocellus::video::detail
