// SPDX-License-Identifier: Apache-2.0

#include <ocellus/transport/picnn.hpp>

#include "transport/networks.hpp"

namespace ocellus::test {
namespace {

template <class C>
class Picnn : public ::testing::Test {};
TYPED_TEST_SUITE(Picnn, TransportConfigurations);

TYPED_TEST(Picnn, agrees_with_the_reference_and_its_differences) {
  using Scalar = typename TypeParam::Scalar;
  for (auto const& hidden : {std::vector<std::int64_t>{3}, std::vector<std::int64_t>{5, 6, 4}}) {
    for (bool const softplus : {false, true}) {
      constexpr std::int64_t n = 3, d = 2, k = 4;
      auto const table = transport::picnn_parameter_table(d, k, hidden);
      auto const flat  = random_values(table.size(), 1, 0.4);
      auto const x = random_values(n * d, 2), labels = random_values(n * k, 3);
      auto const named = tensors_of(table, flat);
      std::vector<double> want, want_gradient;
      for (std::size_t i = 0; i < n; ++i) {
        auto const value = [&](std::vector<double> const& p) {
          return reference::picnn(named, p, row_of(labels, i, k), static_cast<int>(hidden.size()), softplus ? 1.0 : 0.0);
        };
        want.push_back(value(row_of(x, i, d)));
        for (double const g : reference::gradient(value, row_of(x, i, d))) want_gradient.push_back(g);
      }
      Array<TypeParam, 2> const points({n, d}, x), label({n, k}, labels), gradient({n, d});
      Array<TypeParam, 1> const parameters({static_cast<std::int64_t>(flat.size())}, flat), values({n});
      transport::picnn(Exec_<TypeParam>(), points.view(), label.view(), parameters.view(), values.view(), gradient.view(),
                       {.hidden = hidden, .softplus_weights = softplus});
      expect_near(values.values(), want, 1024 * machine_epsilon<Scalar>());
      expect_near(gradient.values(), want_gradient, std::is_same_v<Scalar, float> ? 2e-4 : 1e-7);
      EXPECT_TRUE(values.guards_intact() && gradient.guards_intact());
    }
  }
}

TEST(Picnn, names_what_does_not_fit) {
  HostTensor<double**> const x("x", 3, 2), label("label", 2, 1);
  std::vector<std::int64_t> const hidden = {4};
  HostTensor<double*> const parameters("p", transport::picnn_parameter_table(2, 1, hidden).size()), value("v", 3);
  EXPECT_EQ(refusal([&] { transport::picnn(Kokkos::Serial(), x, label, parameters, value, x, {.hidden = hidden}); }),
            "ocellus::transport::picnn: label.extent(0) is 2 but x.extent(0) is 3");
}

}  // namespace
}  // namespace ocellus::test
