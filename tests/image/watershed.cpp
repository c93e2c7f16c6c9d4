// SPDX-License-Identifier: Apache-2.0

#include <ocellus/image/watershed.hpp>

#include "image/images.hpp"
#include "reference/connected_components.hpp"
#include "reference/watershed.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

template <class C>
class Watershed : public ::testing::Test {};
TYPED_TEST_SUITE(Watershed, Configurations);

/// Seeds on a share of the pixels, numbered in row-major order.
std::vector<double> sparse_seeds(std::int64_t height, std::int64_t width, double share) {
  auto seeds   = random_mask(height, width, share, 7);
  double count = 0;
  for (double& s : seeds) s = s != 0 ? ++count : 0;
  return seeds;
}

TYPED_TEST(Watershed, agrees_with_the_reference_at_awkward_sizes) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  for (auto const& [height, width] : {std::pair{0, 3}, std::pair{1, 1}, std::pair{1, 29}, std::pair{23, 1}, std::pair{23, 29}}) {
    for (int const levels : {0, 3, 40}) {
      for (double const share : {0.7, 1.0}) {
        SCOPED_TRACE(::testing::Message() << height << " x " << width << ", levels " << levels);
        auto x       = random_integers(static_cast<std::size_t>(height * width), levels);
        auto const s = sparse_seeds(height, width, 0.02), m = random_mask(height, width, share);
        for (double& v : x) v = v / 4 - 3;
        TestArray<Scalar, 2, Layout, Exec> const landscape({height, width}, x);
        TestArray<std::int32_t, 2, Layout, Exec> const seeds({height, width}, s), labels({height, width});
        TestArray<bool, 2, Layout, Exec> const mask({height, width}, m);
        image::watershed(Exec(), landscape.view(), seeds.view(), mask.view(), labels.view());
        EXPECT_EQ(labels.values(), reference::watershed(x, s, m, height, width));
        EXPECT_TRUE(labels.guards_intact());
      }
    }
  }
}

TYPED_TEST(Watershed, splits_two_valleys_at_the_ridge_and_floods_in_place) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  // Valleys at 1 and 6, a ridge at 4: the pixel 3 is nearer to the right-hand seed's side of the ridge by height, not by steps.
  TestArray<Scalar, 2, Layout, Exec> const landscape({1, 8}, {1, 0, 1, 2, 5, 1, 0, 1});
  TestArray<std::int32_t, 2, Layout, Exec> const labels({1, 8}, {0, 1, 0, 0, 0, 0, 2, 0});
  TestArray<bool, 2, Layout, Exec> const mask({1, 8}, std::vector<double>(8, 1.0));
  image::watershed(Exec(), landscape.view(), labels.view(), mask.view(), labels.view());
  EXPECT_EQ(labels.values(), (std::vector<double>{1, 1, 1, 1, 2, 2, 2, 2}));
}

TYPED_TEST(Watershed, does_not_depend_on_the_thread_count_and_leaves_unreached_pixels_and_seeds_outside_the_mask) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  auto const x = random_integers(47 * 53, 30), s = sparse_seeds(47, 53, 0.01), m = random_mask(47, 53, 0.6);
  auto const want = reference::watershed(x, s, m, 47, 53);
  with_thread_counts<Exec>([&](Exec const& exec) {
    TestArray<Scalar, 2, Layout, Exec> const landscape({47, 53}, x);
    TestArray<std::int64_t, 2, Layout, Exec> const seeds({47, 53}, s), labels({47, 53});
    TestArray<bool, 2, Layout, Exec> const mask({47, 53}, m);
    image::watershed(exec, landscape.view(), seeds.view(), mask.view(), labels.view());
    EXPECT_EQ(labels.values(), want);
  });
}

/// At the first level at which the water round a pixel holds any seed, it holds the pixel's own.
TYPED_TEST(Watershed, a_pixel_goes_to_a_seed_whose_flood_reaches_it_at_the_lowest_level) {
  using Scalar         = typename TypeParam::Scalar;
  using Layout         = typename TypeParam::Layout;
  using Exec           = typename TypeParam::Exec;
  constexpr int height = 23, width = 29, levels = 12;
  auto const x = random_integers(height * width, levels), s = sparse_seeds(height, width, 0.02), m = random_mask(height, width, 0.75);
  TestArray<Scalar, 2, Layout, Exec> const landscape({height, width}, x);
  TestArray<std::int32_t, 2, Layout, Exec> const seeds({height, width}, s), labels({height, width});
  TestArray<bool, 2, Layout, Exec> const mask({height, width}, m);
  image::watershed(Exec(), landscape.view(), seeds.view(), mask.view(), labels.view());
  auto const got = labels.values();
  std::vector<bool> judged(got.size(), false);
  for (int level = 0; level <= levels; ++level) {
    std::vector<double> wet(got.size());
    for (std::size_t i = 0; i < wet.size(); ++i) wet[i] = m[i] != 0 && (x[i] <= level || s[i] != 0) ? 1 : 0;
    auto const parts = reference::connected_components(wet, height, width, true);
    for (std::size_t i = 0; i < got.size(); ++i) {
      bool any = false, own = false;
      for (std::size_t j = 0; j < got.size() && wet[i] != 0 && !judged[i]; ++j) {
        if (s[j] != 0 && parts[j] == parts[i]) any = true, own = own || s[j] == got[i];
      }
      if (!any) continue;
      EXPECT_TRUE(own) << i << " at level " << level;
      judged[i] = true;
    }
  }
  for (std::size_t i = 0; i < got.size(); ++i) EXPECT_EQ(got[i] != 0, judged[i]) << i;
}

TYPED_TEST(Watershed, labels_what_it_does_and_gives_its_workspace_back) {
  using Exec = typename TypeParam::Exec;
  TestArray<float, 2, Kokkos::LayoutRight, Exec> const landscape({9, 11}, random_values(99));
  TestArray<bool, 2, Kokkos::LayoutRight, Exec> const mask({9, 11}, random_mask(9, 11, 0.8));
  TestArray<std::int32_t, 2, Kokkos::LayoutRight, Exec> const seeds({9, 11}, sparse_seeds(9, 11, 0.1)), labels({9, 11});
  Exec const exec;
  auto const f = landscape.view();
  auto const m = mask.view();
  auto const s = seeds.view(), l = labels.view();
  WorkspaceFor<Exec> workspace(exec, image::watershed_workspace_size(exec, f, s, m, l));
  image::watershed(exec, f, s, m, l, {}, workspace);
  auto const events = record([&] { image::watershed(exec, f, s, m, l, {}, workspace); });
  expect_labels(events);
  EXPECT_TRUE(events.allocations.empty());
  EXPECT_EQ(workspace.used(), 0u);
  exec.fence();  // before the workspace goes
}

TEST(Watershed, names_what_does_not_fit) {
  HostTensor<float**> const landscape("landscape", 2, 3);
  HostTensor<bool**> const mask("mask", 2, 3), tall("tall", 3, 3);
  HostTensor<std::int32_t**> const labels("labels", 2, 3), wide("wide", 2, 4);
  Kokkos::Serial const exec;
  EXPECT_EQ(refusal([&] { image::watershed(exec, landscape, labels, tall, labels); }),
            "ocellus::image::watershed: mask.extent(0) is 3 but landscape.extent(0) is 2");
  EXPECT_EQ(refusal([&] { image::watershed(exec, landscape, wide, mask, labels); }),
            "ocellus::image::watershed: seeds.extent(1) is 4 but landscape.extent(1) is 3");
  EXPECT_EQ(refusal([&] { image::watershed(exec, landscape, labels, mask, wide); }),
            "ocellus::image::watershed: labels.extent(1) is 4 but landscape.extent(1) is 3");
}

}  // namespace
}  // namespace ocellus::test
