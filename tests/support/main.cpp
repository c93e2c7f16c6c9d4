// SPDX-License-Identifier: Apache-2.0

// The main function of every test program: Kokkos is initialised once, after the Tools callbacks are in place.

#include <gtest/gtest.h>

#include <Kokkos_Core.hpp>

#include <string_view>

#include "manners.hpp"

namespace ocellus::test {
namespace {

bool recording = false;
Events events;

void keep(std::vector<std::string> Events::*list, char const* name) {
  if (recording) (events.*list).emplace_back(name);
}

void begin_kernel(char const* name, std::uint32_t, std::uint64_t*) { keep(&Events::kernels, name); }
bool contains(char const* name, std::string_view part) { return std::string_view(name).find(part) != std::string_view::npos; }

/// What the Threads backend does of itself: it waits for its last kernel before it starts the next, and frees its threads' scratch when a kernel needs more.
/// A call of ours that frees memory has allocated it, which is seen.
void begin_fence(char const* name, std::uint32_t, std::uint64_t*) {
  if (!contains(name, "Kokkos::ThreadsInternal::fence") && !contains(name, "impl_deallocate before free")) keep(&Events::fences, name);
}
/// Kokkos allocates scratch of its own on an instance's first launch, which comes earlier or later by which tests run before: it is not the call's doing.
void allocate(Kokkos_Profiling_SpaceHandle, char const* name, void const*, std::uint64_t) {
  if (!contains(name, "scratch_mem") && !contains(name, "Kokkos::thread_scratch")) keep(&Events::allocations, name);
}
void begin_copy(Kokkos_Profiling_SpaceHandle, char const* name, void const*, Kokkos_Profiling_SpaceHandle, char const*, void const*, std::uint64_t) {
  keep(&Events::copies, name);
}

void install_callbacks() {
  namespace Tools = Kokkos::Tools::Experimental;
  // Without this each kernel is fenced on both sides for the tool's sake.
  Tools::set_request_tool_settings_callback([](std::uint32_t, Kokkos_Tools_ToolSettings* settings) { settings->requires_global_fencing = false; });
  Tools::set_begin_parallel_for_callback(begin_kernel);
  Tools::set_begin_parallel_reduce_callback(begin_kernel);
  Tools::set_begin_parallel_scan_callback(begin_kernel);
  Tools::set_begin_fence_callback(begin_fence);
  Tools::set_allocate_data_callback(allocate);
  Tools::set_begin_deep_copy_callback(begin_copy);
}

}  // namespace

void begin_recording() {
  events    = {};
  recording = true;
}

Events end_recording() {
  recording = false;
  return std::move(events);
}

}  // namespace ocellus::test

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  ocellus::test::install_callbacks();
  Kokkos::ScopeGuard const kokkos(argc, argv);
  return RUN_ALL_TESTS();
}
