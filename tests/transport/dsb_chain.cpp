// SPDX-License-Identifier: Apache-2.0

#include <ocellus/transport/dsb_chain.hpp>

#include "transport/problems.hpp"

namespace ocellus::test {
namespace {

template <class C>
class DsbChain : public ::testing::Test {};
TYPED_TEST_SUITE(DsbChain, TransportConfigurations);

TYPED_TEST(DsbChain, follows_the_steps_of_the_formula_for_the_prior_and_for_networks) {
  for (auto const& [n, d, steps] : {std::tuple<std::int64_t, std::int64_t, std::int64_t>{1, 1, 1}, {4, 3, 5}}) {
    auto const at = [](std::int64_t c) { return static_cast<std::size_t>(c); };
    auto const x0 = random_values(at(n * d), 1), noise = random_values(at(steps * n * d), 2), matrix = random_values(at(d * d), 3, 0.2),
               offset = random_values(at(d), 4, 0.5), slope = random_values(at(d), 5, 0.5), variance = uniform_values(at(d), 6, 0.5, 2.0),
               gammas = uniform_values(at(steps), 7, 0.01, 0.2);
    for (int mode = 0; mode < 4; ++mode) {  // prior; network; network as drift; network, sampling
      bool const prior = mode == 0, match = mode != 2, sample = mode == 3;
      std::vector<double> positions(at(n * steps * d)), targets(at(n * steps * d)), times;
      double passed = 0;
      for (std::int64_t s = 0; s < steps; ++s) times.push_back(passed += gammas[at(s)]);
      for (std::int64_t i = 0; i < n; ++i) {
        std::vector<double> x(x0.begin() + i * d, x0.begin() + (i + 1) * d);
        for (std::int64_t s = 0; s < steps; ++s) {
          auto const mean = [&](std::vector<double> const& p, std::int64_t k) {
            if (prior) return p[at(k)] - gammas[at(s)] * (p[at(k)] - offset[at(k)]) / variance[at(k)];
            double sum = offset[at(k)] + times[at(s)] * slope[at(k)];
            for (std::int64_t c = 0; c < d; ++c) sum += p[at(c)] * matrix[at(k * d + c)];
            return match ? sum : p[at(k)] + sum;
          };
          std::vector<double> next(at(d));
          for (std::int64_t k = 0; k < d; ++k)
            next[at(k)] = mean(x, k) + (sample && s + 1 == steps ? 0.0 : std::sqrt(2 * gammas[at(s)]) * noise[at((s * n + i) * d + k)]);
          for (std::int64_t k = 0; k < d; ++k) {
            positions[at((i * steps + s) * d + k)] = next[at(k)];
            targets[at((i * steps + s) * d + k)]   = mean(x, k) - mean(next, k);
          }
          x = next;
        }
      }
      Array<TypeParam, 2> const start({n, d}, x0), a({d, d}, matrix);
      Array<TypeParam, 3> const e({steps, n, d}, noise), path({n, steps, d}), aim({n, steps, d});
      Array<TypeParam, 1> const g({steps}, gammas), o({d}, offset), l({d}, slope), v({d}, variance), t({steps});
      Exec_<TypeParam> const exec;
      auto const call = [&](auto const& mean, auto const& spread, auto const& net, auto const& net_offset, auto const& net_slope) {
        transport::dsb_chain(exec, start.view(), g.view(), e.view(), mean, spread, net, net_offset, net_slope, path.view(), aim.view(), t.view(),
                             {.mean_match = match, .sample = sample});
      };
      if (prior)
        call(o.view(), v.view(), none, none, none);
      else
        call(none, none, a.view(), o.view(), l.view());
      exec.fence();
      double const tolerance = 128 * machine_epsilon<typename TypeParam::Scalar>();
      expect_near(path.values(), positions, tolerance);
      expect_near(aim.values(), targets, tolerance);
      expect_near(t.values(), times, tolerance);
      EXPECT_TRUE(path.guards_intact() && aim.guards_intact() && t.guards_intact());
    }
  }
}

TEST(DsbChain, wants_a_prior_or_a_network) {
  HostTensor<double**> const x("x", 3, 2);
  HostTensor<double***> const noise("noise", 4, 3, 2), path("path", 3, 4, 2);
  HostTensor<double*> const gammas("gammas", 4), line("line", 2);
  EXPECT_EQ(refusal([&] { transport::dsb_chain(Kokkos::Serial(), x, gammas, noise, line, none, none, none, none, path, path, gammas); }),
            "ocellus::transport::dsb_chain: either prior_mean and prior_variance, or net_matrix, net_offset and net_slope must be given");
}

}  // namespace
}  // namespace ocellus::test
