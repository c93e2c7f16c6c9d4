// SPDX-License-Identifier: Apache-2.0
#pragma once

/// A mock accelerator for tests: the Kokkos execution space `ocellus::mock::Mock` with its memory space `MockSpace`. It runs on one host thread, behaves as
/// unlike a host as Kokkos' rules allow, and stops the program where a kernel breaks one of them. It is no part of the library and is never installed.
///
/// | mistake                                         | how it shows                                                                             |
/// | ----------------------------------------------- | ---------------------------------------------------------------------------------------- |
/// | the host reads or writes device memory          | its pages are closed outside kernels and copies (a message names the allocation)         |
/// | a kernel uses a View in host memory             | each access of a View asks where it runs                                                 |
/// | uninitialised memory is read                    | fresh memory and scratch hold 0xff: NaN, or -1                                           |
/// | something is written outside an allocation      | its surroundings are compared after each kernel; the page behind it is closed            |
/// | the order of iterations or teams matters        | it changes with OCELLUS_MOCK_SEED                                                        |
/// | a barrier is missing                            | threads and lanes are fibres that run from barrier to barrier in an order by the seed    |
/// | a barrier is reached by some only               | nobody can go on: a message says who waits where                                         |
/// | all lanes of a thread do what one should do     | lanes are fibres too                                                                     |
/// | memory is freed before its kernel ran           | launches wait until somebody fences; what was freed meanwhile stays closed               |
/// | a fence is missing, or on the wrong instance    | each instance has its own queue, and what has not run has left NaN                       |
/// | a team size that the device does not offer      | the policy refuses it; AUTO changes with the seed                                        |
///
/// It does not find races between threads that atomics would cure, nor a raw host pointer in a kernel. Include it right behind <Kokkos_Core.hpp>, in every source
/// file of a program or in none: it changes what an access to a View does.

#include "launch.hpp"
#include "machine.hpp"
#include "space.hpp"
#include "team.hpp"

#include "kokkos_internals.hpp"
