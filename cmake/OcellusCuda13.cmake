# SPDX-License-Identifier: Apache-2.0

# Kokkos before 4.7 calls runtime functions of CUDA in the form that they had before CUDA 13: with both, kokkos_cuda13_compat.hpp goes in front of every source that
# uses Kokkos. The folder of this file holds that header, in the source tree and in an installed package.

set(ocellus_cuda13_header "${CMAKE_CURRENT_LIST_DIR}/kokkos_cuda13_compat.hpp")

function(ocellus_apply_cuda13_header)
  if(NOT "CUDA" IN_LIST Kokkos_DEVICES OR NOT Kokkos_VERSION VERSION_LESS 4.7)
    return()
  endif()
  find_package(CUDAToolkit QUIET)
  if(NOT CUDAToolkit_VERSION VERSION_GREATER_EQUAL 13)
    return()
  endif()
  get_target_property(aliased Kokkos::kokkos ALIASED_TARGET)
  if(NOT aliased)
    set(aliased Kokkos::kokkos)
  endif()
  get_target_property(options ${aliased} INTERFACE_COMPILE_OPTIONS)
  if(NOT options MATCHES kokkos_cuda13_compat)
    target_compile_options(${aliased} INTERFACE "SHELL:-include ${ocellus_cuda13_header}")
  endif()
endfunction()
