// SPDX-License-Identifier: Apache-2.0

#include <ocellus/transport/cellot_losses.hpp>

#include "transport/map_losses.hpp"

namespace ocellus::test {
namespace {

template <class C>
class CellotLosses : public ::testing::Test {};
TYPED_TEST_SUITE(CellotLosses, TransportConfigurations);

TYPED_TEST(CellotLosses, agree_with_values_and_differences_of_the_reference) {
  constexpr bool narrow    = std::is_same_v<typename TypeParam::Scalar, float>;
  constexpr std::int64_t n = 6, m = 5, d = 2;
  std::vector<std::int64_t> const hidden = {5, 4};
  auto const table                       = transport::icnn_parameter_table(d, hidden);
  auto const size                        = static_cast<std::int64_t>(table.size());
  auto const flat_f = random_values(table.size(), 1, 0.4), flat_g = random_values(table.size(), 2, 0.4), source = random_values(n * d, 3),
             target = random_values(m * d, 4);
  auto const losses = [&](std::vector<double> const& pf, std::vector<double> const& pg, std::vector<double> const& fixed) {
    auto const f = tensors_of(table, pf), g = tensors_of(table, pg);
    auto result = map_losses([&](std::vector<double> const& x, std::size_t) { return reference::icnn(f, x, 2, 0.2, 0); },
                             [&](std::vector<double> const& x, std::size_t) { return reference::icnn(g, x, 2, 0.2, 0); }, source, target, d, fixed);
    result.loss_g += 0.5 * negative_part(g, "W.");
    return result;
  };
  auto const want = losses(flat_f, flat_g, {});
  Array<TypeParam, 2> const x({n, d}, source), y({m, d}, target), map({n, d});
  Array<TypeParam, 1> const f({size}, flat_f), g({size}, flat_g), to_f({size}), to_g({size});
  Scalar0<TypeParam> const loss_g("loss_g"), loss_f("loss_f"), w2("w2");
  transport::cellot_losses(Exec_<TypeParam>(), x.view(), y.view(), f.view(), g.view(), loss_g, loss_f, w2, map.view(), to_f.view(), to_g.view(),
                           {.hidden = hidden, .penalty = 0.5});
  double const tolerance = narrow ? 1e-5 : 1e-8;
  EXPECT_NEAR(value_of(loss_g), want.loss_g, tolerance * 10);
  EXPECT_NEAR(value_of(loss_f), want.loss_f, tolerance * 10);
  EXPECT_NEAR(value_of(w2), want.w2, tolerance * 10);
  expect_near(map.values(), want.map, tolerance * 10);
  expect_gradient(table, to_g.values(), reference::gradient([&](std::vector<double> const& p) { return losses(flat_f, p, {}).loss_g; }, flat_g),
                  narrow ? 1e-4 : 1e-5);
  expect_gradient(table, to_f.values(), reference::gradient([&](std::vector<double> const& p) { return losses(p, flat_g, want.map).loss_f; }, flat_f),
                  narrow ? 1e-4 : 1e-6);
  EXPECT_TRUE(map.guards_intact() && to_f.guards_intact() && to_g.guards_intact());
}

TYPED_TEST(CellotLosses, same_bits_whatever_the_thread_count_and_behave) {
  using Exec                             = Exec_<TypeParam>;
  std::vector<std::int64_t> const hidden = {4};
  auto const table                       = transport::icnn_parameter_table(2, hidden);
  auto const size                        = static_cast<std::int64_t>(table.size());
  Array<TypeParam, 2> const x({300, 2}, random_values(600, 1)), y({270, 2}, random_values(540, 2)), map({300, 2});
  Array<TypeParam, 1> const f({size}, random_values(table.size(), 3)), g({size}, random_values(table.size(), 4)), to_f({size}), to_g({size});
  Scalar0<TypeParam> const loss_g("loss_g"), loss_f("loss_f"), w2("w2");
  auto const xv = x.view(), yv = y.view(), mv = map.view();
  auto const fv = f.view(), gv = g.view(), ov = to_f.view(), pv = to_g.view();
  double first = 0;
  with_thread_counts<Exec>([&](Exec const& exec) {
    WorkspaceFor<Exec> workspace(exec, transport::cellot_losses_workspace_size(exec, xv, yv, {.hidden = hidden}));
    expect_good_manners(record([&] { transport::cellot_losses(exec, xv, yv, fv, gv, loss_g, loss_f, w2, mv, ov, pv, {.hidden = hidden}, workspace); }));
    exec.fence();
    double const sum = value_of(loss_g) + to_g.values()[0] + to_f.values()[0];
    if (first == 0) first = sum;
    EXPECT_EQ(sum, first);
  });
}

TEST(CellotLosses, names_what_does_not_fit) {
  HostTensor<double**> const x("x", 3, 2), empty("y", 0, 2);
  std::vector<std::int64_t> const hidden = {4};
  HostTensor<double*> const f("f", transport::icnn_parameter_table(2, hidden).size());
  Kokkos::View<double, Kokkos::HostSpace> const loss("loss");
  EXPECT_EQ(refusal([&] { transport::cellot_losses(Kokkos::Serial(), x, empty, f, f, loss, loss, loss, x, f, f, {.hidden = hidden}); }),
            "ocellus::transport::cellot_losses: source.extent(0) is 3 and target.extent(0) is 0; neither may be 0");
}

}  // namespace
}  // namespace ocellus::test
