// SPDX-License-Identifier: Apache-2.0

#include <ocellus/linalg/pairwise_squared_distances.hpp>

#include "reference/pairwise_distances.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

template <class C>
class PairwiseSquaredDistances : public ::testing::Test {};
TYPED_TEST_SUITE(PairwiseSquaredDistances, Configurations);

TYPED_TEST(PairwiseSquaredDistances, near_points_far_from_the_origin_keep_their_digits_and_equal_points_are_at_zero) {
  using Scalar             = typename TypeParam::Scalar;
  using Exec               = typename TypeParam::Exec;
  constexpr std::int64_t n = 19, width = 21;
  auto x          = rounded<Scalar>(random_values(n * width, 1, 0.01, 1000.0));
  auto const want = reference::pairwise_distances(x, x, n, n, width, reference::Metric::squared_euclidean);
  auto unit       = want;
  for (double& u : unit) u *= machine_epsilon<Scalar>();
  with_thread_counts<Exec>([&](Exec const& exec) {
    TestArray<Scalar, 2, typename TypeParam::Layout, Exec> const points({n, width}, x), output({n, n});
    linalg::pairwise_squared_distances(exec, points.view(), points.view(), output.view());
    exec.fence();
    auto const got = output.values();
    expect_within(got, want, unit, static_cast<double>(width + 2));
    for (std::size_t i = 0; i < n; ++i) EXPECT_EQ(got[i * n + i], 0.0);
    EXPECT_TRUE(output.guards_intact());
  });
}

TYPED_TEST(PairwiseSquaredDistances, behave) {
  using Exec = typename TypeParam::Exec;
  TestArray<float, 2, Kokkos::LayoutRight, Exec> const x({9, 5}, random_values(45)), output({9, 9});
  Exec const exec;
  auto const i = x.view(), o = output.view();
  linalg::pairwise_squared_distances(exec, i, i, o);
  auto const events = record([&] { linalg::pairwise_squared_distances(exec, i, i, o); });
  expect_good_manners(events);
  EXPECT_EQ(events.kernels, std::vector<std::string>{"ocellus::linalg::pairwise_squared_distances"});
  exec.fence();
}

TEST(PairwiseSquaredDistances, name_what_does_not_fit) {
  HostTensor<float**> const x("x", 2, 3), y("y", 4, 2), output("output", 2, 4);
  EXPECT_EQ(refusal([&] { linalg::pairwise_squared_distances(Kokkos::Serial(), x, y, output); }),
            "ocellus::linalg::pairwise_squared_distances: y.extent(1) is 2 but x.extent(1) is 3");
}

}  // namespace
}  // namespace ocellus::test
