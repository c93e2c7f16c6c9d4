// SPDX-License-Identifier: Apache-2.0
#pragma once

/// What kernels of register tiles on devices need: loads of four numbers, and loops that leave no index behind, since what is indexed cannot stay in registers.

#if defined(__CUDACC__) || defined(__clang__)
#define OCELLUS_UNROLL _Pragma("unroll")
#else
#define OCELLUS_UNROLL _Pragma("GCC unroll 16")
#endif

namespace ocellus {

/// Four numbers that a device loads together.
template <class Real>
struct alignas(4 * sizeof(Real)) Quad {
  Real number[4];
};

}  // namespace ocellus
