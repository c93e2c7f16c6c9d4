// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The types of simd.hpp.

#include <cstdint>
#include <type_traits>

#include <ocellus/core/instruction_set.hpp>
#include <ocellus/core/precision.hpp>

#if defined(__SSE2__)
#include <immintrin.h>  // where a plain AVX-512 intrinsic and one with a mask of ones are the same instruction, the latter spares GCC 12's false warnings
#endif

namespace ocellus {
inline namespace OCELLUS_INSTRUCTION_SET {

/// Lanes of a register that hold T.
template <class T>
inline constexpr int simd_lanes = host_vector_bytes / static_cast<int>(sizeof(T));

template <class T, int Width>
struct SimdMask;

/// `Width` numbers of type float, double, std::int32_t or std::int64_t. Arithmetic operators work lane by lane; a scalar converts by being repeated.
template <class T, int Width = simd_lanes<T>>
struct Simd {
  static_assert(Width >= 1 && (Width & (Width - 1)) == 0, "ocellus::Simd: the width must be a power of two");

  using value_type           = T;
  static constexpr int width = Width;
  using Raw                  = typename HostVector<T, Width>::type;
  using Unaligned            = typename HostVector<T, Width>::unaligned;
  using Integer              = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;
  using Mask                 = SimdMask<T, Width>;

  Raw raw;

  Simd() = default;
  [[gnu::always_inline]] Simd(T scalar) : raw(scalar - Raw{}) {}
  [[gnu::always_inline]] explicit Simd(Raw const& value) : raw(value) {}

  /// Reads Width numbers from any address; of another type S (16-bit storage, or float for double), converted.
  template <class S>
  [[gnu::always_inline]] static Simd load(S const* from) {
    if constexpr (std::is_same_v<S, T>) {
      return Simd(Raw(*reinterpret_cast<Unaligned const*>(from)));
    } else if constexpr (std::is_same_v<S, bfloat16> && std::is_same_v<T, float>) {
      auto const narrow = *reinterpret_cast<typename HostVector<std::uint16_t, Width>::unaligned const*>(from);
      using Wide        = typename HostVector<std::uint32_t, Width>::type;
      return Simd((Raw)(__builtin_convertvector(narrow, Wide) << 16));
    } else if constexpr (std::is_same_v<S, float16> && std::is_same_v<T, float>) {
      return load_float16(from);
    } else if constexpr (std::is_same_v<S, float> && std::is_same_v<T, double>) {
      auto const narrow = *reinterpret_cast<typename HostVector<float, Width>::unaligned const*>(from);
      return Simd(__builtin_convertvector(narrow, Raw));
    } else {
      Simd result;
      for (int i = 0; i < Width; ++i) result.raw[i] = static_cast<T>(from[i]);
      return result;
    }
  }

  /// Reads the first `count` (0 to Width) numbers and nothing behind them; the other lanes are zero.
  template <class S>
  [[gnu::always_inline]] static Simd load(S const* from, std::int64_t count) {
#if defined(__AVX512F__)
    if constexpr (std::is_same_v<S, T> && std::is_same_v<T, float> && Width == 16) return Simd((Raw)_mm512_maskz_loadu_ps(first_lanes(count), from));
    if constexpr (std::is_same_v<S, T> && std::is_same_v<T, double> && Width == 8)
      return Simd((Raw)_mm512_maskz_loadu_pd(static_cast<__mmask8>(first_lanes(count)), from));
#endif
    S lanes[Width] = {};
    for (std::int64_t i = 0; i < count; ++i) __builtin_memcpy(&lanes[i], from + i, sizeof(S));
    return load(lanes);
  }

  /// Writes Width numbers to any address, rounded to nearest even where S is narrower.
  template <class S>
  [[gnu::always_inline]] void store(S* to) const {
    if constexpr (std::is_same_v<S, T>) {
      *reinterpret_cast<Unaligned*>(to) = raw;
    } else if constexpr (std::is_same_v<S, bfloat16> && std::is_same_v<T, float>) {
      using Wide                                                                   = typename HostVector<std::uint32_t, Width>::type;
      using Narrow                                                                 = typename HostVector<std::uint16_t, Width>::type;
      Wide const bits                                                              = (Wide)raw;
      Wide const rounded                                                           = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
      Wide const quiet                                                             = (bits >> 16) | 0x40u;
      Wide const kept                                                              = (bits & 0x7fffffffu) > 0x7f800000u ? quiet : rounded;
      *reinterpret_cast<typename HostVector<std::uint16_t, Width>::unaligned*>(to) = __builtin_convertvector(kept, Narrow);
    } else if constexpr (std::is_same_v<S, float16> && std::is_same_v<T, float>) {
      store_float16(to);
    } else {
      for (int i = 0; i < Width; ++i) to[i] = static_cast<S>(raw[i]);
    }
  }

  /// Writes the first `count` (0 to Width) numbers and nothing behind them.
  template <class S>
  [[gnu::always_inline]] void store(S* to, std::int64_t count) const {
#if defined(__AVX512F__)
    if constexpr (std::is_same_v<S, T> && std::is_same_v<T, float> && Width == 16) return _mm512_mask_storeu_ps(to, first_lanes(count), (__m512)raw);
    if constexpr (std::is_same_v<S, T> && std::is_same_v<T, double> && Width == 8)
      return _mm512_mask_storeu_pd(to, static_cast<__mmask8>(first_lanes(count)), (__m512d)raw);
#endif
    S lanes[Width];
    store(lanes);
    for (std::int64_t i = 0; i < count; ++i) __builtin_memcpy(to + i, &lanes[i], sizeof(S));
  }

  [[gnu::always_inline]] T operator[](int lane) const { return raw[lane]; }

  friend Simd operator+(Simd const& a, Simd const& b) { return Simd(a.raw + b.raw); }
  friend Simd operator-(Simd const& a, Simd const& b) { return Simd(a.raw - b.raw); }
  friend Simd operator*(Simd const& a, Simd const& b) { return Simd(a.raw * b.raw); }
  friend Simd operator/(Simd const& a, Simd const& b) { return Simd(a.raw / b.raw); }
  friend Simd operator-(Simd const& a) { return Simd(-a.raw); }
  Simd& operator+=(Simd const& b) { return *this = *this + b; }
  Simd& operator-=(Simd const& b) { return *this = *this - b; }
  Simd& operator*=(Simd const& b) { return *this = *this * b; }

  friend Mask operator<(Simd const& a, Simd const& b) { return Mask((typename Mask::Raw)(a.raw < b.raw)); }
  friend Mask operator<=(Simd const& a, Simd const& b) { return Mask((typename Mask::Raw)(a.raw <= b.raw)); }
  friend Mask operator>(Simd const& a, Simd const& b) { return b < a; }
  friend Mask operator>=(Simd const& a, Simd const& b) { return b <= a; }
  friend Mask operator==(Simd const& a, Simd const& b) { return Mask((typename Mask::Raw)(a.raw == b.raw)); }
  friend Mask operator!=(Simd const& a, Simd const& b) { return Mask((typename Mask::Raw)(a.raw != b.raw)); }

 private:
#if defined(__AVX512F__)
  static __mmask16 first_lanes(std::int64_t count) { return static_cast<__mmask16>((std::uint32_t{1} << count) - 1); }
#endif

  [[gnu::always_inline]] static Simd load_float16(float16 const* from) {
#if defined(__AVX512F__)
    if constexpr (Width == 16) return Simd((Raw)_mm512_maskz_cvtph_ps(0xffff, _mm256_loadu_si256(reinterpret_cast<__m256i const*>(from))));
#endif
#if defined(__F16C__)
    if constexpr (Width == 8) return Simd((Raw)_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<__m128i const*>(from))));
    if constexpr (Width == 4) return Simd((Raw)_mm_cvtph_ps(_mm_loadl_epi64(reinterpret_cast<__m128i const*>(from))));
#endif
    Simd result;
    for (int i = 0; i < Width; ++i) result.raw[i] = static_cast<float>(from[i]);
    return result;
  }

  [[gnu::always_inline]] void store_float16(float16* to) const {
#if defined(__AVX512F__)
    if constexpr (Width == 16)
      return _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), _mm512_maskz_cvtps_ph(0xffff, (__m512)raw, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
#endif
#if defined(__F16C__)
    if constexpr (Width == 8) return _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm256_cvtps_ph((__m256)raw, _MM_FROUND_TO_NEAREST_INT));
    if constexpr (Width == 4) return _mm_storel_epi64(reinterpret_cast<__m128i*>(to), _mm_cvtps_ph((__m128)raw, _MM_FROUND_TO_NEAREST_INT));
#endif
    for (int i = 0; i < Width; ++i) to[i] = float16(raw[i]);
  }
};

/// True or false a lane: all bits of an integer of T's size.
template <class T, int Width>
struct SimdMask {
  using Integer = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;
  using Raw     = typename HostVector<Integer, Width>::type;

  Raw raw;

  SimdMask() = default;
  [[gnu::always_inline]] explicit SimdMask(Raw const& value) : raw(value) {}

  [[gnu::always_inline]] bool operator[](int lane) const { return raw[lane] != 0; }
  friend SimdMask operator&(SimdMask const& a, SimdMask const& b) { return SimdMask(a.raw & b.raw); }
  friend SimdMask operator|(SimdMask const& a, SimdMask const& b) { return SimdMask(a.raw | b.raw); }
  friend SimdMask operator!(SimdMask const& a) { return SimdMask(~a.raw); }
};

}  // namespace OCELLUS_INSTRUCTION_SET
}  // namespace ocellus
