// SPDX-License-Identifier: Apache-2.0

#include <ocellus/transport/udsb_trajectory.hpp>

#include <algorithm>

#include "transport/problems.hpp"

namespace ocellus::test {
namespace {

using transport::TrajectoryDirection;

template <class C>
class UdsbTrajectory : public ::testing::Test {};
TYPED_TEST_SUITE(UdsbTrajectory, TransportConfigurations);

TYPED_TEST(UdsbTrajectory, follows_the_steps_as_they_are_written) {
  constexpr std::size_t n = 11, d = 2, steps = 6;
  auto const x0 = random_values(n * d, 1), noise = random_values(steps * n * d, 2), matrix = random_values(d * d, 3, 0.3), offset = random_values(d, 4),
             score = random_values(d, 5), killing = random_values(steps * n, 6, 0.6), ferryman = uniform_values(steps, 7, 0.5, 1.5),
             initial = uniform_values(n, 8), death = uniform_values(steps * n, 9), birth = uniform_values(steps * n, 10), type = uniform_values(steps * n, 11);
  for (bool const backward : {false, true}) {
    for (double const fraction : {0.0, 0.6}) {
      std::vector<double> x(x0), p(steps * n), all, living;
      std::vector<bool> alive(n);
      for (std::size_t i = 0; i < n; ++i) alive[i] = initial[i] < 0.7;
      std::vector<std::vector<double>> places{x};
      std::vector<std::vector<bool>> states{alive};
      for (std::size_t s = 0; s < steps; ++s) {
        std::vector<double> next(n * d);
        double const dt = 1.0 / steps, sign = backward ? -1 : 1, count = std::max<double>(1, static_cast<double>(std::count(alive.begin(), alive.end(), true)));
        for (std::size_t i = 0; i < n; ++i) {
          for (std::size_t k = 0; k < d; ++k) {
            double b = offset[k];
            for (std::size_t c = 0; c < d; ++c) b += x[i * d + c] * matrix[k * d + c];
            next[i * d + k] = x[i * d + k] + sign * ((b + sign * 0.75 * score[k]) * dt + 0.75 * std::sqrt(dt) * noise[(s * n + i) * d + k]);
          }
        }
        std::vector<bool> now(alive), splitting(n, false);
        for (std::size_t i = 0; i < n; ++i) {
          double density = 0;
          for (std::size_t j = 0; j < n; ++j) {
            double squared = 0;
            for (std::size_t k = 0; k < d; ++k) squared += (next[i * d + k] - x[j * d + k]) * (next[i * d + k] - x[j * d + k]);
            if (alive[j]) density += std::exp(-squared / 8) / (4 * 3.141592653589793) / count;
          }
          double const chance = std::clamp(killing[s * n + i] * ferryman[s] / (1 + 0.01 + density), -1.0, 1.0);
          p[s * n + i]        = chance;
          bool dead           = death[s * n + i]<chance, born = birth[s * n + i]> 1 + chance;
          if (backward) std::swap(dead, born);
          now[i] = alive[i] && !dead;
          if (born && !(type[s * n + i] < fraction)) now[i] = true;
          splitting[i] = born && type[s * n + i] < fraction;
        }
        std::vector<std::size_t> slots, sources;
        for (std::size_t i = 0; i < n; ++i) {
          if (!now[i]) slots.push_back(i);
          if (now[i] && splitting[i]) sources.push_back(i);
        }
        for (std::size_t k = 0; k < std::min(slots.size(), sources.size()); ++k) {
          for (std::size_t c = 0; c < d; ++c) next[slots[k] * d + c] = next[sources[k] * d + c];
          now[slots[k]] = true;
        }
        x     = next;
        alive = now;
        places.push_back(x);
        states.push_back(alive);
      }
      if (backward) {
        std::reverse(places.begin(), places.end());
        std::reverse(states.begin(), states.end());
      }
      for (auto const& one : places) all.insert(all.end(), one.begin(), one.end());
      for (auto const& one : states) {
        for (bool const live : one) living.push_back(live ? 1 : 0);
      }
      Array<TypeParam, 2> const start({n, d}, x0), a({d, d}, matrix), u({steps, n}, death), v({steps, n}, birth), w({steps, n}, type), k({steps, n}, killing),
          chance({steps, n});
      Array<TypeParam, 3> const e({steps, n, d}, noise), path({steps + 1, n, d});
      Array<TypeParam, 1> const first({n}, initial), f({steps}, ferryman), o({d}, offset), z({d}, score);
      TestArray<bool, 2, typename TypeParam::Layout, typename TypeParam::Exec> const state({steps + 1, n});
      Exec_<TypeParam> const exec;
      transport::udsb_trajectory(exec, start.view(), e.view(), first.view(), u.view(), v.view(), w.view(), k.view(), f.view(), a.view(), o.view(), z.view(),
                                 path.view(), state.view(), chance.view(),
                                 {.g                  = 0.75,
                                  .initial_mass       = 0.7,
                                  .epsilon            = 0.01,
                                  .direction          = backward ? TrajectoryDirection::backward : TrajectoryDirection::forward,
                                  .splitting_fraction = fraction});
      exec.fence();
      double const tolerance = 512 * machine_epsilon<typename TypeParam::Scalar>();
      expect_near(path.values(), all, tolerance);
      expect_near(chance.values(), p, tolerance);
      expect_same_bits(state.values(), living);
      EXPECT_TRUE(path.guards_intact() && state.guards_intact() && chance.guards_intact());
    }
  }
}

TEST(UdsbTrajectory, names_what_does_not_fit) {
  HostTensor<double**> const x("x", 3, 2), matrix("a", 2, 2), step("u", 0, 3);
  HostTensor<double***> const noise("noise", 0, 3, 2), path("path", 1, 3, 2);
  HostTensor<double*> const n("n", 3), d("d", 2), none_("f", 0);
  HostTensor<bool**> const alive("alive", 1, 3);
  EXPECT_EQ(refusal([&] { transport::udsb_trajectory(Kokkos::Serial(), x, noise, n, step, step, step, step, none_, matrix, d, d, path, alive, step); }),
            "ocellus::transport::udsb_trajectory: noise.extent(0) (steps) is 0");
}

}  // namespace
}  // namespace ocellus::test
