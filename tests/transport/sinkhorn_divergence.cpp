// SPDX-License-Identifier: Apache-2.0

#include <ocellus/transport/sinkhorn_divergence.hpp>

#include "reference/ground_cost.hpp"
#include "reference/sinkhorn.hpp"
#include "transport/problems.hpp"

namespace ocellus::test {
namespace {

using transport::DivergenceValue;
double const inf = std::numeric_limits<double>::infinity();

template <class C>
class SinkhornDivergence : public ::testing::Test {};
TYPED_TEST_SUITE(SinkhornDivergence, TransportConfigurations);

TYPED_TEST(SinkhornDivergence, agrees_with_three_problems_of_the_reference) {
  using Scalar = typename TypeParam::Scalar;
  auto const x = random_values(9 * 2, 1), y = random_values(7 * 2, 2, 1.0, 0.5), a = masses(9, 1), b = masses(7, 2), heavy = masses(7, 2, 1.5);
  Array<TypeParam, 2> const p({9, 2}, x), q({7, 2}, y);
  Array<TypeParam, 1> const mass_a({9}, a), mass_b({7}, b), mass_heavy({7}, heavy);
  auto const term = [&](std::vector<double> const& u, std::vector<double> const& v, std::vector<double> const& au, std::vector<double> const& bv, double rho) {
    return reference::sinkhorn(reference::ground_costs(reference::Ground::squared_euclidean, u, v, 2), au, bv, 1.0, rho, rho, false, 4000);
  };
  transport::SinkhornDivergenceOptions options{.epsilon = 1.0, .tolerance = reachable<Scalar>(1e-13), .max_iterations = 3000};
  auto const got = transport::sinkhorn_divergence(Exec_<TypeParam>(), p.view(), q.view(), mass_a.view(), mass_b.view(), options);
  auto const xy = term(x, y, a, b, inf), xx = term(x, x, a, a, inf), yy = term(y, y, b, b, inf);
  EXPECT_NEAR(got.divergence, xy.regularised_cost - 0.5 * (xx.regularised_cost + yy.regularised_cost), loose<Scalar>(1e-11));
  options.value = DivergenceValue::transport_cost;
  EXPECT_NEAR(transport::sinkhorn_divergence(Exec_<TypeParam>(), p.view(), q.view(), mass_a.view(), mass_b.view(), options).divergence,
              xy.transport_cost - 0.5 * (xx.transport_cost + yy.transport_cost), loose<Scalar>(1e-11));
  options.value  = DivergenceValue::regularised;
  options.rho    = 2.0;
  auto const uxy = term(x, y, a, heavy, 2.0), uxx = term(x, x, a, a, 2.0), uyy = term(y, y, heavy, heavy, 2.0);
  EXPECT_NEAR(transport::sinkhorn_divergence(Exec_<TypeParam>(), p.view(), q.view(), mass_a.view(), mass_heavy.view(), options).divergence,
              uxy.regularised_cost - 0.5 * (uxx.regularised_cost + uyy.regularised_cost) + 0.5 * 0.25, loose<Scalar>(1e-11));
}

TYPED_TEST(SinkhornDivergence, of_a_cloud_with_itself_is_zero_and_with_another_positive) {
  auto const x = random_values(20 * 3, 3), y = random_values(15 * 3, 4, 1.0, 0.5);
  Array<TypeParam, 2> const p({20, 3}, x), q({15, 3}, y);
  transport::SinkhornDivergenceOptions const options{.epsilon = 0.5, .tolerance = 1e-6, .max_iterations = 500, .cost = transport::GroundCost::euclidean};
  EXPECT_NEAR(transport::sinkhorn_divergence(Exec_<TypeParam>(), p.view(), p.view(), none, none, options).divergence, 0.0, 1e-5);
  auto const got = transport::sinkhorn_divergence(Exec_<TypeParam>(), p.view(), q.view(), none, none, options);
  EXPECT_GT(got.divergence, 0.01);
  EXPECT_TRUE(got.converged);
}

TEST(SinkhornDivergence, names_what_does_not_fit) {
  HostTensor<double**> const x("x", 3, 2);
  EXPECT_EQ(refusal([&] { transport::sinkhorn_divergence(Kokkos::Serial(), x, x, none, none, {.epsilon = 1.0, .rho = -2.0}); }),
            "ocellus::transport::sinkhorn_divergence: rho is -2, not a positive number or infinity");
}

}  // namespace
}  // namespace ocellus::test
