// SPDX-License-Identifier: Apache-2.0

#include <ocellus/linalg/pairwise_distances.hpp>

#include "reference/pairwise_distances.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

using linalg::DistanceMetric;

struct PortableRow {
  static constexpr bool team_tiles     = false;
  static constexpr bool register_tiles = false;
};

template <class C>
class PairwiseDistances : public ::testing::Test {};
TYPED_TEST_SUITE(PairwiseDistances, Configurations);

TYPED_TEST(PairwiseDistances, agree_with_the_reference_in_each_metric_with_the_same_bits_for_each_thread_count_and_row) {
  using Scalar                  = typename TypeParam::Scalar;
  using Exec                    = typename TypeParam::Exec;
  std::int64_t const sizes[][3] = {{0, 3, 2}, {3, 0, 2}, {3, 4, 0}, {1, 1, 1}, {7, 33, 5}, {9, 31, 257}};
  for (auto const& shape : sizes) {
    std::int64_t const n = shape[0], m = shape[1], width = shape[2];
    auto const a = random_values(static_cast<std::size_t>(n * width), 1), b = random_values(static_cast<std::size_t>(m * width), 2);
    for (auto const metric : {DistanceMetric::squared_euclidean, DistanceMetric::manhattan, DistanceMetric::chebyshev}) {
      auto const want = reference::pairwise_distances(a, b, n, m, width, static_cast<reference::Metric>(metric));
      auto unit       = want;
      for (double& u : unit) u *= machine_epsilon<Scalar>();
      std::vector<double> first;
      with_thread_counts<Exec>([&](Exec const& exec) {
        TestArray<Scalar, 2, typename TypeParam::Layout, Exec> const x({n, width}, a), y({m, width}, b), output({n, m}), portable({n, m});
        linalg::pairwise_distances(exec, x.view(), y.view(), output.view(), {.metric = metric});
        linalg::pairwise_distances<PortableRow>(exec, x.view(), y.view(), portable.view(), {.metric = metric});
        exec.fence();
        expect_within(output.values(), want, unit, static_cast<double>(width + 2));
        EXPECT_TRUE(output.guards_intact());
        if (first.empty()) first = output.values();
        expect_same_bits(output.values(), first);
        expect_same_bits(portable.values(), first);
      });
    }
  }
}

TYPED_TEST(PairwiseDistances, nan_spoils_the_distances_to_its_point_wherever_it_stands) {
  using Scalar     = typename TypeParam::Scalar;
  using Exec       = typename TypeParam::Exec;
  double const nan = std::numeric_limits<double>::quiet_NaN();
  Exec const exec;
  for (auto const metric : {DistanceMetric::squared_euclidean, DistanceMetric::manhattan, DistanceMetric::chebyshev}) {
    TestArray<Scalar, 2, typename TypeParam::Layout, Exec> const x({3, 3}, {nan, 1, 5, 0, nan, 5, 0, 0, 0}), y({2, 3}, {0, 0, 0, 0, 0, nan}), output({3, 2});
    linalg::pairwise_distances(exec, x.view(), y.view(), output.view(), {.metric = metric});
    exec.fence();
    expect_within(output.values(), {nan, nan, nan, nan, 0, nan}, 1.0, 0.0);
  }
}

TYPED_TEST(PairwiseDistances, behave) {
  using Exec = typename TypeParam::Exec;
  TestArray<float, 2, Kokkos::LayoutRight, Exec> const x({9, 5}, random_values(45)), output({9, 9});
  Exec const exec;
  auto const i = x.view(), o = output.view();
  linalg::pairwise_distances(exec, i, i, o);
  expect_good_manners(record([&] { linalg::pairwise_distances(exec, i, i, o, {.metric = DistanceMetric::manhattan}); }));
  exec.fence();
}

TEST(PairwiseDistances, name_what_does_not_fit) {
  HostTensor<float**> const x("x", 2, 3), y("y", 4, 2), z("z", 4, 3), output("output", 2, 3);
  Kokkos::Serial const exec;
  EXPECT_EQ(refusal([&] { linalg::pairwise_distances(exec, x, y, output); }), "ocellus::linalg::pairwise_distances: y.extent(1) is 2 but x.extent(1) is 3");
  EXPECT_EQ(refusal([&] { linalg::pairwise_distances(exec, x, z, output); }),
            "ocellus::linalg::pairwise_distances: output.extent(1) is 3 but y.extent(0) is 4");
}

}  // namespace
}  // namespace ocellus::test
