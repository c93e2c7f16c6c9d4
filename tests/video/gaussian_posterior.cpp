// SPDX-License-Identifier: Apache-2.0

#include <ocellus/video/gaussian_posterior.hpp>

#include "reference/small_gaussian.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

template <class C>
class GaussianPosterior : public ::testing::Test {};
TYPED_TEST_SUITE(GaussianPosterior, Configurations);

TYPED_TEST(GaussianPosterior, agrees_with_the_formula_as_written) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  for (std::int64_t const channels : {1, 2, 3}) {
    for (auto const& [images, height, width] : {std::array<std::int64_t, 3>{0, 2, 2}, {1, 1, 1}, {2, 3, 17}}) {
      SCOPED_TRACE(::testing::Message() << images << " x " << channels << " x " << height << " x " << width);
      std::int64_t const entries = channels * (channels + 1) / 2, plane = height * width;
      auto const m = random_values(static_cast<std::size_t>(images * channels * plane), 1),
                 y = random_values(static_cast<std::size_t>(images * channels * plane), 2),
                 a = random_values(static_cast<std::size_t>(images * entries * plane), 3, 0.5, 0.25);
      TestArray<Scalar, 4, Layout, Exec> const mean({images, channels, height, width}, m), noisy({images, channels, height, width}, y),
          factor({images, entries, height, width}, a), output({images, channels, height, width});
      std::vector<double> first;
      with_thread_counts<Exec>([&](Exec const& exec) {
        video::gaussian_posterior(exec, mean.view(), factor.view(), noisy.view(), output.view(), {.sigma = 0.25});
        exec.fence();
        if (first.empty()) first = output.values();
        expect_same_bits(output.values(), first);
      });
      std::vector<double> want(m.size());
      for (std::int64_t n = 0; n < images; ++n) {
        for (std::int64_t p = 0; p < plane; ++p) {
          auto const gather = [&](std::vector<double> const& from, std::int64_t count) {
            std::vector<double> values;
            for (std::int64_t c = 0; c < count; ++c) values.push_back(from[(n * count + c) * plane + p]);
            return values;
          };
          auto const mp = gather(m, channels), yp = gather(y, channels);
          auto const r = reference::gaussian_posterior(Eigen::Map<Eigen::VectorXd const>(mp.data(), channels),
                                                       reference::upper_left_factor(gather(a, entries), static_cast<int>(channels)),
                                                       Eigen::Map<Eigen::VectorXd const>(yp.data(), channels), 0.25);
          for (std::int64_t c = 0; c < channels; ++c) want[(n * channels + c) * plane + p] = r(c);
        }
      }
      // The formula as written inverts matrices whose condition is up to 1e6; that is the reference's own error.
      expect_within(output.values(), want, 1e-8 + 4 * machine_epsilon<Scalar>(), 1.0);
      EXPECT_TRUE(output.guards_intact());
    }
  }
}

TYPED_TEST(GaussianPosterior, trusts_the_pixel_where_the_guess_is_unsure_and_behaves) {
  using Scalar     = typename TypeParam::Scalar;
  using Exec       = typename TypeParam::Exec;
  double const nan = std::nan("");
  TestArray<Scalar, 4, Kokkos::LayoutRight, Exec> const mean({1, 1, 1, 3}, {1, 1, nan}), factor({1, 1, 1, 3}, {1000, 0, 1}), noisy({1, 1, 1, 3}, {5, 5, 5}),
      output({1, 1, 1, 3});
  Exec const exec;
  auto const m = mean.view(), f = factor.view(), y = noisy.view(), o = output.view();
  expect_good_manners(record([&] { video::gaussian_posterior(exec, m, f, y, o, {.sigma = 1}); }));
  exec.fence();
  auto const got = output.values();
  EXPECT_NEAR(got[0], 5, 1e-4);
  EXPECT_NEAR(got[1], 1, 1e-4);
  EXPECT_TRUE(std::isnan(got[2]));
}

TEST(GaussianPosterior, names_what_does_not_fit) {
  HostTensor<float****> const image("image", 1, 3, 2, 2), factor("factor", 1, 6, 2, 2), four("four", 1, 4, 2, 2);
  Kokkos::Serial const exec;
  std::string const name = "ocellus::video::gaussian_posterior: ";
  EXPECT_EQ(refusal([&] { video::gaussian_posterior(exec, image, image, image, image, {.sigma = 1}); }), name + "factor.extent(1) is 3 but 3 channels need 6");
  EXPECT_EQ(refusal([&] { video::gaussian_posterior(exec, image, factor, image, image, {.sigma = -1}); }), name + "sigma is -1 but must not be negative");
  EXPECT_EQ(refusal([&] { video::gaussian_posterior(exec, four, factor, four, four, {.sigma = 1}); }), name + "mean.extent(1) is 4 but must be from 1 to 3");
  EXPECT_EQ(refusal([&] { video::gaussian_posterior(exec, image, factor, four, image, {.sigma = 1}); }), name + "noisy.extent(1) is 4 but mean.extent(1) is 3");
  EXPECT_EQ(video::gaussian_posterior_cost(10, 1, 4).bytes_written, 40);
}

}  // namespace
}  // namespace ocellus::test
