// SPDX-License-Identifier: Apache-2.0

#include <ocellus/image/connected_components.hpp>

#include "image/images.hpp"
#include "reference/connected_components.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

template <class C>
class ConnectedComponents : public ::testing::Test {};
TYPED_TEST_SUITE(ConnectedComponents, Configurations);

TYPED_TEST(ConnectedComponents, agrees_with_the_reference_at_awkward_sizes_and_all_densities) {
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  for (auto const& [height, width] :
       {std::pair{0, 3}, std::pair{1, 1}, std::pair{1, 31}, std::pair{29, 1}, std::pair{31, 33}, std::pair{37, 64}, std::pair{9, 65}, std::pair{70, 131}}) {
    for (double const share : {0.0, 0.3, 0.45, 0.6, 1.0}) {
      for (auto const connectivity : {image::Connectivity::four, image::Connectivity::eight}) {
        SCOPED_TRACE(::testing::Message() << height << " x " << width << ", share " << share);
        auto const m    = random_mask(height, width, share);
        auto const want = reference::connected_components(m, height, width, connectivity == image::Connectivity::eight);
        TestArray<bool, 2, Layout, Exec> const mask({height, width}, m);
        TestArray<std::int32_t, 2, Layout, Exec> const labels({height, width});
        auto const count = image::connected_components(Exec(), mask.view(), labels.view(), {.connectivity = connectivity});
        EXPECT_EQ(labels.values(), want);
        EXPECT_EQ(static_cast<double>(count), want.empty() ? 0.0 : *std::max_element(want.begin(), want.end()));
        EXPECT_TRUE(labels.guards_intact());
      }
    }
  }
}

TYPED_TEST(ConnectedComponents, follows_a_spiral_and_a_comb_and_does_not_depend_on_the_schedule) {
  using Layout                = typename TypeParam::Layout;
  using Exec                  = typename TypeParam::Exec;
  constexpr std::int64_t size = 97;
  std::vector<double> spiral(size * size, 0), comb(size * size, 0);
  std::int64_t y = 0, x = 0, dy = 0, dx = 1;
  for (std::int64_t length = size - 1; length > 0; length -= 2) {  // two turns a length, so that a free line stays between the arms
    for (int turn = 0; turn < 2; ++turn) {
      for (std::int64_t step = 0; step < length; ++step, y += dy, x += dx) spiral[y * size + x] = 1;
      std::swap(dy, dx);
      dx = -dx;
    }
  }
  for (std::int64_t i = 0; i < size * size; ++i) comb[i] = i / size == size - 1 || i % 2 == 0 ? 1 : 0;
  with_thread_counts<Exec>([&](Exec const& exec) {
    for (auto const* const m : {&spiral, &comb}) {
      TestArray<bool, 2, Layout, Exec> const mask({size, size}, *m);
      TestArray<std::int64_t, 2, Layout, Exec> const labels({size, size});
      auto const count = image::connected_components(exec, mask.view(), labels.view(), {.connectivity = image::Connectivity::four});
      auto const want  = reference::connected_components(*m, size, size, false);
      EXPECT_EQ(labels.values(), want);
      EXPECT_EQ(static_cast<double>(count), *std::max_element(want.begin(), want.end()));
    }
  });
}

TYPED_TEST(ConnectedComponents, labels_what_it_does_and_gives_its_workspace_back) {
  using Exec = typename TypeParam::Exec;
  TestArray<bool, 2, Kokkos::LayoutRight, Exec> const mask({9, 11}, random_mask(9, 11, 0.5));
  TestArray<std::int32_t, 2, Kokkos::LayoutRight, Exec> const labels({9, 11});
  Exec const exec;
  auto const m = mask.view();
  auto const l = labels.view();
  WorkspaceFor<Exec> workspace(exec, image::connected_components_workspace_size(exec, m, l));
  image::connected_components(exec, m, l, {}, workspace);
  auto const events = record([&] { image::connected_components(exec, m, l, {}, workspace); });
  expect_labels(events);
  EXPECT_TRUE(events.allocations.empty());
  EXPECT_FALSE(events.fences.empty());
  EXPECT_EQ(workspace.used(), 0u);
}

TEST(ConnectedComponents, names_what_does_not_fit) {
  HostTensor<bool**> const mask("mask", 2, 3);
  HostTensor<std::int32_t**> const tall("tall", 3, 3), wide("wide", 2, 4);
  Kokkos::Serial const exec;
  EXPECT_EQ(refusal([&] { image::connected_components(exec, mask, tall); }),
            "ocellus::image::connected_components: labels.extent(0) is 3 but mask.extent(0) is 2");
  EXPECT_EQ(refusal([&] { image::connected_components(exec, mask, wide); }),
            "ocellus::image::connected_components: labels.extent(1) is 4 but mask.extent(1) is 3");
}

}  // namespace
}  // namespace ocellus::test
