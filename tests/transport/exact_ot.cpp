// SPDX-License-Identifier: Apache-2.0

#include <ocellus/transport/exact_ot.hpp>

#include <algorithm>

#include "transport/problems.hpp"

namespace ocellus::test {
namespace {

template <class C>
class ExactOt : public ::testing::Test {};
TYPED_TEST_SUITE(ExactOt, TransportConfigurations);

/// The best permutation of a square matrix, by trying them all.
double best_permutation(std::vector<double> const& cost, std::size_t n) {
  std::vector<std::size_t> order(n);
  for (std::size_t i = 0; i < n; ++i) order[i] = i;
  double best = 1e300;
  do {
    double sum = 0;
    for (std::size_t i = 0; i < n; ++i) sum += cost[i * n + order[i]];
    best = std::min(best, sum);
  } while (std::next_permutation(order.begin(), order.end()));
  return best / static_cast<double>(n);
}

TYPED_TEST(ExactOt, closes_its_certificate_at_awkward_sizes) {
  for (auto const& [n, m] : {std::pair<std::int64_t, std::int64_t>{1, 1}, {1, 7}, {7, 1}, {17, 13}, {40, 61}}) {
    auto const cost = uniform_values(static_cast<std::size_t>(n * m), 1, -2.0, 3.0);
    auto const a = masses(n, 1, 2.0, 4), b = masses(m, 2, 2.0, 3);
    Array<TypeParam, 2> const c({n, m}, cost), plan({n, m});
    Array<TypeParam, 1> const mass_a({n}, a), mass_b({m}, b), f({n}), g({m});
    auto const result = transport::exact_ot(Exec_<TypeParam>(), c.view(), mass_a.view(), mass_b.view(), f.view(), g.view(), plan.view());
    EXPECT_TRUE(result.converged);
    EXPECT_NEAR(result.dual_value, result.total_cost, 1e-12);
    EXPECT_LE(result.dual_violation, 1e-13);
    EXPECT_LE(result.marginal_error, 1e-14);
    auto const p         = plan.values();
    double spent         = 0;
    std::int64_t carried = 0;
    for (std::int64_t i = 0; i < n; ++i) {
      double row = 0;
      for (std::int64_t j = 0; j < m; ++j) {
        double const amount = p[static_cast<std::size_t>(i * m + j)];
        EXPECT_GE(amount, 0.0);
        row += amount;
        spent += amount * cost[static_cast<std::size_t>(i * m + j)];
        carried += amount > 0 ? 1 : 0;
      }
      EXPECT_NEAR(row, a[static_cast<std::size_t>(i)], 1e-6);
    }
    EXPECT_LE(carried, n + m - 1);
    EXPECT_NEAR(spent, result.total_cost, 1e-5);
    EXPECT_TRUE(plan.guards_intact() && f.guards_intact() && g.guards_intact());
  }
}

TYPED_TEST(ExactOt, finds_the_best_permutation_of_uniform_masses_also_among_ties) {
  for (std::uint32_t sample = 0; sample < 6; ++sample) {
    auto cost = uniform_values(49, sample);
    if (sample % 2 == 1) {
      for (double& c : cost) c = std::floor(4 * c);
    }
    Array<TypeParam, 2> const c({7, 7}, cost);
    auto const result = transport::exact_ot(Exec_<TypeParam>(), c.view(), none, none, none, none, none);
    EXPECT_TRUE(result.converged);
    EXPECT_NEAR(result.total_cost, best_permutation(cost, 7), 1e-12);
    EXPECT_NEAR(result.dual_value, result.total_cost, 1e-12);
  }
}

TYPED_TEST(ExactOt, a_constant_added_to_all_costs_moves_the_value_alone) {
  std::vector<double> cost(35), moved;
  for (std::size_t k = 0; k < cost.size(); ++k) cost[k] = static_cast<double>(k * 37 % 256) / 256;
  moved = cost;
  for (double& c : moved) c += 8192;
  Array<TypeParam, 2> const here({7, 5}, cost), there({7, 5}, moved), p({7, 5}), q({7, 5});
  auto const near = transport::exact_ot(Exec_<TypeParam>(), here.view(), none, none, none, none, p.view());
  auto const far  = transport::exact_ot(Exec_<TypeParam>(), there.view(), none, none, none, none, q.view());
  expect_same_bits(q.values(), p.values());
  EXPECT_NEAR(far.total_cost - near.total_cost, 8192.0, 1e-10);
}

TEST(ExactOt, names_what_does_not_fit) {
  HostTensor<double**> const cost("cost", 2, 2);
  HostTensor<double*> const a("a", 2), b("b", 2);
  Kokkos::Serial const exec;
  a(0) = a(1) = b(0)     = 1.0;
  std::string const name = "ocellus::transport::exact_ot: ";
  EXPECT_EQ(refusal([&] { transport::exact_ot(exec, cost, a, b, none, none, none); }), name + "the total mass of a is 2 but that of b is 1");
  b(1) = -1.0;
  EXPECT_EQ(refusal([&] { transport::exact_ot(exec, cost, a, b, none, none, none); }), name + "b holds a negative mass, -1");
  b(1)       = 1.0;
  cost(0, 1) = std::numeric_limits<double>::infinity();
  EXPECT_EQ(refusal([&] { transport::exact_ot(exec, cost, a, b, none, none, none); }), name + "cost holds NaN or infinity");
  EXPECT_EQ(refusal([&] { transport::exact_ot(exec, HostTensor<double**>("cost", 0, 2), none, b, none, none, none); }),
            name + "cost has no rows: the side of a is empty");
}

}  // namespace
}  // namespace ocellus::test
