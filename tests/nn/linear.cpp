// SPDX-License-Identifier: Apache-2.0

#include <ocellus/nn/linear.hpp>

#include "reference/encoder.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/gradients.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

template <class C>
class Linear : public ::testing::Test {};
TYPED_TEST_SUITE(Linear, Configurations);

TYPED_TEST(Linear, agrees_with_plain_loops_with_and_without_bias_and_packed) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  for (std::int64_t const rows : {0, 1, 9, 97}) {
    for (std::int64_t const inputs : {1, 17}) {
      std::int64_t const outputs = 33;
      SCOPED_TRACE(::testing::Message() << rows << " x " << inputs);
      auto const x = random_values(static_cast<std::size_t>(rows * inputs), 1), w = random_values(static_cast<std::size_t>(outputs * inputs), 2),
                 b = random_values(static_cast<std::size_t>(outputs), 3);
      std::vector<double> want(static_cast<std::size_t>(rows * outputs)), plain(want.size()), unit(want.size());
      for (std::int64_t n = 0; n < rows; ++n) {
        for (std::int64_t o = 0; o < outputs; ++o) {
          double sum = 0, magnitude = 0;
          for (std::int64_t i = 0; i < inputs; ++i) {
            double const term = x[static_cast<std::size_t>(n * inputs + i)] * w[static_cast<std::size_t>(o * inputs + i)];
            sum += term, magnitude += std::abs(term);
          }
          auto const at = static_cast<std::size_t>(n * outputs + o);
          plain[at] = sum, want[at] = sum + b[static_cast<std::size_t>(o)],
          unit[at] = machine_epsilon<Scalar>() * (magnitude + std::abs(b[static_cast<std::size_t>(o)]));
        }
      }
      TestArray<Scalar, 2, Layout, Exec> const input({rows, inputs}, x), weight({outputs, inputs}, w), output({rows, outputs}), again({rows, outputs});
      TestArray<Scalar, 1, Layout, Exec> const bias({outputs}, b);
      Exec const exec;
      nn::linear(exec, input.view(), weight.view(), bias.view(), output.view());
      auto const packed = linalg::pack_matrix(exec, weight.view(), {.transpose = true});  // lives until the kernel has run
      nn::linear(exec, input.view(), packed, bias.view(), again.view());
      exec.fence();
      expect_within(output.values(), want, unit, static_cast<double>(inputs + 4));
      expect_same_bits(again.values(), output.values());
      EXPECT_TRUE(output.guards_intact());
      nn::linear(exec, input.view(), weight.view(), none, output.view());
      exec.fence();
      expect_within(output.values(), plain, unit, static_cast<double>(inputs + 4));
    }
  }
}

TYPED_TEST(Linear, behaves) {
  using Exec = typename TypeParam::Exec;
  TestArray<float, 2, Kokkos::LayoutRight, Exec> const input({5, 9}, random_values(45)), weight({3, 9}, random_values(27)), output({5, 3});
  Exec const exec;
  auto const i = input.view(), w = weight.view(), o = output.view();
  expect_good_manners(record([&] { nn::linear(exec, i, w, none, o, {.activation = linalg::Activation::gelu}); }));
  exec.fence();
}

TYPED_TEST(Linear, backward_is_the_transpose_of_the_derivative) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  for (auto const& shape : {std::array<std::int64_t, 3>{0, 3, 4}, {1, 1, 1}, {7, 33, 31}, {8, 32, 32}, {31, 5, 65}, {97, 17, 3}}) {
    std::int64_t const rows = shape[0], inputs = shape[1], outputs = shape[2];
    SCOPED_TRACE(::testing::Message() << rows << " rows, " << inputs << " to " << outputs);
    auto const count = [](std::int64_t a, std::int64_t b) { return static_cast<std::size_t>(a * b); };
    auto const x = random_values(count(rows, inputs), 1), w = random_values(count(outputs, inputs), 2), b = random_values(count(outputs, 1), 3),
               g = random_values(count(rows, outputs), 4);
    TestArray<Scalar, 2, Layout, Exec> const input({rows, inputs}, x), weight({outputs, inputs}, w), output_gradient({rows, outputs}, g),
        input_gradient({rows, inputs}), weight_gradient({outputs, inputs}), packed_gradient({rows, inputs});
    TestArray<Scalar, 1, Layout, Exec> const bias_gradient({outputs});
    Exec const exec;
    nn::linear_backward(exec, output_gradient.view(), input.view(), weight.view(), input_gradient.view(), weight_gradient.view(), bias_gradient.view());
    auto const packed = linalg::pack_matrix(exec, weight.view());
    nn::linear_backward(exec, output_gradient.view(), input.view(), packed, packed_gradient.view(), none, none);
    exec.fence();
    EXPECT_TRUE(input_gradient.guards_intact() && weight_gradient.guards_intact() && bias_gradient.guards_intact());
    expect_same_bits(packed_gradient.values(), input_gradient.values());
    Arrays const gradients{input_gradient.values(), weight_gradient.values(), bias_gradient.values()};
    expect_adjoint([&](DualArrays const& in) { return reference::linear(in[0], in[1], in[2], inputs); }, {x, w, b}, g, gradients, adjoint_tolerance<Scalar>);
    if (rows == 0) {
      expect_same_bits(gradients[1], std::vector<double>(w.size(), 0.0));
      expect_same_bits(gradients[2], std::vector<double>(b.size(), 0.0));
    } else if (sizeof(Scalar) == 8) {
      expect_central_differences(
          [&](Arrays const& in) {
            TestArray<double, 2, Kokkos::LayoutRight, Exec> const at({rows, inputs}, in[0]), by({outputs, inputs}, in[1]), output({rows, outputs});
            TestArray<double, 1, Kokkos::LayoutRight, Exec> const plus({outputs}, in[2]);
            nn::linear(exec, at.view(), by.view(), plus.view(), output.view());
            exec.fence();
            return output.values();
          },
          {x, w, b}, g, gradients);
    }
  }
}

TYPED_TEST(Linear, backward_over_a_batch_cut_in_two_equals_the_whole_for_every_thread_count) {
  using Scalar                = typename TypeParam::Scalar;
  using Layout                = typename TypeParam::Layout;
  using Exec                  = typename TypeParam::Exec;
  constexpr std::int64_t rows = 600, inputs = 9, outputs = 35;
  auto const x = random_values(rows * inputs, 1), w = random_values(outputs * inputs, 2), g = random_values(rows * outputs, 3);
  Arrays first;
  with_thread_counts<Exec>([&](Exec const& exec) {
    for (std::int64_t const cut : {std::int64_t{0}, std::int64_t{1}, std::int64_t{256}, std::int64_t{301}, std::int64_t{600}}) {
      TestArray<Scalar, 2, Layout, Exec> const weight({outputs, inputs}, w), weight_gradient({outputs, inputs});
      TestArray<Scalar, 1, Layout, Exec> const bias_gradient({outputs});
      std::vector<double> input_gradients;
      for (bool const second : {false, true}) {
        std::int64_t const from = second ? cut : 0, to = second ? rows : cut;
        TestArray<Scalar, 2, Layout, Exec> const input({to - from, inputs}, {x.begin() + from * inputs, x.begin() + to * inputs}),
            output_gradient({to - from, outputs}, {g.begin() + from * outputs, g.begin() + to * outputs}), input_gradient({to - from, inputs});
        nn::linear_backward(exec, output_gradient.view(), input.view(), weight.view(), input_gradient.view(), none, none);
        nn::linear_backward(exec, output_gradient.view(), input.view(), weight.view(), none, weight_gradient.view(), bias_gradient.view(),
                            {.accumulate = second});
        exec.fence();
        auto const part = input_gradient.values();
        input_gradients.insert(input_gradients.end(), part.begin(), part.end());
      }
      Arrays const got{input_gradients, weight_gradient.values(), bias_gradient.values()};
      if (first.empty()) first = got;
      for (std::size_t i = 0; i < got.size(); ++i) expect_same_bits(got[i], first[i]);
    }
  });
}

TYPED_TEST(Linear, backward_behaves) {
  using Exec = typename TypeParam::Exec;
  TestArray<float, 2, Kokkos::LayoutRight, Exec> const input({5, 3}, random_values(15)), weight({4, 3}, random_values(12)), gradient({5, 4}, random_values(20)),
      input_gradient({5, 3}), weight_gradient({4, 3});
  TestArray<float, 1, Kokkos::LayoutRight, Exec> const bias_gradient({4});
  Exec const exec;
  auto const x = input.view(), w = weight.view(), g = gradient.view(), dx = input_gradient.view(), dw = weight_gradient.view();
  auto const db = bias_gradient.view();
  expect_good_manners(record([&] { nn::linear_backward(exec, g, x, w, dx, dw, db); }));
  exec.fence();
}

TEST(Linear, names_what_does_not_fit) {
  HostTensor<float**> const input("input", 2, 3), weight("weight", 4, 3), other("weight", 4, 5), output("output", 2, 4);
  HostTensor<float*> const bias("bias", 3);
  Kokkos::Serial const exec;
  EXPECT_EQ(refusal([&] { nn::linear(exec, input, other, none, output); }), "ocellus::nn::linear: input.extent(1) is 3 but weight.extent(1) is 5");
  EXPECT_EQ(refusal([&] { nn::linear(exec, input, weight, bias, output); }), "ocellus::nn::linear: bias.extent(0) is 3 but weight.extent(0) is 4");
  EXPECT_EQ(refusal([&] { nn::linear(exec, input, weight, none, input); }), "ocellus::nn::linear: output.extent(1) is 3 but weight.extent(0) is 4");
}

TEST(Linear, backward_names_what_does_not_fit) {
  HostTensor<float**> const input("input", 2, 3), weight("weight", 4, 3), gradient("gradient", 2, 4), tall("tall", 3, 4), wide("wide", 2, 5);
  HostTensor<float*> const bias("bias", 3);
  Kokkos::Serial const exec;
  auto const call = [&](auto const& g, auto const& w, auto const& dx, auto const& dw, auto const& db, nn::LinearOptions const& options = {}) {
    return refusal([&] { nn::linear_backward(exec, g, input, w, dx, dw, db, options); });
  };
  EXPECT_EQ(call(tall, weight, input, weight, none), "ocellus::nn::linear_backward: output_gradient.extent(0) is 3 but input.extent(0) is 2");
  EXPECT_EQ(call(wide, weight, input, weight, none), "ocellus::nn::linear_backward: output_gradient.extent(1) is 5 but weight.extent(0) is 4");
  EXPECT_EQ(call(gradient, tall, input, weight, none), "ocellus::nn::linear_backward: input.extent(1) is 3 but weight.extent(1) is 4");
  EXPECT_EQ(call(gradient, weight, wide, weight, none), "ocellus::nn::linear_backward: input_gradient.extent(1) is 5 but input.extent(1) is 3");
  EXPECT_EQ(call(gradient, weight, input, input, none), "ocellus::nn::linear_backward: weight_gradient.extent(0) is 2 but weight.extent(0) is 4");
  EXPECT_EQ(call(gradient, weight, input, weight, bias), "ocellus::nn::linear_backward: bias_gradient.extent(0) is 3 but weight.extent(0) is 4");
  EXPECT_EQ(call(gradient, weight, input, weight, none, {.activation = linalg::Activation::gelu}),
            "ocellus::nn::linear_backward: activation is set: pass the gradient of what enters the activation");
}

}  // namespace
}  // namespace ocellus::test
