// SPDX-License-Identifier: Apache-2.0

#include <ocellus/transport/barycentric_map.hpp>

#include "reference/ground_cost.hpp"
#include "transport/problems.hpp"

namespace ocellus::test {
namespace {

using transport::PlanReference;

template <class C>
class BarycentricMap : public ::testing::Test {};
TYPED_TEST_SUITE(BarycentricMap, TransportConfigurations);

TYPED_TEST(BarycentricMap, agrees_with_the_weights_written_out_also_far_away) {
  using Scalar = typename TypeParam::Scalar;
  for (auto const& [queries, m, d] : {std::tuple<int, int, int>{0, 3, 2}, {1, 1, 1}, {5, 64, 3}, {3, 130, 2}}) {
    auto const at = [](int c) { return static_cast<std::size_t>(c); };
    auto query    = random_values(at(queries * d), 1);
    if (queries > 1) query[0] = 300;  // whose weights all underflow but for their largest
    auto const y = random_values(at(m * d), 2), g = random_values(at(m), 3, 0.1);
    auto const b    = masses(m, 4, 1.0, m > 2 ? 3 : 0);
    auto const cost = reference::ground_costs(reference::Ground::euclidean, query, y, at(d));
    for (bool const counting : {false, true}) {
      std::vector<double> want(at(queries * d), 0.0);
      for (int i = 0; i < queries; ++i) {
        double largest = -1e300, total = 0;
        for (int j = 0; j < m; ++j) {
          if (counting || b[at(j)] > 0) largest = std::max(largest, (g[at(j)] - cost[at(i * m + j)]) / 0.25);
        }
        for (int j = 0; j < m; ++j) {
          double const w = (counting ? 1.0 : b[at(j)]) * std::exp((g[at(j)] - cost[at(i * m + j)]) / 0.25 - largest);
          total += w;
          for (int k = 0; k < d; ++k) want[at(i * d + k)] += w * y[at(j * d + k)];
        }
        for (int k = 0; k < d; ++k) want[at(i * d + k)] /= total;
      }
      Array<TypeParam, 2> const from({queries, d}, query), cloud({m, d}, y), output({queries, d});
      Array<TypeParam, 1> const potential({m}, g), mass({m}, b);
      Exec_<TypeParam> const exec;
      auto const call = [&] {
        transport::barycentric_map(
            exec, from.view(), cloud.view(), mass.view(), potential.view(), output.view(),
            {.epsilon = 0.25, .cost = transport::GroundCost::euclidean, .reference = counting ? PlanReference::counting : PlanReference::product});
      };
      call();
      exec.fence();
      expect_near(output.values(), want, queries > 1 && std::is_same_v<Scalar, float> ? 2e-3 : loose<Scalar>(1e-11));
      EXPECT_TRUE(output.guards_intact());
    }
  }
}

TEST(BarycentricMap, names_what_does_not_fit) {
  HostTensor<double**> const query("query", 3, 2), y("y", 0, 2);
  HostTensor<double*> const g("g", 0);
  EXPECT_EQ(refusal([&] { transport::barycentric_map(Kokkos::Serial(), query, y, none, g, query, {.epsilon = 1.0}); }),
            "ocellus::transport::barycentric_map: y is empty");
}

}  // namespace
}  // namespace ocellus::test
