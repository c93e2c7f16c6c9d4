// SPDX-License-Identifier: Apache-2.0

#include <ocellus/linalg/softmax.hpp>

#include "reference/softmax.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

double const nan = std::numeric_limits<double>::quiet_NaN();
double const inf = std::numeric_limits<double>::infinity();

/// The stated bound for each element, in its own units: output eps (N + 8 + |z|), with the largest |z| of the row.
std::vector<double> error_units(std::vector<double> const& z, std::vector<double> const& want, std::int64_t width, double eps) {
  std::vector<double> unit(z.size());
  for (std::size_t i = 0; i < z.size(); ++i) {
    double largest = 0;
    for (std::size_t d = i - i % static_cast<std::size_t>(width); d < i - i % static_cast<std::size_t>(width) + static_cast<std::size_t>(width); ++d) {
      if (std::isfinite(z[d])) largest = std::max(largest, std::abs(z[d]));
    }
    unit[i] = eps * (static_cast<double>(width) + 8 + 2 * largest) * want[i] + 1e-38;
  }
  return unit;
}

template <class C>
class Softmax : public ::testing::Test {};
TYPED_TEST_SUITE(Softmax, Configurations);

TYPED_TEST(Softmax, agrees_with_the_reference_at_awkward_sizes_and_every_rank) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  Exec const exec;
  for (std::int64_t const width : {1, 2, 15, 16, 17, 97}) {
    for (std::int64_t const rows : {0, 1, 7, 8, 9}) {
      auto const x = random_values(static_cast<std::size_t>(rows * width), 1, 3.0, 50.0);
      auto z       = x;
      for (double& value : z) value *= 0.5;
      auto const want = rows == 0 ? std::vector<double>{} : reference::softmax(z, width);
      TestArray<Scalar, 2, Layout, Exec> const input({rows, width}, x), output({rows, width});
      linalg::softmax(exec, input.view(), none, output.view(), {.scale = 0.5});
      exec.fence();
      expect_within(output.values(), want, error_units(z, want, width, machine_epsilon<Scalar>()), 1.0);
      EXPECT_TRUE(output.guards_intact());
      TestArray<Scalar, 4, Layout, Exec> const deep({1, rows, 1, width}, x), deep_output({1, rows, 1, width});
      TestArray<Scalar, 3, Layout, Exec> const middle({rows, 1, width}, x), middle_output({rows, 1, width});
      linalg::softmax(exec, deep.view(), none, deep_output.view(), {.scale = 0.5});
      linalg::softmax(exec, middle.view(), none, middle_output.view(), {.scale = 0.5});
      exec.fence();
      expect_same_bits(deep_output.values(), output.values());
      expect_same_bits(middle_output.values(), output.values());
      if (rows != 1) continue;
      TestArray<Scalar, 1, Layout, Exec> const line({width}, x);
      linalg::softmax(exec, line.view(), none, line.view(), {.scale = 0.5});
      exec.fence();
      expect_same_bits(line.values(), output.values());
    }
  }
}

TYPED_TEST(Softmax, masks_broadcast_and_hide_whatever_was_there) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  Exec const exec;
  TestArray<Scalar, 3, Layout, Exec> const input({2, 2, 3}, {1, nan, 2, 1, inf, 2, 3, 4, 5, -inf, 0, 0}), output({2, 2, 3});
  TestArray<bool, 3, Layout, Exec> const keys({1, 1, 3}, {1, 0, 1});
  auto const masked = [](std::vector<double> z) { return reference::softmax(z, 3); };
  linalg::softmax(exec, input.view(), keys.view(), output.view());
  exec.fence();
  expect_within(output.values(), masked({1, -inf, 2, 1, -inf, 2, 3, -inf, 5, -inf, -inf, 0}), machine_epsilon<Scalar>(), 8);
  TestArray<bool, 3, Layout, Exec> const rows({2, 1, 1}, {1, 0});
  linalg::softmax(exec, input.view(), rows.view(), output.view());
  exec.fence();
  expect_within(output.values(), {nan, nan, nan, nan, nan, nan, 0, 0, 0, 0, 0, 0}, machine_epsilon<Scalar>(), 8);
  TestArray<Scalar, 3, Layout, Exec> const finite({2, 2, 3}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}), added({2, 1, 3}, {0, -inf, 0.5, 1, 2, 3});
  linalg::softmax(exec, finite.view(), added.view(), output.view(), {.scale = 2.0});
  exec.fence();
  expect_within(output.values(), masked({2, -inf, 6.5, 8, -inf, 12.5, 15, 18, 21, 21, 24, 27}), machine_epsilon<Scalar>(), 48);
  EXPECT_TRUE(output.guards_intact());
}

TYPED_TEST(Softmax, nan_and_infinity_spoil_their_row_and_a_row_of_nothing_gives_zeros) {
  using Scalar = typename TypeParam::Scalar;
  using Exec   = typename TypeParam::Exec;
  Exec const exec;
  TestArray<Scalar, 2, typename TypeParam::Layout, Exec> const input({5, 2}, {nan, 1, inf, 1, -inf, -inf, -inf, nan, 0, 0}), output({5, 2});
  linalg::softmax(exec, input.view(), none, output.view());
  exec.fence();
  expect_within(output.values(), {nan, nan, nan, nan, 0, 0, nan, nan, 0.5, 0.5}, 1.0, 0.0);
}

TYPED_TEST(Softmax, same_bits_whatever_the_batch_and_the_thread_count) {
  using Scalar                 = typename TypeParam::Scalar;
  using Exec                   = typename TypeParam::Exec;
  constexpr std::int64_t width = 37;
  auto const x                 = random_values(64 * width);
  std::vector<double> whole;
  with_thread_counts<Exec>([&](Exec const& exec) {
    for (std::int64_t const rows : {std::int64_t{64}, std::int64_t{7}, std::int64_t{2}, std::int64_t{1}}) {
      TestArray<Scalar, 2, typename TypeParam::Layout, Exec> const input({rows, width}, {x.begin(), x.begin() + rows * width}), output({rows, width});
      linalg::softmax(exec, input.view(), none, output.view());
      exec.fence();
      auto const got = output.values();
      if (whole.empty()) whole = got;
      expect_same_bits(got, {whole.begin(), whole.begin() + rows * width});
    }
  });
}

TYPED_TEST(Softmax, behaves) {
  using Exec = typename TypeParam::Exec;
  TestArray<float, 2, Kokkos::LayoutRight, Exec> const input({9, 5}, random_values(45)), output({9, 5});
  Exec const exec;
  auto const i = input.view(), o = output.view();
  linalg::softmax(exec, i, none, o);
  expect_good_manners(record([&] { linalg::softmax(exec, i, none, o); }));
  exec.fence();
}

TEST(Softmax, names_what_does_not_fit) {
  HostTensor<float***> const input("input", 2, 3, 4), output("output", 2, 3, 5);
  HostTensor<bool***> const mask("mask", 2, 1, 3);
  Kokkos::Serial const exec;
  EXPECT_EQ(refusal([&] { linalg::softmax(exec, input, none, output); }), "ocellus::linalg::softmax: output.extent(2) is 5 but input.extent(2) is 4");
  EXPECT_EQ(refusal([&] { linalg::softmax(exec, input, mask, input); }),
            "ocellus::linalg::softmax: mask.extent(2) is 3, neither 1 nor input.extent(2), which is 4");
}

}  // namespace
}  // namespace ocellus::test
