// SPDX-License-Identifier: Apache-2.0

#include <ocellus/transport/sinkhorn_point_cloud.hpp>

#include "reference/ground_cost.hpp"
#include "reference/sinkhorn.hpp"
#include "transport/problems.hpp"

namespace ocellus::test {
namespace {

using transport::GroundCost;
using transport::PlanReference;

double const inf = std::numeric_limits<double>::infinity();

template <class C>
class SinkhornPointCloud : public ::testing::Test {
 protected:
  struct Solved {
    transport::SinkhornResult result;
    std::vector<double> f, g;
  };
  static Solved solve(Exec_<C> const& exec, std::vector<double> const& x, std::vector<double> const& y, std::int64_t width, std::vector<double> const& a,
                      std::vector<double> const& b, transport::SinkhornPointCloudOptions const& options) {
    auto const n = static_cast<std::int64_t>(a.size()), m = static_cast<std::int64_t>(b.size());
    Array<C, 2> const p({n, width}, x), q({m, width}, y);
    Array<C, 1> const mass_a({n}, a), mass_b({m}, b), f({n}), g({m});
    Solved solved;
    solved.result = transport::sinkhorn_point_cloud(exec, p.view(), q.view(), mass_a.view(), mass_b.view(), f.view(), g.view(), options);
    EXPECT_TRUE(f.guards_intact() && g.guards_intact());
    solved.f = f.values();
    solved.g = g.values();
    return solved;
  }
};
TYPED_TEST_SUITE(SinkhornPointCloud, TransportConfigurations);

TYPED_TEST(SinkhornPointCloud, agrees_with_the_reference_for_every_cost_at_awkward_sizes) {
  using Scalar = typename TypeParam::Scalar;
  for (auto const& [n, m, d] : {std::tuple<int, int, int>{1, 1, 1}, {1, 5, 2}, {9, 7, 3}, {15, 33, 1}, {31, 17, 16}}) {
    auto const x = random_values(static_cast<std::size_t>(n * d), 1, 1.0, 0.25), y = random_values(static_cast<std::size_t>(m * d), 2, 0.75, 1.0);
    auto const a = masses(n, 1), b = masses(m, 2);
    for (int kind = 0; kind < 3; ++kind) {
      for (bool const counting : {false, true}) {
        auto const cost = reference::ground_costs(static_cast<reference::Ground>(kind), x, y, static_cast<std::size_t>(d));
        double most     = 0;
        for (double const c : cost) most = std::max(most, c);
        double const epsilon = 0.1 * most + 0.1;
        auto const want      = reference::sinkhorn(cost, a, b, epsilon, inf, inf, counting, 500);
        auto const got       = this->solve(Exec_<TypeParam>(), x, y, d, a, b,
                                           {.epsilon        = epsilon,
                                            .tolerance      = reachable<Scalar>(1e-14),
                                            .max_iterations = 500,
                                            .cost           = static_cast<GroundCost>(kind),
                                            .reference      = counting ? PlanReference::counting : PlanReference::product});
        EXPECT_NEAR(got.result.transport_cost, want.transport_cost, loose<Scalar>(4e-13) * (1 + most));
        EXPECT_NEAR(got.result.regularised_cost, want.regularised_cost, loose<Scalar>(4e-13) * (1 + most));
        for (std::size_t i = 0; i < a.size(); ++i) {
          for (std::size_t j = 0; j < b.size(); ++j) EXPECT_NEAR(got.f[i] + got.g[j], want.f[i] + want.g[j], loose<Scalar>(1e-12) * (1 + most));
        }
      }
    }
  }
}

TYPED_TEST(SinkhornPointCloud, does_not_mind_where_the_clouds_lie) {
  // Multiples of 1/64 keep every digit beside 1e4 in float.
  using Scalar = typename TypeParam::Scalar;
  std::vector<double> x(21 * 3), y(18 * 3);
  for (std::size_t k = 0; k < x.size(); ++k) x[k] = static_cast<double>(k * 29 % 128) / 64;
  for (std::size_t k = 0; k < y.size(); ++k) y[k] = static_cast<double>(k * 53 % 128) / 64;
  auto const a = uniform_masses(21), b = masses(18, 3);
  for (auto const cost : {GroundCost::squared_euclidean, GroundCost::euclidean}) {
    transport::SinkhornPointCloudOptions const options{.epsilon = 0.25, .tolerance = 1e-6, .max_iterations = 400, .cost = cost};
    auto const here = this->solve(Exec_<TypeParam>(), x, y, 3, a, b, options);
    auto both_x = x, both_y = y;
    for (double& value : both_x) value += 10240;
    for (double& value : both_y) value += 10240;
    auto const there = this->solve(Exec_<TypeParam>(), both_x, both_y, 3, a, b, options);
    EXPECT_TRUE(here.result.converged && there.result.converged);
    expect_near(there.f, here.f, loose<Scalar>(1e-12));
    expect_near(there.g, here.g, loose<Scalar>(1e-12));
    EXPECT_NEAR(there.result.transport_cost, here.result.transport_cost, loose<Scalar>(1e-12));
    // One cloud alone: the squared Euclidean plan is the same, so <P, C> grows by what the move of the centres explains.
    auto const apart = this->solve(Exec_<TypeParam>(), both_x, y, 3, a, b, options);
    EXPECT_TRUE(apart.result.converged);
    EXPECT_LE(apart.result.marginal_error, 2e-6);
    if (cost == GroundCost::squared_euclidean) {
      double moved = 0, want = here.result.transport_cost;
      for (std::size_t k = 0; k < 3; ++k) {
        double mean_x = 0, mean_y = 0;
        for (std::size_t i = 0; i < 21; ++i) mean_x += a[i] * x[i * 3 + k];
        for (std::size_t j = 0; j < 18; ++j) mean_y += b[j] * y[j * 3 + k];
        moved += 10240.0 * 10240.0 + 2 * 10240.0 * (mean_x - mean_y);
      }
      EXPECT_NEAR(apart.result.transport_cost, want + moved, 1e-6 * moved);
    }
  }
}

TYPED_TEST(SinkhornPointCloud, equal_points_one_point_and_zero_masses_do_no_harm) {
  std::vector<double> const same(12, 2.5);
  auto const got = this->solve(Exec_<TypeParam>(), same, same, 2, uniform_masses(6), uniform_masses(6), {.epsilon = 1e-3});
  EXPECT_TRUE(got.result.converged);
  EXPECT_EQ(got.result.transport_cost, 0.0);
  auto const x   = random_values(10, 4);
  auto const one = this->solve(Exec_<TypeParam>(), x, {0.0, 0.0}, 2, masses(5, 5, 1.0, 2), {1.0}, {.epsilon = 0.5});
  EXPECT_TRUE(one.result.converged);
  for (double const f : one.f) EXPECT_TRUE(std::isfinite(f));
  double want  = 0;
  auto const a = masses(5, 5, 1.0, 2);
  for (std::size_t i = 0; i < 5; ++i) want += a[i] * (x[2 * i] * x[2 * i] + x[2 * i + 1] * x[2 * i + 1]);
  EXPECT_NEAR(one.result.transport_cost, want, 1e-5);
}

TYPED_TEST(SinkhornPointCloud, same_bits_whatever_the_thread_count_and_takes_its_memory_from_the_workspace) {
  using Exec   = Exec_<TypeParam>;
  auto const x = random_values(310 * 5, 6), y = random_values(290 * 5, 7);
  std::vector<double> whole;
  with_thread_counts<Exec>([&](Exec const& exec) {
    auto const got = this->solve(exec, x, y, 5, uniform_masses(310), uniform_masses(290), {.epsilon = 0.5, .max_iterations = 20});
    if (whole.empty()) whole = got.f;
    expect_same_bits(got.f, whole);
  });
  Exec const exec;
  Array<TypeParam, 2> const p({40, 5}, random_values(200, 6)), q({30, 5}, random_values(150, 7));
  Array<TypeParam, 1> const f({40}), g({30});
  auto const pv = p.view(), qv = q.view();
  auto const fv = f.view(), gv = g.view();
  std::size_t const bytes = transport::sinkhorn_point_cloud_workspace_size(exec, pv, qv);
  EXPECT_LE(bytes, 40u * 1024u) << "memory must grow with n + m";
  WorkspaceFor<Exec> workspace(exec, bytes);
  auto const seen = record([&] { transport::sinkhorn_point_cloud(exec, pv, qv, none, none, fv, gv, {.epsilon = 0.5}, workspace); });
  expect_labels(seen);
  EXPECT_TRUE(seen.allocations.empty());
}

TEST(SinkhornPointCloud, names_what_does_not_fit) {
  HostTensor<double**> const x("x", 3, 2), y("y", 4, 2), wide("y", 4, 3), empty("y", 0, 2);
  HostTensor<double*> const f("f", 3), g("g", 4), no_g("g", 0);
  Kokkos::Serial const exec;
  std::string const name = "ocellus::transport::sinkhorn_point_cloud: ";
  EXPECT_EQ(refusal([&] { transport::sinkhorn_point_cloud(exec, x, wide, none, none, f, g, {.epsilon = 1.0}); }),
            name + "y.extent(1) is 3 but x.extent(1) is 2");
  EXPECT_EQ(refusal([&] { transport::sinkhorn_point_cloud(exec, x, empty, none, none, f, no_g, {.epsilon = 1.0}); }), name + "y is empty");
  EXPECT_EQ(refusal([&] { transport::sinkhorn_point_cloud(exec, x, y, none, none, f, f, {.epsilon = 1.0}); }), name + "g.extent(0) is 3 but y.extent(0) is 4");
  EXPECT_EQ(refusal([&] { transport::sinkhorn_point_cloud(exec, x, y, none, none, f, g, {.epsilon = 1.0, .cost = GroundCost::cosine}); }),
            name + "x holds a point at the origin, which has no cosine");
  x(1, 1) = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(refusal([&] { transport::sinkhorn_point_cloud(exec, x, y, none, none, f, g, {.epsilon = 1.0}); }),
            name + "x holds NaN or infinity, or its lengths overflow");
}

}  // namespace
}  // namespace ocellus::test
