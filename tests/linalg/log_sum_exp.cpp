// SPDX-License-Identifier: Apache-2.0

#include <ocellus/linalg/log_sum_exp.hpp>

#include "reference/log_sum_exp.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

template <class C>
class LogSumExp : public ::testing::Test {};
TYPED_TEST_SUITE(LogSumExp, Configurations);

TYPED_TEST(LogSumExp, agrees_with_the_reference_at_awkward_sizes_whatever_the_batch_and_the_threads) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  for (std::int64_t const width : {1, 2, 15, 16, 17, 97}) {
    auto const x = random_values(static_cast<std::size_t>(64 * width), 1, 5.0, -300.0);
    std::vector<double> whole;
    with_thread_counts<Exec>([&](Exec const& exec) {
      for (std::int64_t const rows : {64, 7, 2, 1, 0}) {
        std::vector<double> const part(x.begin(), x.begin() + rows * width);
        TestArray<Scalar, 2, Layout, Exec> const input({rows, width}, part);
        TestArray<Scalar, 1, Layout, Exec> const output({rows});
        linalg::log_sum_exp(exec, input.view(), output.view());
        exec.fence();
        auto const want = reference::log_sum_exp(part, width);
        std::vector<double> unit;
        for (double const w : want) unit.push_back(machine_epsilon<Scalar>() * std::max(1.0, std::abs(w)));
        auto const got = output.values();
        expect_within(got, want, unit, static_cast<double>(width + 8));
        EXPECT_TRUE(output.guards_intact());
        if (whole.empty()) whole = got;
        expect_same_bits(got, {whole.begin(), whole.begin() + rows});
      }
    });
  }
}

TYPED_TEST(LogSumExp, takes_rank_one_to_four) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  Exec const exec;
  auto const x    = random_values(2 * 3 * 4 * 5, 1);
  auto const want = reference::log_sum_exp(x, 5);
  TestArray<Scalar, 4, Layout, Exec> const four({2, 3, 4, 5}, x);
  TestArray<Scalar, 3, Layout, Exec> const three({6, 4, 5}, x), four_output({2, 3, 4});
  TestArray<Scalar, 2, Layout, Exec> const three_output({6, 4});
  TestArray<Scalar, 1, Layout, Exec> const one({5}, {x.begin(), x.begin() + 5});
  Kokkos::View<Scalar, typename Exec::memory_space> const one_output("output");
  linalg::log_sum_exp(exec, four.view(), four_output.view());
  linalg::log_sum_exp(exec, three.view(), three_output.view());
  linalg::log_sum_exp(exec, one.view(), one_output);
  exec.fence();
  expect_within(four_output.values(), want, machine_epsilon<Scalar>() * 4, 13);
  expect_same_bits(three_output.values(), four_output.values());
  Scalar single{};
  Kokkos::deep_copy(single, one_output);
  EXPECT_EQ(static_cast<double>(single), four_output.values()[0]);
}

TYPED_TEST(LogSumExp, infinities_and_nan_come_through) {
  using Scalar     = typename TypeParam::Scalar;
  using Exec       = typename TypeParam::Exec;
  double const nan = std::numeric_limits<double>::quiet_NaN(), inf = std::numeric_limits<double>::infinity();
  Exec const exec;
  TestArray<Scalar, 2, typename TypeParam::Layout, Exec> const input({6, 2}, {-inf, -inf, inf, 1, nan, 1, -inf, 3, inf, nan, inf, -inf});
  TestArray<Scalar, 1, typename TypeParam::Layout, Exec> const output({6});
  linalg::log_sum_exp(exec, input.view(), output.view());
  exec.fence();
  expect_within(output.values(), {-inf, inf, nan, 3, nan, inf}, 1.0, 0.0);
}

TYPED_TEST(LogSumExp, behaves) {
  using Exec = typename TypeParam::Exec;
  TestArray<float, 2, Kokkos::LayoutRight, Exec> const input({9, 5}, random_values(45));
  TestArray<float, 1, Kokkos::LayoutRight, Exec> const output({9});
  Exec const exec;
  auto const i = input.view();
  auto const o = output.view();
  linalg::log_sum_exp(exec, i, o);
  expect_good_manners(record([&] { linalg::log_sum_exp(exec, i, o); }));
  exec.fence();
}

TEST(LogSumExp, names_what_does_not_fit) {
  HostTensor<float**> const input("input", 2, 3), empty("empty", 2, 0);
  HostTensor<float*> const output("output", 2), wide("wide", 3);
  Kokkos::Serial const exec;
  EXPECT_EQ(refusal([&] { linalg::log_sum_exp(exec, input, wide); }), "ocellus::linalg::log_sum_exp: output.extent(0) is 3 but input.extent(0) is 2");
  EXPECT_EQ(refusal([&] { linalg::log_sum_exp(exec, empty, output); }), "ocellus::linalg::log_sum_exp: input.extent(1) is 0: the logarithm of an empty sum");
}

}  // namespace
}  // namespace ocellus::test
