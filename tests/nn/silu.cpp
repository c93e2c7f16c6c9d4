// SPDX-License-Identifier: Apache-2.0

#include <ocellus/nn/silu.hpp>

#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

template <class C>
class Silu : public ::testing::Test {};
TYPED_TEST_SUITE(Silu, Configurations);

TYPED_TEST(Silu, agrees_with_the_formula_with_and_without_a_multiplier) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  auto x = random_values(3 * 2 * 5 * 7, 1, 4.0), g = random_values(3 * 2 * 5 * 7, 2);
  double const infinity = std::numeric_limits<double>::infinity();
  x[0] = std::nan(""), x[1] = infinity, x[2] = -infinity, x[3] = -300, x[4] = 0, x[5] = 200, x[6] = -80;
  std::vector<double> plain(x.size()), gated(x.size()), unit(x.size()), gated_unit(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    plain[i]      = std::isinf(x[i]) ? std::max(x[i], 0.0) : x[i] / (1 + std::exp(-x[i]));
    gated[i]      = plain[i] * g[i];
    unit[i]       = machine_epsilon<Scalar>() * std::max(std::abs(plain[i]), 1e-30);
    gated_unit[i] = unit[i] * std::abs(g[i]) + 1e-300;
  }
  TestArray<Scalar, 4, Layout, Exec> const input({3, 2, 5, 7}, x), multiplier({3, 2, 5, 7}, g), output({3, 2, 5, 7});
  TestArray<Scalar, 1, Layout, Exec> const line({210}, x), line_output({210});
  Exec const exec;
  nn::silu(exec, input.view(), output.view());
  nn::silu(exec, line.view(), line_output.view());
  exec.fence();
  expect_within(output.values(), plain, unit, 6 + 80);  // exp(-80) in float has the error of its argument
  expect_same_bits(line_output.values(), output.values());
  auto const i = input.view(), m = multiplier.view(), o = output.view();
  expect_good_manners(record([&] { nn::silu(exec, i, m, o); }));
  exec.fence();
  expect_within(output.values(), gated, gated_unit, 7 + 80);
  EXPECT_TRUE(output.guards_intact());
}

TYPED_TEST(Silu, backward_is_the_derivative_of_the_formula) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  auto x = random_values(3 * 2 * 5 * 7, 1, 4.0), m = random_values(x.size(), 2), g = random_values(x.size(), 3);
  double const infinity = std::numeric_limits<double>::infinity();
  x[0] = std::nan(""), x[1] = infinity, x[2] = -infinity, x[3] = -300, x[4] = 0, x[5] = 200, x[6] = -80;
  std::vector<double> plain(x.size()), of_input(x.size()), of_multiplier(x.size()), unit(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    double const sigmoid = 1 / (1 + std::exp(-x[i]));
    plain[i]             = g[i] * (std::isinf(x[i]) ? (x[i] > 0 ? 1.0 : 0.0) : sigmoid * (1 + x[i] * (1 - sigmoid)));
    of_input[i]          = plain[i] * m[i];
    of_multiplier[i]     = g[i] * (std::isinf(x[i]) ? std::max(x[i], 0.0) : x[i] * sigmoid);
    unit[i]              = machine_epsilon<Scalar>() * std::abs(g[i]) * (1 + (std::isinf(x[i]) ? 0.0 : std::abs(x[i])));
  }
  TestArray<Scalar, 4, Layout, Exec> const input({3, 2, 5, 7}, x), multiplier({3, 2, 5, 7}, m), gradient({3, 2, 5, 7}, g), dx({3, 2, 5, 7}), dm({3, 2, 5, 7});
  Exec const exec;
  nn::silu_backward(exec, gradient.view(), input.view(), none, dx.view(), none);
  exec.fence();
  expect_within(dx.values(), plain, unit, 12);
  auto const gv = gradient.view(), i = input.view(), f = multiplier.view(), to = dx.view(), also = dm.view();
  expect_good_manners(record([&] { nn::silu_backward(exec, gv, i, f, to, also); }));
  exec.fence();
  expect_within(dx.values(), of_input, unit, 12);
  expect_within(dm.values(), of_multiplier, unit, 12);
  EXPECT_TRUE(dx.guards_intact() && dm.guards_intact());
  auto const before = dx.values();
  nn::silu_backward(exec, gv, i, f, gv, none);  // in place
  exec.fence();
  expect_same_bits(gradient.values(), before);
}

TEST(Silu, names_what_does_not_fit) {
  HostTensor<float**> const input("input", 2, 11), other("other", 2, 13);
  EXPECT_EQ(refusal([&] { nn::silu(Kokkos::Serial(), input, other, input); }), "ocellus::nn::silu: multiplier.extent(1) is 13 but input.extent(1) is 11");
  EXPECT_EQ(refusal([&] { nn::silu(Kokkos::Serial(), input, other); }), "ocellus::nn::silu: output.extent(1) is 13 but input.extent(1) is 11");
  EXPECT_EQ(refusal([&] { nn::silu_backward(Kokkos::Serial(), input, input, none, other, none); }),
            "ocellus::nn::silu_backward: input_gradient.extent(1) is 13 but input.extent(1) is 11");
}

}  // namespace
}  // namespace ocellus::test
