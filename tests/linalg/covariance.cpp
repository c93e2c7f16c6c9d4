// SPDX-License-Identifier: Apache-2.0

#include <ocellus/linalg/covariance.hpp>

#include "reference/covariance.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

template <class C>
class Covariance : public ::testing::Test {};
TYPED_TEST_SUITE(Covariance, Configurations);

TYPED_TEST(Covariance, agrees_with_the_reference_is_symmetric_and_keeps_its_bits) {
  using Scalar                  = typename TypeParam::Scalar;
  using Layout                  = typename TypeParam::Layout;
  using Exec                    = typename TypeParam::Exec;
  std::int64_t const sizes[][2] = {{2, 1}, {5, 3}, {255, 2}, {256, 33}, {257, 32}, {1031, 17}, {7, 0}};
  for (auto const& shape : sizes) {
    std::int64_t const rows = shape[0], width = shape[1];
    for (bool const weighted : {false, true}) {
      for (int const ddof : {0, 1}) {
        SCOPED_TRACE(::testing::Message() << rows << " x " << width << (weighted ? " weighted" : "") << " ddof " << ddof);
        auto const x = random_values(static_cast<std::size_t>(rows * width), 1, 2.0, 5.0);
        auto w       = random_values(static_cast<std::size_t>(rows), 2);
        for (double& value : w) value = std::abs(value);
        auto const want = reference::covariance<double>(x, weighted ? w : std::vector<double>{}, rows, width, ddof);
        std::vector<double> unit;
        double const eps = machine_epsilon<Scalar>();
        for (std::size_t i = 0; i < static_cast<std::size_t>(width); ++i) {
          for (std::size_t j = 0; j < static_cast<std::size_t>(width); ++j) {
            auto const at = [&](std::size_t a) { return want.covariance[a * static_cast<std::size_t>(width) + a]; };
            unit.push_back(eps * (std::sqrt(at(i) * at(j)) + eps * static_cast<double>(rows) * std::abs(want.mean[i] * want.mean[j])));
          }
        }
        std::vector<double> first;
        with_thread_counts<Exec>([&](Exec const& exec) {
          TestArray<Scalar, 2, Layout, Exec> const input({rows, width}, x), covariance({width, width});
          TestArray<Scalar, 1, Layout, Exec> const weights({rows}, w), mean({width});
          if (weighted)
            linalg::covariance(exec, input.view(), weights.view(), covariance.view(), mean.view(), {.ddof = ddof});
          else
            linalg::covariance(exec, input.view(), none, covariance.view(), mean.view(), {.ddof = ddof});
          auto const got = covariance.values();
          expect_within(got, want.covariance, unit, 264);
          expect_within(mean.values(), want.mean, eps * 12, 260);
          EXPECT_TRUE(covariance.guards_intact() && mean.guards_intact());
          for (std::int64_t i = 0; i < width; ++i) {
            for (std::int64_t j = 0; j < i; ++j) ASSERT_EQ(got[static_cast<std::size_t>(i * width + j)], got[static_cast<std::size_t>(j * width + i)]);
          }
          if (first.empty()) first = got;
          expect_same_bits(got, first);
        });
      }
    }
  }
}

TYPED_TEST(Covariance, a_common_offset_costs_no_digits) {
  using Scalar = typename TypeParam::Scalar;
  using Exec   = typename TypeParam::Exec;
  Exec const exec;
  auto x = random_values(400 * 2, 3);
  for (double& value : x) value = std::round(value * 64) / 64;
  auto shifted = x;
  for (double& value : shifted) value += 4096;
  TestArray<Scalar, 2, typename TypeParam::Layout, Exec> const input({400, 2}, shifted), covariance({2, 2});
  TestArray<Scalar, 1, typename TypeParam::Layout, Exec> const mean({2});
  linalg::covariance(exec, input.view(), none, covariance.view(), mean.view());
  double const eps = machine_epsilon<Scalar>();
  expect_within(covariance.values(), reference::covariance<double>(x, {}, 400, 2, 1).covariance, eps * (1 + eps * 400 * 4096 * 4096), 16);
}

TYPED_TEST(Covariance, nan_stays_in_its_row_and_column) {
  using Scalar     = typename TypeParam::Scalar;
  using Exec       = typename TypeParam::Exec;
  double const nan = std::numeric_limits<double>::quiet_NaN();
  Exec const exec;
  TestArray<Scalar, 2, typename TypeParam::Layout, Exec> const input({3, 3}, {0, nan, 0, 1, 1, 2, 2, 2, 4}), covariance({3, 3});
  TestArray<Scalar, 1, typename TypeParam::Layout, Exec> const mean({3});
  linalg::covariance(exec, input.view(), none, covariance.view(), mean.view());
  expect_within(covariance.values(), {1, nan, 2, nan, nan, nan, 2, nan, 4}, 1.0, 0.0);
  expect_within(mean.values(), {1, nan, 2}, 1.0, 0.0);
}

TYPED_TEST(Covariance, behaves_with_a_workspace) {
  using Exec = typename TypeParam::Exec;
  TestArray<float, 2, Kokkos::LayoutRight, Exec> const input({300, 4}, random_values(1200)), covariance({4, 4});
  TestArray<float, 1, Kokkos::LayoutRight, Exec> const mean({4});
  Exec const exec;
  auto const i = input.view(), c = covariance.view();
  auto const m = mean.view();
  WorkspaceFor<Exec> workspace(exec, linalg::covariance_workspace_size(exec, i, none, c, m));
  linalg::covariance(exec, i, none, c, m, {}, workspace);
  expect_good_manners(record([&] { linalg::covariance(exec, i, none, c, m, {}, workspace); }));
  EXPECT_EQ(workspace.used(), 0u);
  exec.fence();
}

TEST(Covariance, names_what_does_not_fit) {
  HostTensor<float**> const input("input", 4, 3), one("one", 1, 3), covariance("covariance", 3, 3), wide("wide", 3, 4);
  HostTensor<float*> const mean("mean", 3), line("line", 5);
  Kokkos::Serial const exec;
  EXPECT_EQ(refusal([&] { linalg::covariance(exec, one, none, covariance, mean); }),
            "ocellus::linalg::covariance: input.extent(0) (rows) is 1, which must exceed ddof, 1");
  EXPECT_EQ(refusal([&] { linalg::covariance(exec, input, none, covariance, mean, {.ddof = 2}); }),
            "ocellus::linalg::covariance: ddof is 2 but must be 0 or 1");
  EXPECT_EQ(refusal([&] { linalg::covariance(exec, input, line, covariance, mean); }),
            "ocellus::linalg::covariance: weights.extent(0) is 5 but input.extent(0) is 4");
  EXPECT_EQ(refusal([&] { linalg::covariance(exec, input, none, wide, mean); }),
            "ocellus::linalg::covariance: covariance.extent(1) is 4 but input.extent(1) is 3");
  EXPECT_EQ(refusal([&] { linalg::covariance(exec, input, none, covariance, line); }),
            "ocellus::linalg::covariance: mean.extent(0) is 5 but input.extent(1) is 3");
}

}  // namespace
}  // namespace ocellus::test
