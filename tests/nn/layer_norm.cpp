// SPDX-License-Identifier: Apache-2.0

#include <ocellus/nn/layer_norm.hpp>

#include "reference/layer_norm.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/gradients.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

/// The unit of the stated bound, for each element: eps ((1 + r) (1 + |z|) |weight| + |bias|).
std::vector<double> error_units(std::vector<double> const& x, std::vector<double> const& w, std::vector<double> const& b, std::int64_t width, double epsilon,
                                double eps) {
  auto const z = reference::layer_norm<double>(x, {}, {}, width, epsilon);
  std::vector<double> unit(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    std::size_t const d = i % static_cast<std::size_t>(width), first = i - d;
    double mean = 0, magnitude = 0, variance = 0;
    for (std::int64_t k = 0; k < width; ++k)
      mean += x[first + k] / static_cast<double>(width), magnitude += std::abs(x[first + k]) / static_cast<double>(width);
    for (std::int64_t k = 0; k < width; ++k) variance += (x[first + k] - mean) * (x[first + k] - mean) / static_cast<double>(width);
    unit[i] = eps * ((1 + magnitude / std::sqrt(variance + epsilon)) * (1 + std::abs(z[i])) * (w.empty() ? 1.0 : std::abs(w[d])) +
                     (b.empty() ? 0.0 : std::abs(b[d])));
  }
  return unit;
}

template <class C>
class LayerNorm : public ::testing::Test {};
TYPED_TEST_SUITE(LayerNorm, Configurations);

TYPED_TEST(LayerNorm, agrees_with_the_reference_at_awkward_sizes) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  for (std::int64_t const rows : {0, 1, 7, 8, 9, 31}) {
    for (std::int64_t const width : {1, 2, 15, 16, 17, 97}) {
      SCOPED_TRACE(::testing::Message() << rows << " x " << width);
      auto const size = static_cast<std::size_t>(rows * width);
      auto const x = random_values(size, 1, 2.0, 3.0), w = random_values(static_cast<std::size_t>(width), 2),
                 b = random_values(static_cast<std::size_t>(width), 3);
      TestArray<Scalar, 2, Layout, Exec> const input({rows, width}, x);
      TestArray<Scalar, 1, Layout, Exec> const weight({width}, w), bias({width}, b);
      TestArray<Scalar, 2, Layout, Exec> const output({rows, width});
      Exec const exec;
      nn::layer_norm(exec, input.view(), weight.view(), bias.view(), output.view(), {.epsilon = 1e-6});
      exec.fence();
      expect_within(output.values(), reference::layer_norm(x, w, b, width, 1e-6), error_units(x, w, b, width, 1e-6, machine_epsilon<Scalar>()),
                    static_cast<double>(width + 4));
      EXPECT_TRUE(output.guards_intact());
      nn::layer_norm(exec, input.view(), none, none, output.view());
      exec.fence();
      expect_within(output.values(), reference::layer_norm<double>(x, {}, {}, width, 1e-6), error_units(x, {}, {}, width, 1e-6, machine_epsilon<Scalar>()),
                    static_cast<double>(width + 4));
    }
  }
}

TYPED_TEST(LayerNorm, same_bits_whatever_the_batch_and_the_thread_count) {
  using Scalar                = typename TypeParam::Scalar;
  using Layout                = typename TypeParam::Layout;
  using Exec                  = typename TypeParam::Exec;
  constexpr std::int64_t most = 64, width = 37;
  auto const x = random_values(most * width);
  std::vector<double> whole;
  with_thread_counts<Exec>([&](Exec const& exec) {
    for (std::int64_t const rows : {std::int64_t{64}, std::int64_t{7}, std::int64_t{2}, std::int64_t{1}}) {
      TestArray<Scalar, 2, Layout, Exec> const input({rows, width}, {x.begin(), x.begin() + rows * width}), output({rows, width});
      nn::layer_norm(exec, input.view(), none, none, output.view());
      exec.fence();
      auto const got = output.values();
      if (whole.empty()) whole = got;
      expect_same_bits(got, {whole.begin(), whole.begin() + rows * width});
    }
  });
}

TYPED_TEST(LayerNorm, spoils_only_the_row_that_holds_a_nan_and_gives_the_bias_for_a_constant_row) {
  using Scalar     = typename TypeParam::Scalar;
  using Layout     = typename TypeParam::Layout;
  using Exec       = typename TypeParam::Exec;
  double const nan = std::numeric_limits<double>::quiet_NaN();
  TestArray<Scalar, 2, Layout, Exec> const input({3, 2}, {1, 3, nan, 0, 5, 5}), output({3, 2});
  TestArray<Scalar, 1, Layout, Exec> const bias({2}, {10, 20});
  Exec const exec;
  nn::layer_norm(exec, input.view(), none, bias.view(), output.view(), {.epsilon = 0.0});
  exec.fence();
  expect_within(output.values(), {9, 21, nan, nan, 10, 20}, machine_epsilon<Scalar>(), 64);
}

TYPED_TEST(LayerNorm, behaves) {
  using Exec = typename TypeParam::Exec;
  TestArray<float, 2, Kokkos::LayoutRight, Exec> const input({5, 9}, random_values(45)), output({5, 9});
  Exec const exec;
  auto const i = input.view(), o = output.view();
  expect_good_manners(record([&] { nn::layer_norm(exec, i, none, none, o); }));
  exec.fence();
}

TEST(LayerNorm, sixteen_bit_storage_accumulates_in_float) {
  auto const x = random_values(3 * 257, 1, 1.0, 100.0);
  TestArray<bfloat16, 2, Kokkos::LayoutRight, Kokkos::Serial> const input({3, 257}, x), output({3, 257});
  nn::layer_norm(Kokkos::Serial(), input.view(), none, none, output.view());
  auto const want = reference::layer_norm<double>(rounded<bfloat16>(x), {}, {}, 257, 1e-6);
  std::vector<double> unit(want.size());
  for (std::size_t i = 0; i < want.size(); ++i) unit[i] = machine_epsilon<bfloat16>() * (std::abs(want[i]) + 1e-3);
  expect_within(output.values(), want, unit, 1.0);
}

TYPED_TEST(LayerNorm, backward_is_the_transpose_of_the_derivative) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  for (std::int64_t const rows : {0, 1, 8, 31}) {
    for (std::int64_t const width : {1, 2, 15, 17, 32, 97}) {
      SCOPED_TRACE(::testing::Message() << rows << " x " << width);
      auto const size = static_cast<std::size_t>(rows * width);
      auto const x = random_values(size, 1, 2.0, 3.0), w = random_values(static_cast<std::size_t>(width), 2),
                 b = random_values(static_cast<std::size_t>(width), 3), g = random_values(size, 4);
      TestArray<Scalar, 2, Layout, Exec> const input({rows, width}, x), output_gradient({rows, width}, g), input_gradient({rows, width});
      TestArray<Scalar, 1, Layout, Exec> const weight({width}, w), weight_gradient({width}), bias_gradient({width});
      Exec const exec;
      // With two elements and a small epsilon nothing but the rounding of a difference would be left.
      nn::LayerNormOptions const options{.epsilon = width < 3 ? 0.5 : 1e-6};
      nn::layer_norm_backward(exec, output_gradient.view(), input.view(), weight.view(), input_gradient.view(), weight_gradient.view(), bias_gradient.view(),
                              options);
      EXPECT_TRUE(input_gradient.guards_intact() && weight_gradient.guards_intact() && bias_gradient.guards_intact());
      Arrays const gradients{input_gradient.values(), weight_gradient.values(), bias_gradient.values()};
      expect_adjoint([&](DualArrays const& in) { return reference::layer_norm(in[0], in[1], in[2], width, options.epsilon); }, {x, w, b}, g, gradients,
                     adjoint_tolerance<Scalar>);
      if (rows > 0 && sizeof(Scalar) == 8) {
        expect_central_differences(
            [&](Arrays const& in) {
              TestArray<double, 2, Kokkos::LayoutRight, Exec> const at({rows, width}, in[0]), output({rows, width});
              TestArray<double, 1, Kokkos::LayoutRight, Exec> const by({width}, in[1]), plus({width}, in[2]);
              nn::layer_norm(exec, at.view(), by.view(), plus.view(), output.view(), options);
              exec.fence();
              return output.values();
            },
            {x, w, b}, g, gradients);
      }
      nn::layer_norm_backward(exec, output_gradient.view(), input.view(), none, input_gradient.view(), none, none, options);
      expect_adjoint([&](DualArrays const& in) { return reference::layer_norm<reference::Dual>(in[0], {}, {}, width, options.epsilon); }, {x}, g,
                     {input_gradient.values()}, adjoint_tolerance<Scalar>);
      nn::layer_norm_backward(exec, output_gradient.view(), input.view(), none, output_gradient.view(), none, none, options);  // in place
      expect_same_bits(output_gradient.values(), input_gradient.values());
    }
  }
}

TYPED_TEST(LayerNorm, backward_over_a_batch_cut_in_two_equals_the_whole_for_every_thread_count) {
  using Scalar                = typename TypeParam::Scalar;
  using Layout                = typename TypeParam::Layout;
  using Exec                  = typename TypeParam::Exec;
  constexpr std::int64_t rows = 600, width = 37;
  auto const x = random_values(rows * width, 1), g = random_values(rows * width, 2);
  Arrays first;
  with_thread_counts<Exec>([&](Exec const& exec) {
    for (std::int64_t const cut : {std::int64_t{0}, std::int64_t{1}, std::int64_t{256}, std::int64_t{301}, std::int64_t{600}}) {
      TestArray<Scalar, 1, Layout, Exec> const weight_gradient({width}), bias_gradient({width});
      std::vector<double> input_gradients;
      for (bool const second : {false, true}) {
        std::int64_t const from = second ? cut : 0, to = second ? rows : cut;
        TestArray<Scalar, 2, Layout, Exec> const input({to - from, width}, {x.begin() + from * width, x.begin() + to * width}),
            gradient({to - from, width}, {g.begin() + from * width, g.begin() + to * width});
        nn::layer_norm_backward(exec, gradient.view(), input.view(), none, none, weight_gradient.view(), bias_gradient.view(), {.accumulate = second});
        nn::layer_norm_backward(exec, gradient.view(), input.view(), none, gradient.view(), none, none);
        auto const part = gradient.values();
        input_gradients.insert(input_gradients.end(), part.begin(), part.end());
      }
      Arrays const got{input_gradients, weight_gradient.values(), bias_gradient.values()};
      if (first.empty()) first = got;
      for (std::size_t i = 0; i < got.size(); ++i) expect_same_bits(got[i], first[i]);
    }
  });
}

TYPED_TEST(LayerNorm, backward_spoils_only_the_row_that_holds_a_nan_and_adds_to_what_is_there) {
  using Scalar     = typename TypeParam::Scalar;
  using Exec       = typename TypeParam::Exec;
  double const nan = std::numeric_limits<double>::quiet_NaN();
  TestArray<Scalar, 2, Kokkos::LayoutRight, Exec> const input({3, 2}, {1, 3, nan, 0, 5, 7}), output_gradient({3, 2}, {1, 1, 1, 1, 2, 4}),
      input_gradient({3, 2}, {1, 2, 3, 4, 5, 6});
  Exec const exec;
  nn::layer_norm_backward(exec, output_gradient.view(), input.view(), none, input_gradient.view(), none, none, {.epsilon = 0.0, .accumulate = true});
  expect_within(input_gradient.values(), {1, 2, nan, nan, 5, 6}, 8 * machine_epsilon<Scalar>(), 8);
}

TYPED_TEST(LayerNorm, backward_behaves_with_a_workspace_and_says_when_it_is_too_small) {
  using Exec = typename TypeParam::Exec;
  TestArray<float, 2, Kokkos::LayoutRight, Exec> const input({50, 9}, random_values(450)), gradient({50, 9}, random_values(450)), input_gradient({50, 9});
  TestArray<float, 1, Kokkos::LayoutRight, Exec> const weight({9}, random_values(9)), weight_gradient({9}), bias_gradient({9});
  Exec const exec;
  auto const x = input.view(), g = gradient.view(), dx = input_gradient.view();
  auto const w = weight.view(), dw = weight_gradient.view(), db = bias_gradient.view();
  WorkspaceFor<Exec> workspace(exec, nn::layer_norm_backward_workspace_size(exec, g, x, w, dx, dw, db)), empty;
  expect_good_manners(record([&] { nn::layer_norm_backward(exec, g, x, w, dx, dw, db, {}, workspace); }));
  exec.fence();
  EXPECT_EQ(refusal([&] { nn::layer_norm_backward(exec, g, x, w, dx, dw, db, {}, empty); }),
            "ocellus::nn::layer_norm_backward: the workspace is too small: 512 bytes are needed but it has 0");
}

TEST(LayerNorm, names_what_does_not_fit) {
  HostTensor<float**> const input("input", 2, 3), output("output", 2, 3), wide("wide", 2, 4), empty("empty", 2, 0);
  HostTensor<float*> const weight("weight", 4);
  Kokkos::Serial const exec;
  EXPECT_EQ(refusal([&] { nn::layer_norm(exec, input, weight, none, output); }), "ocellus::nn::layer_norm: weight.extent(0) is 4 but input.extent(1) is 3");
  EXPECT_EQ(refusal([&] { nn::layer_norm(exec, input, none, weight, output); }), "ocellus::nn::layer_norm: bias.extent(0) is 4 but input.extent(1) is 3");
  EXPECT_EQ(refusal([&] { nn::layer_norm(exec, input, none, none, wide); }), "ocellus::nn::layer_norm: output.extent(1) is 4 but input.extent(1) is 3");
  EXPECT_EQ(refusal([&] { nn::layer_norm(exec, input, none, none, output, {.epsilon = -1.0}); }),
            "ocellus::nn::layer_norm: epsilon is -1 but must not be negative");
  EXPECT_EQ(refusal([&] { nn::layer_norm(exec, empty, none, none, empty); }), "ocellus::nn::layer_norm: input.extent(1) is 0: a row of nothing has no mean");
}

TEST(LayerNorm, backward_names_what_does_not_fit) {
  HostTensor<float**> const input("input", 2, 3), wide("wide", 2, 4), tall("tall", 3, 3), empty("empty", 2, 0);
  HostTensor<float*> const weight("weight", 4);
  Kokkos::Serial const exec;
  auto const call = [&](auto const& g, auto const& w, auto const& dx, auto const& dw, auto const& db, nn::LayerNormOptions const& options = {}) {
    return refusal([&] { nn::layer_norm_backward(exec, g, input, w, dx, dw, db, options); });
  };
  EXPECT_EQ(call(tall, none, input, none, none), "ocellus::nn::layer_norm_backward: output_gradient.extent(0) is 3 but input.extent(0) is 2");
  EXPECT_EQ(call(wide, none, input, none, none), "ocellus::nn::layer_norm_backward: output_gradient.extent(1) is 4 but input.extent(1) is 3");
  EXPECT_EQ(call(input, weight, input, none, none), "ocellus::nn::layer_norm_backward: weight.extent(0) is 4 but input.extent(1) is 3");
  EXPECT_EQ(call(input, none, wide, none, none), "ocellus::nn::layer_norm_backward: input_gradient.extent(1) is 4 but input.extent(1) is 3");
  EXPECT_EQ(call(input, none, input, weight, none), "ocellus::nn::layer_norm_backward: weight_gradient.extent(0) is 4 but input.extent(1) is 3");
  EXPECT_EQ(call(input, none, input, none, weight), "ocellus::nn::layer_norm_backward: bias_gradient.extent(0) is 4 but input.extent(1) is 3");
  EXPECT_EQ(call(input, none, input, none, none, {.epsilon = -1.0}), "ocellus::nn::layer_norm_backward: epsilon is -1 but must not be negative");
  EXPECT_EQ(refusal([&] { nn::layer_norm_backward(exec, empty, empty, none, empty, none, none); }),
            "ocellus::nn::layer_norm_backward: input.extent(1) is 0: a row of nothing has no mean");
}

}  // namespace
}  // namespace ocellus::test
