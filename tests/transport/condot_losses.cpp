// SPDX-License-Identifier: Apache-2.0

#include <ocellus/transport/condot_losses.hpp>

#include "transport/map_losses.hpp"

namespace ocellus::test {
namespace {

template <class C>
class CondotLosses : public ::testing::Test {};
TYPED_TEST_SUITE(CondotLosses, TransportConfigurations);

TYPED_TEST(CondotLosses, agree_with_values_and_differences_of_the_reference) {
  constexpr bool narrow    = std::is_same_v<typename TypeParam::Scalar, float>;
  constexpr std::int64_t n = 4, d = 2, k = 2;
  std::vector<std::int64_t> const hidden = {3, 4};
  auto const table                       = transport::picnn_parameter_table(d, k, hidden);
  auto const size                        = static_cast<std::int64_t>(table.size());
  auto const flat_f = random_values(table.size(), 1, 0.5), flat_g = random_values(table.size(), 2, 0.5), source = random_values(n * d, 3),
             target = random_values(n * d, 4), labels = random_values(n * k, 5);
  auto const losses = [&](std::vector<double> const& pf, std::vector<double> const& pg, std::vector<double> const& fixed) {
    auto const f = tensors_of(table, pf), g = tensors_of(table, pg);
    auto result =
        map_losses([&](std::vector<double> const& x, std::size_t i) { return reference::picnn(f, x, row_of(labels, i, k), 2, 0); },
                   [&](std::vector<double> const& x, std::size_t i) { return reference::picnn(g, x, row_of(labels, i, k), 2, 0); }, source, target, d, fixed);
    result.loss_g += 0.25 * negative_part(g, "wz.");
    return result;
  };
  auto const want = losses(flat_f, flat_g, {});
  Array<TypeParam, 2> const x({n, d}, source), y({n, d}, target), label({n, k}, labels), map({n, d});
  Array<TypeParam, 1> const f({size}, flat_f), g({size}, flat_g), to_f({size}), to_g({size});
  Scalar0<TypeParam> const loss_g("loss_g"), loss_f("loss_f"), w2("w2");
  transport::condot_losses(Exec_<TypeParam>(), x.view(), y.view(), label.view(), f.view(), g.view(), loss_g, loss_f, w2, map.view(), to_f.view(), to_g.view(),
                           {.hidden = hidden, .penalty = 0.25});
  double const tolerance = narrow ? 1e-4 : 1e-7;
  EXPECT_NEAR(value_of(loss_g), want.loss_g, tolerance);
  EXPECT_NEAR(value_of(loss_f), want.loss_f, tolerance);
  EXPECT_NEAR(value_of(w2), want.w2, tolerance);
  expect_near(map.values(), want.map, tolerance);
  expect_gradient(table, to_g.values(), reference::gradient([&](std::vector<double> const& p) { return losses(flat_f, p, {}).loss_g; }, flat_g),
                  narrow ? 1e-4 : 1e-5);
  expect_gradient(table, to_f.values(), reference::gradient([&](std::vector<double> const& p) { return losses(p, flat_g, want.map).loss_f; }, flat_f),
                  narrow ? 1e-4 : 1e-6);
  EXPECT_TRUE(map.guards_intact() && to_f.guards_intact() && to_g.guards_intact());
}

TEST(CondotLosses, names_what_does_not_fit) {
  HostTensor<double**> const x("x", 3, 2), label("label", 2, 1);
  std::vector<std::int64_t> const hidden = {4};
  HostTensor<double*> const f("f", transport::picnn_parameter_table(2, 1, hidden).size());
  Kokkos::View<double, Kokkos::HostSpace> const loss("loss");
  EXPECT_EQ(refusal([&] { transport::condot_losses(Kokkos::Serial(), x, x, label, f, f, loss, loss, loss, x, f, f, {.hidden = hidden}); }),
            "ocellus::transport::condot_losses: label.extent(0) is 2 but source.extent(0) is 3");
}

}  // namespace
}  // namespace ocellus::test
