// SPDX-License-Identifier: Apache-2.0

#include <ocellus/transport/minibatch_coupling.hpp>

#include "transport/problems.hpp"

namespace ocellus::test {
namespace {

template <class C>
class MinibatchCoupling : public ::testing::Test {};
TYPED_TEST_SUITE(MinibatchCoupling, TransportConfigurations);

TYPED_TEST(MinibatchCoupling, undoes_a_permutation_and_draws_by_cumulative_mass) {
  constexpr std::int64_t n = 16, d = 3;
  auto const x = random_values(n * d, 1);
  std::vector<double> y(n * d);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t k = 0; k < d; ++k) y[(i * 5 + 3) % n * d + k] = x[i * d + k] + 0.001;
  }
  // 0, the ends of the first and second entry, just before the end, and what is no uniform.
  std::vector<double> const uniforms = {0.0, 0.0625, 0.125, 0.12, 0.99, 1.0, -0.5, std::numeric_limits<double>::quiet_NaN()};
  Array<TypeParam, 2> const p({n, d}, x), q({n, d}, y);
  Array<TypeParam, 1> const u({8}, uniforms);
  Indices<TypeParam, 1> const columns({n}), rows({8}), sampled({8});
  auto const result = transport::minibatch_coupling(Exec_<TypeParam>(), p.view(), q.view(), u.view(), columns.view(), rows.view(), sampled.view());
  auto const got    = columns.values();
  for (std::size_t i = 0; i < n; ++i) EXPECT_EQ(got[i], static_cast<double>((i * 5 + 3) % n));
  expect_same_bits(rows.values(), {0, 1, 2, 1, 15, -1, -1, -1});
  expect_same_bits(sampled.values(), {got[0], got[1], got[2], got[1], got[15], -1, -1, -1});
  EXPECT_NEAR(result.total_cost, 3e-6, 1e-8);
  EXPECT_TRUE(columns.guards_intact() && rows.guards_intact() && sampled.guards_intact());
}

TEST(MinibatchCoupling, names_what_does_not_fit) {
  HostTensor<double**> const x("x", 3, 2), y("y", 4, 2);
  HostTensor<std::int64_t*> const columns("columns", 3);
  EXPECT_EQ(refusal([&] { transport::minibatch_coupling(Kokkos::Serial(), x, y, none, columns, none, none); }),
            "ocellus::transport::minibatch_coupling: x1.extent(0) is 4 but x0.extent(0) is 3");
}

}  // namespace
}  // namespace ocellus::test
