// SPDX-License-Identifier: Apache-2.0

#include <ocellus/transport/diffusivity_schedule.hpp>

#include "reference/bridges.hpp"
#include "transport/problems.hpp"

namespace ocellus::test {
namespace {

double const nan = std::numeric_limits<double>::quiet_NaN();

template <class C>
class DiffusivitySchedule : public ::testing::Test {};
TYPED_TEST_SUITE(DiffusivitySchedule, TransportConfigurations);

TYPED_TEST(DiffusivitySchedule, agrees_with_the_reference_also_between_and_at_the_steps) {
  std::vector<double> const times = {0, 0.125, 0.12499999, 0.3, 0.5, 0.7, 0.9375, 1.0, -0.5};
  for (int schedule = 0; schedule < 4; ++schedule) {
    for (int const steps : {1, 7, 8}) {
      auto const t = rounded<typename TypeParam::Scalar>(times);
      std::vector<double> want_g, want_beta;
      for (double const time : t) {
        want_g.push_back(reference::diffusivity(schedule, 1.25, time));
        want_beta.push_back(reference::beta(schedule, 1.25, steps, time));
      }
      Array<TypeParam, 1> const input({9}, t), g({9}), beta({9});
      transport::diffusivity_schedule(Exec_<TypeParam>(), input.view(), g.view(), beta.view(),
                                      {.schedule = static_cast<transport::Diffusivity>(schedule), .g_max = 1.25, .steps = steps});
      Exec_<TypeParam>().fence();
      expect_near(g.values(), want_g, 2 * machine_epsilon<typename TypeParam::Scalar>());
      expect_near(beta.values(), want_beta, 8 * machine_epsilon<typename TypeParam::Scalar>());
      EXPECT_TRUE(g.guards_intact() && beta.guards_intact());
    }
  }
}

TYPED_TEST(DiffusivitySchedule, nan_gives_nan_and_it_behaves) {
  Array<TypeParam, 1> const input({2}, {nan, 1e30}), g({2}), beta({2});
  auto const i = input.view(), o = g.view(), b = beta.view();
  Exec_<TypeParam> const exec;
  transport::diffusivity_schedule(exec, i, o, b);
  expect_good_manners(record([&] { transport::diffusivity_schedule(exec, i, o, b); }));
  exec.fence();
  expect_near(beta.values(), {nan, nan}, 0.0);
}

TEST(DiffusivitySchedule, names_what_does_not_fit) {
  HostTensor<double*> const times("times", 3), g("g", 2);
  EXPECT_EQ(refusal([&] { transport::diffusivity_schedule(Kokkos::Serial(), times, g, times); }),
            "ocellus::transport::diffusivity_schedule: g.extent(0) is 2 but times.extent(0) is 3");
  EXPECT_EQ(refusal([&] { transport::diffusivity_schedule(Kokkos::Serial(), times, times, times, {.steps = 0}); }),
            "ocellus::transport::diffusivity_schedule: steps is 0, not at least 1");
}

}  // namespace
}  // namespace ocellus::test
