# SPDX-License-Identifier: Apache-2.0

# Installs the headers and a CMake package: find_package(ocellus) gives ocellus::ocellus, and ocellus::io where libtiff, libpng and nlohmann_json are there.

if(NOT OCELLUS_INSTALL)
  return()
endif()

include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

set(package_dir ${CMAKE_INSTALL_DATADIR}/cmake/ocellus)
install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/ocellus" DESTINATION include FILES_MATCHING PATTERN "*.hpp")
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" DESTINATION ${CMAKE_INSTALL_DOCDIR})

install(TARGETS ocellus EXPORT ocellusTargets)
install(EXPORT ocellusTargets NAMESPACE ocellus:: DESTINATION ${package_dir})
if(TARGET ocellus_io)
  set_target_properties(ocellus_io PROPERTIES EXPORT_NAME io)
  install(TARGETS ocellus_io EXPORT ocellusIoTargets)
  install(EXPORT ocellusIoTargets NAMESPACE ocellus:: DESTINATION ${package_dir})
endif()

configure_package_config_file("${CMAKE_CURRENT_LIST_DIR}/ocellusConfig.cmake.in" "${PROJECT_BINARY_DIR}/package/ocellusConfig.cmake" INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file("${PROJECT_BINARY_DIR}/package/ocellusConfigVersion.cmake" COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
install(FILES "${PROJECT_BINARY_DIR}/package/ocellusConfig.cmake" "${PROJECT_BINARY_DIR}/package/ocellusConfigVersion.cmake" DESTINATION ${package_dir})
install(FILES "${CMAKE_CURRENT_LIST_DIR}/OcellusCuda13.cmake" "${CMAKE_CURRENT_LIST_DIR}/kokkos_cuda13_compat.hpp" DESTINATION ${package_dir})
