// SPDX-License-Identifier: Apache-2.0

#include <ocellus/image/gaussian_smooth.hpp>

#include "image/images.hpp"
#include "reference/gaussian_smooth.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

template <class C>
class GaussianSmooth : public ::testing::Test {};
TYPED_TEST_SUITE(GaussianSmooth, Configurations);

TYPED_TEST(GaussianSmooth, agrees_with_the_reference_at_awkward_sizes) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  for (auto const& [height, width] : {std::pair{0, 5}, std::pair{1, 1}, std::pair{1, 7}, std::pair{5, 1}, std::pair{13, 17}, std::pair{17, 64}}) {
    for (double const sigma : {0.0, 0.3, 1.0, 2.5}) {
      SCOPED_TRACE(::testing::Message() << height << " x " << width << ", sigma " << sigma);
      auto const x = random_values(static_cast<std::size_t>(height * width), 1, 2.0, 3.0);
      TestArray<Scalar, 2, Layout, Exec> const input({height, width}, x), output({height, width});
      image::gaussian_smooth(Exec(), input.view(), output.view(), {.sigma = sigma});
      std::vector<double> magnitudes(x);
      for (double& m : magnitudes) m = std::abs(m);
      auto unit = reference::gaussian_smooth(magnitudes, height, width, sigma);
      for (double& u : unit) u *= machine_epsilon<Scalar>();
      expect_within(output.values(), reference::gaussian_smooth(x, height, width, sigma), unit, 16 * sigma + 4);
      EXPECT_TRUE(output.guards_intact());
    }
  }
}

TYPED_TEST(GaussianSmooth, keeps_a_constant_and_the_sum) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  auto const x = random_values(20 * 30, 3);
  TestArray<Scalar, 2, Layout, Exec> const flat({20, 30}, std::vector<double>(600, 5.0)), noise({20, 30}, x), output({20, 30});
  image::gaussian_smooth(Exec(), flat.view(), output.view(), {.sigma = 3});
  expect_within(output.values(), std::vector<double>(600, 5.0), 5 * machine_epsilon<Scalar>(), 52);
  image::gaussian_smooth(Exec(), noise.view(), output.view(), {.sigma = 3});
  double sum = 0, want = 0;
  for (double const v : output.values()) sum += v;
  for (double const v : x) want += v;
  EXPECT_NEAR(sum, want, 600 * 52 * machine_epsilon<Scalar>());
}

TYPED_TEST(GaussianSmooth, same_bits_whatever_the_thread_count) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  auto const x = random_values(37 * 41);
  std::vector<double> first;
  with_thread_counts<Exec>([&](Exec const& exec) {
    TestArray<Scalar, 2, Layout, Exec> const input({37, 41}, x), output({37, 41});
    image::gaussian_smooth(exec, input.view(), output.view(), {.sigma = 1.7});
    if (first.empty()) first = output.values();
    expect_same_bits(output.values(), first);
  });
}

TYPED_TEST(GaussianSmooth, behaves) {
  using Exec = typename TypeParam::Exec;
  TestArray<float, 2, Kokkos::LayoutRight, Exec> const input({9, 11}, random_values(99)), output({9, 11});
  Exec const exec;
  auto const i = input.view(), o = output.view();
  WorkspaceFor<Exec> workspace(exec, image::gaussian_smooth_workspace_size(exec, i, o));
  expect_good_manners(record([&] { image::gaussian_smooth(exec, i, o, {}, workspace); }));
  exec.fence();
  EXPECT_EQ(workspace.used(), 0u);
}

TEST(GaussianSmooth, spreads_a_nan_no_further_than_the_kernel_and_takes_sixteen_bit_storage) {
  std::vector<double> x(21 * 21, 1.0);
  x[10 * 21 + 10] = std::numeric_limits<double>::quiet_NaN();
  TestArray<bfloat16, 2, Kokkos::LayoutRight, Kokkos::Serial> const input({21, 21}, x);
  TestArray<float, 2, Kokkos::LayoutRight, Kokkos::Serial> const output({21, 21});
  image::gaussian_smooth(Kokkos::Serial(), input.view(), output.view(), {.sigma = 0.5});
  auto const got = output.values();
  for (int i = 0; i < 21 * 21; ++i) EXPECT_EQ(std::isnan(got[i]), std::abs(i / 21 - 10) <= 2 && std::abs(i % 21 - 10) <= 2) << i;
}

TEST(GaussianSmooth, names_what_does_not_fit) {
  HostTensor<float**> const input("input", 2, 3), tall("tall", 3, 3), wide("wide", 2, 4);
  Kokkos::Serial const exec;
  EXPECT_EQ(refusal([&] { image::gaussian_smooth(exec, input, tall); }), "ocellus::image::gaussian_smooth: output.extent(0) is 3 but input.extent(0) is 2");
  EXPECT_EQ(refusal([&] { image::gaussian_smooth(exec, input, wide); }), "ocellus::image::gaussian_smooth: output.extent(1) is 4 but input.extent(1) is 3");
  EXPECT_EQ(refusal([&] { image::gaussian_smooth(exec, input, input, {.sigma = -1}); }),
            "ocellus::image::gaussian_smooth: sigma is -1 but must be between 0 and 1000");
  Workspace<Kokkos::HostSpace> empty;
  EXPECT_EQ(refusal([&] { image::gaussian_smooth(exec, input, input, {}, empty); }),
            "ocellus::image::gaussian_smooth: the workspace is too small: 128 bytes are needed but it has 0");
}

}  // namespace
}  // namespace ocellus::test
