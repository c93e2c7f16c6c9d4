// SPDX-License-Identifier: Apache-2.0

#include <ocellus/nn/gelu.hpp>

#include "reference/gelu.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/gradients.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

double gelu_reference(double x, nn::GeluApproximation approximate) {
  if (std::isinf(x)) return x > 0 ? x : 0;
  if (approximate == nn::GeluApproximation::none) return 0.5 * x * std::erfc(-x / std::sqrt(2.0));
  return 0.5 * x * (1 + std::tanh(std::sqrt(2 / 3.14159265358979323846) * (x + 0.044715 * x * x * x)));
}

template <class C>
class Gelu : public ::testing::Test {};
TYPED_TEST_SUITE(Gelu, Configurations);

TYPED_TEST(Gelu, agrees_with_the_formula_at_every_rank) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  auto x       = random_values(3 * 2 * 5 * 7, 1, 4.0);
  x[0] = std::numeric_limits<double>::quiet_NaN(), x[1] = std::numeric_limits<double>::infinity(), x[2] = -x[1], x[3] = -300, x[4] = 0;
  for (auto const approximate : {nn::GeluApproximation::none, nn::GeluApproximation::tanh}) {
    std::vector<double> want(x.size()), unit(x.size());
    for (std::size_t i = 0; i < x.size(); ++i)
      want[i] = gelu_reference(x[i], approximate), unit[i] = machine_epsilon<Scalar>() * std::max(std::abs(x[i]), std::abs(want[i]));
    TestArray<Scalar, 4, Layout, Exec> const input({3, 2, 5, 7}, x), output({3, 2, 5, 7});
    TestArray<Scalar, 1, Layout, Exec> const line({210}, x), line_output({210});
    Exec const exec;
    nn::gelu(exec, input.view(), output.view(), {.approximate = approximate});
    nn::gelu(exec, line.view(), line_output.view(), {.approximate = approximate});
    exec.fence();
    expect_within(output.values(), want, unit, 4);
    expect_same_bits(line_output.values(), output.values());
    EXPECT_TRUE(output.guards_intact());
  }
}

TYPED_TEST(Gelu, has_the_bits_of_one_value_at_every_width_and_in_16_bits) {
  using Exec = typename TypeParam::Exec;
  for (std::int64_t const width : {0, 1, 15, 16, 17, 101}) {
    auto x = random_values(static_cast<std::size_t>(2 * width), 1, 4.0);
    if (width > 2) x[0] = std::numeric_limits<double>::quiet_NaN(), x[1] = std::numeric_limits<double>::infinity(), x[2] = -x[1];
    for (auto const approximate : {nn::GeluApproximation::none, nn::GeluApproximation::tanh}) {
      TestArray<bfloat16, 2, Kokkos::LayoutRight, Exec> const input({2, width}, x), output({2, width});
      TestArray<float, 2, Kokkos::LayoutRight, Exec> const wide({2, width}, input.values()), wide_output({2, width});
      TestArray<float, 2, Kokkos::LayoutLeft, Exec> const turned({2, width}, input.values()), turned_output({2, width});
      Exec const exec;
      nn::gelu(exec, input.view(), output.view(), {.approximate = approximate});
      nn::gelu(exec, wide.view(), wide_output.view(), {.approximate = approximate});
      nn::gelu(exec, turned.view(), turned_output.view(), {.approximate = approximate});
      exec.fence();
      auto rounded = wide_output.values();
      expect_same_bits(turned_output.values(), rounded);
      for (auto& v : rounded) v = static_cast<double>(static_cast<float>(bfloat16(static_cast<float>(v))));
      expect_same_bits(output.values(), rounded);
      EXPECT_TRUE(output.guards_intact() && wide_output.guards_intact());
    }
  }
}

TYPED_TEST(Gelu, behaves) {
  using Exec = typename TypeParam::Exec;
  TestArray<float, 2, Kokkos::LayoutRight, Exec> const input({5, 9}, random_values(45)), output({5, 9});
  Exec const exec;
  auto const i = input.view(), o = output.view();
  expect_good_manners(record([&] { nn::gelu(exec, i, o); }));
  exec.fence();
}

TYPED_TEST(Gelu, backward_is_the_transpose_of_the_derivative) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  auto const x = random_values(3 * 2 * 5 * 7, 1, 2.0), g = random_values(210, 2);
  for (auto const approximate : {nn::GeluApproximation::none, nn::GeluApproximation::tanh}) {
    bool const tanh_form = approximate == nn::GeluApproximation::tanh;
    TestArray<Scalar, 4, Layout, Exec> const input({3, 2, 5, 7}, x), output_gradient({3, 2, 5, 7}, g), input_gradient({3, 2, 5, 7});
    Exec const exec;
    nn::gelu_backward(exec, output_gradient.view(), input.view(), input_gradient.view(), {.approximate = approximate});
    exec.fence();
    EXPECT_TRUE(input_gradient.guards_intact());
    auto const got = input_gradient.values();
    expect_adjoint([&](DualArrays const& in) { return reference::gelu(in[0], tanh_form); }, {x}, g, {got}, adjoint_tolerance<Scalar>);
    if (sizeof(Scalar) == 8) {
      expect_central_differences(
          [&](Arrays const& in) {
            TestArray<double, 1, Kokkos::LayoutRight, Exec> const at({210}, in[0]), output({210});
            nn::gelu(exec, at.view(), output.view(), {.approximate = approximate});
            exec.fence();
            return output.values();
          },
          {x}, g, {got});
    }
    std::vector<double> want(x.size()), unit(x.size());
    for (std::size_t i = 0; i < x.size(); ++i) {
      want[i] = g[i] * reference::gelu<reference::Dual>({{x[i], 1}}, tanh_form)[0].slope;
      unit[i] = machine_epsilon<Scalar>() * (1 + std::abs(x[i])) * std::abs(g[i]);
    }
    expect_within(got, want, unit, 8);
    nn::gelu_backward(exec, output_gradient.view(), input.view(), output_gradient.view(), {.approximate = approximate});  // in place
    exec.fence();
    expect_same_bits(output_gradient.values(), got);
    nn::gelu_backward(exec, input_gradient.view(), input.view(), input_gradient.view(), {.approximate = approximate, .accumulate = true});
    exec.fence();
    auto const twice = input_gradient.values();
    for (std::size_t i = 0; i < x.size(); ++i) want[i] = got[i] * (1 + reference::gelu<reference::Dual>({{x[i], 1}}, tanh_form)[0].slope), unit[i] *= 3;
    expect_within(twice, want, unit, 8);
  }
}

TYPED_TEST(Gelu, backward_ends_flat_and_passes_nan) {
  using Scalar          = typename TypeParam::Scalar;
  using Exec            = typename TypeParam::Exec;
  double const infinity = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
  for (auto const approximate : {nn::GeluApproximation::none, nn::GeluApproximation::tanh}) {
    TestArray<Scalar, 1, Kokkos::LayoutRight, Exec> const input({7}, {-infinity, infinity, nan, 0, -300, 300, 1}),
        output_gradient({7}, {3, 3, 3, 3, 3, 3, nan}), input_gradient({7}), empty({0});
    Exec const exec;
    nn::gelu_backward(exec, output_gradient.view(), input.view(), input_gradient.view(), {.approximate = approximate});
    nn::gelu_backward(exec, empty.view(), empty.view(), empty.view());
    exec.fence();
    expect_within(input_gradient.values(), {0, 3, nan, 1.5, 0, 3, nan}, machine_epsilon<Scalar>(), 1);
  }
}

TYPED_TEST(Gelu, backward_behaves) {
  using Exec = typename TypeParam::Exec;
  TestArray<float, 2, Kokkos::LayoutRight, Exec> const input({5, 9}, random_values(45)), gradient({5, 9}, random_values(45));
  Exec const exec;
  auto const i = input.view(), g = gradient.view();
  expect_good_manners(record([&] { nn::gelu_backward(exec, g, i, g); }));
  exec.fence();
}

TEST(Gelu, names_what_does_not_fit) {
  HostTensor<float**> const input("input", 2, 3), output("output", 2, 4);
  EXPECT_EQ(refusal([&] { nn::gelu(Kokkos::Serial(), input, output); }), "ocellus::nn::gelu: output.extent(1) is 4 but input.extent(1) is 3");
}

TEST(Gelu, backward_names_what_does_not_fit) {
  HostTensor<float**> const input("input", 2, 3), wide("wide", 2, 4);
  EXPECT_EQ(refusal([&] { nn::gelu_backward(Kokkos::Serial(), wide, input, input); }),
            "ocellus::nn::gelu_backward: output_gradient.extent(1) is 4 but input.extent(1) is 3");
  EXPECT_EQ(refusal([&] { nn::gelu_backward(Kokkos::Serial(), input, input, wide); }),
            "ocellus::nn::gelu_backward: input_gradient.extent(1) is 4 but input.extent(1) is 3");
}

}  // namespace
}  // namespace ocellus::test
