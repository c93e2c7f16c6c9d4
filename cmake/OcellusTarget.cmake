# SPDX-License-Identifier: Apache-2.0

# ocellus::ocellus, the one target that users of the kernels link, and ocellus::io, which the readers and writers need beside it.

foreach(compiler GNU:12 Clang:14)
  string(REPLACE ":" ";" compiler "${compiler}")
  list(GET compiler 0 id)
  list(GET compiler 1 least)
  if(CMAKE_CXX_COMPILER_ID STREQUAL id AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS least)
    message(FATAL_ERROR "Ocellus needs ${id} ${least} or newer, but ${CMAKE_CXX_COMPILER} is ${CMAKE_CXX_COMPILER_VERSION}")
  endif()
endforeach()

find_package(Eigen3 3.4 REQUIRED CONFIG)

add_library(ocellus INTERFACE)
add_library(ocellus::ocellus ALIAS ocellus)
target_include_directories(ocellus INTERFACE $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:include>)
target_compile_features(ocellus INTERFACE cxx_std_20)
target_link_libraries(ocellus INTERFACE Kokkos::kokkos Eigen3::Eigen)
if(OCELLUS_ENABLE_LAPACK)
  find_package(LAPACK REQUIRED)
  target_link_libraries(ocellus INTERFACE LAPACK::LAPACK)
  target_compile_definitions(ocellus INTERFACE OCELLUS_ENABLE_LAPACK)
endif()

find_package(TIFF QUIET)
find_package(PNG QUIET)
find_package(nlohmann_json QUIET CONFIG)
if(TIFF_FOUND AND PNG_FOUND AND nlohmann_json_FOUND)
  add_library(ocellus_io INTERFACE)
  add_library(ocellus::io ALIAS ocellus_io)
  target_link_libraries(ocellus_io INTERFACE ocellus TIFF::TIFF PNG::PNG nlohmann_json::nlohmann_json)
else()
  message(STATUS "Ocellus: no target ocellus::io, because libtiff (${TIFF_FOUND}), libpng (${PNG_FOUND}) or nlohmann_json (${nlohmann_json_FOUND}) is not installed")
endif()

# What this project's own programs are compiled with; users choose their own.
set(OCELLUS_SANITIZE "" CACHE STRING "Sanitizers of this project's programs, e.g. address,undefined")
add_library(ocellus_project_options INTERFACE)
target_compile_options(
  ocellus_project_options
  INTERFACE -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion $<$<BOOL:${OCELLUS_NATIVE}>:-march=native>
            # lets ccache reuse what is compiled with a precompiled header
            $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)
if("CUDA" IN_LIST Kokkos_DEVICES OR Kokkos_ENABLE_CUDA)
  # nvcc only warns when a kernel calls what is compiled for the host alone.
  target_compile_options(ocellus_project_options INTERFACE "SHELL:-Werror cross-execution-space-call")
  # Eigen is for the host here: without this it declares all it has for kernels too, and nvcc warns of what that calls.
  target_compile_definitions(ocellus_project_options INTERFACE EIGEN_NO_CUDA)
endif()
if(OCELLUS_SANITIZE)
  set(sanitize -fsanitize=${OCELLUS_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  if(OCELLUS_SANITIZE MATCHES undefined)
    # These double the time to compile and find little that the address sanitizer does not.
    list(APPEND sanitize -fno-sanitize=null,alignment,vptr,object-size,pointer-overflow)
  endif()
  if(OCELLUS_SANITIZE STREQUAL thread)
    list(APPEND sanitize -fsanitize-ignorelist=${PROJECT_SOURCE_DIR}/tests/tsan/ignore.txt)
  endif()
  target_compile_options(ocellus_project_options INTERFACE ${sanitize})
  target_link_options(ocellus_project_options INTERFACE ${sanitize})
endif()
