// SPDX-License-Identifier: Apache-2.0

#include <ocellus/transport/sinkhorn_divergence_backward.hpp>

#include "transport/problems.hpp"

namespace ocellus::test {
namespace {

template <class C>
class SinkhornDivergenceBackward : public ::testing::Test {};
TYPED_TEST_SUITE(SinkhornDivergenceBackward, TransportConfigurations);

TYPED_TEST(SinkhornDivergenceBackward, agrees_with_differences_of_the_divergence) {
  constexpr bool narrow = std::is_same_v<typename TypeParam::Scalar, float>;
  constexpr int n = 5, m = 4, d = 2;
  auto const x = random_values(n * d, 1), y = random_values(m * d, 2, 1.0, 0.5), a = masses(n, 3), b = masses(m, 4);
  transport::SinkhornDivergenceOptions const options{.epsilon = 1.0, .tolerance = reachable<typename TypeParam::Scalar>(1e-14), .max_iterations = 1000};
  Array<TypeParam, 2> const p({n, d}, x), q({m, d}, y), to_x({n, d}), to_y({m, d});
  Array<TypeParam, 1> const mass_a({n}, a), mass_b({m}, b), to_a({n}), to_b({m});
  auto const result = transport::sinkhorn_divergence_backward(Exec_<TypeParam>(), p.view(), q.view(), mass_a.view(), mass_b.view(), to_x.view(), to_y.view(),
                                                              to_a.view(), to_b.view(), options);
  auto const value  = [&](std::vector<double> const& px, std::vector<double> const& qy) {
    HostTensor<double**> const u("u", n, d), v("v", m, d);
    HostTensor<double*> const au("au", n), bv("bv", m);
    std::copy(px.begin(), px.end(), u.data());
    std::copy(qy.begin(), qy.end(), v.data());
    std::copy(a.begin(), a.end(), au.data());
    std::copy(b.begin(), b.end(), bv.data());
    return transport::sinkhorn_divergence(Kokkos::Serial(), u, v, au, bv, options).divergence;
  };
  EXPECT_NEAR(result.divergence, value(x, y), narrow ? 1e-5 : 1e-12);
  for (std::size_t k = 0; k < x.size(); ++k) {
    auto above = x, below = x;
    above[k] += 1e-5;
    below[k] -= 1e-5;
    EXPECT_NEAR(to_x.values()[k], (value(above, y) - value(below, y)) / 2e-5, narrow ? 3e-5 : 1e-7);
  }
  for (std::size_t k = 0; k < y.size(); ++k) {
    auto above = y, below = y;
    above[k] += 1e-5;
    below[k] -= 1e-5;
    EXPECT_NEAR(to_y.values()[k], (value(x, above) - value(x, below)) / 2e-5, narrow ? 3e-5 : 1e-7);
  }
  EXPECT_TRUE(to_x.guards_intact() && to_y.guards_intact() && to_a.guards_intact() && to_b.guards_intact());
}

TYPED_TEST(SinkhornDivergenceBackward, vanishes_for_equal_clouds) {
  auto const x = random_values(12, 5);
  Array<TypeParam, 2> const p({6, 2}, x), to_x({6, 2}), to_y({6, 2});
  Array<TypeParam, 1> const to_a({6}), to_b({6});
  transport::sinkhorn_divergence_backward(Exec_<TypeParam>(), p.view(), p.view(), none, none, to_x.view(), to_y.view(), to_a.view(), to_b.view(),
                                          {.epsilon = 2.0, .tolerance = 1e-10, .max_iterations = 2000});
  expect_near(to_x.values(), std::vector<double>(12, 0.0), 1e-5);
  expect_near(to_a.values(), std::vector<double>(6, 0.0), 1e-4);
}

TEST(SinkhornDivergenceBackward, refuses_what_has_no_gradient_here) {
  HostTensor<double**> const x("x", 3, 2);
  HostTensor<double*> const a("a", 3);
  EXPECT_EQ(refusal([&] { transport::sinkhorn_divergence_backward(Kokkos::Serial(), x, x, none, none, x, x, a, a, {.epsilon = 1.0, .rho = 2.0}); }),
            "ocellus::transport::sinkhorn_divergence_backward: rho is 2, but only exact marginals (rho infinite) have gradients");
}

}  // namespace
}  // namespace ocellus::test
