// SPDX-License-Identifier: Apache-2.0

#include <ocellus/video/estimate_noise.hpp>

#include "reference/image_quality.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

template <class C>
class EstimateNoise : public ::testing::Test {};
TYPED_TEST_SUITE(EstimateNoise, Configurations);

TYPED_TEST(EstimateNoise, agrees_with_the_reference_with_the_same_bits_whatever_the_batch_and_the_thread_count) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  for (auto const& [height, width] : {std::pair{1, 1}, std::pair{1, 7}, std::pair{5, 2}, std::pair{12, 17}, std::pair{31, 40}}) {
    SCOPED_TRACE(::testing::Message() << height << " x " << width);
    std::int64_t const each = height * width;
    auto const x            = random_values(static_cast<std::size_t>(3 * each), 1, 2.0, 10.0);
    std::vector<double> want, whole;
    for (int n = 0; n < 3; ++n) want.push_back(reference::estimate_noise({x.begin() + n * each, x.begin() + (n + 1) * each}, height, width));
    with_thread_counts<Exec>([&](Exec const& exec) {
      for (std::int64_t const count : {3, 1}) {
        TestArray<Scalar, 3, Layout, Exec> const frames({count, height, width}, {x.begin(), x.begin() + count * each});
        TestArray<Scalar, 1, Layout, Exec> const sigma({count});
        video::estimate_noise(exec, frames.view(), sigma.view());
        if (whole.empty()) whole = sigma.values();
        expect_same_bits(sigma.values(), {whole.begin(), whole.begin() + count});
        EXPECT_TRUE(sigma.guards_intact());
      }
    });
    // One pixel has no detail but what rounding leaves.
    if (each > 1) expect_within(whole, want, 16 * 20 * machine_epsilon<double>() + machine_epsilon<Scalar>() * 4, 1.0);
  }
}

TYPED_TEST(EstimateNoise, behaves) {
  using Exec = typename TypeParam::Exec;
  TestArray<float, 3, Kokkos::LayoutRight, Exec> const frames({2, 9, 11}, random_values(198));
  TestArray<float, 1, Kokkos::LayoutRight, Exec> const sigma({2});
  Exec const exec;
  auto const f = frames.view();
  auto const s = sigma.view();
  WorkspaceFor<Exec> workspace(exec, video::estimate_noise_workspace_size(exec, f, s));
  expect_good_manners(record([&] { video::estimate_noise(exec, f, s, workspace); }));
  exec.fence();
  EXPECT_EQ(workspace.used(), 0u);
}

TEST(EstimateNoise, finds_the_deviation_of_noise_on_a_slope_and_gives_nan_where_there_is_no_answer) {
  std::vector<double> x;
  auto const noise = random_values(100 * 120, 5, 3.0);
  for (int i = 0; i < 100 * 120; ++i) x.push_back(0.5 * (i % 120) + i / 120 + noise[static_cast<std::size_t>(i)]);
  for (int i = 0; i < 2 * 100 * 120; ++i) x.push_back(0);
  x[12000 + 77] = std::nan("");
  TestArray<float, 3, Kokkos::LayoutRight, ParallelExec> const frames({3, 100, 120}, x);
  TestArray<double, 1, Kokkos::LayoutRight, ParallelExec> const sigma({3});
  video::estimate_noise(ParallelExec(), frames.view(), sigma.view());
  EXPECT_NEAR(sigma.values()[0], 3.0, 0.15);
  EXPECT_TRUE(std::isnan(sigma.values()[1]));
  EXPECT_TRUE(std::isnan(sigma.values()[2]));
}

TEST(EstimateNoise, names_what_does_not_fit) {
  HostTensor<std::uint16_t***> const frames("frames", 2, 3, 4), flat("flat", 2, 0, 4), thin("thin", 2, 3, 0);
  HostTensor<float*> const sigma("sigma", 2), short_sigma("short", 1);
  Kokkos::Serial const exec;
  std::string const name = "ocellus::video::estimate_noise: ";
  EXPECT_EQ(refusal([&] { video::estimate_noise(exec, frames, short_sigma); }), name + "sigma.extent(0) is 1 but frames.extent(0) is 2");
  EXPECT_EQ(refusal([&] { video::estimate_noise(exec, flat, sigma); }), name + "frames.extent(1) is 0: a frame of nothing has no noise");
  EXPECT_EQ(refusal([&] { video::estimate_noise(exec, thin, sigma); }), name + "frames.extent(2) is 0: a frame of nothing has no noise");
  EXPECT_EQ(video::estimate_noise_cost(10, 2).bytes_read, 20);
}

}  // namespace
}  // namespace ocellus::test
