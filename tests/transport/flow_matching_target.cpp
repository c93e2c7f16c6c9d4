// SPDX-License-Identifier: Apache-2.0

#include <ocellus/transport/flow_matching_target.hpp>

#include "transport/problems.hpp"

namespace ocellus::test {
namespace {

using transport::FlowVariant;

template <class C>
class FlowMatchingTarget : public ::testing::Test {};
TYPED_TEST_SUITE(FlowMatchingTarget, TransportConfigurations);

TYPED_TEST(FlowMatchingTarget, agrees_with_the_formulas) {
  for (auto const& [n, d] : {std::pair<std::int64_t, std::int64_t>{0, 2}, {1, 1}, {6, 17}}) {
    auto const size = static_cast<std::size_t>(n * d);
    auto const x0 = random_values(size, 1), x1 = random_values(size, 2), noise = random_values(size, 3),
               t       = uniform_values(static_cast<std::size_t>(n), 4, 0.05, 0.95);
    double const sigma = 0.25, pi = 3.141592653589793;
    for (int variant = 0; variant < 4; ++variant) {
      std::vector<double> want_x(size), want_u(size);
      for (std::size_t k = 0; k < size; ++k) {
        double const s = t[k / static_cast<std::size_t>(d)], p = x0[k], q = x1[k], e = noise[k], c = std::cos(pi * s / 2), w = std::sin(pi * s / 2);
        double const straight = (1 - s) * p + s * q;
        want_x[k]             = variant == 0   ? straight + sigma * e
                                : variant == 1 ? s * q + (1 - (1 - sigma) * s) * e
                                : variant == 2 ? straight + sigma * std::sqrt(s * (1 - s)) * e
                                               : c * p + w * q + sigma * e;
        want_u[k]             = variant == 0   ? q - p
                                : variant == 1 ? (q - (1 - sigma) * want_x[k]) / (1 - (1 - sigma) * s)
                                : variant == 2 ? (1 - 2 * s) / (2 * s * (1 - s) + 1e-8) * (want_x[k] - straight) + q - p
                                               : pi / 2 * (c * q - w * p);
      }
      Array<TypeParam, 2> const a({n, d}, x0), b({n, d}, x1), e({n, d}, noise), x({n, d}), u({n, d});
      Array<TypeParam, 1> const times({n}, t);
      Exec_<TypeParam> const exec;
      transport::flow_matching_target(exec, a.view(), b.view(), e.view(), times.view(), x.view(), u.view(),
                                      {.variant = static_cast<FlowVariant>(variant), .sigma = sigma});
      exec.fence();
      double const tolerance = machine_epsilon<typename TypeParam::Scalar>() + 1e-13;
      expect_near(x.values(), want_x, tolerance);
      expect_near(u.values(), want_u, tolerance);
      EXPECT_TRUE(x.guards_intact() && u.guards_intact());
    }
  }
}

TEST(FlowMatchingTarget, names_what_does_not_fit_and_behaves) {
  HostTensor<double**> const x("x", 3, 2);
  HostTensor<double*> const t("t", 3), s("t", 2);
  Kokkos::Serial const exec;
  EXPECT_EQ(refusal([&] { transport::flow_matching_target(exec, x, x, x, s, x, x); }),
            "ocellus::transport::flow_matching_target: t.extent(0) is 2 but x0.extent(0) is 3");
  EXPECT_EQ(refusal([&] { transport::flow_matching_target(exec, x, x, x, t, x, x, {.variant = FlowVariant::schrodinger_bridge}); }),
            "ocellus::transport::flow_matching_target: sigma is 0, not a positive number");
  expect_good_manners(record([&] { transport::flow_matching_target(exec, x, x, x, t, x, x); }));
}

}  // namespace
}  // namespace ocellus::test
