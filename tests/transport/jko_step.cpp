// SPDX-License-Identifier: Apache-2.0

#include <ocellus/transport/jko_step.hpp>

#include "transport/networks.hpp"

namespace ocellus::test {
namespace {

template <class C>
class JkoStep : public ::testing::Test {};
TYPED_TEST_SUITE(JkoStep, TransportConfigurations);

TYPED_TEST(JkoStep, agrees_with_adam_on_differences_of_the_reference) {
  constexpr bool narrow    = std::is_same_v<typename TypeParam::Scalar, float>;
  constexpr std::int64_t n = 4, d = 2, iterations = 3;
  std::vector<std::int64_t> const hidden = {4, 3}, energy_hidden = {5};
  auto const table = transport::icnn_parameter_table(d, hidden), well_table = transport::jko_energy_parameter_table(d, energy_hidden);
  auto const size = static_cast<std::int64_t>(table.size()), well_size = static_cast<std::int64_t>(well_table.size());
  auto flat        = random_values(table.size(), 1, 0.5);
  auto const start = flat, well = random_values(well_table.size(), 2), x = random_values(n * d, 3);
  auto const named_well = tensors_of(well_table, well);
  auto const predict    = [&](std::vector<double> const& p, std::size_t i) {
    auto const named = tensors_of(table, p);
    return reference::gradient([&](std::vector<double> const& q) { return reference::icnn(named, q, 2, 0.01, 1.0); }, row_of(x, i, d), 1e-4);
  };
  auto const loss = [&](std::vector<double> const& p) {
    double sum = 0;
    for (std::size_t i = 0; i < n; ++i) {
      auto moved = predict(p, i);
      for (std::size_t k = 0; k < d; ++k) moved[k] += 0.5 * x[i * d + k];
      sum += reference::energy(named_well, moved, 1);
      for (std::size_t k = 0; k < d; ++k) sum += (moved[k] - x[i * d + k]) * (moved[k] - x[i * d + k]) / 0.75;
    }
    return sum;
  };
  std::vector<double> losses, map, first(flat.size(), 0.0), second(flat.size(), 0.0);
  for (int k = 1; k <= iterations; ++k) {
    losses.push_back(loss(flat));
    map.clear();
    for (std::size_t i = 0; i < n; ++i) {
      for (double const value : predict(flat, i)) map.push_back(value);
    }
    auto gradient = reference::gradient(loss, flat, 1e-4);
    // Biases behind the first layer move no gradient: what differences make of zero, Adam would blow up.
    for (double& g : gradient) g = std::abs(g) < 1e-6 ? 0.0 : g;
    for (std::size_t at = 0; at < flat.size(); ++at) {
      first[at]  = 0.5 * first[at] + 0.5 * gradient[at];
      second[at] = 0.9 * second[at] + 0.1 * gradient[at] * gradient[at];
      flat[at] -= 0.01 * first[at] / (1 - std::pow(0.5, k)) / (std::sqrt(second[at] / (1 - std::pow(0.9, k))) + 1e-8);
    }
  }
  double energy = 0;
  std::vector<double> energy_gradient;
  for (std::size_t i = 0; i < n; ++i) {
    auto const at = [&](std::vector<double> const& p) { return reference::energy(named_well, p, 1); };
    energy += at(row_of(x, i, d));
    for (double const g : reference::gradient(at, row_of(x, i, d))) energy_gradient.push_back(g);
  }
  Array<TypeParam, 2> const points({n, d}, x), to_map({n, d}), to_energy({n, d});
  Array<TypeParam, 1> const parameters({size}, start), well_parameters({well_size}, well), to_losses({iterations});
  Scalar0<TypeParam> const to_sum("energy");
  transport::jko_step(Exec_<TypeParam>(), points.view(), parameters.view(), well_parameters.view(), to_losses.view(), to_map.view(), to_sum, to_energy.view(),
                      {.hidden = hidden, .energy_hidden = energy_hidden, .tau = 0.75, .convex = 0.5});
  double const tolerance = narrow ? 2e-4 : 1e-6;
  expect_near(to_losses.values(), losses, tolerance);
  expect_near(to_map.values(), map, tolerance);
  EXPECT_NEAR(value_of(to_sum), energy, tolerance * (1 + std::abs(energy)));
  expect_near(to_energy.values(), energy_gradient, tolerance);
  auto const got = parameters.values();
  for (auto const& entry : table.entries()) {
    for (std::size_t k = entry.offset; k < entry.offset + entry.size(); ++k) EXPECT_NEAR(got[k], flat[k], narrow ? 5e-3 : 1e-4) << entry.name;
  }
  EXPECT_TRUE(to_map.guards_intact() && to_energy.guards_intact() && parameters.guards_intact() && to_losses.guards_intact());
}

TEST(JkoStep, names_what_does_not_fit) {
  HostTensor<double**> const x("x", 3, 2);
  std::vector<std::int64_t> const hidden = {4}, plain;
  HostTensor<double*> const p("p", transport::icnn_parameter_table(2, hidden).size()), e("e", transport::jko_energy_parameter_table(2, plain).size()),
      no_loss("l", 0);
  Kokkos::View<double, Kokkos::HostSpace> const energy("energy");
  EXPECT_EQ(refusal([&] { transport::jko_step(Kokkos::Serial(), x, p, e, no_loss, x, energy, x, {.hidden = hidden, .energy_hidden = plain}); }),
            "ocellus::transport::jko_step: losses.extent(0) (iterations) is 0");
}

}  // namespace
}  // namespace ocellus::test
