// SPDX-License-Identifier: Apache-2.0

#include <ocellus/transport/brownian_bridge.hpp>

#include "reference/bridges.hpp"
#include "transport/problems.hpp"

namespace ocellus::test {
namespace {

template <class C>
class BrownianBridge : public ::testing::Test {};
TYPED_TEST_SUITE(BrownianBridge, TransportConfigurations);

TYPED_TEST(BrownianBridge, agrees_with_the_formula_and_ends_where_it_must) {
  for (auto const& [n, d] : {std::pair<std::int64_t, std::int64_t>{0, 3}, {1, 1}, {5, 17}}) {
    auto const size = static_cast<std::size_t>(n * d);
    auto const x0 = random_values(size, 1), x1 = random_values(size, 2), noise = random_values(size, 3);
    auto t = uniform_values(static_cast<std::size_t>(n), 4);
    if (n > 2) t[0] = 0, t[1] = 1;
    std::vector<double> want(size);
    for (std::size_t k = 0; k < size; ++k) {
      double const s = t[k / static_cast<std::size_t>(d)];
      want[k]        = (1 - s) * x0[k] + s * x1[k] + reference::diffusivity(1, 1.5, s) * std::sqrt(s * (1 - s)) * noise[k];
    }
    Array<TypeParam, 2> const a({n, d}, x0), b({n, d}, x1), e({n, d}, noise), output({n, d});
    Array<TypeParam, 1> const times({n}, t);
    Exec_<TypeParam> const exec;
    auto const av = a.view(), bv = b.view(), ev = e.view(), ov = output.view();
    auto const tv = times.view();
    transport::BrownianBridgeOptions const options{.schedule = transport::Diffusivity::triangular, .g_max = 1.5};
    transport::brownian_bridge(exec, av, bv, ev, tv, ov, options);
    if (n > 0) expect_good_manners(record([&] { transport::brownian_bridge(exec, av, bv, ev, tv, ov, options); }));
    exec.fence();
    expect_near(output.values(), want, 16 * machine_epsilon<typename TypeParam::Scalar>());
    EXPECT_TRUE(output.guards_intact());
  }
}

TEST(BrownianBridge, names_what_does_not_fit) {
  HostTensor<double**> const x("x", 3, 2), y("y", 3, 1);
  HostTensor<double*> const t("t", 3);
  EXPECT_EQ(refusal([&] { transport::brownian_bridge(Kokkos::Serial(), x, y, x, t, x); }),
            "ocellus::transport::brownian_bridge: x1.extent(1) is 1 but x0.extent(1) is 2");
}

}  // namespace
}  // namespace ocellus::test
