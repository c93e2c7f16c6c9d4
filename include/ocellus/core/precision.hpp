// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Two-byte storage types and the type that arithmetic on each storage type is done in.
///
/// `float16` (IEEE binary16) and `bfloat16` are storage only: they convert to and from float, rounding to nearest even, and have no arithmetic
/// of their own. Kokkos' half types are floats on host builds, so they would not save memory there. NaN stays NaN (quiet), infinities stay.

#include <bit>
#include <cstdint>
#include <limits>
#include <type_traits>

#include <ocellus/core/kokkos.hpp>

namespace ocellus {

namespace detail {

KOKKOS_INLINE_FUNCTION std::uint32_t float_bits(float value) { return Kokkos::bit_cast<std::uint32_t>(value); }
KOKKOS_INLINE_FUNCTION float float_from_bits(std::uint32_t bits) { return Kokkos::bit_cast<float>(bits); }

KOKKOS_INLINE_FUNCTION std::uint16_t float16_bits_from_float(float value) {
  std::uint32_t const bits      = float_bits(value);
  std::uint32_t const sign      = (bits >> 16) & 0x8000u;
  std::uint32_t const magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return static_cast<std::uint16_t>(sign | 0x7e00u | ((magnitude >> 13) & 0x1ffu));
  if (magnitude >= 0x477ff000u) return static_cast<std::uint16_t>(sign | 0x7c00u);  // 65520 and above round to infinity
  if (magnitude < 0x33000001u) return static_cast<std::uint16_t>(sign);             // 2^-25 and below round to zero
  std::uint32_t mantissa, shift, base;
  if (magnitude < 0x38800000u) {  // subnormal: units of 2^-24
    std::uint32_t const exponent = magnitude >> 23;
    mantissa                     = (magnitude & 0x7fffffu) | 0x800000u;
    shift                        = 126u - exponent;
    base                         = 0u;
  } else {
    mantissa = magnitude - 0x38000000u;
    shift    = 13u;
    base     = 0u;
  }
  std::uint32_t const half      = 1u << (shift - 1);
  std::uint32_t const remainder = mantissa & ((1u << shift) - 1u);
  std::uint32_t result          = base + (mantissa >> shift);
  if (remainder > half || (remainder == half && (result & 1u) != 0u)) ++result;
  return static_cast<std::uint16_t>(sign | result);
}

KOKKOS_INLINE_FUNCTION float float_from_float16_bits(std::uint16_t stored) {
  std::uint32_t const sign     = static_cast<std::uint32_t>(stored & 0x8000u) << 16;
  std::uint32_t const exponent = (stored >> 10) & 0x1fu, mantissa = stored & 0x3ffu;
  if (exponent == 31u) return float_from_bits(sign | 0x7f800000u | (mantissa << 13));
  if (exponent != 0u) return float_from_bits(sign | ((exponent + 112u) << 23) | (mantissa << 13));
  float const value = static_cast<float>(mantissa) * 5.9604644775390625e-8f;  // 2^-24, exact
  return sign != 0u ? -value : value;
}

KOKKOS_INLINE_FUNCTION std::uint16_t bfloat16_bits_from_float(float value) {
  std::uint32_t const bits = float_bits(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<std::uint16_t>((bits >> 16) | 0x40u);
  return static_cast<std::uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

KOKKOS_INLINE_FUNCTION float float_from_bfloat16_bits(std::uint16_t stored) { return float_from_bits(static_cast<std::uint32_t>(stored) << 16); }

}  // namespace detail

/// IEEE 754 binary16: 11 significant bits, largest finite value 65504.
struct float16 {
  std::uint16_t bits = 0;

  float16() = default;
  KOKKOS_INLINE_FUNCTION explicit float16(float value) : bits(detail::float16_bits_from_float(value)) {}
  KOKKOS_INLINE_FUNCTION explicit float16(double value) : float16(static_cast<float>(value)) {}
  KOKKOS_INLINE_FUNCTION operator float() const { return detail::float_from_float16_bits(bits); }
};

/// The upper half of a float: 8 significant bits, float's range.
struct bfloat16 {
  std::uint16_t bits = 0;

  bfloat16() = default;
  KOKKOS_INLINE_FUNCTION explicit bfloat16(float value) : bits(detail::bfloat16_bits_from_float(value)) {}
  KOKKOS_INLINE_FUNCTION explicit bfloat16(double value) : bfloat16(static_cast<float>(value)) {}
  KOKKOS_INLINE_FUNCTION operator float() const { return detail::float_from_bfloat16_bits(bits); }
};

static_assert(sizeof(float16) == 2 && sizeof(bfloat16) == 2);

namespace detail {
template <class T>
struct Accumulate {
  using type = T;
};
template <>
struct Accumulate<float16> {
  using type = float;
};
template <>
struct Accumulate<bfloat16> {
  using type = float;
};
}  // namespace detail

/// The type in which sums over `T` are formed: float for the 16-bit types, else `T` itself.
template <class T>
using accumulate_t = typename detail::Accumulate<std::remove_cv_t<T>>::type;

/// Distance from 1 to the next representable number of a storage type: the unit of the stated error bounds.
template <class T>
KOKKOS_INLINE_FUNCTION constexpr double machine_epsilon() {
  if constexpr (std::is_same_v<T, float16>)
    return 9.765625e-4;
  else if constexpr (std::is_same_v<T, bfloat16>)
    return 7.8125e-3;
  else if constexpr (std::is_same_v<T, float>)
    return 1.1920928955078125e-7;
  else
    return 2.220446049250313e-16;
}

}  // namespace ocellus
