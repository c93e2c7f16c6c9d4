// SPDX-License-Identifier: Apache-2.0

#include <ocellus/transport/sinkhorn_point_cloud_backward.hpp>

#include "reference/ground_cost.hpp"
#include "reference/sinkhorn.hpp"
#include "transport/problems.hpp"

namespace ocellus::test {
namespace {

using transport::GroundCost;
double const inf = std::numeric_limits<double>::infinity();

template <class C>
class SinkhornPointCloudBackward : public ::testing::Test {};
TYPED_TEST_SUITE(SinkhornPointCloudBackward, TransportConfigurations);

TYPED_TEST(SinkhornPointCloudBackward, agrees_with_differences_of_the_references_cost) {
  constexpr bool narrow = std::is_same_v<typename TypeParam::Scalar, float>;
  constexpr int n = 5, m = 4, d = 2;
  auto x = random_values(n * d, 1, 1.0, 2.0), y = random_values(m * d, 2, 1.0, 2.0), a = masses(n, 3), b = masses(m, 4);
  Array<TypeParam, 2> const p({n, d}, x), q({m, d}, y), to_x({n, d}), to_y({m, d});
  Array<TypeParam, 1> const mass_a({n}, a), mass_b({m}, b), f({n}), g({m}), to_a({n}), to_b({m});
  for (int kind = 0; kind < 3; ++kind) {
    double const epsilon = kind == 2 ? 0.1 : 1.0;
    transport::SinkhornPointCloudOptions const options{.epsilon = epsilon, .tolerance = 1e-14, .max_iterations = 1000, .cost = static_cast<GroundCost>(kind)};
    auto const cost = [&] {
      return reference::sinkhorn(reference::ground_costs(static_cast<reference::Ground>(kind), x, y, d), a, b, epsilon, inf, inf, false, 400).regularised_cost;
    };
    auto const difference = [&](std::vector<double>& values, std::size_t at) {
      double const kept = values[at], h = 1e-5;
      values[at]         = kept + h;
      double const above = cost();
      values[at]         = kept - h;
      double const below = cost();
      values[at]         = kept;
      return (above - below) / (2 * h);
    };
    transport::sinkhorn_point_cloud(Exec_<TypeParam>(), p.view(), q.view(), mass_a.view(), mass_b.view(), f.view(), g.view(), options);
    transport::sinkhorn_point_cloud_backward(Exec_<TypeParam>(), p.view(), q.view(), mass_a.view(), mass_b.view(), f.view(), g.view(), to_x.view(), to_y.view(),
                                             to_a.view(), to_b.view(), options);
    std::vector<double> want_x, want_y;
    for (std::size_t k = 0; k < x.size(); ++k) want_x.push_back(difference(x, k));
    for (std::size_t k = 0; k < y.size(); ++k) want_y.push_back(difference(y, k));
    expect_near(to_x.values(), want_x, narrow ? 2e-5 : 1e-8);
    expect_near(to_y.values(), want_y, narrow ? 2e-5 : 1e-8);
    // Moving mass from one row to another: the gradient of a along (1, -1).
    double const h = 1e-5, kept0 = a[0], kept1 = a[1];
    a[0] = kept0 + h, a[1] = kept1 - h;
    double const above = cost();
    a[0] = kept0 - h, a[1] = kept1 + h;
    double const below = cost();
    a[0] = kept0, a[1] = kept1;
    EXPECT_NEAR(to_a.values()[0] - to_a.values()[1], (above - below) / (2 * h), narrow ? 2e-4 : 1e-7);
    double mean = 0;
    for (std::size_t j = 0; j < m; ++j) mean += b[j] * to_b.values()[j];
    EXPECT_NEAR(mean, 0.0, 1e-6);
    auto const once = to_x.values();
    transport::sinkhorn_point_cloud_backward(Exec_<TypeParam>(), p.view(), q.view(), mass_a.view(), mass_b.view(), f.view(), g.view(), to_x.view(), to_y.view(),
                                             to_a.view(), to_b.view(), options, true);
    auto twice = once;
    for (double& value : twice) value *= 2;
    expect_near(to_x.values(), twice, 1e-6);
    EXPECT_TRUE(to_x.guards_intact() && to_y.guards_intact() && to_a.guards_intact() && to_b.guards_intact());
  }
}

TYPED_TEST(SinkhornPointCloudBackward, equal_points_have_no_euclidean_gradient_between_them) {
  Array<TypeParam, 2> const p({1, 2}, {3, 4}), to_x({1, 2}), to_y({1, 2});
  Array<TypeParam, 1> const f({1}, {0}), g({1}, {0}), to_a({1}), to_b({1});
  transport::sinkhorn_point_cloud_backward(Exec_<TypeParam>(), p.view(), p.view(), none, none, f.view(), g.view(), to_x.view(), to_y.view(), to_a.view(),
                                           to_b.view(), {.epsilon = 1.0, .cost = GroundCost::euclidean});
  expect_near(to_x.values(), {0, 0}, 0.0);
}

TEST(SinkhornPointCloudBackward, names_what_does_not_fit) {
  HostTensor<double**> const x("x", 3, 2), y("y", 4, 2);
  HostTensor<double*> const f("f", 3), g("g", 4);
  Kokkos::Serial const exec;
  EXPECT_EQ(refusal([&] { transport::sinkhorn_point_cloud_backward(exec, x, y, none, none, f, g, y, y, f, g, {.epsilon = 1.0}); }),
            "ocellus::transport::sinkhorn_point_cloud_backward: x_gradient.extent(0) is 4 but x.extent(0) is 3");
}

}  // namespace
}  // namespace ocellus::test
