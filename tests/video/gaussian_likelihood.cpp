// SPDX-License-Identifier: Apache-2.0

#include <ocellus/video/gaussian_likelihood.hpp>

#include "reference/small_gaussian.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

struct Problem {
  std::int64_t images, channels, height, width;
  std::vector<double> mean, factor, truth;

  Problem(std::int64_t n, std::int64_t c, std::int64_t h, std::int64_t w) : images(n), channels(c), height(h), width(w) {
    mean   = random_values(static_cast<std::size_t>(n * c * h * w), 1);
    truth  = random_values(static_cast<std::size_t>(n * c * h * w), 2);
    factor = random_values(static_cast<std::size_t>(n * entries() * h * w), 3, 0.5, 0.5);
  }
  [[nodiscard]] std::int64_t entries() const { return channels * (channels + 1) / 2; }
  [[nodiscard]] std::array<std::int64_t, 4> extents() const { return {images, channels, height, width}; }
  [[nodiscard]] std::array<std::int64_t, 4> factor_extents() const { return {images, entries(), height, width}; }

  [[nodiscard]] double loss(double sigma) const {
    double sum               = 0;
    std::int64_t const plane = height * width;
    for (std::int64_t n = 0; n < images; ++n) {
      for (std::int64_t p = 0; p < plane; ++p) {
        auto const gather = [&](std::vector<double> const& from, std::int64_t count) {
          std::vector<double> values;
          for (std::int64_t c = 0; c < count; ++c) values.push_back(from[(n * count + c) * plane + p]);
          return values;
        };
        auto const m = gather(mean, channels), t = gather(truth, channels);
        sum += reference::gaussian_term(Eigen::Map<Eigen::VectorXd const>(m.data(), channels),
                                        reference::upper_left_factor(gather(factor, entries()), static_cast<int>(channels)),
                                        Eigen::Map<Eigen::VectorXd const>(t.data(), channels), sigma);
      }
    }
    return sum / static_cast<double>(images * plane) - 0.1 * sigma;
  }
};

template <class C>
class GaussianLikelihood : public ::testing::Test {};
TYPED_TEST_SUITE(GaussianLikelihood, Configurations);

TYPED_TEST(GaussianLikelihood, agrees_with_the_formula_and_its_central_differences) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  for (std::int64_t const channels : {1, 2, 3}) {
    SCOPED_TRACE(channels);
    Problem p(2, channels, 3, 5);
    double const sigma = 0.5;
    TestArray<Scalar, 4, Layout, Exec> const mean(p.extents(), p.mean), factor(p.factor_extents(), p.factor), truth(p.extents(), p.truth), by_mean(p.extents()),
        by_factor(p.factor_extents());
    TestArray<Scalar, 0, Layout, Exec> const loss({});
    std::vector<double> first;
    with_thread_counts<Exec>([&](Exec const& exec) {
      video::gaussian_likelihood(exec, mean.view(), factor.view(), truth.view(), loss.view(), {.sigma = sigma});
      video::gaussian_likelihood_backward(exec, mean.view(), factor.view(), truth.view(), by_mean.view(), by_factor.view(), {.sigma = sigma});
      exec.fence();
      auto got = by_factor.values();
      got.push_back(loss.values()[0]);
      if (first.empty()) first = got;
      expect_same_bits(got, first);
    });
    EXPECT_NEAR(loss.values()[0], p.loss(sigma), (1e-12 + machine_epsilon<Scalar>()) * (1 + std::abs(p.loss(sigma))));
    auto const differences = [&](std::vector<double>& values) {
      std::vector<double> result;
      for (double& v : values) {
        double const kept = v, step = 1e-4;
        v               = kept + step;
        double const up = p.loss(sigma);
        v               = kept - step;
        result.push_back((up - p.loss(sigma)) / (2 * step));
        v = kept;
      }
      return result;
    };
    double const unit = 2e-7 + 4 * machine_epsilon<Scalar>();  // gradients are below 4
    expect_within(by_mean.values(), differences(p.mean), unit, 1.0);
    expect_within(by_factor.values(), differences(p.factor), unit, 1.0);
    EXPECT_TRUE(by_mean.guards_intact());
    EXPECT_TRUE(by_factor.guards_intact());
    EXPECT_TRUE(loss.guards_intact());
    auto twice = by_mean.values();
    Exec const exec;
    video::gaussian_likelihood_backward(exec, mean.view(), factor.view(), truth.view(), by_mean.view(), none, {.sigma = sigma, .accumulate = true});
    exec.fence();
    for (double& v : twice) v *= 2;
    expect_within(by_mean.values(), twice, 4 * machine_epsilon<Scalar>(), 1.0);
  }
}

TYPED_TEST(GaussianLikelihood, behaves) {
  using Scalar = typename TypeParam::Scalar;
  using Exec   = typename TypeParam::Exec;
  Problem const p(1, 2, 2, 3);
  TestArray<Scalar, 4, Kokkos::LayoutRight, Exec> const mean(p.extents(), p.mean), factor(p.factor_extents(), p.factor), truth(p.extents(), p.truth);
  TestArray<Scalar, 0, Kokkos::LayoutRight, Exec> const loss({});
  Exec const exec;
  auto const m = mean.view(), f = factor.view(), t = truth.view();
  auto const l = loss.view();
  WorkspaceFor<Exec> workspace(exec, video::gaussian_likelihood_workspace_size(exec, m, f, t, l));
  expect_good_manners(record([&] { video::gaussian_likelihood(exec, m, f, t, l, {.sigma = 1}, workspace); }));
  TestArray<Scalar, 4, Kokkos::LayoutRight, Exec> const gradient(p.extents());
  auto const g = gradient.view();
  expect_good_manners(record([&] { video::gaussian_likelihood_backward(exec, m, f, t, g, none, {.sigma = 1}); }));
  exec.fence();
}

TEST(GaussianLikelihood, names_what_does_not_fit) {
  HostTensor<float****> const image("image", 1, 2, 2, 2), factor("factor", 1, 3, 2, 2), empty("empty", 0, 2, 2, 2), no_factor("no_factor", 0, 3, 2, 2);
  HostTensor<float> const loss("loss");
  Kokkos::Serial const exec;
  std::string const name = "ocellus::video::gaussian_likelihood: ";
  EXPECT_EQ(refusal([&] { video::gaussian_likelihood(exec, image, image, image, loss, {.sigma = 1}); }), name + "factor.extent(1) is 2 but 2 channels need 3");
  EXPECT_EQ(refusal([&] { video::gaussian_likelihood(exec, image, factor, image, loss, {.sigma = -0.5}); }), name + "sigma is -0.5 but must not be negative");
  EXPECT_EQ(refusal([&] { video::gaussian_likelihood(exec, empty, no_factor, empty, loss, {.sigma = 1}); }), name + "mean has no pixels to take a mean over");
  EXPECT_EQ(refusal([&] { video::gaussian_likelihood_backward(exec, image, factor, image, factor, none, {.sigma = 1}); }),
            "ocellus::video::gaussian_likelihood_backward: mean_gradient.extent(1) is 3 but mean.extent(1) is 2");
  EXPECT_EQ(video::gaussian_likelihood_cost(10, 1, 4).bytes_read, 120);
}

}  // namespace
}  // namespace ocellus::test
