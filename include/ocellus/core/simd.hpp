// SPDX-License-Identifier: Apache-2.0
#pragma once

/// A vector of explicit width for host kernels: GCC and Clang vector extensions, with the few instructions that those do not spell.
///
/// `Simd<float>` fills a register of the instruction set that the translation unit is compiled for: 16 lanes with AVX-512, 8 with AVX2, 4 elsewhere. Any power
/// of two may be asked for; `Simd<T, 1>` computes one number by the same steps, hence with the same bits as a lane of any width. All of it is in the inline
/// namespace of the instruction set. Host code only: device kernels use scalars.

#include <cstdint>
#include <type_traits>

#include <ocellus/core/detail/simd_types.hpp>

namespace ocellus {
inline namespace OCELLUS_INSTRUCTION_SET {

/// a where the mask is true, else b.
template <class T, int Width>
[[gnu::always_inline]] inline Simd<T, Width> select(SimdMask<T, Width> const& mask, Simd<T, Width> const& a, std::type_identity_t<Simd<T, Width>> const& b) {
  if constexpr (Width == 1)
    return mask[0] ? a : b;
  else
    return Simd<T, Width>(mask.raw ? a.raw : b.raw);
}

template <class T, int Width>
[[gnu::always_inline]] inline bool any(SimdMask<T, Width> const& mask) {
#if defined(__AVX512F__)
  if constexpr (sizeof(mask) == 64) return _mm512_test_epi32_mask((__m512i)mask.raw, (__m512i)mask.raw) != 0;
#endif
#if defined(__AVX2__)
  if constexpr (sizeof(mask) == 32) return _mm256_movemask_epi8((__m256i)mask.raw) != 0;
#endif
#if defined(__SSE2__)
  if constexpr (sizeof(mask) == 16) return _mm_movemask_epi8((__m128i)mask.raw) != 0;
#endif
  for (int i = 0; i < Width; ++i) {
    if (mask.raw[i] != 0) return true;
  }
  return false;
}

template <class T, int Width>
[[gnu::always_inline]] inline bool all(SimdMask<T, Width> const& mask) {
  return !any(!mask);
}

/// a b + c, rounded once where the instruction set has fused multiply-adds, else twice.
template <class T, int Width>
[[gnu::always_inline]] inline Simd<T, Width> fma(Simd<T, Width> const& a, std::type_identity_t<Simd<T, Width>> const& b,
                                                 std::type_identity_t<Simd<T, Width>> const& c) {
  using V                          = Simd<T, Width>;
  using Raw                        = typename V::Raw;
  [[maybe_unused]] constexpr int n = static_cast<int>(sizeof(Raw));
#if defined(__AVX512F__)
  if constexpr (n == 64 && std::is_same_v<T, float>) return V((Raw)_mm512_fmadd_ps((__m512)a.raw, (__m512)b.raw, (__m512)c.raw));
  if constexpr (n == 64 && std::is_same_v<T, double>) return V((Raw)_mm512_fmadd_pd((__m512d)a.raw, (__m512d)b.raw, (__m512d)c.raw));
#endif
#if defined(__FMA__)
  if constexpr (n == 32 && std::is_same_v<T, float>) return V((Raw)_mm256_fmadd_ps((__m256)a.raw, (__m256)b.raw, (__m256)c.raw));
  if constexpr (n == 32 && std::is_same_v<T, double>) return V((Raw)_mm256_fmadd_pd((__m256d)a.raw, (__m256d)b.raw, (__m256d)c.raw));
  if constexpr (n == 16 && std::is_same_v<T, float>) return V((Raw)_mm_fmadd_ps((__m128)a.raw, (__m128)b.raw, (__m128)c.raw));
  if constexpr (n == 16 && std::is_same_v<T, double>) return V((Raw)_mm_fmadd_pd((__m128d)a.raw, (__m128d)b.raw, (__m128d)c.raw));
#endif
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
  if constexpr (Width == 1) {
    if constexpr (sizeof(T) == 4)
      return V(__builtin_fmaf(a.raw[0], b.raw[0], c.raw[0]));
    else
      return V(__builtin_fma(a.raw[0], b.raw[0], c.raw[0]));
  }
#endif
  return V(a.raw * b.raw + c.raw);
}

/// a < b ? a : b, so b where either is NaN.
template <class T, int Width>
[[gnu::always_inline]] inline Simd<T, Width> min(Simd<T, Width> const& a, std::type_identity_t<Simd<T, Width>> const& b) {
#if defined(__AVX512F__)
  using V = Simd<T, Width>;
  if constexpr (std::is_same_v<T, float> && Width == 16) return V((typename V::Raw)_mm512_maskz_min_ps(0xffff, (__m512)a.raw, (__m512)b.raw));
  if constexpr (std::is_same_v<T, double> && Width == 8) return V((typename V::Raw)_mm512_maskz_min_pd(0xff, (__m512d)a.raw, (__m512d)b.raw));
#endif
  return select(a < b, a, b);
}

/// a > b ? a : b, so b where either is NaN.
template <class T, int Width>
[[gnu::always_inline]] inline Simd<T, Width> max(Simd<T, Width> const& a, std::type_identity_t<Simd<T, Width>> const& b) {
#if defined(__AVX512F__)
  using V = Simd<T, Width>;
  if constexpr (std::is_same_v<T, float> && Width == 16) return V((typename V::Raw)_mm512_maskz_max_ps(0xffff, (__m512)a.raw, (__m512)b.raw));
  if constexpr (std::is_same_v<T, double> && Width == 8) return V((typename V::Raw)_mm512_maskz_max_pd(0xff, (__m512d)a.raw, (__m512d)b.raw));
#endif
  return select(a > b, a, b);
}

/// The same bits as integers, and back.
template <class To, class T, int Width>
[[gnu::always_inline]] inline Simd<To, Width> bit_cast(Simd<T, Width> const& a) {
  static_assert(sizeof(To) == sizeof(T), "ocellus::bit_cast: the sizes of the elements must be equal");
  return Simd<To, Width>((typename Simd<To, Width>::Raw)a.raw);
}

template <class T, int Width>
[[gnu::always_inline]] inline Simd<T, Width> abs(Simd<T, Width> const& a) {
  using Integer = typename Simd<T, Width>::Integer;
  return Simd<T, Width>((typename Simd<T, Width>::Raw)(bit_cast<Integer>(a).raw & ~(Integer{1} << (8 * sizeof(T) - 1))));
}

/// |a| with the sign of b.
template <class T, int Width>
[[gnu::always_inline]] inline Simd<T, Width> copysign(Simd<T, Width> const& a, std::type_identity_t<Simd<T, Width>> const& b) {
  using Integer          = typename Simd<T, Width>::Integer;
  constexpr Integer sign = Integer{1} << (8 * sizeof(T) - 1);
  return Simd<T, Width>((typename Simd<T, Width>::Raw)((bit_cast<Integer>(a).raw & ~sign) | (bit_cast<Integer>(b).raw & sign)));
}

template <class T, int Width>
[[gnu::always_inline]] inline Simd<T, Width> sqrt(Simd<T, Width> const& a) {
  using V                          = Simd<T, Width>;
  using Raw                        = typename V::Raw;
  [[maybe_unused]] constexpr int n = static_cast<int>(sizeof(Raw));
#if defined(__AVX512F__)
  if constexpr (n == 64 && std::is_same_v<T, float>) return V((Raw)_mm512_maskz_sqrt_ps(0xffff, (__m512)a.raw));
  if constexpr (n == 64 && std::is_same_v<T, double>) return V((Raw)_mm512_maskz_sqrt_pd(0xff, (__m512d)a.raw));
#endif
#if defined(__AVX__)
  if constexpr (n == 32 && std::is_same_v<T, float>) return V((Raw)_mm256_sqrt_ps((__m256)a.raw));
  if constexpr (n == 32 && std::is_same_v<T, double>) return V((Raw)_mm256_sqrt_pd((__m256d)a.raw));
#endif
#if defined(__SSE2__)
  if constexpr (n == 16 && std::is_same_v<T, float>) return V((Raw)_mm_sqrt_ps((__m128)a.raw));
  if constexpr (n == 16 && std::is_same_v<T, double>) return V((Raw)_mm_sqrt_pd((__m128d)a.raw));
#endif
  V result;
  for (int i = 0; i < Width; ++i) result.raw[i] = static_cast<T>(__builtin_sqrt(static_cast<double>(a.raw[i])));
  return result;
}

/// The nearest integer, ties to even. For |a| below 2^31; a NaN may become any number.
template <class T, int Width>
[[gnu::always_inline]] inline Simd<T, Width> round_to_even(Simd<T, Width> const& a) {
  using V                          = Simd<T, Width>;
  using Raw                        = typename V::Raw;
  [[maybe_unused]] constexpr int n = static_cast<int>(sizeof(Raw));
#if defined(__AVX512F__)
  if constexpr (n == 64 && std::is_same_v<T, float>)
    return V((Raw)_mm512_maskz_roundscale_ps(0xffff, (__m512)a.raw, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
  if constexpr (n == 64 && std::is_same_v<T, double>)
    return V((Raw)_mm512_maskz_roundscale_pd(0xff, (__m512d)a.raw, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
#endif
#if defined(__AVX__)
  if constexpr (n == 32 && std::is_same_v<T, float>) return V((Raw)_mm256_round_ps((__m256)a.raw, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
  if constexpr (n == 32 && std::is_same_v<T, double>) return V((Raw)_mm256_round_pd((__m256d)a.raw, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
#endif
#if defined(__SSE4_1__)
  if constexpr (n == 16 && std::is_same_v<T, float>) return V((Raw)_mm_round_ps((__m128)a.raw, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
  if constexpr (n == 16 && std::is_same_v<T, double>) return V((Raw)_mm_round_pd((__m128d)a.raw, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
#elif defined(__SSE2__)
  if constexpr (n == 16 && std::is_same_v<T, float>) return V((Raw)_mm_cvtepi32_ps(_mm_cvtps_epi32((__m128)a.raw)));
  if constexpr (n == 16 && std::is_same_v<T, double>) return V((Raw)_mm_cvtepi32_pd(_mm_cvtpd_epi32((__m128d)a.raw)));
#endif
  V result;
  for (int i = 0; i < Width; ++i) {
    if constexpr (sizeof(T) == 4)
      result.raw[i] = __builtin_rintf(a.raw[i]);
    else
      result.raw[i] = __builtin_rint(a.raw[i]);
  }
  return result;
}

/// The greatest whole number that is not above a. For |a| below 2^31; a NaN may become any number.
template <class T, int Width>
[[gnu::always_inline]] inline Simd<T, Width> round_down(Simd<T, Width> const& a) {
  using V         = Simd<T, Width>;
  V const nearest = round_to_even(a);
  return nearest - select(nearest > a, V(T(1)), V(T(0)));
}

/// a 2^n for whole numbers n in [-2044, 2046] (double) or [-252, 254] (float); rounded once where the result is subnormal, infinite where it is too large.
template <class T, int Width>
[[gnu::always_inline]] inline Simd<T, Width> scale_by_power_of_two(Simd<T, Width> const& a, std::type_identity_t<Simd<T, Width>> const& n) {
  using V   = Simd<T, Width>;
  using Raw = typename V::Raw;
#if defined(__AVX512F__)
  if constexpr (sizeof(Raw) == 64 && std::is_same_v<T, float>) return V((Raw)_mm512_maskz_scalef_ps(0xffff, (__m512)a.raw, (__m512)n.raw));
  if constexpr (sizeof(Raw) == 64 && std::is_same_v<T, double>) return V((Raw)_mm512_maskz_scalef_pd(0xff, (__m512d)a.raw, (__m512d)n.raw));
#endif
  // Two factors, since one may not be a normal number. Doubles pass through 32 bits: few instruction sets convert to 64.
  using Integer          = typename V::Integer;
  using Small            = typename HostVector<std::int32_t, Width>::type;
  using Wide             = typename HostVector<Integer, Width>::type;
  constexpr int mantissa = sizeof(T) == 4 ? 23 : 52, bias = sizeof(T) == 4 ? 127 : 1023;
  Small const whole = __builtin_convertvector(n.raw, Small);
  Small const half  = whole >> 1;
  Wide const first  = (__builtin_convertvector(half, Wide) + bias) << mantissa;
  Wide const second = (__builtin_convertvector(whole - half, Wide) + bias) << mantissa;
  return V(a.raw * (Raw)first * (Raw)second);
}

/// a less the greatest whole number that is not above it, rounded: from 0 to 1. 0 for |a| above 2^22. For float.
template <class T, int Width>
[[gnu::always_inline]] inline Simd<T, Width> fraction_above(Simd<T, Width> const& a) {
  using V = Simd<T, Width>;
#if defined(__AVX512DQ__)
  // The instruction rounds otherwise than a subtraction, so lanes of every width go through it.
  constexpr int down = _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC;
  if constexpr (Width == 16) {
    return V((typename V::Raw)_mm512_maskz_reduce_ps(0xffff, (__m512)a.raw, down));
  } else {
    V result;
    for (int i = 0; i < Width; ++i) {
      __m128 const lane = _mm_set_ss(a.raw[i]);
      result.raw[i]     = _mm_cvtss_f32(_mm_maskz_reduce_ss(1, lane, lane, down));
    }
    return result;
  }
#else
  V const bounded = min(V(T(1 << 22)), max(V(T(-(1 << 22))), a));
  return bounded - round_down(bounded);
#endif
}

/// a 2^n with n the greatest whole number that is not above x, for normal a and a result that is normal or too large. For float.
template <class T, int Width>
[[gnu::always_inline]] inline Simd<T, Width> scale_by_power_below(Simd<T, Width> const& a, std::type_identity_t<Simd<T, Width>> const& x) {
  using V = Simd<T, Width>;
#if defined(__AVX512F__)
  if constexpr (sizeof(typename V::Raw) == 64) return scale_by_power_of_two(a, x);  // the instruction rounds down
#endif
  return scale_by_power_of_two(a, round_down(min(V(T(130)), max(V(T(-126)), x))));
}

/// from[index], lane by lane.
template <class T, int Width, class S>
[[gnu::always_inline]] inline Simd<T, Width> gather(S const* from, Simd<std::int32_t, Width> const& index) {
  using V = Simd<T, Width>;
#if defined(__AVX512F__)
  if constexpr (std::is_same_v<S, T> && std::is_same_v<T, float> && Width == 16)
    return V((typename V::Raw)_mm512_mask_i32gather_ps(_mm512_setzero_ps(), 0xffff, (__m512i)index.raw, from, 4));
  if constexpr (std::is_same_v<S, T> && std::is_same_v<T, double> && Width == 8)
    return V((typename V::Raw)_mm512_mask_i32gather_pd(_mm512_setzero_pd(), 0xff, (__m256i)index.raw, from, 8));
#endif
#if defined(__AVX2__)
  if constexpr (std::is_same_v<S, T> && std::is_same_v<T, float> && Width == 8) return V((typename V::Raw)_mm256_i32gather_ps(from, (__m256i)index.raw, 4));
  if constexpr (std::is_same_v<S, T> && std::is_same_v<T, double> && Width == 4) return V((typename V::Raw)_mm256_i32gather_pd(from, (__m128i)index.raw, 8));
#endif
  V result;
  for (int i = 0; i < Width; ++i) result.raw[i] = static_cast<T>(from[index.raw[i]]);
  return result;
}

/// The sum of all lanes: halves are added until one is left.
template <class T, int Width>
[[gnu::always_inline]] inline T sum_of_lanes(Simd<T, Width> const& a) {
  T lanes[Width];
  a.store(lanes);
  for (int half = Width / 2; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) lanes[i] += lanes[i + half];
  }
  return lanes[0];
}

/// The largest lane; NaN where one is NaN.
template <class T, int Width>
[[gnu::always_inline]] inline T largest_lane(Simd<T, Width> const& a) {
  T lanes[Width];
  a.store(lanes);
  T largest = lanes[0];
  for (int i = 1; i < Width; ++i) largest = lanes[i] <= largest ? largest : (largest == largest ? lanes[i] : largest);
  return largest;
}

}  // namespace OCELLUS_INSTRUCTION_SET
}  // namespace ocellus
