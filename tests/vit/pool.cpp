// SPDX-License-Identifier: Apache-2.0

#include <ocellus/vit/pool.hpp>

#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/gradients.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

template <class C>
class Pool : public ::testing::Test {};
TYPED_TEST_SUITE(Pool, Configurations);

TYPED_TEST(Pool, gives_small_integers_exactly) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  // One image: a class token and four patch tokens of two features.
  TestArray<Scalar, 3, Layout, Exec> const tokens({1, 5, 2}, {100, -100, 1, 8, 3, 2, 5, 4, 7, 6}), channels({1, 2, 2});
  TestArray<Scalar, 2, Layout, Exec> const output({1, 2});
  Exec const exec;
  auto const check = [&](vit::PoolOptions const& options, std::vector<double> const& want) {
    vit::pool(exec, tokens.view(), output.view(), options);
    exec.fence();
    expect_same_bits(output.values(), want);
    EXPECT_TRUE(output.guards_intact());
  };
  check({.pool = vit::PoolKind::token}, {100, -100});
  check({.pool = vit::PoolKind::avg}, {4, 5});
  check({.pool = vit::PoolKind::max}, {7, 8});
  check({.pool = vit::PoolKind::avgmax}, {5.5, 6.5});
  check({.pool = vit::PoolKind::avg, .prefix_tokens = 3}, {6, 5});
  check({.pool = vit::PoolKind::max, .include_prefix = true}, {100, 8});
  check({.pool = vit::PoolKind::max, .prefix_tokens = 0}, {100, 8});
  vit::pool(exec, tokens.view(), channels.view(), {.pool = vit::PoolKind::channel_avg});
  exec.fence();
  expect_same_bits(channels.values(), {2, 5, 6, 5});
}

TYPED_TEST(Pool, lets_a_nan_win_a_maximum_wherever_it_stands) {
  using Scalar     = typename TypeParam::Scalar;
  using Layout     = typename TypeParam::Layout;
  using Exec       = typename TypeParam::Exec;
  double const nan = std::numeric_limits<double>::quiet_NaN();
  TestArray<Scalar, 3, Layout, Exec> const tokens({1, 3, 4}, {nan, 1, 1, -9, 2, nan, 2, -8, 3, 3, nan, -7});
  TestArray<Scalar, 2, Layout, Exec> const output({1, 4});
  Exec const exec;
  vit::pool(exec, tokens.view(), output.view(), {.pool = vit::PoolKind::max, .prefix_tokens = 0});
  exec.fence();
  expect_within(output.values(), {nan, nan, nan, -7}, 1e-30, 0);
}

TYPED_TEST(Pool, behaves_and_gives_the_same_bits_for_every_batch_and_thread_count) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  auto const x = random_values(64 * 9 * 5);
  std::vector<double> whole;
  with_thread_counts<Exec>([&](Exec const& exec) {
    for (std::int64_t const images : {std::int64_t{64}, std::int64_t{7}, std::int64_t{2}, std::int64_t{1}}) {
      TestArray<Scalar, 3, Layout, Exec> const tokens({images, 9, 5}, {x.begin(), x.begin() + images * 45});
      TestArray<Scalar, 2, Layout, Exec> const output({images, 5});
      auto const t = tokens.view();
      auto const o = output.view();
      vit::pool(exec, t, o, {.pool = vit::PoolKind::avgmax});
      expect_good_manners(record([&] { vit::pool(exec, t, o, {.pool = vit::PoolKind::avgmax}); }));
      exec.fence();
      auto const got = output.values();
      if (whole.empty()) whole = got;
      expect_same_bits(got, {whole.begin(), whole.begin() + images * 5});
    }
  });
}
TYPED_TEST(Pool, backward_gives_small_numbers_exactly) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  // One image: a class token and four patch tokens of two features; 7 occurs twice.
  double const nan = std::numeric_limits<double>::quiet_NaN();
  TestArray<Scalar, 3, Layout, Exec> const tokens({1, 5, 2}, {100, -100, 7, 8, 3, 2, 5, 4, 7, nan}), tokens_gradient({1, 5, 2}),
      channels({1, 2, 2}, {2, 4, 6, 8});
  TestArray<Scalar, 2, Layout, Exec> const output_gradient({1, 2}, {8, 16});
  Exec const exec;
  auto const check = [&](vit::PoolOptions const& options, std::vector<double> const& want) {
    vit::pool_backward(exec, output_gradient.view(), tokens.view(), tokens_gradient.view(), options);
    exec.fence();
    expect_same_bits(tokens_gradient.values(), want);
    EXPECT_TRUE(tokens_gradient.guards_intact());
  };
  check({.pool = vit::PoolKind::token}, {8, 16, 0, 0, 0, 0, 0, 0, 0, 0});
  check({.pool = vit::PoolKind::avg}, {0, 0, 2, 4, 2, 4, 2, 4, 2, 4});
  check({.pool = vit::PoolKind::max}, {0, 0, 4, 0, 0, 0, 0, 0, 4, 16});
  check({.pool = vit::PoolKind::avgmax}, {0, 0, 3, 2, 1, 2, 1, 2, 3, 10});
  check({.pool = vit::PoolKind::avg, .prefix_tokens = 3}, {0, 0, 0, 0, 0, 0, 4, 8, 4, 8});
  check({.pool = vit::PoolKind::max, .include_prefix = true}, {8, 0, 0, 0, 0, 0, 0, 0, 0, 16});
  check({.pool = vit::PoolKind::avg, .prefix_tokens = 3, .accumulate = true}, {8, 0, 0, 0, 0, 0, 4, 8, 4, 24});
  vit::pool_backward(exec, channels.view(), tokens.view(), tokens_gradient.view(), {.pool = vit::PoolKind::channel_avg});
  exec.fence();
  expect_same_bits(tokens_gradient.values(), {0, 0, 1, 2, 1, 2, 3, 4, 3, 4});
}

TYPED_TEST(Pool, backward_is_the_transpose_of_the_derivative) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  auto const x = random_values(3 * 9 * 5, 1), g = random_values(3 * 5, 2);
  TestArray<Scalar, 3, Layout, Exec> const tokens({3, 9, 5}, x), tokens_gradient({3, 9, 5});
  TestArray<Scalar, 2, Layout, Exec> const output_gradient({3, 5}, g);
  Exec const exec;
  for (auto const kind : {vit::PoolKind::avg, vit::PoolKind::max, vit::PoolKind::avgmax}) {
    vit::pool_backward(exec, output_gradient.view(), tokens.view(), tokens_gradient.view(), {.pool = kind, .prefix_tokens = 2});
    exec.fence();
    expect_adjoint(
        [&](DualArrays const& in) {
          std::vector<reference::Dual> all;
          for (std::size_t i = 0; i < 15; ++i) {
            reference::Dual sum = 0, most = in[0][i / 5 * 45 + 10 + i % 5];
            for (std::size_t t = 2; t < 9; ++t) {
              auto const& value = in[0][i / 5 * 45 + t * 5 + i % 5];
              sum += value / 7;
              if (value > most) most = value;
            }
            all.push_back(kind == vit::PoolKind::avg ? sum : kind == vit::PoolKind::max ? most : (sum + most) / 2);
          }
          return all;
        },
        {x}, g, {tokens_gradient.values()}, adjoint_tolerance<Scalar>);
  }
}

TYPED_TEST(Pool, backward_behaves) {
  using Exec = typename TypeParam::Exec;
  TestArray<float, 3, Kokkos::LayoutRight, Exec> const tokens({2, 5, 3}, random_values(30)), tokens_gradient({2, 5, 3});
  TestArray<float, 2, Kokkos::LayoutRight, Exec> const output_gradient({2, 3}, random_values(6));
  Exec const exec;
  auto const t = tokens.view(), d = tokens_gradient.view();
  auto const g = output_gradient.view();
  expect_good_manners(record([&] { vit::pool_backward(exec, g, t, d, {.pool = vit::PoolKind::avgmax}); }));
  exec.fence();
}

TEST(Pool, backward_names_what_does_not_fit) {
  HostTensor<float***> const tokens("tokens", 2, 5, 3), wide("tokens", 2, 5, 4), channels("channels", 2, 3, 3);
  HostTensor<float**> const output("output", 2, 3), narrow("output", 2, 2);
  Kokkos::Serial const exec;
  std::string const function = "ocellus::vit::pool_backward: ";
  auto const call            = [&](auto const& g, auto const& d, vit::PoolOptions const& options) {
    return refusal([&] { vit::pool_backward(exec, g, tokens, d, options); });
  };
  EXPECT_EQ(call(narrow, tokens, {}), function + "the last extent of output_gradient is 2 but tokens.extent(2) is 3");
  EXPECT_EQ(call(output, wide, {}), function + "tokens_gradient.extent(2) is 4 but tokens.extent(2) is 3");
  EXPECT_EQ(call(output, tokens, {.prefix_tokens = 0}), function + "pool token needs a class token, but prefix_tokens is 0");
  EXPECT_EQ(call(channels, tokens, {.pool = vit::PoolKind::channel_avg}),
            function + "the patch tokens, tokens.extent(1) - prefix_tokens = 4, are not a multiple of the channels, 3");
  EXPECT_EQ(call(output, tokens, {.pool = vit::PoolKind::channel_avg}), function + "channel_avg gives one vector a channel: output_gradient must have rank 3");
}

TEST(Pool, names_what_does_not_fit) {
  HostTensor<float***> const tokens("tokens", 1, 6, 2), channels("channels", 1, 2, 2);
  HostTensor<float**> const output("output", 1, 2);
  Kokkos::Serial const exec;
  EXPECT_EQ(refusal([&] { vit::pool(exec, tokens, channels, {.pool = vit::PoolKind::channel_avg}); }),
            "ocellus::vit::pool: the patch tokens, tokens.extent(1) - prefix_tokens = 5, are not a multiple of the channels, 2");
  EXPECT_EQ(refusal([&] { vit::pool(exec, tokens, output, {.pool = vit::PoolKind::token, .prefix_tokens = 0}); }),
            "ocellus::vit::pool: pool token needs a class token, but prefix_tokens is 0");
  EXPECT_EQ(refusal([&] { vit::pool(exec, tokens, output, {.pool = vit::PoolKind::channel_avg}); }),
            "ocellus::vit::pool: channel_avg gives one vector a channel: output must have rank 3");
  EXPECT_EQ(refusal([&] { vit::pool(exec, tokens, output, {.pool = vit::PoolKind::avg, .prefix_tokens = 7}); }),
            "ocellus::vit::pool: prefix_tokens is 7 but tokens.extent(1) is 6");
}

}  // namespace
}  // namespace ocellus::test
