// SPDX-License-Identifier: Apache-2.0

#include <ocellus/transport/sbalign_sample.hpp>

#include "reference/bridges.hpp"
#include "transport/problems.hpp"

namespace ocellus::test {
namespace {

template <class C>
class SbalignSample : public ::testing::Test {};
TYPED_TEST_SUITE(SbalignSample, TransportConfigurations);

TYPED_TEST(SbalignSample, follows_the_steps_of_the_formula) {
  for (auto const& [n, d, steps] : {std::tuple<std::int64_t, std::int64_t, std::int64_t>{1, 1, 1}, {5, 3, 7}, {2, 17, 4}, {3, 2, 0}}) {
    auto const at = [](std::int64_t c) { return static_cast<std::size_t>(c); };
    auto const x0 = random_values(at(n * d), 1), noise = random_values(at(steps * n * d), 2), matrix = random_values(at(d * d), 3, 0.2),
               offset = random_values(at(d), 4), slope = random_values(at(d), 5);
    std::vector<double> want(x0);
    for (std::int64_t s = 0; s < steps; ++s) {
      double const t = static_cast<double>(s + 1) / static_cast<double>(steps), g = reference::diffusivity(3, 1.25, t), dt = 1.0 / static_cast<double>(steps);
      for (std::int64_t i = 0; i < n; ++i) {
        for (std::int64_t k = 0; k < d; ++k) {
          double b = offset[at(k)] + t * slope[at(k)];
          for (std::int64_t c = 0; c < d; ++c) b += want[at((s * n + i) * d + c)] * matrix[at(k * d + c)];
          want.push_back(want[at((s * n + i) * d + k)] + g * g * b * dt + g * std::sqrt(dt) * noise[at((s * n + i) * d + k)]);
        }
      }
    }
    Array<TypeParam, 2> const start({n, d}, x0), a({d, d}, matrix);
    Array<TypeParam, 3> const e({steps, n, d}, noise), path({steps + 1, n, d});
    Array<TypeParam, 1> const o({d}, offset), l({d}, slope);
    auto const sv = start.view(), av = a.view();
    auto const ev = e.view(), pv = path.view();
    auto const ov = o.view(), lv = l.view();
    Exec_<TypeParam> const exec;
    transport::SbalignSampleOptions const options{.schedule = transport::Diffusivity::decreasing, .g_max = 1.25};
    expect_good_manners(record([&] { transport::sbalign_sample(exec, sv, ev, av, ov, lv, pv, options); }));
    exec.fence();
    expect_near(path.values(), want, 64 * machine_epsilon<typename TypeParam::Scalar>());
    EXPECT_TRUE(path.guards_intact());
  }
}

TEST(SbalignSample, names_what_does_not_fit) {
  HostTensor<double**> const x("x", 3, 2), matrix("a", 2, 2);
  HostTensor<double***> const noise("noise", 4, 3, 2), path("path", 4, 3, 2);
  HostTensor<double*> const line("b", 2);
  EXPECT_EQ(refusal([&] { transport::sbalign_sample(Kokkos::Serial(), x, noise, matrix, line, line, path); }),
            "ocellus::transport::sbalign_sample: path.extent(0) is 4 but noise.extent(0) + 1 is 5");
}

}  // namespace
}  // namespace ocellus::test
