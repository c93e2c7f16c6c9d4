// SPDX-License-Identifier: Apache-2.0

#include <ocellus/video/psnr.hpp>

#include "reference/image_quality.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

template <class C>
class Psnr : public ::testing::Test {};
TYPED_TEST_SUITE(Psnr, Configurations);

TYPED_TEST(Psnr, agrees_with_the_reference_with_the_same_bits_for_each_number_of_threads) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  for (auto const& extents : {std::array<std::int64_t, 3>{1, 1, 1}, {2, 5, 13}, {1, 300, 17}}) {
    auto const count = static_cast<std::size_t>(extents[0] * extents[1] * extents[2]);
    auto const a = random_values(count, 1), b = random_values(count, 2);
    TestArray<Scalar, 3, Layout, Exec> const truth(extents, a), test(extents, b);
    TestArray<Scalar, 0, Layout, Exec> const result({});
    std::vector<double> first;
    with_thread_counts<Exec>([&](Exec const& exec) {
      video::psnr(exec, truth.view(), test.view(), result.view(), {.data_range = 3});
      if (first.empty()) first = result.values();
      expect_same_bits(result.values(), first);
    });
    double const want = reference::psnr(a, b, 3);
    expect_within(first, {want}, machine_epsilon<double>() * 4.4 * (static_cast<double>(count) / 256 + 300) + machine_epsilon<Scalar>() * std::abs(want), 1.0);
    EXPECT_TRUE(result.guards_intact());
  }
}

TYPED_TEST(Psnr, behaves_and_gives_infinity_for_equal_images_and_nan_for_nan) {
  using Scalar = typename TypeParam::Scalar;
  using Exec   = typename TypeParam::Exec;
  TestArray<Scalar, 3, Kokkos::LayoutRight, Exec> const a({1, 2, 2}, {1, 2, 3, 4}), b({1, 2, 2}, {1, 2, 3, std::nan("")});
  TestArray<Scalar, 0, Kokkos::LayoutRight, Exec> const result({});
  Exec const exec;
  auto const x = a.view(), y = b.view();
  auto const r = result.view();
  WorkspaceFor<Exec> workspace(exec, video::psnr_workspace_size(exec, x, x, r));
  expect_good_manners(record([&] { video::psnr(exec, x, x, r, {}, workspace); }));
  exec.fence();
  EXPECT_EQ(result.values()[0], std::numeric_limits<double>::infinity());
  video::psnr(exec, x, y, r);
  EXPECT_TRUE(std::isnan(result.values()[0]));
}

TEST(Psnr, takes_bytes_and_names_what_does_not_fit) {
  TestArray<std::uint8_t, 3, Kokkos::LayoutRight, ParallelExec> const a({1, 1, 2}, {0, 255}), b({1, 1, 2}, {255, 0});
  TestArray<double, 0, Kokkos::LayoutRight, ParallelExec> const result({});
  video::psnr(ParallelExec(), a.view(), b.view(), result.view(), {.data_range = 255});
  EXPECT_NEAR(result.values()[0], 0.0, 1e-15);
  HostTensor<float***> const truth("truth", 1, 2, 3), wide("wide", 1, 2, 4), empty("empty", 1, 0, 3);
  HostTensor<float> const out("out");
  Kokkos::Serial const exec;
  std::string const name = "ocellus::video::psnr: ";
  EXPECT_EQ(refusal([&] { video::psnr(exec, truth, wide, out); }), name + "test.extent(2) is 4 but truth.extent(2) is 3");
  EXPECT_EQ(refusal([&] { video::psnr(exec, empty, empty, out); }), name + "truth.extent(1) is 0: an image of nothing has no mean");
  EXPECT_EQ(refusal([&] { video::psnr(exec, truth, truth, out, {.data_range = 0}); }), name + "data_range is 0 but must be above 0");
  EXPECT_EQ(video::psnr_cost(10, 4).bytes_read, 80);
}

}  // namespace
}  // namespace ocellus::test
