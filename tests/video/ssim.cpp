// SPDX-License-Identifier: Apache-2.0

#include <ocellus/video/ssim.hpp>

#include "reference/image_quality.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

template <class C>
class StructuralSimilarity : public ::testing::Test {};
TYPED_TEST_SUITE(StructuralSimilarity, Configurations);

TYPED_TEST(StructuralSimilarity, agrees_with_the_reference_with_the_same_bits_for_each_number_of_threads) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  for (auto const& [channels, height, width] : {std::array<std::int64_t, 3>{1, 11, 11}, {2, 12, 15}, {1, 14, 65}}) {
    for (bool const gaussian : {false, true}) {
      SCOPED_TRACE(::testing::Message() << channels << " x " << height << " x " << width << (gaussian ? ", Gaussian" : ""));
      auto const count = static_cast<std::size_t>(channels * height * width);
      auto const a = random_values(count, 1, 0.2, 0.5), noise = random_values(count, 2, 0.1);
      std::vector<double> b(a);
      for (std::size_t i = 0; i < count; ++i) b[i] = static_cast<float>(b[i] + noise[i]);
      TestArray<Scalar, 3, Layout, Exec> const truth({channels, height, width}, a), test({channels, height, width}, b), map({channels, height, width});
      TestArray<Scalar, 0, Layout, Exec> const result({});
      std::vector<double> first;
      with_thread_counts<Exec>([&](Exec const& exec) {
        video::ssim(exec, truth.view(), test.view(), map.view(), result.view(), {.window = 5, .gaussian = gaussian, .sample_covariance = !gaussian});
        auto got = map.values();
        got.push_back(result.values()[0]);
        if (first.empty()) first = got;
        expect_same_bits(got, first);
      });
      auto const weight = [&](std::int64_t k) { return gaussian ? std::exp(-0.5 * static_cast<double>(k * k) / 2.25) : 1.0; };
      auto const want   = reference::ssim(a, b, channels, height, width, gaussian ? 11 : 5, weight, !gaussian, 1e-4, 9e-4);
      expect_within(map.values(), want.map, 1e-11 + machine_epsilon<Scalar>(), 1.0);
      expect_within(result.values(), {want.mean}, 1e-12 + machine_epsilon<Scalar>(), 1.0);
      EXPECT_TRUE(map.guards_intact());
      EXPECT_TRUE(result.guards_intact());
    }
  }
}

TYPED_TEST(StructuralSimilarity, is_one_for_equal_images_and_behaves) {
  using Scalar = typename TypeParam::Scalar;
  using Exec   = typename TypeParam::Exec;
  TestArray<Scalar, 3, Kokkos::LayoutRight, Exec> const image({1, 8, 9}, random_values(72)), map({1, 8, 9});
  TestArray<Scalar, 0, Kokkos::LayoutRight, Exec> const result({});
  Exec const exec;
  auto const x = image.view(), m = map.view();
  auto const r = result.view();
  WorkspaceFor<Exec> workspace(exec, video::ssim_workspace_size(exec, x, x, m, r));
  expect_good_manners(record([&] { video::ssim(exec, x, x, m, r, {}, workspace); }));
  exec.fence();
  for (double const value : map.values()) EXPECT_NEAR(value, 1.0, 1e-6);
  EXPECT_NEAR(result.values()[0], 1.0, 1e-6);
}

TEST(StructuralSimilarity, spoils_only_the_windows_that_hold_a_nan) {
  auto a         = random_values(20 * 21, 3);
  a[10 * 21 + 9] = std::nan("");
  TestArray<float, 3, Kokkos::LayoutRight, ParallelExec> const truth({1, 20, 21}, a), test({1, 20, 21}, random_values(420, 4)), map({1, 20, 21});
  TestArray<float, 0, Kokkos::LayoutRight, ParallelExec> const result({});
  video::ssim(ParallelExec(), truth.view(), test.view(), map.view(), result.view());
  auto const got = map.values();
  for (int i = 0; i < 420; ++i) EXPECT_EQ(std::isnan(got[i]), std::abs(i / 21 - 10) <= 3 && std::abs(i % 21 - 9) <= 3) << i;
  EXPECT_TRUE(std::isnan(result.values()[0]));
}

TEST(StructuralSimilarity, names_what_does_not_fit) {
  HostTensor<float***> const truth("truth", 1, 6, 9), wide("wide", 1, 6, 10);
  HostTensor<std::uint8_t***> const bytes("bytes", 1, 6, 9);
  HostTensor<float> const out("out");
  Kokkos::Serial const exec;
  std::string const name = "ocellus::video::ssim: ";
  EXPECT_EQ(refusal([&] { video::ssim(exec, truth, wide, none, out); }), name + "test.extent(2) is 10 but truth.extent(2) is 9");
  EXPECT_EQ(refusal([&] { video::ssim(exec, truth, truth, none, out); }), name + "window is 7, larger than the image, which is 6 x 9");
  EXPECT_EQ(refusal([&] { video::ssim(exec, truth, truth, none, out, {.window = 4}); }), name + "window is 4 but must be odd and at least 1");
  EXPECT_EQ(refusal([&] { video::ssim(exec, truth, truth, none, out, {.window = 1}); }),
            name + "window is 1 but a sample covariance needs more than one pixel");
  EXPECT_EQ(refusal([&] { video::ssim(exec, truth, truth, none, out, {.gaussian = true}); }), name + "window is 11, larger than the image, which is 6 x 9");
  EXPECT_EQ(refusal([&] { video::ssim(exec, truth, truth, none, out, {.gaussian = true, .sigma = 0}); }),
            name + "sigma is 0 but must be above 0 and at most 1000");
  EXPECT_EQ(refusal([&] { video::ssim(exec, truth, truth, wide, out, {.window = 5}); }), name + "map.extent(2) is 10 but truth.extent(2) is 9");
  EXPECT_EQ(refusal([&] { video::ssim(exec, bytes, bytes, none, out, {.data_range = 255, .window = 5}); }), "nothing thrown");
  EXPECT_EQ(out(), 1.0f);
  EXPECT_EQ(video::ssim_cost(10, 7, 1, 4).bytes(), 60);
}

}  // namespace
}  // namespace ocellus::test
