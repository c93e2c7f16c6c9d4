// SPDX-License-Identifier: Apache-2.0

#include <ocellus/core/workspace.hpp>

#include <gtest/gtest.h>

#include <cstring>

#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

using HostWorkspace = Workspace<Kokkos::HostSpace>;

TEST(Workspace, pieces_are_aligned_apart_and_given_back_at_the_end_of_a_scope) {
  Kokkos::Serial const exec;
  HostWorkspace workspace(exec, workspace_bytes<float>(33) + workspace_bytes<double>(6));
  {
    HostWorkspace::Scope const outer(workspace);
    auto const first = workspace.take<float*>("ocellus::test", 33);
    {
      HostWorkspace::Scope const inner(workspace);
      auto const second = workspace.take<double**>("ocellus::test", 2, 3);
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(first.data()) % 128, 0u);
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(second.data()) % 128, 0u);
      EXPECT_GE(reinterpret_cast<std::byte*>(second.data()), reinterpret_cast<std::byte*>(first.data() + 33));
      EXPECT_EQ(second.extent(1), 3u);
      EXPECT_EQ(second.stride(0), 3u);
      std::memset(second.data(), 0, second.size() * sizeof(double));
    }
    EXPECT_EQ(workspace.used(), workspace_bytes<float>(33));
  }
  EXPECT_EQ(workspace.used(), 0u);
}

TEST(Workspace, holds_what_the_sizes_add_up_to_wherever_the_callers_memory_begins) {
  for (std::size_t const shift : {0, 1, 64, 127}) {
    Kokkos::View<std::byte*, Kokkos::HostSpace> const memory("memory", 1024 + shift);
    HostWorkspace workspace(Kokkos::View<std::byte*, Kokkos::HostSpace>(Kokkos::subview(memory, std::pair<std::size_t, std::size_t>(shift, 1024 + shift))));
    EXPECT_GE(workspace.capacity(), 1024u - 128u);
    auto const piece = workspace.take<std::byte*>("ocellus::test", workspace.capacity() / 128 * 128);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(piece.data()) % 128, 0u);
    EXPECT_LE(piece.data() + piece.size(), memory.data() + memory.size());
  }
}

TEST(Workspace, too_small_names_the_function_and_both_byte_counts) {
  Kokkos::Serial const exec;
  HostWorkspace workspace(exec, 128);
  EXPECT_GE(workspace.capacity(), 128u);
  auto const message = refusal([&] { (void)workspace.take<double*>("ocellus::nn::f", 1000); });
  EXPECT_EQ(message, "ocellus::nn::f: the workspace is too small: 8064 bytes are needed but it has " + std::to_string(workspace.capacity()));
  EXPECT_EQ(workspace.used(), 0u) << "a refusal takes nothing";
  HostWorkspace nothing;
  EXPECT_EQ(nothing.capacity(), 0u);
  EXPECT_NO_THROW((void)nothing.take<float*>("ocellus::nn::f", 0));
}

TEST(Workspace, allocates_once_under_the_librarys_label_without_a_fence) {
  Kokkos::DefaultHostExecutionSpace const exec;
  auto const events = record([&] {
    WorkspaceFor<Kokkos::DefaultHostExecutionSpace> workspace(exec, 4096);
    (void)workspace.take<float*>("ocellus::test", 100);
    (void)workspace.take<int*>("ocellus::test", 100);
  });
  EXPECT_EQ(events.allocations, std::vector<std::string>{"ocellus::workspace"});
}

}  // namespace
}  // namespace ocellus::test
