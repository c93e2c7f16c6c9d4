// SPDX-License-Identifier: Apache-2.0

#include <ocellus/transport/unbalanced_sinkhorn.hpp>

#include <ocellus/io/npy.hpp>

#include "reference/sinkhorn.hpp"
#include "support/shared_data.hpp"
#include "transport/problems.hpp"

namespace ocellus::test {
namespace {

using transport::PlanReference;

double const inf = std::numeric_limits<double>::infinity();

template <class C>
class UnbalancedSinkhorn : public ::testing::Test {};
TYPED_TEST_SUITE(UnbalancedSinkhorn, TransportConfigurations);

TYPED_TEST(UnbalancedSinkhorn, agrees_with_the_reference_for_all_kinds_of_marginals) {
  using Scalar = typename TypeParam::Scalar;
  for (auto const& [n, m] : {std::pair<std::int64_t, std::int64_t>{1, 1}, {7, 5}, {16, 17}}) {
    auto const cost = uniform_values(static_cast<std::size_t>(n * m), 21);
    auto const a = masses(n, 1, 1.0, 4), b = masses(m, 2, 2.0);
    for (auto const& [rho1, rho2] : {std::pair<double, double>{0.5, 2.0}, {1.0, inf}, {inf, 0.25}}) {
      for (bool const counting : {false, true}) {
        auto const want = reference::sinkhorn(cost, a, b, 0.125, rho1, rho2, counting, 3000);
        Array<TypeParam, 2> const c({n, m}, cost), plan({n, m});
        Array<TypeParam, 1> const mass_a({n}, a), mass_b({m}, b), f({n}), g({m});
        auto const result = transport::unbalanced_sinkhorn(Exec_<TypeParam>(), c.view(), mass_a.view(), mass_b.view(), f.view(), g.view(), plan.view(),
                                                           {.epsilon        = 0.125,
                                                            .rho1           = rho1,
                                                            .rho2           = rho2,
                                                            .tolerance      = reachable<Scalar>(1e-14),
                                                            .max_iterations = 3000,
                                                            .reference      = counting ? PlanReference::counting : PlanReference::product});
        expect_near(f.values(), want.f, loose<Scalar>(1e-12));
        expect_near(g.values(), want.g, loose<Scalar>(1e-12));
        expect_near(plan.values(), want.plan, loose<Scalar>(1e-11), 0.01);
        EXPECT_NEAR(result.total_mass, want.mass, loose<Scalar>(1e-12));
        EXPECT_NEAR(result.transport_cost, want.transport_cost, loose<Scalar>(1e-12));
        EXPECT_NEAR(result.regularised_cost, want.regularised_cost, loose<Scalar>(4e-12));
        EXPECT_NEAR(result.dual_value, want.regularised_cost, loose<Scalar>(4e-12));
        EXPECT_TRUE(plan.guards_intact() && f.guards_intact() && g.guards_intact());
      }
    }
  }
}

TYPED_TEST(UnbalancedSinkhorn, costs_far_from_zero_keep_their_digits) {
  // With one exact marginal a constant moves the objective and the potential, and nothing else.
  std::vector<double> cost(10 * 9), moved;
  for (std::size_t k = 0; k < cost.size(); ++k) cost[k] = static_cast<double>(k * 37 % 256) / 256;
  moved = cost;
  for (double& c : moved) c += 8192;
  Array<TypeParam, 2> const here({10, 9}, cost), there({10, 9}, moved), p({10, 9}), q({10, 9});
  Array<TypeParam, 1> const f({10}), g({9});
  transport::UnbalancedSinkhornOptions const options{.epsilon = 0.125, .rho2 = 1.0, .tolerance = 1e-6};
  EXPECT_TRUE(transport::unbalanced_sinkhorn(Exec_<TypeParam>(), here.view(), none, none, f.view(), g.view(), p.view(), options).converged);
  EXPECT_TRUE(transport::unbalanced_sinkhorn(Exec_<TypeParam>(), there.view(), none, none, f.view(), g.view(), q.view(), options).converged);
  expect_near(q.values(), p.values(), 1e-6, 0.01);
}

TEST(UnbalancedSinkhorn, gives_the_published_plan_of_real_cells) {
  auto const folder = shared_data("ot_moscot");
  if (folder.empty()) GTEST_SKIP() << "the data set ot_moscot is not beside this checkout";
  auto const cost = io::read_npy_as<double, 2>(folder / "cost_10_105_f64.npy");
  auto const want = io::read_npy_as<float, 2>(folder / "tmap_10_105_reference_f32.npy");
  HostTensor<double*> const f("f", cost.extent(0)), g("g", cost.extent(1));
  HostTensor<double**> const plan("plan", cost.extent(0), cost.extent(1));
  auto const result = transport::unbalanced_sinkhorn(
      Kokkos::Serial(), cost, none, none, f, g, plan,
      {.epsilon = 0.5, .rho1 = 1.0, .rho2 = 10.0, .tolerance = 1e-10, .max_iterations = 5000, .reference = PlanReference::counting});
  EXPECT_TRUE(result.converged);
  double worst = 0, largest = 0;
  for (std::size_t k = 0; k < plan.size(); ++k) {
    worst   = std::max(worst, std::abs(plan.data()[k] - static_cast<double>(want.data()[k])));
    largest = std::max(largest, static_cast<double>(want.data()[k]));
  }
  EXPECT_LE(worst / largest, 5e-5);
  EXPECT_NEAR(result.total_mass, 1.35052, 1e-4);
}

TEST(UnbalancedSinkhorn, names_what_does_not_fit) {
  HostTensor<double**> const cost("cost", 3, 2);
  HostTensor<double*> const f("f", 3), g("g", 2);
  Kokkos::Serial const exec;
  EXPECT_EQ(refusal([&] { transport::unbalanced_sinkhorn(exec, cost, none, none, f, g, none, {.epsilon = 1.0, .rho1 = -1.0}); }),
            "ocellus::transport::unbalanced_sinkhorn: rho1 is -1, not a positive number or infinity");
  EXPECT_EQ(refusal([&] { transport::unbalanced_sinkhorn(exec, cost, none, none, f, g, none, {.epsilon = 1.0, .rho2 = 0.0}); }),
            "ocellus::transport::unbalanced_sinkhorn: rho2 is 0, not a positive number or infinity");
}

}  // namespace
}  // namespace ocellus::test
