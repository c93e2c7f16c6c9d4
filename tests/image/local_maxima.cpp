// SPDX-License-Identifier: Apache-2.0

#include <ocellus/image/local_maxima.hpp>

#include "image/images.hpp"
#include "reference/local_maxima.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

template <class C>
class LocalMaxima : public ::testing::Test {};
TYPED_TEST_SUITE(LocalMaxima, Configurations);

TYPED_TEST(LocalMaxima, agrees_with_the_reference_on_few_levels_with_many_ties) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  for (auto const& [height, width] : {std::pair{0, 3}, std::pair{1, 1}, std::pair{1, 13}, std::pair{11, 1}, std::pair{17, 19}}) {
    for (std::int64_t const radius : {1, 2, 5}) {
      for (double const share : {0.5, 1.0}) {
        SCOPED_TRACE(::testing::Message() << height << " x " << width << ", radius " << radius);
        auto const x = random_integers(static_cast<std::size_t>(height * width), 3), m = random_mask(height, width, share);
        auto const want = reference::local_maxima(x, m, height, width, radius);
        TestArray<Scalar, 2, Layout, Exec> const input({height, width}, x);
        TestArray<bool, 2, Layout, Exec> const mask({height, width}, m);
        TestArray<std::int32_t, 2, Layout, Exec> const labels({height, width});
        auto const count = image::local_maxima(Exec(), input.view(), mask.view(), labels.view(), {.radius = radius});
        EXPECT_EQ(labels.values(), want);
        EXPECT_EQ(static_cast<double>(count), want.empty() ? 0.0 : *std::max_element(want.begin(), want.end()));
        EXPECT_TRUE(labels.guards_intact());
      }
    }
  }
}

TYPED_TEST(LocalMaxima, a_plateau_has_one_maximum_and_threads_do_not_matter) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  with_thread_counts<Exec>([&](Exec const& exec) {
    TestArray<Scalar, 2, Layout, Exec> const input({40, 41}, std::vector<double>(40 * 41, 2.0));
    TestArray<bool, 2, Layout, Exec> const mask({40, 41}, std::vector<double>(40 * 41, 1.0));
    TestArray<std::int64_t, 2, Layout, Exec> const labels({40, 41});
    EXPECT_EQ(image::local_maxima(exec, input.view(), mask.view(), labels.view(), {.radius = 3}), 1);
    EXPECT_EQ(labels.values()[0], 1.0);
  });
}

TYPED_TEST(LocalMaxima, labels_what_it_does_and_gives_its_workspace_back) {
  using Exec = typename TypeParam::Exec;
  TestArray<float, 2, Kokkos::LayoutRight, Exec> const input({9, 11}, random_values(99));
  TestArray<bool, 2, Kokkos::LayoutRight, Exec> const mask({9, 11}, random_mask(9, 11, 0.8));
  TestArray<std::int32_t, 2, Kokkos::LayoutRight, Exec> const labels({9, 11});
  Exec const exec;
  auto const i = input.view();
  auto const m = mask.view();
  auto const l = labels.view();
  WorkspaceFor<Exec> workspace(exec, image::local_maxima_workspace_size(exec, i, m, l));
  image::local_maxima(exec, i, m, l, {}, workspace);
  auto const events = record([&] { image::local_maxima(exec, i, m, l, {}, workspace); });
  expect_labels(events);
  EXPECT_TRUE(events.allocations.empty());
  EXPECT_EQ(workspace.used(), 0u);
}

TEST(LocalMaxima, names_what_does_not_fit) {
  HostTensor<float**> const input("input", 2, 3);
  HostTensor<bool**> const mask("mask", 2, 3), tall("tall", 3, 3);
  HostTensor<std::int32_t**> const labels("labels", 2, 3), wide("wide", 2, 4);
  Kokkos::Serial const exec;
  EXPECT_EQ(refusal([&] { image::local_maxima(exec, input, tall, labels); }), "ocellus::image::local_maxima: mask.extent(0) is 3 but input.extent(0) is 2");
  EXPECT_EQ(refusal([&] { image::local_maxima(exec, input, mask, wide); }), "ocellus::image::local_maxima: labels.extent(1) is 4 but input.extent(1) is 3");
  EXPECT_EQ(refusal([&] { image::local_maxima(exec, input, mask, labels, {.radius = 0}); }),
            "ocellus::image::local_maxima: radius is 0 but must be between 1 and 1000");
}

}  // namespace
}  // namespace ocellus::test
