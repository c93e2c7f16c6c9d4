// SPDX-License-Identifier: Apache-2.0

#include <ocellus/transport/plan_top_entries.hpp>

#include <algorithm>

#include "transport/problems.hpp"

namespace ocellus::test {
namespace {

template <class C>
class PlanTopEntries : public ::testing::Test {};
TYPED_TEST_SUITE(PlanTopEntries, TransportConfigurations);

TYPED_TEST(PlanTopEntries, are_those_of_the_plan_that_plan_apply_uses) {
  for (auto const& [n, m, k] : {std::tuple<std::int64_t, std::int64_t, std::int64_t>{1, 1, 1}, {6, 11, 3}, {5, 7, 7}}) {
    auto const at = [](std::int64_t c) { return static_cast<std::size_t>(c); };
    auto x = random_values(at(n * 2), 1), y = random_values(at(m * 2), 2);
    if (m > 4) y[2] = y[6], y[3] = y[7];  // two equal points
    Array<TypeParam, 2> const p({n, 2}, x), q({m, 2}, y), values({n, k}), plan({n, m});
    Array<TypeParam, 1> const f({n}, random_values(at(n), 3)), g({m}, std::vector<double>(at(m), 0.25));
    Indices<TypeParam, 2> const columns({n, k});
    std::vector<double> unit(at(m * m), 0.0);
    for (std::int64_t j = 0; j < m; ++j) unit[at(j * m + j)] = 1;
    Array<TypeParam, 2> const v({m, m}, unit);
    Exec_<TypeParam> const exec;
    transport::plan_apply(exec, p.view(), q.view(), none, none, f.view(), g.view(), v.view(), plan.view(), {.epsilon = 0.5});
    transport::plan_top_entries(exec, p.view(), q.view(), none, none, f.view(), g.view(), values.view(), columns.view(), {.epsilon = 0.5});
    exec.fence();
    auto const all = plan.values(), got = values.values(), which = columns.values();
    for (std::int64_t i = 0; i < n; ++i) {
      std::vector<std::int64_t> order(at(m));
      for (std::int64_t j = 0; j < m; ++j) order[at(j)] = j;
      std::stable_sort(order.begin(), order.end(), [&](std::int64_t s, std::int64_t t) { return all[at(i * m + s)] > all[at(i * m + t)]; });
      for (std::int64_t c = 0; c < k; ++c) {
        EXPECT_EQ(which[at(i * k + c)], static_cast<double>(order[at(c)]));
        EXPECT_EQ(got[at(i * k + c)], all[at(i * m + order[at(c)])]);
      }
    }
    EXPECT_TRUE(values.guards_intact() && columns.guards_intact());
  }
}

TEST(PlanTopEntries, names_what_does_not_fit) {
  HostTensor<double**> const x("x", 3, 2), values("values", 3, 4);
  HostTensor<std::int64_t**> const columns("columns", 3, 4);
  HostTensor<double*> const f("f", 3);
  EXPECT_EQ(refusal([&] { transport::plan_top_entries(Kokkos::Serial(), x, x, none, none, f, f, values, columns, {.epsilon = 1.0}); }),
            "ocellus::transport::plan_top_entries: k, which is values.extent(1), is 4, not between 1 and y.extent(0), which is 3");
}

}  // namespace
}  // namespace ocellus::test
