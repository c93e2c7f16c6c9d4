// SPDX-License-Identifier: Apache-2.0

#include <ocellus/transport/icnn.hpp>

#include "transport/networks.hpp"

namespace ocellus::test {
namespace {

template <class C>
class Icnn : public ::testing::Test {};
TYPED_TEST_SUITE(Icnn, TransportConfigurations);

TYPED_TEST(Icnn, agrees_with_the_reference_and_its_differences) {
  using Scalar = typename TypeParam::Scalar;
  for (auto const& hidden : {std::vector<std::int64_t>{1}, std::vector<std::int64_t>{5, 3}, std::vector<std::int64_t>{17, 16, 15}}) {
    for (bool const softplus : {false, true}) {
      constexpr std::int64_t n = 4, d = 3;
      auto const table = transport::icnn_parameter_table(d, hidden);
      auto const flat  = random_values(table.size(), 1, 0.4);
      auto const x     = random_values(n * d, 2);
      auto const named = tensors_of(table, flat);
      auto const value = [&](std::vector<double> const& p) { return reference::icnn(named, p, static_cast<int>(hidden.size()), 0.1, softplus ? 2.0 : 0.0); };
      std::vector<double> want, want_gradient;
      for (std::size_t i = 0; i < n; ++i) {
        auto const p = row_of(x, i, d);
        want.push_back(value(p));
        for (double const g : reference::gradient(value, p)) want_gradient.push_back(g);
      }
      Array<TypeParam, 2> const points({n, d}, x), gradient({n, d});
      Array<TypeParam, 1> const parameters({static_cast<std::int64_t>(flat.size())}, flat), values({n});
      Exec_<TypeParam> const exec;
      transport::IcnnOptions const options{.hidden = hidden, .slope = 0.1, .softplus_weights = softplus, .softplus_beta = 2.0};
      auto const xv = points.view(), gv = gradient.view();
      auto const pv = parameters.view(), vv = values.view();
      WorkspaceFor<Exec_<TypeParam>> workspace(exec, transport::icnn_workspace_size(exec, xv, pv, options));
      expect_good_manners(record([&] { transport::icnn(exec, xv, pv, vv, gv, options, workspace); }));
      exec.fence();
      expect_near(values.values(), want, 1024 * machine_epsilon<Scalar>());
      expect_near(gradient.values(), want_gradient, std::is_same_v<Scalar, float> ? 2e-4 : 1e-7);
      EXPECT_TRUE(values.guards_intact() && gradient.guards_intact());
    }
  }
}

TEST(Icnn, names_what_does_not_fit) {
  HostTensor<double**> const x("x", 3, 2);
  HostTensor<double*> const parameters("p", 7), value("v", 3);
  std::vector<std::int64_t> const hidden = {4}, no_layer;
  EXPECT_EQ(refusal([&] { transport::icnn(Kokkos::Serial(), x, parameters, value, x, {.hidden = no_layer}); }),
            "ocellus::transport::icnn: hidden has no layer");
  EXPECT_EQ(refusal([&] { transport::icnn(Kokkos::Serial(), x, parameters, value, x, {.hidden = hidden}); }),
            "ocellus::transport::icnn: parameters.extent(0) is 7 but the size of the parameter table is 80");
}

}  // namespace
}  // namespace ocellus::test
