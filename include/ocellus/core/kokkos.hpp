// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The only file that may ask for Kokkos' version; every other header includes Kokkos through it.

#include <Kokkos_Core.hpp>

#if !defined(KOKKOS_VERSION) || KOKKOS_VERSION < 40500
#error "Ocellus needs Kokkos 4.5 or newer"
#endif

#if defined(__FAST_MATH__) && !defined(OCELLUS_ALLOW_FAST_MATH)
#error "Ocellus promises exact NaN handling and summation order, which -ffast-math breaks; define OCELLUS_ALLOW_FAST_MATH to give the promise up"
#endif

namespace ocellus {

/// True where the execution space's kernels run on the host: there a team has one member and a vector one lane.
template <class Exec>
inline constexpr bool is_host_execution_v = Kokkos::SpaceAccessibility<Kokkos::DefaultHostExecutionSpace, typename Exec::memory_space>::accessible&&
    Kokkos::SpaceAccessibility<Exec, Kokkos::HostSpace>::accessible;

}  // namespace ocellus
