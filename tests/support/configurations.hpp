// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The types that a typed test runs over: scalar x layout x execution space.

#include <gtest/gtest.h>

#include <ocellus/core.hpp>

#if defined(OCELLUS_TEST_MOCK)
#include "mock/device/mock.hpp"
#endif

namespace ocellus::test {

template <class ScalarType, class LayoutType, class ExecType>
struct Configuration {
  using Scalar = ScalarType;
  using Layout = LayoutType;
  using Exec   = ExecType;
};

#if defined(KOKKOS_ENABLE_OPENMP)
using ParallelExec = Kokkos::OpenMP;
#elif defined(KOKKOS_ENABLE_THREADS)
using ParallelExec   = Kokkos::Threads;
#else
using ParallelExec   = Kokkos::Serial;
#endif

/// LayoutStride stands for padded strides. Not the full product, which costs compile time and finds no more: every value of every axis occurs.
#if defined(OCELLUS_TEST_MOCK)
using Configurations = ::testing::Types<Configuration<float, Kokkos::LayoutRight, mock::Mock>, Configuration<double, Kokkos::LayoutStride, mock::Mock>>;
#elif defined(OCELLUS_TEST_FEWER_CONFIGURATIONS)  // sanitizers look for wrong accesses, and cost a multiple to compile
using Configurations = ::testing::Types<Configuration<double, Kokkos::LayoutStride, Kokkos::Serial>, Configuration<float, Kokkos::LayoutRight, ParallelExec>>;
#else
using Configurations = ::testing::Types<Configuration<float, Kokkos::LayoutRight, Kokkos::Serial>, Configuration<double, Kokkos::LayoutStride, Kokkos::Serial>,
                                        Configuration<double, Kokkos::LayoutRight, ParallelExec>, Configuration<float, Kokkos::LayoutLeft, ParallelExec>>;
#endif

/// Row-major only: for whole paths, where layouts are tested below.
#if defined(OCELLUS_TEST_MOCK)
using RowMajorConfigurations = ::testing::Types<Configuration<float, Kokkos::LayoutRight, mock::Mock>, Configuration<double, Kokkos::LayoutRight, mock::Mock>>;
#else
using RowMajorConfigurations =
    ::testing::Types<Configuration<float, Kokkos::LayoutRight, Kokkos::Serial>, Configuration<double, Kokkos::LayoutRight, ParallelExec>>;
#endif

/// Runs `body(exec)` on instances with 1, 2, 3 and 8 threads where the backend can have them, on two instances of the mock accelerator, else once.
template <class Exec, class Body>
void with_thread_counts(Body const& body) {
#if defined(KOKKOS_ENABLE_OPENMP)
  if constexpr (std::is_same_v<Exec, Kokkos::OpenMP>) {
    for (int const threads : {1, 2, 3, 8}) {
      SCOPED_TRACE(::testing::Message() << threads << " threads");
      body(Kokkos::OpenMP(threads));
    }
    return;
  }
#endif
#if defined(OCELLUS_TEST_MOCK)
  if constexpr (std::is_same_v<Exec, mock::Mock>) {
    SCOPED_TRACE("an instance of its own");
    body(mock::Mock::new_instance());
  }
#endif
  body(Exec());
}

}  // namespace ocellus::test
