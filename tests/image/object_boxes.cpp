// SPDX-License-Identifier: Apache-2.0

#include <ocellus/image/object_boxes.hpp>

#include "image/images.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

template <class C>
class ObjectBoxes : public ::testing::Test {};
TYPED_TEST_SUITE(ObjectBoxes, Configurations);

TYPED_TEST(ObjectBoxes, encloses_each_object_and_gives_zeros_for_one_that_is_not_there) {
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  with_thread_counts<Exec>([&](Exec const& exec) {
    TestArray<std::int32_t, 2, Layout, Exec> const labels({3, 4}, {1, 0, 0, 3, 0, 1, 0, 3, 9, -2, 0, 3});
    TestArray<std::int64_t, 2, Layout, Exec> const boxes({3, 4});
    image::object_boxes(exec, labels.view(), boxes.view());
    exec.fence();
    EXPECT_EQ(boxes.values(), (std::vector<double>{0, 0, 2, 2, 0, 0, 0, 0, 0, 3, 3, 4}));
    EXPECT_TRUE(boxes.guards_intact());
  });
}

TYPED_TEST(ObjectBoxes, agrees_with_a_plain_loop_at_awkward_sizes) {
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  for (auto const& [height, width] : {std::pair{0, 3}, std::pair{1, 1}, std::pair{31, 1}, std::pair{29, 37}}) {
    std::int64_t const objects = 5;
    auto const l               = random_integers(static_cast<std::size_t>(height * width), 200);
    std::vector<double> want(objects * 4, 0);
    for (std::int64_t i = 0; i < height * width; ++i) {
      if (l[i] < 1 || l[i] > objects) continue;
      double* const box = want.data() + 4 * (static_cast<std::int64_t>(l[i]) - 1);
      double const y = static_cast<double>(i / width), x = static_cast<double>(i % width);
      bool const first = box[2] == 0;
      box[0] = first ? y : std::min(box[0], y), box[1] = first ? x : std::min(box[1], x), box[2] = std::max(box[2], y + 1), box[3] = std::max(box[3], x + 1);
    }
    TestArray<std::uint16_t, 2, Layout, Exec> const labels({height, width}, l);
    TestArray<std::int32_t, 2, Layout, Exec> const boxes({objects, 4});
    Exec const exec;
    image::object_boxes(exec, labels.view(), boxes.view());
    exec.fence();
    EXPECT_EQ(boxes.values(), want);
  }
}

TYPED_TEST(ObjectBoxes, behaves) {
  using Exec = typename TypeParam::Exec;
  TestArray<std::int32_t, 2, Kokkos::LayoutRight, Exec> const labels({9, 11}, random_mask(9, 11, 0.5));
  TestArray<std::int64_t, 2, Kokkos::LayoutRight, Exec> const boxes({1, 4});
  Exec const exec;
  auto const l = labels.view();
  auto const b = boxes.view();
  expect_good_manners(record([&] { image::object_boxes(exec, l, b); }));
  exec.fence();
}

TEST(ObjectBoxes, names_what_does_not_fit) {
  HostTensor<std::int32_t**> const labels("labels", 2, 3);
  HostTensor<std::int64_t**> const boxes("boxes", 2, 3);
  EXPECT_EQ(refusal([&] { image::object_boxes(Kokkos::Serial(), labels, boxes); }), "ocellus::image::object_boxes: boxes.extent(1) is 3 but must be 4");
}

}  // namespace
}  // namespace ocellus::test
