// SPDX-License-Identifier: Apache-2.0

#include <ocellus/transport/sinkhorn.hpp>

#include "reference/sinkhorn.hpp"
#include "transport/problems.hpp"

namespace ocellus::test {
namespace {

using transport::PlanReference;
using transport::SinkhornStop;

double const nan = std::numeric_limits<double>::quiet_NaN();
double const inf = std::numeric_limits<double>::infinity();

template <class C>
struct Solved {
  transport::SinkhornResult result;
  std::vector<double> f, g, plan;
};

template <class C>
Solved<C> solve(Exec_<C> const& exec, std::vector<double> const& cost, std::vector<double> const& a, std::vector<double> const& b,
                transport::SinkhornOptions const& options) {
  auto const n = static_cast<std::int64_t>(a.size()), m = static_cast<std::int64_t>(b.size());
  Array<C, 2> const c({n, m}, cost), plan({n, m});
  Array<C, 1> const mass_a({n}, a), mass_b({m}, b), f({n}), g({m});
  Solved<C> solved;
  solved.result = transport::sinkhorn(exec, c.view(), mass_a.view(), mass_b.view(), f.view(), g.view(), plan.view(), options);
  EXPECT_TRUE(f.guards_intact() && g.guards_intact() && plan.guards_intact());
  solved.f    = f.values();
  solved.g    = g.values();
  solved.plan = plan.values();
  return solved;
}

template <class C>
class Sinkhorn : public ::testing::Test {};
TYPED_TEST_SUITE(Sinkhorn, TransportConfigurations);

TYPED_TEST(Sinkhorn, agrees_with_the_reference_at_awkward_sizes_for_both_measures) {
  using Scalar = typename TypeParam::Scalar;
  for (auto const& [n, m] : {std::pair<int, int>{1, 1}, {1, 5}, {7, 1}, {8, 16}, {17, 13}, {33, 31}}) {
    auto const cost = uniform_values(static_cast<std::size_t>(n * m), 3, -0.5, 1.0);
    auto const a = masses(n, 1, 3.0), b = masses(m, 2, 3.0);
    for (bool const counting : {false, true}) {
      auto const want = reference::sinkhorn(cost, a, b, 0.25, inf, inf, counting, 2000);
      auto const got  = solve<TypeParam>(Exec_<TypeParam>(), cost, a, b,
                                        {.epsilon        = 0.25,
                                          .tolerance      = reachable<Scalar>(1e-13),
                                          .max_iterations = 2000,
                                          .reference      = counting ? PlanReference::counting : PlanReference::product});
      expect_near(got.plan, want.plan, loose<Scalar>(1e-11), 0.01);
      EXPECT_NEAR(got.result.transport_cost, want.transport_cost, loose<Scalar>(1e-11));
      EXPECT_NEAR(got.result.regularised_cost, want.regularised_cost, loose<Scalar>(1e-11));
      EXPECT_NEAR(got.result.dual_value, want.regularised_cost, loose<Scalar>(1e-11));
      double gauge = 0;
      for (std::size_t i = 0; i < a.size(); ++i) gauge += a[i] * got.f[i];
      EXPECT_NEAR(gauge, 0.0, loose<Scalar>(1e-13));
      for (int i = 0; i < n; ++i) {
        for (int j = 0; j < m; ++j) {
          auto const s = static_cast<std::size_t>(i), t = static_cast<std::size_t>(j);
          EXPECT_NEAR(got.f[s] + got.g[t], want.f[s] + want.g[t], loose<Scalar>(2e-12));
        }
      }
      if (std::is_same_v<Scalar, double>) {
        EXPECT_TRUE(got.result.converged);
        EXPECT_EQ(got.result.reason, SinkhornStop::converged);
        EXPECT_LE(got.result.marginal_error, 3e-13);
      }
    }
  }
}

TYPED_TEST(Sinkhorn, gives_exact_zeros_where_there_is_no_mass) {
  auto const cost = uniform_values(9 * 8, 5);
  auto const a = masses(9, 3, 1.0, 3), b = masses(8, 4, 1.0, 4);
  for (bool const counting : {false, true}) {
    auto const want = reference::sinkhorn(cost, a, b, 0.125, inf, inf, counting, 3000);
    auto const got  = solve<TypeParam>(Exec_<TypeParam>(), cost, a, b,
                                      {.epsilon        = 0.125,
                                        .tolerance      = reachable<typename TypeParam::Scalar>(1e-12),
                                        .max_iterations = 3000,
                                        .reference      = counting ? PlanReference::counting : PlanReference::product});
    expect_near(got.plan, want.plan, loose<typename TypeParam::Scalar>(1e-11), 0.01);
    for (std::size_t i = 0; i < 9; ++i) {
      EXPECT_EQ(got.f[i] == -inf, counting && a[i] == 0);
      EXPECT_FALSE(std::isnan(got.f[i]));
      for (std::size_t j = 0; j < 8; ++j) {
        EXPECT_TRUE((a[i] > 0 && b[j] > 0) || got.plan[i * 8 + j] == 0.0);
      }
    }
  }
}

TYPED_TEST(Sinkhorn, a_constant_added_to_all_costs_changes_no_plan) {
  // Costs that are multiples of 1/256 keep every digit beside 1e4 in float.
  std::vector<double> cost(12 * 11), moved;
  for (std::size_t k = 0; k < cost.size(); ++k) cost[k] = static_cast<double>(k * 37 % 256) / 256;
  moved = cost;
  for (double& c : moved) c += 8192;
  auto const a = masses(12, 6), b = masses(11, 7);
  transport::SinkhornOptions const options{.epsilon = 0.0625, .tolerance = 1e-6, .max_iterations = 500};
  auto const here = solve<TypeParam>(Exec_<TypeParam>(), cost, a, b, options), there = solve<TypeParam>(Exec_<TypeParam>(), moved, a, b, options);
  expect_same_bits(there.plan, here.plan);
  EXPECT_EQ(there.result.cost_shift - here.result.cost_shift, 8192.0);
  EXPECT_NEAR(there.result.transport_cost - here.result.transport_cost, 8192.0 * here.result.total_mass, 1e-8);
}

TYPED_TEST(Sinkhorn, the_dual_bounds_the_cost_of_any_plan_and_annealing_ends_at_the_same_place) {
  auto const cost = uniform_values(20 * 15, 8);
  auto const a = uniform_masses(20), b = uniform_masses(15);
  auto const early = solve<TypeParam>(Exec_<TypeParam>(), cost, a, b, {.epsilon = 0.01, .tolerance = 1e-6, .max_iterations = 3});
  EXPECT_FALSE(early.result.converged);
  EXPECT_EQ(early.result.reason, SinkhornStop::iteration_limit);
  EXPECT_EQ(early.result.iterations, 3);
  auto const done     = solve<TypeParam>(Exec_<TypeParam>(), cost, a, b, {.epsilon = 0.01, .tolerance = 1e-5, .max_iterations = 5000});
  auto const annealed = solve<TypeParam>(Exec_<TypeParam>(), cost, a, b, {.epsilon = 0.01, .tolerance = 1e-5, .max_iterations = 5000, .epsilon_start = 1.0});
  EXPECT_TRUE(done.result.converged && annealed.result.converged);
  EXPECT_LE(early.result.dual_value, done.result.regularised_cost + 1e-6);
  EXPECT_NEAR(annealed.result.regularised_cost, done.result.regularised_cost, 1e-5);
  EXPECT_LE(done.result.marginal_error, 1e-5);
  EXPECT_EQ(annealed.result.epsilon, 0.01);
}

TYPED_TEST(Sinkhorn, says_what_a_hopeless_epsilon_came_to) {
  // Epsilon a millionth of the cost: no silent failure, whatever comes out.
  auto const cost = uniform_values(16 * 16, 9);
  auto const got  = solve<TypeParam>(Exec_<TypeParam>(), cost, uniform_masses(16), uniform_masses(16), {.epsilon = 1e-6, .max_iterations = 200});
  for (double const value : got.plan) EXPECT_TRUE(std::isfinite(value));
  double error = 0;
  for (std::size_t i = 0; i < 16; ++i) {
    double row = 0;
    for (std::size_t j = 0; j < 16; ++j) row += got.plan[i * 16 + j];
    error += std::abs(row - 1.0 / 16);
  }
  EXPECT_NEAR(got.result.row_error, error, 1e-5);
  EXPECT_TRUE(!got.result.converged || error <= 1.1e-6);
  EXPECT_TRUE(std::isfinite(got.result.transport_cost));
}

TYPED_TEST(Sinkhorn, equal_costs_give_the_product_of_the_masses) {
  auto const a = masses(5, 1), b = masses(4, 2);
  auto const got = solve<TypeParam>(Exec_<TypeParam>(), std::vector<double>(20, 7.0), a, b, {.epsilon = 0.5});
  EXPECT_TRUE(got.result.converged);
  for (std::size_t i = 0; i < 5; ++i) {
    for (std::size_t j = 0; j < 4; ++j) EXPECT_NEAR(got.plan[i * 4 + j], a[i] * b[j], 1e-6);
  }
}

TYPED_TEST(Sinkhorn, same_bits_whatever_the_thread_count_and_labels_its_kernels) {
  using Exec      = Exec_<TypeParam>;
  auto const cost = uniform_values(300 * 20, 10);
  std::vector<double> whole;
  with_thread_counts<Exec>([&](Exec const& exec) {
    auto const got = solve<TypeParam>(exec, cost, uniform_masses(300), uniform_masses(20), {.epsilon = 0.05, .max_iterations = 30});
    if (whole.empty()) whole = got.plan;
    expect_same_bits(got.plan, whole);
  });
  Array<TypeParam, 2> const c({5, 4}, uniform_values(20, 1));
  Array<TypeParam, 1> const f({5}), g({4});
  Exec const exec;
  WorkspaceFor<Exec> workspace(exec, transport::sinkhorn_workspace_size(exec, c.view()));
  auto const cv = c.view();
  auto const fv = f.view(), gv = g.view();
  auto const seen = record([&] { transport::sinkhorn(exec, cv, none, none, fv, gv, none, {.epsilon = 0.5}, workspace); });
  expect_labels(seen);
  EXPECT_TRUE(seen.allocations.empty());
}

TEST(Sinkhorn, names_what_does_not_fit) {
  HostTensor<double**> const cost("cost", 3, 2), spoiled("cost", 3, 2), empty("cost", 0, 2);
  HostTensor<double*> const f("f", 3), g("g", 2), a("a", 3), b("b", 2), short_a("a", 2);
  Kokkos::Serial const exec;
  Kokkos::deep_copy(a, 1.0);
  Kokkos::deep_copy(b, 1.5);
  auto const refused = [&](auto const& c, auto const& mass_a, auto const& mass_b, transport::SinkhornOptions const& options) {
    return refusal([&] { transport::sinkhorn(exec, c, mass_a, mass_b, f, g, none, options); });
  };
  std::string const name = "ocellus::transport::sinkhorn: ";
  EXPECT_EQ(refused(cost, a, b, {}), name + "epsilon is 0, not a positive number");
  EXPECT_EQ(refused(cost, a, b, {.epsilon = nan}), name + "epsilon is nan, not a positive number");
  EXPECT_EQ(refused(cost, a, b, {.epsilon = 1.0, .max_iterations = 0}), name + "max_iterations is 0, not at least 1");
  EXPECT_EQ(refused(cost, short_a, b, {.epsilon = 1.0}), name + "a.extent(0) is 2 but cost.extent(0) is 3");
  EXPECT_EQ(refused(empty, none, b, {.epsilon = 1.0}), name + "cost has no rows: the side of a is empty");
  spoiled(1, 1) = nan;
  EXPECT_EQ(refused(spoiled, a, b, {.epsilon = 1.0}), name + "cost holds NaN or infinity");
  spoiled(1, 1) = inf;
  EXPECT_EQ(refused(spoiled, a, b, {.epsilon = 1.0}), name + "cost holds NaN or infinity");
  b(0) = 2.0;
  EXPECT_EQ(refused(cost, a, b, {.epsilon = 1.0}), name + "the total mass of a is 3 but that of b is 3.5");
  b(0) = -1.0;
  EXPECT_EQ(refused(cost, a, b, {.epsilon = 1.0}), name + "b holds a negative mass, -1");
  b(0) = nan;
  EXPECT_EQ(refused(cost, a, b, {.epsilon = 1.0}), name + "b holds a mass that is NaN or infinite");
  b(0) = b(1) = 0.0;
  EXPECT_EQ(refused(cost, a, b, {.epsilon = 1.0}), name + "the total mass of b is zero");
}

}  // namespace
}  // namespace ocellus::test
