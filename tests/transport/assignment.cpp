// SPDX-License-Identifier: Apache-2.0

#include <ocellus/transport/assignment.hpp>

#include <algorithm>

#include "transport/problems.hpp"

namespace ocellus::test {
namespace {

template <class C>
class Assignment : public ::testing::Test {};
TYPED_TEST_SUITE(Assignment, TransportConfigurations);

/// The best total of an assignment of the fewer to the more, by trying them all.
double best(std::vector<double> const& cost, std::size_t n, std::size_t m, double sign) {
  bool const flipped    = n > m;
  std::size_t const few = flipped ? m : n, many = flipped ? n : m;
  std::vector<std::size_t> order(many);
  for (std::size_t i = 0; i < many; ++i) order[i] = i;
  double least = 1e300;
  do {
    double sum = 0;
    for (std::size_t i = 0; i < few; ++i) sum += sign * cost[flipped ? order[i] * m + i : i * m + order[i]];
    least = std::min(least, sum);
  } while (std::next_permutation(order.begin(), order.end()));
  return sign * least;
}

TYPED_TEST(Assignment, is_the_best_of_all_for_every_shape) {
  for (auto const& [n, m] : {std::pair<std::int64_t, std::int64_t>{0, 3}, {3, 0}, {1, 1}, {4, 7}, {7, 4}, {6, 6}}) {
    for (std::uint32_t sample = 0; sample < 4; ++sample) {
      auto const un = static_cast<std::size_t>(n), um = static_cast<std::size_t>(m);
      auto cost = uniform_values(un * um, sample, -1.0, 1.0);
      if (sample == 3) {
        for (double& c : cost) c = std::floor(3 * c);
      }
      for (bool const maximise : {false, true}) {
        Array<TypeParam, 2> const c({n, m}, cost);
        Indices<TypeParam, 1> const columns({n});
        auto const result = transport::assignment(Exec_<TypeParam>(), c.view(), columns.view(), {.maximise = maximise});
        EXPECT_NEAR(result.total_cost, un * um == 0 ? 0.0 : best(cost, un, um, maximise ? -1.0 : 1.0), 1e-12);
        auto const got        = columns.values();
        double sum            = 0;
        std::int64_t assigned = 0;
        std::vector<bool> taken(um, false);
        for (std::size_t i = 0; i < un; ++i) {
          if (got[i] < 0) continue;
          auto const j = static_cast<std::size_t>(got[i]);
          ASSERT_LT(j, um);
          EXPECT_FALSE(taken[j]);
          taken[j] = true;
          ++assigned;
          sum += cost[i * um + j];
        }
        EXPECT_EQ(assigned, std::min(n, m));
        EXPECT_NEAR(sum, result.total_cost, 1e-12);
        EXPECT_TRUE(columns.guards_intact());
      }
    }
  }
}

TEST(Assignment, names_what_does_not_fit) {
  HostTensor<double**> const cost("cost", 3, 2);
  HostTensor<std::int64_t*> const columns("columns", 3), short_columns("columns", 2);
  Kokkos::Serial const exec;
  EXPECT_EQ(refusal([&] { transport::assignment(exec, cost, short_columns); }),
            "ocellus::transport::assignment: columns.extent(0) is 2 but cost.extent(0) is 3");
  cost(2, 1) = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(refusal([&] { transport::assignment(exec, cost, columns); }), "ocellus::transport::assignment: cost holds NaN or infinity");
}

}  // namespace
}  // namespace ocellus::test
