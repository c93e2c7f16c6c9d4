// SPDX-License-Identifier: Apache-2.0

#include <ocellus/transport/bures_wasserstein.hpp>

#include "transport/problems.hpp"

namespace ocellus::test {
namespace {

template <class C>
class BuresWasserstein : public ::testing::Test {};
TYPED_TEST_SUITE(BuresWasserstein, TransportConfigurations);

TYPED_TEST(BuresWasserstein, the_map_pushes_one_gaussian_to_the_other) {
  using Scalar                 = typename TypeParam::Scalar;
  std::vector<double> const s0 = {2, 0.5, 0.5, 1}, s1 = {1, -0.25, -0.25, 3};
  Array<TypeParam, 1> const m0({2}, {1, -1}), m1({2}, {2, 0.5}), offset({2});
  Array<TypeParam, 2> const a({2, 2}, s0), b({2, 2}, s1), map({2, 2});
  auto const result = transport::bures_wasserstein(Exec_<TypeParam>(), m0.view(), a.view(), m1.view(), b.view(), map.view(), offset.view());
  auto const t = map.values(), o = offset.values();
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_NEAR(t[i * 2] * 1 - t[i * 2 + 1] + o[i], i == 0 ? 2 : 0.5, loose<Scalar>(1e-14));
    for (std::size_t j = 0; j < 2; ++j) {
      double pushed = 0;
      for (std::size_t k = 0; k < 2; ++k) {
        for (std::size_t l = 0; l < 2; ++l) pushed += t[i * 2 + k] * s0[k * 2 + l] * t[j * 2 + l];
      }
      EXPECT_NEAR(pushed, s1[i * 2 + j], loose<Scalar>(1e-13));
    }
  }
  // W^2 = |m0 - m1|^2 + tr(S0 + S1) - 2 tr(S0 A).
  double const coupled = s0[0] * t[0] + s0[1] * t[2] + s0[2] * t[1] + s0[3] * t[3];
  EXPECT_NEAR(result.distance_squared, 1 + 2.25 + 7 - 2 * coupled, loose<Scalar>(1e-13));
  EXPECT_TRUE(map.guards_intact() && offset.guards_intact());
}

TYPED_TEST(BuresWasserstein, points_and_equal_gaussians_and_nan) {
  Array<TypeParam, 1> const m0({1}, {1}), m1({1}, {4});
  Array<TypeParam, 2> const point({1, 1}, {0}), wide({1, 1}, {4}), spoiled({1, 1}, {std::numeric_limits<double>::quiet_NaN()});
  auto const distance = [&](auto const& p, auto const& q) {
    return transport::bures_wasserstein(Exec_<TypeParam>(), m0.view(), p.view(), m1.view(), q.view(), none, none).distance_squared;
  };
  EXPECT_NEAR(distance(point, point), 9.0, 1e-12);
  EXPECT_NEAR(distance(point, wide), 13.0, 1e-12);
  EXPECT_NEAR(distance(wide, wide), 9.0, 1e-12);
  EXPECT_TRUE(std::isnan(distance(spoiled, wide)));
}

TEST(BuresWasserstein, names_what_does_not_fit) {
  HostTensor<double*> const mean("mean", 2), longer("mean", 3);
  HostTensor<double**> const square("s", 2, 2);
  EXPECT_EQ(refusal([&] { transport::bures_wasserstein(Kokkos::Serial(), mean, square, longer, square, none, none); }),
            "ocellus::transport::bures_wasserstein: mean1.extent(0) is 3 but mean0.extent(0) is 2");
}

}  // namespace
}  // namespace ocellus::test
