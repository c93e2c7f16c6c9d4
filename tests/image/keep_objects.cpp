// SPDX-License-Identifier: Apache-2.0

#include <ocellus/image/keep_objects.hpp>

#include "image/images.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

template <class C>
class KeepObjects : public ::testing::Test {};
TYPED_TEST_SUITE(KeepObjects, Configurations);

TYPED_TEST(KeepObjects, drops_by_area_and_closes_the_gaps) {
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  with_thread_counts<Exec>([&](Exec const& exec) {
    TestArray<std::int32_t, 2, Layout, Exec> const labels({3, 5}, {7, 7, 7, 0, 2, 4, 4, 4, 0, 0, 9, 1, 1, 4, 12}), output({3, 5});
    EXPECT_EQ(image::keep_objects(exec, labels.view(), output.view(), 9, {.minimum_area = 2}), 3);
    EXPECT_EQ(output.values(), (std::vector<double>{3, 3, 3, 0, 0, 2, 2, 2, 0, 0, 0, 1, 1, 2, 0}));
    EXPECT_EQ(image::keep_objects(exec, labels.view(), output.view(), 9, {.minimum_area = 2, .maximum_area = 3}), 2);
    EXPECT_EQ(output.values(), (std::vector<double>{2, 2, 2, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0}));
    EXPECT_TRUE(output.guards_intact());
    EXPECT_EQ(image::keep_objects(exec, labels.view(), labels.view(), 12), 6);
    EXPECT_EQ(labels.values(), (std::vector<double>{4, 4, 4, 0, 2, 3, 3, 3, 0, 0, 5, 1, 1, 3, 6}));
  });
}

TYPED_TEST(KeepObjects, takes_empty_images_no_labels_and_more_labels_than_a_chunk) {
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  TestArray<std::int32_t, 2, Layout, Exec> const empty({0, 4});
  EXPECT_EQ(image::keep_objects(Exec(), empty.view(), empty.view(), 3), 0);
  std::vector<double> l(40 * 50), want(l.size());
  for (std::size_t i = 0; i < l.size(); ++i) l[i] = static_cast<double>(2 * i), want[i] = static_cast<double>(i);
  TestArray<std::int32_t, 2, Layout, Exec> const labels({40, 50}, l), output({40, 50});
  EXPECT_EQ(image::keep_objects(Exec(), labels.view(), output.view(), 4000), 1999);
  EXPECT_EQ(output.values(), want);
  EXPECT_EQ(image::keep_objects(Exec(), labels.view(), output.view(), 0), 0);
  EXPECT_EQ(output.values(), std::vector<double>(l.size(), 0.0));
}

TYPED_TEST(KeepObjects, labels_what_it_does_and_gives_its_workspace_back) {
  using Exec = typename TypeParam::Exec;
  TestArray<std::int32_t, 2, Kokkos::LayoutRight, Exec> const labels({9, 11}, random_mask(9, 11, 0.5)), output({9, 11});
  Exec const exec;
  auto const l = labels.view(), o = output.view();
  WorkspaceFor<Exec> workspace(exec, image::keep_objects_workspace_size(exec, l, o, 3));
  image::keep_objects(exec, l, o, 3, {}, workspace);
  auto const events = record([&] { image::keep_objects(exec, l, o, 3, {}, workspace); });
  expect_labels(events);
  EXPECT_TRUE(events.allocations.empty());
  EXPECT_EQ(workspace.used(), 0u);
}

TEST(KeepObjects, names_what_does_not_fit) {
  HostTensor<std::int32_t**> const labels("labels", 2, 3), tall("tall", 3, 3), wide("wide", 2, 4);
  Kokkos::Serial const exec;
  EXPECT_EQ(refusal([&] { image::keep_objects(exec, labels, tall, 1); }), "ocellus::image::keep_objects: output.extent(0) is 3 but labels.extent(0) is 2");
  EXPECT_EQ(refusal([&] { image::keep_objects(exec, labels, wide, 1); }), "ocellus::image::keep_objects: output.extent(1) is 4 but labels.extent(1) is 3");
  EXPECT_EQ(refusal([&] { image::keep_objects(exec, labels, labels, -1); }), "ocellus::image::keep_objects: largest is -1 but must be between 0 and 2^31");
}

}  // namespace
}  // namespace ocellus::test
