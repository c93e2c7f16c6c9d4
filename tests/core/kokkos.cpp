// SPDX-License-Identifier: Apache-2.0

#include <ocellus/core/kokkos.hpp>

#include <gtest/gtest.h>

namespace ocellus::test {
namespace {

TEST(Kokkos, host_backends_are_recognised) {
  static_assert(is_host_execution_v<Kokkos::Serial>);
  static_assert(is_host_execution_v<Kokkos::DefaultHostExecutionSpace>);
#if defined(KOKKOS_ENABLE_CUDA)
  static_assert(!is_host_execution_v<Kokkos::Cuda>);
#endif
#if defined(KOKKOS_ENABLE_HIP)
  static_assert(!is_host_execution_v<Kokkos::HIP>);
#endif
  static_assert(KOKKOS_VERSION >= 40500);
}

}  // namespace
}  // namespace ocellus::test
