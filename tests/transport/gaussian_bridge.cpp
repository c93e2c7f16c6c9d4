// SPDX-License-Identifier: Apache-2.0

#include <ocellus/transport/gaussian_bridge.hpp>

#include "transport/problems.hpp"

namespace ocellus::test {
namespace {

double const nan = std::numeric_limits<double>::quiet_NaN();

template <class C>
class GaussianBridge : public ::testing::Test {};
TYPED_TEST_SUITE(GaussianBridge, TransportConfigurations);

TYPED_TEST(GaussianBridge, joins_its_ends_and_meets_the_known_covariance) {
  using Scalar = typename TypeParam::Scalar;
  // On the line: C = (s0 s1 + w^4/4)^{1/2} - w^2/2.
  Array<TypeParam, 1> const m0({1}, {0}), m1({1}, {2}), times({4}, {0, 0.5, 1, 1.5});
  Array<TypeParam, 2> const s0({1, 1}, {1}), s1({1, 1}, {0.49}), query({2, 1}, {0, 1}), cross({1, 1}), means({4, 1});
  Array<TypeParam, 3> const covariances({4, 1, 1}), drifts({4, 2, 1});
  transport::gaussian_bridge(Exec_<TypeParam>(), m0.view(), s0.view(), m1.view(), s1.view(), times.view(), query.view(), cross.view(), means.view(),
                             covariances.view(), drifts.view(), {.omega = 0.7});
  double const c = std::sqrt(0.49 + 0.49 * 0.49 / 4) - 0.245, s = 0.25 * 1.49 + 0.5 * c + 0.49 * 0.25;
  EXPECT_NEAR(cross.values()[0], c, loose<Scalar>(1e-14));
  expect_near(means.values(), {0, 1, 2, nan}, loose<Scalar>(1e-15));
  expect_near(covariances.values(), {1, s, 0.49, nan}, loose<Scalar>(1e-14));
  double const slope = (0.5 * 0.49 + 0.5 * c - 0.5 - 0.5 * c - 0.49 * 0.5) / s;
  EXPECT_NEAR(drifts.values()[2], slope * (0 - 1) + 2, loose<Scalar>(1e-13));
  EXPECT_NEAR(drifts.values()[3], 2, loose<Scalar>(1e-13));
  EXPECT_TRUE(cross.guards_intact() && means.guards_intact() && covariances.guards_intact() && drifts.guards_intact());
}

TYPED_TEST(GaussianBridge, the_joint_precision_couples_the_ends_by_the_reference_alone) {
  // The cross block of the joint precision is -I / omega^2, whatever the covariances.
  constexpr std::int64_t d     = 3;
  std::vector<double> const s0 = {2, 0.5, 0, 0.5, 1, 0.25, 0, 0.25, 0.5}, s1 = {1, -0.25, 0.125, -0.25, 2, 0, 0.125, 0, 0.75}, zero(3, 0.0);
  TestArray<double, 1, Kokkos::LayoutRight, Kokkos::Serial> const mean({d}, zero);
  TestArray<double, 2, Kokkos::LayoutRight, Kokkos::Serial> const a({d, d}, s0), b({d, d}, s1), cross({d, d});
  transport::gaussian_bridge(Kokkos::Serial(), mean.view(), a.view(), mean.view(), b.view(), none, none, cross.view(), none, none, none, {.omega = 0.8});
  auto const c = cross.values();
  Eigen::MatrixXd joint(2 * d, 2 * d);
  for (std::int64_t i = 0; i < d; ++i) {
    for (std::int64_t j = 0; j < d; ++j) {
      auto const at       = static_cast<std::size_t>(i * d + j);
      joint(i, j)         = s0[at];
      joint(d + i, d + j) = s1[at];
      joint(i, d + j) = joint(d + j, i) = c[at];
    }
  }
  Eigen::MatrixXd const precision = joint.inverse();
  for (std::int64_t i = 0; i < d; ++i) {
    for (std::int64_t j = 0; j < d; ++j) EXPECT_NEAR(precision(i, d + j), i == j ? -1 / 0.64 : 0.0, 1e-11);
  }
}

TYPED_TEST(GaussianBridge, starts_from_a_point) {
  Array<TypeParam, 1> const m0({2}, {1, 2}), m1({2}, {3, 1}), times({2}, {0, 0.5});
  Array<TypeParam, 2> const point({2, 2}, {0, 0, 0, 0}), s1({2, 2}, {1, 0.25, 0.25, 2}), query({1, 2}, {1, 2}), cross({2, 2}), means({2, 2});
  Array<TypeParam, 3> const covariances({2, 2, 2}), drifts({2, 1, 2});
  transport::gaussian_bridge(Exec_<TypeParam>(), m0.view(), point.view(), m1.view(), s1.view(), times.view(), query.view(), cross.view(), means.view(),
                             covariances.view(), drifts.view(), {.omega = 1.0});
  expect_near(cross.values(), {0, 0, 0, 0}, 1e-14);
  // From a point to S1: S_t = t^2 S1 + t (1 - t) I, and the drift at the start is m1 - m0.
  expect_near({covariances.values()[4], covariances.values()[5], covariances.values()[7]}, {0.5, 0.0625, 0.75}, 1e-6);
  expect_near({drifts.values()[0], drifts.values()[1]}, {2, -1}, 1e-6);
}

TEST(GaussianBridge, names_what_does_not_fit) {
  HostTensor<double*> const mean("mean", 2);
  HostTensor<double**> const square("s", 2, 2), wide("s", 2, 3);
  Kokkos::Serial const exec;
  auto const refused = [&](auto const& s, double omega) {
    return refusal([&] { transport::gaussian_bridge(exec, mean, s, mean, square, none, none, square, none, none, none, {.omega = omega}); });
  };
  EXPECT_EQ(refused(wide, 1.0), "ocellus::transport::gaussian_bridge: covariance0.extent(1) is 3 but mean0.extent(0) is 2");
  EXPECT_EQ(refused(square, 0.0), "ocellus::transport::gaussian_bridge: omega is 0, not a positive number");
}

}  // namespace
}  // namespace ocellus::test
