// SPDX-License-Identifier: Apache-2.0

#include <ocellus/nn/adamw_step.hpp>

#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

/// One parameter by the formula.
struct Adam {
  double p, m, v;

  void step(double g, nn::AdamwStepOptions const& o) {
    p *= 1 - o.learning_rate * o.weight_decay;
    m = o.beta1 * m + (1 - o.beta1) * g;
    v = o.beta2 * v + (1 - o.beta2) * g * g;
    p -= o.learning_rate * (m / (1 - std::pow(o.beta1, static_cast<double>(o.step)))) /
         (std::sqrt(v / (1 - std::pow(o.beta2, static_cast<double>(o.step)))) + o.epsilon);
  }
};

template <class C>
class AdamwStep : public ::testing::Test {};
TYPED_TEST_SUITE(AdamwStep, Configurations);

TYPED_TEST(AdamwStep, follows_the_formula_for_several_steps) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  for (std::int64_t const count : {0, 1, 2047, 2048, 2049}) {
    auto const size = static_cast<std::size_t>(count);
    TestArray<Scalar, 1, Layout, Exec> g({count});
    TestArray<Scalar, 1, Layout, Exec> const p({count}, random_values(size, 1)), m({count}, std::vector<double>(size, 0.0)),
        v({count}, std::vector<double>(size, 0.0));
    auto const parameter = p.view(), gradient = g.view(), first = m.view(), second = v.view();
    std::vector<Adam> want;
    for (double const value : random_values(size, 1)) want.push_back({value, 0, 0});
    Exec const exec;
    nn::AdamwStepOptions options{.learning_rate = 0.02, .beta1 = 0.8, .beta2 = 0.95, .epsilon = 1e-6, .weight_decay = 0.1};
    for (options.step = 1; options.step <= 4; ++options.step) {
      auto const now = random_values(size, 10 + static_cast<std::uint32_t>(options.step));
      g.assign(now);
      for (std::size_t i = 0; i < size; ++i) want[i].step(now[i], options);
      auto const events = record([&] { nn::adamw_step(exec, parameter, gradient, first, second, options); });
      if (count > 0) expect_good_manners(events);
      exec.fence();
    }
    auto const got = p.values(), got_m = m.values(), got_v = v.values();
    for (std::size_t i = 0; i < size; ++i) {
      double const unit = machine_epsilon<Scalar>() * (std::abs(want[i].p) + 1);
      ASSERT_NEAR(got[i], want[i].p, 16 * unit);
      ASSERT_NEAR(got_m[i], want[i].m, 16 * unit);
      ASSERT_NEAR(got_v[i], want[i].v, 16 * machine_epsilon<Scalar>() * want[i].v);
    }
    EXPECT_TRUE(p.guards_intact() && m.guards_intact() && v.guards_intact());
  }
}

TYPED_TEST(AdamwStep, gives_the_same_bits_for_every_thread_count) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  std::vector<double> whole;
  with_thread_counts<Exec>([&](Exec const& exec) {
    TestArray<Scalar, 1, Layout, Exec> const p({5000}, random_values(5000, 1)), g({5000}, random_values(5000, 2)), m({5000}, random_values(5000, 3)),
        v({5000}, std::vector<double>(5000, 0.5));
    nn::adamw_step(exec, p.view(), g.view(), m.view(), v.view(), {.step = 3});
    exec.fence();
    if (whole.empty()) whole = p.values();
    expect_same_bits(p.values(), whole);
  });
}

TEST(AdamwStep, names_what_does_not_fit) {
  HostTensor<float*> const a("a", 3), b("b", 4);
  Kokkos::Serial const exec;
  EXPECT_EQ(refusal([&] { nn::adamw_step(exec, a, a, a, a, {.step = 0}); }), "ocellus::nn::adamw_step: step is 0 but steps count from 1");
  EXPECT_EQ(refusal([&] { nn::adamw_step(exec, a, a, a, a, {.beta1 = 1.0}); }), "ocellus::nn::adamw_step: beta1 is 1, not in [0, 1)");
  EXPECT_EQ(refusal([&] { nn::adamw_step(exec, a, a, a, a, {.beta2 = -0.5}); }), "ocellus::nn::adamw_step: beta2 is -0.5, not in [0, 1)");
  EXPECT_EQ(refusal([&] { nn::adamw_step(exec, a, b, a, a); }), "ocellus::nn::adamw_step: gradient.extent(0) is 4 but parameter.extent(0) is 3");
}

}  // namespace
}  // namespace ocellus::test
