// SPDX-License-Identifier: Apache-2.0
#pragma once

/// How an element of a and one of b enter a sum, for one number (any backend) and for a vector (hosts), by the same steps and hence with the same bits.

#include <cstdint>
#include <type_traits>

#include <ocellus/core/kokkos.hpp>
#include <ocellus/core/precision.hpp>
#include <ocellus/core/simd.hpp>

// How two bfloat16 operands are multiplied on a host: by pairs (AVX512-BF16: twice as fast as floats on AMD's processors, half as fast on Intel's), or by the
// matrix unit that Intel's have beside (AMX), or as floats.
#if defined(__AMX_BF16__) && defined(__AMX_TILE__) && defined(__AVX512F__) && defined(__linux__) && !defined(__CUDACC__)
#define OCELLUS_MATRIX_UNIT 1
#else
#define OCELLUS_MATRIX_UNIT 0
#endif
#if defined(__AVX512BF16__) && defined(__AVX512VL__) && !OCELLUS_MATRIX_UNIT && !defined(__CUDACC__)
#define OCELLUS_BFLOAT16_DOT 1
#else
#define OCELLUS_BFLOAT16_DOT 0
#endif

namespace ocellus::linalg::detail {
inline namespace OCELLUS_INSTRUCTION_SET {

/// sum + a b, fused wherever the instruction set can. Left to the compiler, a scalar chain may be vectorised in order, with its products rounded apart, and
/// the bits would follow the kernel.
template <class Real>
KOKKOS_INLINE_FUNCTION Real multiply_add(Real a, Real b, Real sum) {
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA) || defined(__CUDA_ARCH__) || defined(__HIP_DEVICE_COMPILE__) || defined(__SYCL_DEVICE_ONLY__)
  return Kokkos::fma(a, b, sum);
#else
  return sum + a * b;
#endif
}

/// Their product, for `matmul`.
struct MultiplyAdd {
  template <class Real>
  KOKKOS_INLINE_FUNCTION static void add(Real a, Real b, Real& sum) {
    sum = multiply_add(a, b, sum);
  }
  template <class Vector>
  [[gnu::always_inline]] static void add_vector(Vector const& a, Vector const& b, Vector& sum) {
    sum = fma(a, b, sum);
  }
};

/// The square of their difference, for distances.
struct SquaredDifference {
  template <class Real>
  KOKKOS_INLINE_FUNCTION static void add(Real a, Real b, Real& sum) {
    Real const difference = a - b;
    sum                   = multiply_add(difference, difference, sum);
  }
  template <class Vector>
  [[gnu::always_inline]] static void add_vector(Vector const& a, Vector const& b, Vector& sum) {
    Vector const difference = a - b;
    sum                     = fma(difference, difference, sum);
  }
};

/// The absolute difference (Manhattan).
struct AbsoluteDifference {
  template <class Real>
  KOKKOS_INLINE_FUNCTION static void add(Real a, Real b, Real& sum) {
    Real const difference = a - b;
    sum += difference < Real(0) ? -difference : difference;
  }
  template <class Vector>
  [[gnu::always_inline]] static void add_vector(Vector const& a, Vector const& b, Vector& sum) {
    sum += abs(a - b);
  }
};

/// The largest absolute difference (Chebyshev); NaN stays.
struct LargestDifference {
  template <class Real>
  KOKKOS_INLINE_FUNCTION static void add(Real a, Real b, Real& largest) {
    Real const difference = a - b;
    Real const size       = difference < Real(0) ? -difference : difference;
    largest               = size <= largest ? largest : (largest == largest ? size : largest);
  }
  template <class Vector>
  [[gnu::always_inline]] static void add_vector(Vector const& a, Vector const& b, Vector& largest) {
    Vector const size = abs(a - b);
    largest           = select(size <= largest, largest, select(largest == largest, size, largest));
  }
};

/// Whether products of two bfloat16 numbers are added in pairs, by the dot-product instructions of AVX512-BF16 (see OCELLUS_BFLOAT16_DOT): a sum is then one
/// chain over ascending pairs (k, k + 1) from even k on, a missing last term counting as zero. Subnormal numbers count as zero there, and in the matrix unit.
#if OCELLUS_BFLOAT16_DOT
inline constexpr bool has_bfloat16_dot = true;

[[gnu::always_inline]] inline Simd<float, 16> bfloat16_dot(std::uint32_t a, Simd<std::int32_t, 16> const& b, Simd<float, 16> const& sum) {
  return Simd<float, 16>((Simd<float, 16>::Raw)_mm512_dpbf16_ps((__m512)sum.raw, (__m512bh)_mm512_set1_epi32(static_cast<int>(a)), (__m512bh)b.raw));
}
inline float bfloat16_dot(std::uint32_t a, std::uint32_t b, float sum) {
  return _mm_cvtss_f32(_mm_dpbf16_ps(_mm_set_ss(sum), (__m128bh)_mm_cvtsi32_si128(static_cast<int>(a)), (__m128bh)_mm_cvtsi32_si128(static_cast<int>(b))));
}
#else
inline constexpr bool has_bfloat16_dot = false;
#endif

/// Whether they are added in blocks of 32 terms, by the matrix unit: the even terms of a block make a chain, the odd ones another, and their sum is added to
/// the element's.
inline constexpr bool has_matrix_unit           = OCELLUS_MATRIX_UNIT != 0;
inline constexpr std::int64_t matrix_unit_terms = 32;

template <class A, class B, class Operation>
inline constexpr bool multiplies_bfloat16 =
    std::is_same_v<std::remove_const_t<A>, bfloat16>&& std::is_same_v<std::remove_const_t<B>, bfloat16>&& std::is_same_v<Operation, MultiplyAdd>;
template <class A, class B, class Operation>
inline constexpr bool uses_bfloat16_dot = has_bfloat16_dot&& multiplies_bfloat16<A, B, Operation>;
template <class A, class B, class Operation>
inline constexpr bool uses_matrix_unit = has_matrix_unit&& multiplies_bfloat16<A, B, Operation>;

/// How the terms of a sum follow each other.
enum class SumOrder { terms, pairs, blocks };
template <class A, class B, class Operation>
inline constexpr SumOrder sum_order = uses_matrix_unit<A, B, Operation>    ? SumOrder::blocks
                                      : uses_bfloat16_dot<A, B, Operation> ? SumOrder::pairs
                                                                           : SumOrder::terms;

/// One element's whole chain from `sum` on, read through accessors: what every kernel must reproduce.
template <class Real, class Operation, SumOrder Order, class Left, class Right>
KOKKOS_INLINE_FUNCTION Real element_chain(Real sum, std::int64_t inner, Left const& left, Right const& right) {
#if OCELLUS_BFLOAT16_DOT
  if constexpr (Order == SumOrder::pairs) {
    for (std::int64_t k = 0; k < inner; k += 2) {
      bool const both = k + 1 < inner;
      sum             = bfloat16_dot(left(k).bits | static_cast<std::uint32_t>(both ? left(k + 1).bits : 0) << 16,
                                     right(k).bits | static_cast<std::uint32_t>(both ? right(k + 1).bits : 0) << 16, sum);
    }
    return sum;
  }
#endif
  if constexpr (Order == SumOrder::blocks) {
    for (std::int64_t block = 0; block < inner; block += matrix_unit_terms) {
      Real parity[2]          = {Real(0), Real(0)};
      std::int64_t const last = block + matrix_unit_terms < inner ? block + matrix_unit_terms : inner;
      for (std::int64_t k = block; k < last; ++k) Operation::add(static_cast<Real>(left(k)), static_cast<Real>(right(k)), parity[k % 2]);
      sum += parity[0] + parity[1];
    }
    return sum;
  }
  for (std::int64_t k = 0; k < inner; ++k) Operation::add(static_cast<Real>(left(k)), static_cast<Real>(right(k)), sum);
  return sum;
}

}  // namespace OCELLUS_INSTRUCTION_SET
}  // namespace ocellus::linalg::detail
