// SPDX-License-Identifier: Apache-2.0

#include <ocellus/profiling/pca.hpp>

#include "reference/covariance.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

double const nan = std::numeric_limits<double>::quiet_NaN();

/// Correlated profiles of unequal variance, far from the origin.
std::vector<double> correlated(std::size_t rows, std::size_t width) {
  auto x = random_values(rows * width, 1);
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t d = 0; d < width; ++d) {
      double const before = d == 0 ? 0.0 : x[i * width + d - 1];
      x[i * width + d]    = static_cast<double>(static_cast<float>((1.0 + static_cast<double>(d)) * x[i * width + d] + 0.5 * before + 10.0));
    }
  }
  return x;
}

template <class C>
class Pca : public ::testing::Test {};
TYPED_TEST_SUITE(Pca, RowMajorConfigurations);

TYPED_TEST(Pca, diagonalises_the_covariance_of_the_reference_rows) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  for (auto const& shape : {std::array<std::size_t, 2>{2, 1}, {40, 7}, {9, 17}, {300, 5}}) {
    std::size_t const n = shape[0], width = shape[1], references = (n + 1) / 2 + 1 < n ? (n + 1) / 2 + 1 : n, most = std::min(references, width);
    SCOPED_TRACE(::testing::Message() << n << " x " << width);
    auto const x = correlated(n, width);
    std::vector<double> mask;
    for (std::size_t i = 0; i < n; ++i) mask.push_back(i < references ? 1.0 : 0.0);
    auto const covariance = reference::covariance<double>({x.begin(), x.begin() + static_cast<std::ptrdiff_t>(references * width)}, {},
                                                          static_cast<std::int64_t>(references), static_cast<std::int64_t>(width), 1);
    double total          = 0;
    for (std::size_t d = 0; d < width; ++d) total += covariance.covariance[d * width + d];
    std::vector<double> first;
    with_thread_counts<Exec>([&](Exec const& exec) {
      auto const rows = static_cast<std::int64_t>(n), features = static_cast<std::int64_t>(width), k = static_cast<std::int64_t>(most);
      TestArray<Scalar, 2, Layout, Exec> const profiles({rows, features}, x), scores({rows, k});
      TestArray<bool, 1, Layout, Exec> const control({rows}, mask);
      auto const fit = profiling::fit_pca(exec, profiles.view(), control.view());
      ASSERT_TRUE(fit.converged);
      profiling::apply_pca(exec, fit, profiles.view(), scores.view());
      EXPECT_TRUE(scores.guards_intact());
      auto const v = Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), fit.components);
      auto const l = Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), fit.explained_variance),
                 r = Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), fit.explained_variance_ratio);
      auto const s = scores.values();
      if (first.empty()) first = s;
      expect_same_bits(s, first);
      double ratio = 0;
      for (std::size_t a = 0; a < most; ++a) {
        ratio += r(a);
        if (a > 0) {
          EXPECT_LE(l(a), l(a - 1));
        }
        // C v = lambda v, columns orthonormal, the largest entry positive.
        double largest = 0;
        for (std::size_t d = 0; d < width; ++d) {
          double product = 0;
          for (std::size_t e = 0; e < width; ++e) product += covariance.covariance[d * width + e] * v(e, a);
          EXPECT_NEAR(product, l(a) * v(d, a), 1e-13 * total);
          if (std::abs(v(d, a)) > std::abs(largest)) largest = v(d, a);
        }
        EXPECT_GT(largest, 0.0);
        for (std::size_t b = 0; b <= a; ++b) {
          double product = 0;
          for (std::size_t d = 0; d < width; ++d) product += v(d, a) * v(d, b);
          EXPECT_NEAR(product, a == b ? 1.0 : 0.0, 1e-13);
        }
      }
      EXPECT_NEAR(ratio, 1.0, 1e-13);
      for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t a = 0; a < most; ++a) {
          double want = 0, size = 0;
          for (std::size_t d = 0; d < width; ++d) {
            double const term = (x[i * width + d] - covariance.mean[d]) * v(d, a);
            want += term, size += std::abs(term);
          }
          EXPECT_NEAR(s[i * most + a], want,
                      machine_epsilon<double>() * static_cast<double>(width + 8) * (size + 20) + machine_epsilon<Scalar>() * std::abs(want));
        }
      }
    });
  }
}

TYPED_TEST(Pca, whitened_scores_have_unit_variance_and_a_fit_gives_new_rows_the_same_bits) {
  using Scalar             = typename TypeParam::Scalar;
  using Layout             = typename TypeParam::Layout;
  using Exec               = typename TypeParam::Exec;
  constexpr std::int64_t n = 61, width = 6, k = 3;
  Exec const exec;
  auto const x = correlated(n, width);
  TestArray<Scalar, 2, Layout, Exec> const profiles({n, width}, x), scores({n, k});
  auto const fit = profiling::fit_pca(exec, profiles.view(), none, {.components = k, .whiten = true});
  profiling::apply_pca(exec, fit, profiles.view(), scores.view());
  auto const s          = scores.values();
  auto const covariance = reference::covariance<double>(s, {}, n, k, 1);
  expect_within(covariance.covariance, {1, 0, 0, 0, 1, 0, 0, 0, 1}, machine_epsilon<Scalar>(), 64);
  for (std::int64_t const rows : {1, 2, 7}) {
    TestArray<Scalar, 2, Layout, Exec> const few({rows, width}, {x.begin(), x.begin() + rows * width}), part({rows, k});
    profiling::apply_pca(exec, fit, few.view(), part.view());
    expect_same_bits(part.values(), {s.begin(), s.begin() + rows * k});
  }
}

TYPED_TEST(Pca, nan_in_a_reference_row_does_not_converge_and_in_another_row_spoils_that_row) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  Exec const exec;
  TestArray<Scalar, 2, Layout, Exec> const profiles({4, 2}, {1, 0, 2, 5, 4, 1, nan, 1}), scores({4, 2});
  TestArray<bool, 1, Layout, Exec> const control({4}, {1, 1, 1, 0});
  EXPECT_FALSE(profiling::fit_pca(exec, profiles.view(), none).converged);
  auto const fit = profiling::fit_pca(exec, profiles.view(), control.view());
  EXPECT_TRUE(fit.converged);
  profiling::apply_pca(exec, fit, profiles.view(), scores.view());
  auto const s = scores.values();
  for (std::size_t i = 0; i < s.size(); ++i) EXPECT_EQ(std::isnan(s[i]), i >= 6);
}

TEST(Pca, behaves_and_names_what_does_not_fit) {
  Kokkos::Serial const exec;
  TestArray<float, 2, Kokkos::LayoutRight, Kokkos::Serial> const values({4, 3}, random_values(12));
  auto const profiles = values.view();
  HostTensor<float**> const scores("scores", 4, 3), two("two", 4, 2), wide("wide", 4, 4);
  HostTensor<bool*> const control("control", 3), nobody("nobody", 4);
  auto const fit = profiling::fit_pca(exec, profiles, none);
  expect_labels(record([&] { profiling::apply_pca(exec, profiling::fit_pca(exec, profiles, none, {.whiten = true}), profiles, scores); }));
  std::string const name = "ocellus::profiling::pca: ";
  EXPECT_EQ(refusal([&] { (void)profiling::fit_pca(exec, profiles, control); }), name + "control.extent(0) is 3 but profiles.extent(0) is 4");
  EXPECT_EQ(refusal([&] { (void)profiling::fit_pca(exec, profiles, nobody); }), name + "control marks 0 reference rows but at least 2 are needed");
  EXPECT_EQ(refusal([&] { (void)profiling::fit_pca(exec, profiles, none, {.components = 4}); }),
            name + "components is 4 but must lie between 0 and 3, the smaller of reference rows and features");
  EXPECT_EQ(refusal([&] { (void)profiling::fit_pca(exec, profiles, none, {.components = -1}); }),
            name + "components is -1 but must lie between 0 and 3, the smaller of reference rows and features");
  EXPECT_EQ(refusal([&] { profiling::apply_pca(exec, fit, wide, scores); }), name + "profiles.extent(1) is 4 but the fit's number of features is 3");
  EXPECT_EQ(refusal([&] { profiling::apply_pca(exec, fit, profiles, two); }), name + "scores.extent(1) is 2 but components is 3");
}

}  // namespace
}  // namespace ocellus::test
