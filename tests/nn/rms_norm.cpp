// SPDX-License-Identifier: Apache-2.0

#include <ocellus/nn/rms_norm.hpp>

#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

std::vector<double> rms_norm_reference(std::vector<double> const& x, std::vector<double> const& w, std::int64_t width, double epsilon) {
  std::vector<double> y(x.size());
  for (std::size_t first = 0; first < x.size(); first += static_cast<std::size_t>(width)) {
    double squares = 0;
    for (std::int64_t d = 0; d < width; ++d) squares += x[first + static_cast<std::size_t>(d)] * x[first + static_cast<std::size_t>(d)];
    for (std::int64_t d = 0; d < width; ++d) {
      auto const at = first + static_cast<std::size_t>(d);
      y[at]         = x[at] / std::sqrt(squares / static_cast<double>(width) + epsilon) * (w.empty() ? 1.0 : w[static_cast<std::size_t>(d)]);
    }
  }
  return y;
}

template <class C>
class RmsNorm : public ::testing::Test {};
TYPED_TEST_SUITE(RmsNorm, Configurations);

TYPED_TEST(RmsNorm, agrees_with_plain_loops) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  for (std::int64_t const rows : {0, 1, 9}) {
    for (std::int64_t const width : {1, 15, 16, 97}) {
      auto const x = random_values(static_cast<std::size_t>(rows * width), 1, 2.0, 1.0), w = random_values(static_cast<std::size_t>(width), 2);
      TestArray<Scalar, 2, Layout, Exec> const input({rows, width}, x), output({rows, width});
      TestArray<Scalar, 1, Layout, Exec> const weight({width}, w);
      Exec const exec;
      for (bool const weighted : {false, true}) {
        if (weighted)
          nn::rms_norm(exec, input.view(), weight.view(), output.view(), {.epsilon = 1e-3});
        else
          nn::rms_norm(exec, input.view(), none, output.view(), {.epsilon = 1e-3});
        exec.fence();
        auto const want = rms_norm_reference(x, weighted ? w : std::vector<double>{}, width, 1e-3);
        std::vector<double> unit(want.size());
        for (std::size_t i = 0; i < unit.size(); ++i) unit[i] = machine_epsilon<Scalar>() * std::abs(want[i]);
        expect_within(output.values(), want, unit, static_cast<double>(width) / 2 + 4);
        EXPECT_TRUE(output.guards_intact());
      }
    }
  }
}

TYPED_TEST(RmsNorm, gives_zeros_for_zeros_and_spoils_only_the_row_of_a_nan) {
  using Scalar     = typename TypeParam::Scalar;
  using Layout     = typename TypeParam::Layout;
  using Exec       = typename TypeParam::Exec;
  double const nan = std::numeric_limits<double>::quiet_NaN();
  TestArray<Scalar, 2, Layout, Exec> const input({3, 2}, {0, 0, nan, 1, 3, 3}), output({3, 2});
  Exec const exec;
  nn::rms_norm(exec, input.view(), none, output.view(), {.epsilon = 0.0});
  exec.fence();
  expect_within(output.values(), {0, 0, nan, nan, 1, 1}, machine_epsilon<Scalar>(), 8);
}

TYPED_TEST(RmsNorm, same_bits_whatever_the_batch_and_the_thread_count) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  auto const x = random_values(64 * 37);
  std::vector<double> whole;
  with_thread_counts<Exec>([&](Exec const& exec) {
    for (std::int64_t const rows : {std::int64_t{64}, std::int64_t{7}, std::int64_t{2}, std::int64_t{1}}) {
      TestArray<Scalar, 2, Layout, Exec> const input({rows, 37}, {x.begin(), x.begin() + rows * 37}), output({rows, 37});
      nn::rms_norm(exec, input.view(), none, output.view());
      exec.fence();
      auto const got = output.values();
      if (whole.empty()) whole = got;
      expect_same_bits(got, {whole.begin(), whole.begin() + rows * 37});
    }
  });
}

TYPED_TEST(RmsNorm, behaves) {
  using Exec = typename TypeParam::Exec;
  TestArray<float, 2, Kokkos::LayoutRight, Exec> const input({5, 9}, random_values(45)), output({5, 9});
  Exec const exec;
  auto const i = input.view(), o = output.view();
  expect_good_manners(record([&] { nn::rms_norm(exec, i, none, o); }));
  exec.fence();
}

TEST(RmsNorm, names_what_does_not_fit) {
  HostTensor<float**> const input("input", 2, 3), output("output", 2, 3), wide("wide", 2, 4), empty("empty", 2, 0);
  HostTensor<float*> const weight("weight", 4);
  Kokkos::Serial const exec;
  EXPECT_EQ(refusal([&] { nn::rms_norm(exec, input, weight, output); }), "ocellus::nn::rms_norm: weight.extent(0) is 4 but input.extent(1) is 3");
  EXPECT_EQ(refusal([&] { nn::rms_norm(exec, input, none, wide); }), "ocellus::nn::rms_norm: output.extent(1) is 4 but input.extent(1) is 3");
  EXPECT_EQ(refusal([&] { nn::rms_norm(exec, input, none, output, {.epsilon = -1.0}); }), "ocellus::nn::rms_norm: epsilon is -1 but must not be negative");
  EXPECT_EQ(refusal([&] { nn::rms_norm(exec, empty, none, empty); }), "ocellus::nn::rms_norm: input.extent(1) is 0: a row of nothing has no mean");
}

}  // namespace
}  // namespace ocellus::test
