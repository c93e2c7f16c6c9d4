// SPDX-License-Identifier: Apache-2.0

#include <ocellus/image/segment_nuclei.hpp>

#include "image/images.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

template <class C>
class SegmentNuclei : public ::testing::Test {};
TYPED_TEST_SUITE(SegmentNuclei, Configurations);

/// Twelve nuclei of radius 8 to 11, of which two pairs touch, one dim; uneven background; noise.
struct Scene {
  static constexpr std::int64_t height = 150, width = 190;
  std::vector<double> truth, pixels;

  Scene() {
    std::vector<Disc> const discs{{20, 20, 9}, {20, 37, 9},   {25, 75, 10}, {22, 120, 8},  {30, 165, 11}, {70, 25, 10},
                                  {75, 70, 8}, {72, 110, 11}, {80, 160, 9}, {120, 40, 10}, {120, 58, 10}, {122, 130, 9}};
    truth      = disc_labels(discs, height, width);
    auto noise = random_values(truth.size(), 11, 4.0);
    pixels     = noise;
    for (std::size_t i = 0; i < truth.size(); ++i) {
      double const slope = static_cast<double>(i % width) / 10;
      pixels[i] += 20 + slope + (truth[i] == 0 ? 0 : truth[i] == 4 ? 50 : 100);
    }
  }
};

/// True objects that some object found covers with an intersection over union above a half.
int objects_matched(std::vector<double> const& truth, std::vector<double> const& found, int objects, int candidates) {
  int matched = 0;
  for (int t = 1; t <= objects; ++t) {
    for (int f = 1; f <= candidates; ++f) {
      double both = 0, either = 0;
      for (std::size_t i = 0; i < truth.size(); ++i) both += truth[i] == t && found[i] == f, either += truth[i] == t || found[i] == f;
      matched += both > either / 2;
    }
  }
  return matched;
}

TYPED_TEST(SegmentNuclei, finds_and_splits_discs_on_an_uneven_noisy_background_the_same_on_any_number_of_threads) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  Scene const scene;
  std::vector<double> first;
  with_thread_counts<Exec>([&](Exec const& exec) {
    TestArray<Scalar, 2, Layout, Exec> const image({scene.height, scene.width}, scene.pixels);
    TestArray<std::int32_t, 2, Layout, Exec> const labels({scene.height, scene.width});
    EXPECT_EQ(image::segment_nuclei(exec, image.view(), labels.view()), 12);
    EXPECT_TRUE(labels.guards_intact());
    if (first.empty()) first = labels.values();
    EXPECT_EQ(labels.values(), first);
  });
  EXPECT_EQ(objects_matched(scene.truth, first, 12, 12), 12);
}

TEST(SegmentNuclei, leaves_touching_nuclei_together_when_told_and_drops_by_size) {
  Scene const scene;
  TestArray<float, 2, Kokkos::LayoutRight, Kokkos::Serial> const image({scene.height, scene.width}, scene.pixels);
  TestArray<std::int32_t, 2, Kokkos::LayoutRight, Kokkos::Serial> const labels({scene.height, scene.width});
  Kokkos::Serial const exec;
  EXPECT_EQ(image::segment_nuclei(exec, image.view(), labels.view(), {.split = false}), 10);
  EXPECT_EQ(image::segment_nuclei(exec, image.view(), labels.view(), {.smallest = 3}), 0);
  EXPECT_EQ(labels.values(), std::vector<double>(labels.size(), 0.0));
}

TEST(SegmentNuclei, fills_holes_and_finds_nothing_in_a_constant_image) {
  std::vector<double> ring(60 * 60, 10.0);
  for (int i = 0; i < 60 * 60; ++i) {
    double const r = std::hypot(i / 60 - 30, i % 60 - 30);
    if (r <= 11 && r > 3) ring[i] = 100;
  }
  TestArray<float, 2, Kokkos::LayoutRight, Kokkos::Serial> const image({60, 60}, ring), flat({60, 60}, std::vector<double>(3600, 7.0));
  TestArray<std::int32_t, 2, Kokkos::LayoutRight, Kokkos::Serial> const labels({60, 60});
  Kokkos::Serial const exec;
  EXPECT_EQ(image::segment_nuclei(exec, image.view(), labels.view()), 1);
  EXPECT_EQ(labels.values()[30 * 60 + 30], 1.0);
  EXPECT_EQ(image::segment_nuclei(exec, flat.view(), labels.view()), 0);
}

TYPED_TEST(SegmentNuclei, needs_no_more_than_its_workspace_for_any_scalar_and_size) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  for (auto const& [height, width] : {std::pair{1, 1}, std::pair{1, 9}, std::pair{7, 1}, std::pair{33, 65}}) {
    for (bool const split : {true, false}) {
      TestArray<Scalar, 2, Layout, Exec> const image({height, width}, random_values(static_cast<std::size_t>(height * width)));
      TestArray<std::int64_t, 2, Layout, Exec> const labels({height, width});
      Exec const exec;
      auto const i = image.view();
      auto const l = labels.view();
      image::SegmentNucleiOptions const options{.diameter = 5, .split = split};
      WorkspaceFor<Exec> workspace(exec, image::segment_nuclei_workspace_size(exec, i, l, options));
      image::segment_nuclei(exec, i, l, options, workspace);
      auto const events = record([&] { image::segment_nuclei(exec, i, l, options, workspace); });
      EXPECT_TRUE(events.allocations.empty());
      EXPECT_EQ(workspace.used(), 0u);
    }
  }
}

TEST(SegmentNuclei, names_what_does_not_fit) {
  HostTensor<float**> const image("image", 2, 3), empty("empty", 0, 3);
  HostTensor<std::int32_t**> const labels("labels", 2, 3), wide("wide", 2, 4), none_left("none", 0, 3);
  Kokkos::Serial const exec;
  EXPECT_EQ(refusal([&] { image::segment_nuclei(exec, image, wide); }), "ocellus::image::segment_nuclei: labels.extent(1) is 4 but image.extent(1) is 3");
  EXPECT_EQ(refusal([&] { image::segment_nuclei(exec, empty, none_left); }), "ocellus::image::segment_nuclei: image is 0 x 3");
  EXPECT_EQ(refusal([&] { image::segment_nuclei(exec, image, labels, {.diameter = -4}); }),
            "ocellus::image::segment_nuclei: diameter (-4), smoothing (0.050000000000000003), background (3), smallest (0.14999999999999999) and largest (8) "
            "must be positive");
}

}  // namespace
}  // namespace ocellus::test
