// SPDX-License-Identifier: Apache-2.0

#include <ocellus/image/expand_labels.hpp>

#include "image/images.hpp"
#include "reference/expand_labels.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

template <class C>
class ExpandLabels : public ::testing::Test {};
TYPED_TEST_SUITE(ExpandLabels, Configurations);

TYPED_TEST(ExpandLabels, agrees_with_the_reference_and_may_work_in_place) {
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  for (auto const& [height, width] : {std::pair{0, 3}, std::pair{1, 1}, std::pair{1, 23}, std::pair{19, 1}, std::pair{17, 23}}) {
    for (std::int64_t const distance : {0, 1, 2, 5}) {
      SCOPED_TRACE(::testing::Message() << height << " x " << width << ", distance " << distance);
      auto l = random_integers(static_cast<std::size_t>(height * width), 200);
      for (double& v : l) v = v < 195 ? 0 : v - 194;
      auto const want = reference::expand_labels(l, height, width, distance);
      TestArray<std::int32_t, 2, Layout, Exec> const labels({height, width}, l);
      TestArray<std::uint16_t, 2, Layout, Exec> const output({height, width});
      image::expand_labels(Exec(), labels.view(), output.view(), {.distance = distance});
      EXPECT_EQ(output.values(), want);
      EXPECT_TRUE(output.guards_intact());
      image::expand_labels(Exec(), labels.view(), labels.view(), {.distance = distance});
      EXPECT_EQ(labels.values(), want);
    }
  }
}

TYPED_TEST(ExpandLabels, covers_a_disc_and_no_more_than_its_octagon) {
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  std::vector<double> l(81 * 81, 0);
  l[40 * 81 + 40] = 1;
  with_thread_counts<Exec>([&](Exec const& exec) {
    TestArray<std::int32_t, 2, Layout, Exec> const labels({81, 81}, l), output({81, 81});
    image::expand_labels(exec, labels.view(), output.view(), {.distance = 30});
    auto const got = output.values();
    for (int i = 0; i < 81 * 81; ++i) {
      int const dy = std::abs(i / 81 - 40), dx = std::abs(i % 81 - 40);
      EXPECT_EQ(got[i], dy <= 30 && dx <= 30 && dy + dx <= 45 ? 1.0 : 0.0) << i;
      EXPECT_TRUE(got[i] != 0 || dy * dy + dx * dx > 30 * 30) << i;
      EXPECT_TRUE(got[i] == 0 || std::hypot(dy, dx) <= 30 * std::sqrt(1.25)) << i;
    }
  });
}

TYPED_TEST(ExpandLabels, behaves) {
  using Exec = typename TypeParam::Exec;
  TestArray<std::int32_t, 2, Kokkos::LayoutRight, Exec> const labels({9, 11}, random_mask(9, 11, 0.1)), output({9, 11});
  Exec const exec;
  auto const l = labels.view(), o = output.view();
  WorkspaceFor<Exec> workspace(exec, image::expand_labels_workspace_size(exec, l, o));
  expect_good_manners(record([&] { image::expand_labels(exec, l, o, {.distance = 3}, workspace); }));
  exec.fence();
  EXPECT_EQ(workspace.used(), 0u);
}

TEST(ExpandLabels, names_what_does_not_fit) {
  HostTensor<std::int32_t**> const labels("labels", 2, 3), tall("tall", 3, 3), wide("wide", 2, 4);
  Kokkos::Serial const exec;
  EXPECT_EQ(refusal([&] { image::expand_labels(exec, labels, tall); }), "ocellus::image::expand_labels: output.extent(0) is 3 but labels.extent(0) is 2");
  EXPECT_EQ(refusal([&] { image::expand_labels(exec, labels, wide); }), "ocellus::image::expand_labels: output.extent(1) is 4 but labels.extent(1) is 3");
  EXPECT_EQ(refusal([&] { image::expand_labels(exec, labels, labels, {.distance = -2}); }),
            "ocellus::image::expand_labels: distance is -2 but must not be negative");
}

}  // namespace
}  // namespace ocellus::test
