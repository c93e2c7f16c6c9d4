// SPDX-License-Identifier: Apache-2.0

#include <ocellus/image/otsu_threshold.hpp>

#include "image/images.hpp"
#include "reference/otsu_threshold.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

template <class C>
class OtsuThreshold : public ::testing::Test {};
TYPED_TEST_SUITE(OtsuThreshold, Configurations);

template <class Scalar, class Layout, class Exec>
double threshold_of(Exec const& exec, std::vector<double> const& x, std::int64_t height, std::int64_t width, image::ThresholdScale scale) {
  TestArray<Scalar, 2, Layout, Exec> const input({height, width}, x);
  TestArray<Scalar, 0, Layout, Exec> const threshold({});
  image::otsu_threshold(exec, input.view(), threshold.view(), {.scale = scale});
  EXPECT_TRUE(threshold.guards_intact());
  return threshold.values()[0];
}

/// Whole numbers 0 .. 256, both ends included: every bin is exact. Two heaps.
std::vector<double> two_heaps(std::size_t count) {
  auto values = random_values(count, 4, 12.0);
  for (std::size_t i = 0; i < count; ++i) values[i] = std::min(256.0, std::max(0.0, std::round(values[i] + (i % 3 == 0 ? 180 : 60))));
  values.front() = 0, values.back() = 256;
  return values;
}

TYPED_TEST(OtsuThreshold, agrees_with_the_reference) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  for (auto const& [height, width] : {std::pair{1, 2}, std::pair{7, 1}, std::pair{31, 33}, std::pair{64, 17}}) {
    for (auto const scale : {image::ThresholdScale::linear, image::ThresholdScale::square_root}) {
      SCOPED_TRACE(::testing::Message() << height << " x " << width);
      auto const x    = two_heaps(static_cast<std::size_t>(height * width));
      bool const root = scale == image::ThresholdScale::square_root;
      EXPECT_NEAR((threshold_of<Scalar, Layout>(Exec(), x, height, width, scale)), reference::otsu_threshold(x, root), root ? 2.0 : 1e-4);
    }
  }
}

TYPED_TEST(OtsuThreshold, separates_what_is_separate_and_passes_over_what_is_not_finite) {
  using Scalar     = typename TypeParam::Scalar;
  using Layout     = typename TypeParam::Layout;
  using Exec       = typename TypeParam::Exec;
  double const nan = std::numeric_limits<double>::quiet_NaN(), infinity = std::numeric_limits<double>::infinity();
  for (auto const scale : {image::ThresholdScale::linear, image::ThresholdScale::square_root}) {
    double const got = threshold_of<Scalar, Layout>(Exec(), {nan, 1, 1.5, 1.25, infinity, 9, 10, -infinity}, 2, 4, scale);
    EXPECT_GE(got, 1.5);
    EXPECT_LT(got, 9.0);
    EXPECT_EQ((threshold_of<Scalar, Layout>(Exec(), {3, 3, 3, 3}, 2, 2, scale)), 3.0);
    EXPECT_EQ((threshold_of<Scalar, Layout>(Exec(), {-7}, 1, 1, scale)), -7.0);
  }
}

TYPED_TEST(OtsuThreshold, same_bits_whatever_the_thread_count) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  auto const x = random_values(61 * 67);
  std::vector<double> first;
  with_thread_counts<Exec>([&](Exec const& exec) {
    std::vector<double> const got{threshold_of<Scalar, Layout>(exec, x, 61, 67, image::ThresholdScale::linear),
                                  threshold_of<Scalar, Layout>(exec, x, 61, 67, image::ThresholdScale::square_root)};
    if (first.empty()) first = got;
    expect_same_bits(got, first);
  });
}

TYPED_TEST(OtsuThreshold, neither_fences_nor_allocates_with_a_workspace) {
  using Exec = typename TypeParam::Exec;
  TestArray<float, 2, Kokkos::LayoutRight, Exec> const input({9, 11}, random_values(99));
  TestArray<float, 0, Kokkos::LayoutRight, Exec> const threshold({});
  Exec const exec;
  auto const i = input.view();
  auto const t = threshold.view();
  WorkspaceFor<Exec> workspace(exec, image::otsu_threshold_workspace_size(exec, i, t));
  auto const events = record([&] { image::otsu_threshold(exec, i, t, {}, workspace); });
  expect_good_manners(events);
  exec.fence();
  EXPECT_EQ(workspace.used(), 0u);
}

TEST(OtsuThreshold, refuses_an_empty_image) {
  HostTensor<float**> const input("input", 0, 3);
  HostTensor<float> const threshold("threshold");
  EXPECT_EQ(refusal([&] { image::otsu_threshold(Kokkos::Serial(), input, threshold); }),
            "ocellus::image::otsu_threshold: input is 0 x 3: an empty image has no threshold");
}

}  // namespace
}  // namespace ocellus::test
