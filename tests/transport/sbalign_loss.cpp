// SPDX-License-Identifier: Apache-2.0

#include <ocellus/transport/sbalign_loss.hpp>

#include "reference/bridges.hpp"
#include "transport/problems.hpp"

namespace ocellus::test {
namespace {

template <class C>
class SbalignLoss : public ::testing::Test {};
TYPED_TEST_SUITE(SbalignLoss, TransportConfigurations);

double loss_of(std::vector<double> const& drift, std::vector<double> const& doob, std::vector<double> const& end, std::vector<double> const& x_t,
               std::vector<double> const& x1, std::vector<double> const& t, std::size_t d) {
  double match = 0, regular = 0, ends = 0;
  for (std::size_t k = 0; k < drift.size(); ++k) {
    double const left   = reference::beta(3, 1.0, 10, 1.0) - reference::beta(3, 1.0, 10, t[k / d]);
    double const differ = drift[k] + doob[k] - (x1[k] - x_t[k]) / left;
    match += differ * differ / static_cast<double>(drift.size()) / 10;
    regular += doob[k] * doob[k] / static_cast<double>(t.size());
    ends += end[k] * end[k] / static_cast<double>(t.size());
  }
  return 0.75 * match + 0.5 * ends + 0.25 * regular;
}

transport::SbalignLossOptions const options{
    .schedule = transport::Diffusivity::decreasing, .g_max = 1.0, .steps = 10, .drift_weight = 0.75, .end_weight = 0.5, .time_weight = 0.25};

TYPED_TEST(SbalignLoss, agrees_with_the_formula_and_its_gradients_with_differences) {
  using Scalar = typename TypeParam::Scalar;
  for (auto const& [n, d] : {std::pair<std::int64_t, std::int64_t>{1, 1}, {7, 3}, {300, 2}}) {
    auto const size = static_cast<std::size_t>(n * d), width = static_cast<std::size_t>(d);
    auto const drift = random_values(size, 1), doob = random_values(size, 2), end = random_values(size, 3), x_t = random_values(size, 4),
               x1 = random_values(size, 5);
    auto const t  = uniform_values(static_cast<std::size_t>(n), 6, 0.0, 0.95);
    Array<TypeParam, 2> const a({n, d}, drift), b({n, d}, doob), e({n, d}, end), p({n, d}, x_t), q({n, d}, x1), to_a({n, d}), to_b({n, d}), to_e({n, d});
    Array<TypeParam, 1> const times({n}, t);
    Scalar0<TypeParam> const loss("loss");
    Exec_<TypeParam> const exec;
    transport::sbalign_loss(exec, a.view(), b.view(), e.view(), p.view(), q.view(), times.view(), loss, options);
    double const want = loss_of(drift, doob, end, x_t, x1, t, width);
    EXPECT_NEAR(value_of(loss), want, 4 * machine_epsilon<Scalar>() * want + 1e-13 * want);
    transport::sbalign_loss(exec, a.view(), b.view(), none, p.view(), q.view(), times.view(), loss, options);
    double const without = loss_of(drift, doob, std::vector<double>(size, 0.0), x_t, x1, t, width);
    EXPECT_NEAR(value_of(loss), without, 4 * machine_epsilon<Scalar>() * want + 1e-13 * want);
    transport::sbalign_loss_backward(exec, a.view(), b.view(), e.view(), p.view(), q.view(), times.view(), to_a.view(), to_b.view(), to_e.view(), options);
    exec.fence();
    auto const difference = [&](std::vector<double> const& values, std::size_t k, int which) {
      auto above = values, below = values;
      above[k] += 1e-4;
      below[k] -= 1e-4;
      auto const at = [&](std::vector<double> const& v) {
        return loss_of(which == 0 ? v : drift, which == 1 ? v : doob, which == 2 ? v : end, x_t, x1, t, width);
      };
      return (at(above) - at(below)) / 2e-4;
    };
    for (std::size_t k = 0; k < size; k += 1 + size / 20) {
      EXPECT_NEAR(to_a.values()[k], difference(drift, k, 0), 1e-6 * (1 + want));
      EXPECT_NEAR(to_b.values()[k], difference(doob, k, 1), 1e-6 * (1 + want));
      EXPECT_NEAR(to_e.values()[k], difference(end, k, 2), 1e-6 * (1 + want));
    }
    auto twice = to_b.values();
    for (double& value : twice) value *= 2;
    transport::sbalign_loss_backward(exec, a.view(), b.view(), e.view(), p.view(), q.view(), times.view(), to_a.view(), to_b.view(), to_e.view(), options,
                                     true);
    exec.fence();
    expect_near(to_b.values(), twice, 8 * machine_epsilon<Scalar>());
    EXPECT_TRUE(to_a.guards_intact() && to_b.guards_intact() && to_e.guards_intact());
  }
}

TYPED_TEST(SbalignLoss, same_bits_whatever_the_thread_count_and_behaves) {
  using Exec = Exec_<TypeParam>;
  Array<TypeParam, 2> const a({600, 2}, random_values(1200, 1)), b({600, 2}, random_values(1200, 2)), to_a({600, 2}), to_b({600, 2});
  Array<TypeParam, 1> const t({600}, uniform_values(600, 3, 0.0, 0.9));
  Scalar0<TypeParam> const loss("loss");
  auto const av = a.view(), bv = b.view(), ta = to_a.view(), tb = to_b.view();
  auto const tv = t.view();
  double first  = 0;
  with_thread_counts<Exec>([&](Exec const& exec) {
    transport::sbalign_loss(exec, av, bv, none, av, bv, tv, loss, options);
    if (first == 0) first = value_of(loss);
    EXPECT_EQ(value_of(loss), first);
  });
  Exec const exec;
  WorkspaceFor<Exec> workspace(exec, transport::sbalign_loss_workspace_size(exec, av));
  expect_good_manners(record([&] { transport::sbalign_loss(exec, av, bv, none, av, bv, tv, loss, options, workspace); }));
  expect_good_manners(record([&] { transport::sbalign_loss_backward(exec, av, bv, none, av, bv, tv, ta, tb, none, options); }));
  exec.fence();
}

TEST(SbalignLoss, names_what_does_not_fit) {
  HostTensor<double**> const x("x", 3, 2), y("y", 2, 2);
  HostTensor<double*> const t("t", 3);
  Kokkos::View<double, Kokkos::HostSpace> const loss("loss");
  EXPECT_EQ(refusal([&] { transport::sbalign_loss(Kokkos::Serial(), x, x, none, x, y, t, loss); }),
            "ocellus::transport::sbalign_loss: x1.extent(0) is 2 but drift.extent(0) is 3");
}

}  // namespace
}  // namespace ocellus::test
