// SPDX-License-Identifier: Apache-2.0

#include <ocellus/mae/unshuffle_tokens.hpp>

#include "reference/masked_autoencoder.hpp"
#include "support/gradients.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

template <class C>
class UnshuffleTokens : public ::testing::Test {};
TYPED_TEST_SUITE(UnshuffleTokens, Configurations);

TYPED_TEST(UnshuffleTokens, puts_tokens_back_and_its_backward_pass_is_the_transpose) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  for (std::int64_t const width : {1, 16, 17}) {
    for (std::size_t const kept : {std::size_t{0}, std::size_t{2}, std::size_t{7}}) {
      auto const count = static_cast<std::size_t>(width);
      std::vector<double> restore;
      for (std::uint32_t n = 0; n < 3; ++n) {
        auto const one = reference::masking(random_values(7, n + 1), 0).restore;
        restore.insert(restore.end(), one.begin(), one.end());
      }
      auto const oracle = [&](auto const& inputs) {
        std::remove_cvref_t<decltype(inputs[0])> y;
        for (std::size_t i = 0; i < restore.size(); ++i) {
          auto const from = static_cast<std::size_t>(restore[i]);
          for (std::size_t d = 0; d < count; ++d) y.push_back(from < kept ? inputs[0][(i / 7 * kept + from) * count + d] : inputs[1][d]);
        }
        return y;
      };
      auto const x = random_values(3 * kept * count, 1), m = random_values(count, 2), w = random_values(3 * 7 * count, 3);
      auto const k = static_cast<std::int64_t>(kept);
      TestArray<Scalar, 3, Layout, Exec> const visible({3, k, width}, x), tokens({3, 7, width}), gradient({3, 7, width}, w), back({3, k, width});
      TestArray<Scalar, 1, Layout, Exec> const token({width}, m), token_back({width});
      TestArray<std::int64_t, 2, Layout, Exec> const index({3, 7}, restore);
      Exec const exec;
      mae::unshuffle_tokens(exec, visible.view(), token.view(), index.view(), tokens.view());
      mae::unshuffle_tokens_backward(exec, gradient.view(), index.view(), back.view(), token_back.view());
      exec.fence();
      expect_same_bits(tokens.values(), oracle(Arrays{x, m}));
      expect_adjoint(oracle, {x, m}, w, {back.values(), token_back.values()}, adjoint_tolerance<Scalar>);
      EXPECT_TRUE(tokens.guards_intact() && back.guards_intact() && token_back.guards_intact());
    }
  }
}

TYPED_TEST(UnshuffleTokens, behaves_and_accumulates_parts_to_the_bits_of_the_whole) {
  using Scalar = typename TypeParam::Scalar;
  using Exec   = typename TypeParam::Exec;
  auto const w = random_values(64 * 7 * 5, 3);
  std::vector<double> restore, whole;
  for (std::uint32_t n = 0; n < 64; ++n) {
    auto const one = reference::masking(random_values(7, n + 1), 0).restore;
    restore.insert(restore.end(), one.begin(), one.end());
  }
  with_thread_counts<Exec>([&](Exec const& exec) {
    for (std::int64_t const slice : {64, 16, 1}) {
      TestArray<Scalar, 1, Kokkos::LayoutRight, Exec> const token({5});
      auto const t = token.view();
      for (std::int64_t first = 0; first < 64; first += slice) {
        TestArray<Scalar, 3, Kokkos::LayoutRight, Exec> const gradient({slice, 7, 5}, {w.begin() + first * 35, w.begin() + (first + slice) * 35}),
            back({slice, 2, 5});
        TestArray<std::int64_t, 2, Kokkos::LayoutRight, Exec> const index({slice, 7}, {restore.begin() + first * 7, restore.begin() + (first + slice) * 7});
        auto const g = gradient.view(), b = back.view();
        auto const i = index.view();
        expect_good_manners(record([&] { mae::unshuffle_tokens_backward(exec, g, i, b, t, {.accumulate = first > 0}); }));
        exec.fence();
      }
      if (whole.empty()) whole = token.values();
      expect_same_bits(token.values(), whole);
    }
  });
}

TYPED_TEST(UnshuffleTokens, reads_nothing_out_of_range) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  TestArray<Scalar, 3, Layout, Exec> const visible({1, 1, 1}, {5}), tokens({1, 3, 1}), back({1, 1, 1});
  TestArray<Scalar, 1, Layout, Exec> const token({1}, {9}), token_back({1});
  TestArray<std::int64_t, 2, Layout, Exec> const index({1, 3}, {-1, 3, 1});
  Exec const exec;
  auto const v = visible.view(), t = tokens.view();
  auto const m = token.view();
  auto const i = index.view();
  expect_good_manners(record([&] { mae::unshuffle_tokens(exec, v, m, i, t); }));
  exec.fence();
  double const nan = std::numeric_limits<double>::quiet_NaN();
  expect_within(tokens.values(), {nan, nan, 9}, 1e-30, 0);
  mae::unshuffle_tokens_backward(exec, t, i, back.view(), token_back.view());
  exec.fence();
  expect_same_bits(back.values(), {0});
  expect_same_bits(token_back.values(), {9});
}

TEST(UnshuffleTokens, names_what_does_not_fit) {
  HostTensor<float***> const visible("visible", 2, 3, 4), tokens("tokens", 2, 6, 4);
  HostTensor<float*> const token("mask_token", 4), short_token("mask_token", 3);
  HostTensor<std::int64_t**> const restore("restore", 2, 6), other("restore", 3, 6);
  Kokkos::Serial const exec;
  EXPECT_EQ(refusal([&] { mae::unshuffle_tokens(exec, visible, token, other, tokens); }),
            "ocellus::mae::unshuffle_tokens: restore.extent(0) is 3 but visible.extent(0) is 2");
  EXPECT_EQ(refusal([&] { mae::unshuffle_tokens(exec, visible, short_token, restore, tokens); }),
            "ocellus::mae::unshuffle_tokens: mask_token.extent(0) is 3 but visible.extent(2) is 4");
  EXPECT_EQ(refusal([&] { mae::unshuffle_tokens_backward(exec, tokens, restore, visible, short_token); }),
            "ocellus::mae::unshuffle_tokens_backward: mask_token_gradient.extent(0) is 3 but tokens_gradient.extent(2) is 4");
}

}  // namespace
}  // namespace ocellus::test
