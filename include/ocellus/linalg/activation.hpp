// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ocellus/core/kokkos.hpp>
#include <ocellus/core/vector_math.hpp>

namespace ocellus::linalg {

/// The elementwise function in a matrix product's epilogue.
enum class Activation { none, relu, gelu };

inline namespace OCELLUS_INSTRUCTION_SET {

/// gelu of a host vector: a lane has the bits of `gelu_exact` on a host.
template <class T, int Width>
[[gnu::always_inline]] inline Simd<T, Width> gelu_of_vector(Simd<T, Width> const& x) {
  using V      = Simd<T, Width>;
  V const half = V(T(0.5)) * x;
  // -infinity times 0 would be NaN; everything below -40 is zero in float and double. The fma is explicit: a caller's addition behind it must not be
  // contracted with the last product in one loop and left alone in another.
  return select(x < V(T(-40)), V(T(-0.0)), fma(half, erf(x * V(static_cast<T>(0.70710678118654752440))), half));
}

/// x/2 (1 + erf(x / sqrt 2)); NaN and +infinity pass, -infinity gives -0.
template <class Real>
KOKKOS_INLINE_FUNCTION Real gelu_exact(Real x) {
#if defined(__CUDA_ARCH__) || defined(__HIP_DEVICE_COMPILE__) || defined(__SYCL_DEVICE_ONLY__)
  if (x < Real(-40)) return Real(-0.0);
  Real const half = Real(0.5) * x;
  return Kokkos::fma(half, Kokkos::erf(x * Real(0.70710678118654752440)), half);
#else
  return gelu_of_vector(Simd<Real, 1>(x))[0];
#endif
}

/// Applies an activation to one value.
///
///     none: x;   relu: max(x, 0), NaN for NaN;   gelu: x/2 (1 + erf(x / sqrt 2))
///
/// Errors: none.
/// Error bound: 4 machine epsilons times max(|x|, |result|) for gelu, exact for the others.
/// Determinism: the result's bits depend on x alone.
/// Allocates: nothing. Synchronises: no.
template <class Real>
KOKKOS_INLINE_FUNCTION Real activate(Activation activation, Real x) {
  if (activation == Activation::relu) return x < Real(0) ? Real(0) : x;
  if (activation == Activation::gelu) return gelu_exact(x);
  return x;
}

}  // namespace OCELLUS_INSTRUCTION_SET

}  // namespace ocellus::linalg
