// SPDX-License-Identifier: Apache-2.0

#include <ocellus/transport/wasserstein_1d.hpp>

#include <ocellus/transport/exact_ot.hpp>

#include "transport/problems.hpp"

namespace ocellus::test {
namespace {

double const nan = std::numeric_limits<double>::quiet_NaN();

template <class C>
class Wasserstein1d : public ::testing::Test {};
TYPED_TEST_SUITE(Wasserstein1d, TransportConfigurations);

TYPED_TEST(Wasserstein1d, agrees_with_exact_transport_of_each_column) {
  using Scalar = typename TypeParam::Scalar;
  for (auto const& [n, m] : {std::pair<std::int64_t, std::int64_t>{1, 1}, {1, 9}, {8, 8}, {33, 20}}) {
    constexpr std::int64_t columns = 3;
    auto const at                  = [](std::int64_t c) { return static_cast<std::size_t>(c); };
    auto const x = random_values(at(n * columns), 1), y = random_values(at(m * columns), 2, 2.0, 0.5), a = masses(n, 3, 2.0, 4), b = masses(m, 4, 2.0);
    for (double const p : {1.0, 2.0, 3.5}) {
      std::vector<double> want;
      for (std::int64_t k = 0; k < columns; ++k) {
        HostTensor<double**> const cost("cost", at(n), at(m));
        HostTensor<double*> const mass_a("a", at(n)), mass_b("b", at(m));
        for (std::int64_t i = 0; i < n; ++i) {
          mass_a(i) = a[at(i)];
          for (std::int64_t j = 0; j < m; ++j) cost(i, j) = std::pow(std::abs(x[at(i * columns + k)] - y[at(j * columns + k)]), p);
        }
        for (std::int64_t j = 0; j < m; ++j) mass_b(j) = b[at(j)];
        want.push_back(transport::exact_ot(Kokkos::Serial(), cost, mass_a, mass_b, none, none, none).total_cost);
      }
      Array<TypeParam, 2> const from({n, columns}, x), to({m, columns}, y);
      Array<TypeParam, 1> const mass_a({n}, a), mass_b({m}, b), output({columns});
      transport::wasserstein_1d(Exec_<TypeParam>(), from.view(), to.view(), mass_a.view(), mass_b.view(), output.view(), {.p = p});
      expect_near(output.values(), want, loose<Scalar>(1e-12));
      EXPECT_TRUE(output.guards_intact());
    }
  }
}

TYPED_TEST(Wasserstein1d, a_shift_costs_its_length_and_nan_spoils_its_column) {
  Array<TypeParam, 2> const x({3, 2}, {1, 0, 5, nan, 3, 0}), y({3, 2}, {4, 0, 8, 0, 6, 0});
  Array<TypeParam, 1> const output({2});
  transport::wasserstein_1d(Exec_<TypeParam>(), x.view(), y.view(), none, none, output.view(), {.p = 2});
  expect_near(output.values(), {9.0, nan}, 1e-6);
}

TYPED_TEST(Wasserstein1d, same_bits_whatever_the_columns_and_the_thread_count_and_behaves) {
  using Exec   = Exec_<TypeParam>;
  auto const x = random_values(50 * 8, 1), y = random_values(40 * 8, 2);
  std::vector<double> whole;
  with_thread_counts<Exec>([&](Exec const& exec) {
    Array<TypeParam, 2> const from({50, 8}, x), to({40, 8}, y);
    Array<TypeParam, 1> const output({8});
    transport::wasserstein_1d(exec, from.view(), to.view(), none, none, output.view());
    if (whole.empty()) whole = output.values();
    expect_same_bits(output.values(), whole);
  });
  Array<TypeParam, 2> const from({50, 8}, x), to({40, 8}, y);
  Array<TypeParam, 1> const output({8});
  auto const f = from.view(), t = to.view();
  auto const o = output.view();
  Exec const exec;
  WorkspaceFor<Exec> workspace(exec, transport::wasserstein_1d_workspace_size(exec, f, t));
  expect_good_manners(record([&] { transport::wasserstein_1d(exec, f, t, none, none, o, {}, workspace); }));
  exec.fence();
}

TEST(Wasserstein1d, names_what_does_not_fit) {
  HostTensor<double**> const x("x", 3, 2), y("y", 4, 3), z("z", 4, 2);
  HostTensor<double*> const output("cost", 2);
  Kokkos::Serial const exec;
  EXPECT_EQ(refusal([&] { transport::wasserstein_1d(exec, x, y, none, none, output); }),
            "ocellus::transport::wasserstein_1d: y.extent(1) is 3 but x.extent(1) is 2");
  EXPECT_EQ(refusal([&] { transport::wasserstein_1d(exec, x, z, none, none, output, {.p = 0.5}); }),
            "ocellus::transport::wasserstein_1d: p is 0.5, not a number of at least 1");
}

}  // namespace
}  // namespace ocellus::test
