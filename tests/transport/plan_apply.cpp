// SPDX-License-Identifier: Apache-2.0

#include <ocellus/transport/plan_apply.hpp>

#include "reference/ground_cost.hpp"
#include "transport/problems.hpp"

namespace ocellus::test {
namespace {

using transport::GroundCost;
using transport::PlanReference;

template <class C>
class PlanApply : public ::testing::Test {};
TYPED_TEST_SUITE(PlanApply, TransportConfigurations);

TYPED_TEST(PlanApply, agrees_with_the_plan_written_out_in_both_directions) {
  using Scalar = typename TypeParam::Scalar;
  for (auto const& [n, m, d, k] : {std::tuple<int, int, int, int>{1, 1, 1, 1}, {5, 63, 2, 3}, {9, 64, 3, 1}, {4, 131, 5, 17}, {0, 3, 2, 2}, {3, 0, 2, 2}}) {
    auto const size = [](int a, int b) { return static_cast<std::size_t>(a * b); };
    auto const x = random_values(size(n, d), 1, 0.5, 1.0), y = random_values(size(m, d), 2, 0.5, 1.0), f = random_values(size(n, 1), 3, 0.2),
               g = random_values(size(m, 1), 4, 0.2);
    auto const a = n == 0 ? std::vector<double>{} : masses(n, 1, 1.0, 3), b = m == 0 ? std::vector<double>{} : masses(m, 2);
    Array<TypeParam, 2> const p({n, d}, x), q({m, d}, y);
    Array<TypeParam, 1> const mass_a({n}, a), mass_b({m}, b), row({n}, f), column({m}, g);
    for (int kind = 0; kind < 3; ++kind) {
      for (bool const counting : {false, true}) {
        for (bool const transpose : {false, true}) {
          int const from = transpose ? n : m, to = transpose ? m : n;
          auto const v    = random_values(size(from, k), 5);
          auto const cost = reference::ground_costs(static_cast<reference::Ground>(kind), x, y, static_cast<std::size_t>(d));
          std::vector<double> want(size(to, k), 0.0);
          for (int i = 0; i < n; ++i) {
            for (int j = 0; j < m; ++j) {
              double const weight = counting ? 1.0 : a[static_cast<std::size_t>(i)] * b[static_cast<std::size_t>(j)];
              double const plan =
                  weight * std::exp((f[static_cast<std::size_t>(i)] + g[static_cast<std::size_t>(j)] - cost[static_cast<std::size_t>(i * m + j)]) / 0.5);
              for (int c = 0; c < k; ++c)
                want[static_cast<std::size_t>((transpose ? j : i) * k + c)] += plan * v[static_cast<std::size_t>((transpose ? i : j) * k + c)];
            }
          }
          Array<TypeParam, 2> const vector({from, k}, v), output({to, k});
          transport::plan_apply(Exec_<TypeParam>(), p.view(), q.view(), mass_a.view(), mass_b.view(), row.view(), column.view(), vector.view(), output.view(),
                                {.epsilon   = 0.5,
                                 .cost      = static_cast<GroundCost>(kind),
                                 .reference = counting ? PlanReference::counting : PlanReference::product,
                                 .transpose = transpose});
          Exec_<TypeParam>().fence();
          expect_near(output.values(), want, loose<Scalar>(2e-13), counting ? 10.0 : 1.0);
          EXPECT_TRUE(output.guards_intact());
        }
      }
    }
  }
}

TYPED_TEST(PlanApply, a_side_without_mass_hides_what_stands_there) {
  double const nan = std::numeric_limits<double>::quiet_NaN();
  Array<TypeParam, 2> const p({1, 1}, {0}), q({2, 1}, {0, 1}), v({2, 1}, {2, nan}), output({1, 1});
  Array<TypeParam, 1> const a({1}, {1}), b({2}, {1, 0}), f({1}, {0}), g({2}, {0, nan});
  transport::plan_apply(Exec_<TypeParam>(), p.view(), q.view(), a.view(), b.view(), f.view(), g.view(), v.view(), output.view(), {.epsilon = 1.0});
  Exec_<TypeParam>().fence();
  EXPECT_EQ(output.values()[0], 2.0);
}

TYPED_TEST(PlanApply, same_bits_whatever_the_rows_and_the_thread_count_and_behaves) {
  using Exec   = Exec_<TypeParam>;
  auto const x = random_values(64 * 3, 1), y = random_values(70 * 3, 2), f = random_values(64, 3), g = random_values(70, 4), v = random_values(70 * 2, 5);
  Array<TypeParam, 2> const q({70, 3}, y), vector({70, 2}, v);
  Array<TypeParam, 1> const column({70}, g);
  std::vector<double> whole;
  with_thread_counts<Exec>([&](Exec const& exec) {
    for (std::int64_t const n : {64, 7, 1}) {
      Array<TypeParam, 2> const p({n, 3}, {x.begin(), x.begin() + n * 3}), output({n, 2});
      Array<TypeParam, 1> const row({n}, {f.begin(), f.begin() + n});
      transport::plan_apply(exec, p.view(), q.view(), none, none, row.view(), column.view(), vector.view(), output.view(),
                            {.epsilon = 0.5, .reference = PlanReference::counting});
      exec.fence();
      auto const got = output.values();
      if (whole.empty()) whole = got;
      expect_same_bits(got, {whole.begin(), whole.begin() + n * 2});
    }
  });
  Array<TypeParam, 2> const p({64, 3}, x), output({64, 2});
  Array<TypeParam, 1> const row({64}, f);
  Exec const exec;
  auto const pv = p.view(), qv = q.view(), vv = vector.view(), ov = output.view();
  auto const fv = row.view(), gv = column.view();
  expect_good_manners(record([&] { transport::plan_apply(exec, pv, qv, none, none, fv, gv, vv, ov, {.epsilon = 0.5}); }));
  exec.fence();
}

TEST(PlanApply, names_what_does_not_fit) {
  HostTensor<double**> const x("x", 3, 2), y("y", 4, 2), v("v", 3, 1), output("output", 3, 1);
  HostTensor<double*> const f("f", 3), g("g", 4);
  Kokkos::Serial const exec;
  EXPECT_EQ(refusal([&] { transport::plan_apply(exec, x, y, none, none, f, g, v, output, {.epsilon = 1.0}); }),
            "ocellus::transport::plan_apply: v.extent(0) is 3 but y.extent(0) is 4");
  EXPECT_EQ(refusal([&] { transport::plan_apply(exec, x, y, none, none, f, g, v, output, {}); }),
            "ocellus::transport::plan_apply: epsilon is 0, not a positive number");
}

}  // namespace
}  // namespace ocellus::test
