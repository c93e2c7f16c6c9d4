// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The vector instructions that this translation unit was compiled for. Host kernels whose code depends on them sit in an inline namespace of that name, so
/// that two translation units with different flags do not collide at link time.

#if defined(__AVX512F__)
#if defined(__AMX_BF16__)
#define OCELLUS_INSTRUCTION_SET avx512_amx
#elif defined(__AVX512BF16__)
#define OCELLUS_INSTRUCTION_SET avx512_bf16
#else
#define OCELLUS_INSTRUCTION_SET avx512
#endif
#define OCELLUS_VECTOR_BYTES 64
#elif defined(__AVX2__)
#define OCELLUS_INSTRUCTION_SET avx2
#define OCELLUS_VECTOR_BYTES 32
#elif defined(__ARM_NEON)
#define OCELLUS_INSTRUCTION_SET neon
#define OCELLUS_VECTOR_BYTES 16
#else
#define OCELLUS_INSTRUCTION_SET generic
#define OCELLUS_VECTOR_BYTES 16
#endif

namespace ocellus {
inline namespace OCELLUS_INSTRUCTION_SET {

/// Width of a host vector register.
inline constexpr int host_vector_bytes = OCELLUS_VECTOR_BYTES;

/// W numbers in one register; elementwise operators come from the compiler (GCC and Clang vector extensions).
template <class T, int W>
struct HostVector {
  typedef T type __attribute__((vector_size(W * sizeof(T))));
  typedef T unaligned __attribute__((vector_size(W * sizeof(T)), aligned(sizeof(T)), may_alias));
};

}  // namespace OCELLUS_INSTRUCTION_SET
}  // namespace ocellus
