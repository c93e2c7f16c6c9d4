// SPDX-License-Identifier: Apache-2.0

#include <ocellus/profiling/sphering.hpp>

#include "reference/covariance.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

using profiling::SpheringMethod;
constexpr SpheringMethod methods[] = {SpheringMethod::zca, SpheringMethod::pca, SpheringMethod::zca_cor, SpheringMethod::pca_cor};
double const nan                   = std::numeric_limits<double>::quiet_NaN();

std::vector<double> identity(std::size_t size) {
  std::vector<double> matrix(size * size, 0.0);
  for (std::size_t d = 0; d < size; ++d) matrix[d * size + d] = 1;
  return matrix;
}

/// Correlated profiles with offsets.
std::vector<double> correlated(std::size_t rows, std::size_t width) {
  auto x = random_values(rows * width, 1);
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t d = 1; d < width; ++d)
      x[i * width + d] = static_cast<double>(static_cast<float>(0.8 * x[i * width + d - 1] + (0.5 + 0.25 * static_cast<double>(d)) * x[i * width + d] + 4.0));
  }
  return x;
}

template <class C>
class Sphering : public ::testing::Test {};
TYPED_TEST_SUITE(Sphering, RowMajorConfigurations);

TYPED_TEST(Sphering, makes_the_covariance_of_the_reference_rows_the_identity) {
  using Scalar             = typename TypeParam::Scalar;
  using Layout             = typename TypeParam::Layout;
  using Exec               = typename TypeParam::Exec;
  constexpr std::int64_t n = 90, references = 71, width = 7;
  auto const x = correlated(n, width);
  std::vector<double> mask;
  for (std::int64_t i = 0; i < n; ++i) mask.push_back(i < references ? 1.0 : 0.0);
  for (auto const method : methods) {
    SCOPED_TRACE(static_cast<int>(method));
    std::vector<double> first;
    with_thread_counts<Exec>([&](Exec const& exec) {
      TestArray<Scalar, 2, Layout, Exec> const profiles({n, width}, x), output({n, width});
      TestArray<bool, 1, Layout, Exec> const control({n}, mask);
      auto const fit = profiling::fit_sphering(exec, profiles.view(), control.view(), {.method = method, .epsilon = 0.0});
      EXPECT_TRUE(fit.full_rank && fit.converged && !fit.zero_variance);
      profiling::apply_sphering(exec, fit, profiles.view(), output.view());
      auto const got = output.values();
      EXPECT_TRUE(output.guards_intact());
      if (first.empty()) first = got;
      expect_same_bits(got, first);
      auto const covariance = reference::covariance<double>({got.begin(), got.begin() + references * width}, {}, references, width, 1);
      expect_within(covariance.covariance, identity(width), machine_epsilon<Scalar>(), 200);
      // zca is symmetric and positive; a fit gives one new row the bits it has among the others.
      auto const w = Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), fit.weights);
      for (std::size_t a = 0; a < width && (method == SpheringMethod::zca || method == SpheringMethod::zca_cor); ++a) {
        EXPECT_GT(w(a, a), 0.0);
        for (std::size_t b = 0; b < a; ++b) EXPECT_NEAR(w(a, b), w(b, a), 1e-12);
      }
      TestArray<Scalar, 2, Layout, Exec> const one({1, width}, {x.begin() + 5 * width, x.begin() + 6 * width});
      profiling::apply_sphering(exec, fit, one.view(), one.view());
      expect_same_bits(one.values(), {got.begin() + 5 * width, got.begin() + 6 * width});
    });
  }
}

TYPED_TEST(Sphering, fewer_rows_than_features_repeat_the_last_singular_value) {
  using Scalar             = typename TypeParam::Scalar;
  using Layout             = typename TypeParam::Layout;
  using Exec               = typename TypeParam::Exec;
  constexpr std::int64_t n = 6, width = 11;
  Exec const exec;
  TestArray<Scalar, 2, Layout, Exec> const profiles({n, width}, random_values(n * width, 4)), output({n, width});
  for (bool const center : {true, false}) {
    auto const fit = profiling::fit_sphering(exec, profiles.view(), none, {.method = SpheringMethod::zca, .center = center, .epsilon = 0.0});
    EXPECT_TRUE(fit.full_rank);
    profiling::apply_sphering(exec, fit, profiles.view(), output.view());
    // The rows lie in a space of rank 5 (6): there every variance is 1, so Y Y^T = (n - 1) times a projection.
    auto const y = output.values();
    double trace = 0, square = 0;
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < n; ++j) {
        double product = 0;
        for (std::size_t d = 0; d < width; ++d) product += y[i * width + d] * y[j * width + d];
        if (i == j) trace += product;
        square += product * product;
      }
    }
    double const rank = center ? n - 1 : n;
    EXPECT_NEAR(trace, (n - 1) * rank, 1e3 * machine_epsilon<Scalar>());
    EXPECT_NEAR(square, (n - 1) * (n - 1) * rank, 1e4 * machine_epsilon<Scalar>());
  }
}

TYPED_TEST(Sphering, says_when_the_rank_falls_short_or_a_feature_is_constant) {
  using Scalar             = typename TypeParam::Scalar;
  using Layout             = typename TypeParam::Layout;
  using Exec               = typename TypeParam::Exec;
  constexpr std::int64_t n = 12, width = 3;
  Exec const exec;
  auto x = random_values(n * width, 5);
  for (std::size_t i = 0; i < n; ++i) x[i * width + 2] = x[i * width] + x[i * width + 1];
  TestArray<double, 2, Layout, Exec> const dependent({n, width}, x);
  auto const short_fit = profiling::fit_sphering(exec, dependent.view(), none, {.method = SpheringMethod::zca});
  EXPECT_TRUE(!short_fit.full_rank && short_fit.converged && !short_fit.zero_variance);
  for (std::size_t i = 0; i < n; ++i) x[i * width + 2] = 0.1;
  TestArray<Scalar, 2, Layout, Exec> const constant({n, width}, x), output({n, width});
  auto const zero = profiling::fit_sphering(exec, constant.view(), none);
  EXPECT_TRUE(zero.zero_variance && !zero.full_rank && !zero.converged);
  x[4] = nan;
  TestArray<Scalar, 2, Layout, Exec> const missing({n, width}, x);
  auto const fit = profiling::fit_sphering(exec, missing.view(), none, {.method = SpheringMethod::pca});
  EXPECT_FALSE(fit.converged || fit.full_rank);
  profiling::apply_sphering(exec, fit, constant.view(), output.view());
  for (double const v : output.values()) EXPECT_TRUE(std::isnan(v));
}

TYPED_TEST(Sphering, epsilon_is_added_to_the_singular_value) {
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  Exec const exec;
  // Singular values 2 and 1, n - 1 = 3.
  double const r = std::sqrt(0.5);
  TestArray<double, 2, Layout, Exec> const profiles({4, 2}, {2 * r, 0, -2 * r, 0, 0, r, 0, -r});
  auto const fit = profiling::fit_sphering(exec, profiles.view(), none, {.method = SpheringMethod::zca, .epsilon = 0.5});
  auto const w   = Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), fit.weights);
  EXPECT_NEAR(w(0, 0), std::sqrt(3.0) / 2.5, 1e-14);
  EXPECT_NEAR(w(1, 1), std::sqrt(3.0) / 1.5, 1e-14);
  EXPECT_NEAR(w(0, 1), 0.0, 1e-14);
}

TEST(Sphering, behaves_and_names_what_does_not_fit) {
  Kokkos::Serial const exec;
  TestArray<float, 2, Kokkos::LayoutRight, Kokkos::Serial> const values({5, 3}, random_values(15));
  auto const profiles = values.view();
  HostTensor<float**> const output("output", 5, 3), wide("wide", 5, 4);
  HostTensor<bool*> const control("control", 3), nobody("nobody", 5);
  auto const fit = profiling::fit_sphering(exec, profiles, none);
  expect_labels(record([&] { profiling::apply_sphering(exec, profiling::fit_sphering(exec, profiles, none), profiles, output); }));
  std::string const name = "ocellus::profiling::sphering: ";
  EXPECT_EQ(refusal([&] { (void)profiling::fit_sphering(exec, profiles, control); }), name + "control.extent(0) is 3 but profiles.extent(0) is 5");
  EXPECT_EQ(refusal([&] { (void)profiling::fit_sphering(exec, profiles, nobody); }), name + "control marks 0 reference rows but at least 2 are needed");
  EXPECT_EQ(refusal([&] { (void)profiling::fit_sphering(exec, profiles, none, {.center = false}); }), name + "center is false but the -cor methods need it");
  EXPECT_EQ(refusal([&] { (void)profiling::fit_sphering(exec, profiles, none, {.epsilon = -1.0}); }), name + "epsilon is -1 but must not be negative");
  EXPECT_EQ(refusal([&] { profiling::apply_sphering(exec, fit, wide, wide); }), name + "profiles.extent(1) is 4 but the fit's number of features is 3");
  EXPECT_EQ(refusal([&] { profiling::apply_sphering(exec, fit, profiles, wide); }), name + "output.extent(1) is 4 but profiles.extent(1) is 3");
}

}  // namespace
}  // namespace ocellus::test
