// SPDX-License-Identifier: Apache-2.0

#include <ocellus/explain/attention_rollout.hpp>

#include "reference/attention_rollout.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

/// Rows of positive numbers that sum to one; coarse, so that many are equal.
std::vector<double> attention_maps(std::int64_t maps, std::int64_t n, std::uint32_t sample) {
  auto values = random_values(static_cast<std::size_t>(maps * n * n), sample);
  for (std::int64_t row = 0; row < maps * n; ++row) {
    double sum = 0;
    for (std::int64_t j = 0; j < n; ++j) {
      double& value = values[static_cast<std::size_t>(row * n + j)];
      value         = 1 + std::floor(2 * std::abs(value));
      sum += value;
    }
    for (std::int64_t j = 0; j < n; ++j) values[static_cast<std::size_t>(row * n + j)] /= sum;
  }
  return values;
}

/// The reference of a batch: (layers, batch, heads, n, n).
std::vector<double> wanted(std::vector<double> const& attention, std::array<std::int64_t, 5> const& s, int fusion, bool residual, double ratio) {
  std::vector<double> all;
  std::int64_t const map = s[2] * s[3] * s[4];
  for (std::int64_t b = 0; b < s[1]; ++b) {
    std::vector<double> one;
    for (std::int64_t layer = 0; layer < s[0]; ++layer) {
      auto const at = attention.begin() + (layer * s[1] + b) * map;
      one.insert(one.end(), at, at + map);
    }
    auto const rollout = reference::attention_rollout(one, s[0], s[2], s[3], fusion, residual, ratio);
    all.insert(all.end(), rollout.begin(), rollout.end());
  }
  return all;
}

template <class C>
class AttentionRollout : public ::testing::Test {};
TYPED_TEST_SUITE(AttentionRollout, Configurations);

TYPED_TEST(AttentionRollout, agrees_with_the_reference_for_every_option) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  for (auto const& s : {std::array<std::int64_t, 5>{1, 1, 1, 1, 1}, {3, 2, 2, 5, 5}, {2, 1, 3, 17, 17}, {4, 1, 1, 7, 7}, {0, 2, 1, 3, 3}, {2, 0, 1, 3, 3}}) {
    auto const a = rounded<Scalar>(attention_maps(s[0] * s[1] * s[2], s[3], 1));
    TestArray<Scalar, 5, Layout, Exec> const attention(s, a);
    for (int const fusion : {0, 1, 2}) {
      for (bool const residual : {true, false}) {
        for (double const ratio : {0.0, 0.5, 0.93}) {
          // Heads' means in Scalar may order ties otherwise than means in double: discard where the order is exact.
          if (ratio > 0 && fusion == 0 && s[2] > 1) continue;
          SCOPED_TRACE(::testing::Message() << s[0] << " layers, " << s[3] << " tokens, fusion " << fusion << ", residual " << residual << ", discard "
                                            << ratio);
          TestArray<Scalar, 3, Layout, Exec> const rollout({s[1], s[3], s[4]});
          explain::attention_rollout(Exec(), attention.view(), rollout.view(),
                                     {.head_fusion = static_cast<explain::HeadFusion>(fusion), .residual = residual, .discard_ratio = ratio});
          double const bound = static_cast<double>((s[0] + 1) * (s[3] + 8)) * 4;
          expect_within(rollout.values(), wanted(a, s, fusion, residual, ratio), machine_epsilon<Scalar>(), bound);
          EXPECT_TRUE(rollout.guards_intact());
        }
      }
    }
  }
}

TYPED_TEST(AttentionRollout, rows_sum_to_one_and_a_permutation_of_the_tokens_permutes_the_rollout) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  auto const a = rounded<Scalar>(attention_maps(3 * 2, 5, 2));
  std::vector<double> turned(a.size());
  auto const to = [](std::size_t token) { return (token * 2 + 1) % 5; };
  for (std::size_t map = 0; map < 6; ++map) {
    for (std::size_t i = 0; i < 5; ++i) {
      for (std::size_t j = 0; j < 5; ++j) turned[map * 25 + to(i) * 5 + to(j)] = a[map * 25 + i * 5 + j];
    }
  }
  TestArray<Scalar, 5, Layout, Exec> const attention({3, 1, 2, 5, 5}, a), other({3, 1, 2, 5, 5}, turned);
  TestArray<Scalar, 3, Layout, Exec> const rollout({1, 5, 5}), permuted({1, 5, 5});
  explain::attention_rollout(Exec(), attention.view(), rollout.view());
  explain::attention_rollout(Exec(), other.view(), permuted.view());
  auto const got = rollout.values(), again = permuted.values();
  for (std::size_t i = 0; i < 5; ++i) {
    double sum = 0;
    for (std::size_t j = 0; j < 5; ++j) {
      sum += got[i * 5 + j];
      EXPECT_NEAR(again[to(i) * 5 + to(j)], got[i * 5 + j], 16 * machine_epsilon<Scalar>());
    }
    EXPECT_NEAR(sum, 1.0, 32 * machine_epsilon<Scalar>());
  }
}

TYPED_TEST(AttentionRollout, counts_the_first_entry_but_keeps_it_and_discards_equal_ones_in_their_order) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  // Half of nine is four: of the equal ones the entries 0, 1, 2, 3, and 0 is spared.
  TestArray<Scalar, 5, Layout, Exec> const attention({1, 1, 1, 3, 3}, std::vector<double>(9, 0.25));
  TestArray<Scalar, 3, Layout, Exec> const rollout({1, 3, 3});
  explain::attention_rollout(Exec(), attention.view(), rollout.view(), {.residual = false, .discard_ratio = 0.5});
  EXPECT_EQ(rollout.values(), (std::vector<double>{0.25, 0, 0, 0, 0.25, 0.25, 0.25, 0.25, 0.25}));
}

TYPED_TEST(AttentionRollout, passes_nan_to_its_image_alone) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  auto a       = attention_maps(2 * 2 * 2, 3, 3);
  a[4]         = std::numeric_limits<double>::quiet_NaN();  // layer 0, image 0, head 0
  for (auto const fusion : {explain::HeadFusion::mean, explain::HeadFusion::max, explain::HeadFusion::min}) {
    TestArray<Scalar, 5, Layout, Exec> const attention({2, 2, 2, 3, 3}, a);
    TestArray<Scalar, 3, Layout, Exec> const rollout({2, 3, 3});
    explain::attention_rollout(Exec(), attention.view(), rollout.view(), {.head_fusion = fusion});
    auto const got = rollout.values();
    EXPECT_TRUE(std::isnan(got[3 + 1]));
    for (std::size_t i = 9; i < 18; ++i) EXPECT_FALSE(std::isnan(got[i]));
  }
}

TYPED_TEST(AttentionRollout, same_bits_whatever_the_batch_and_the_thread_count) {
  using Scalar     = typename TypeParam::Scalar;
  using Layout     = typename TypeParam::Layout;
  using Exec       = typename TypeParam::Exec;
  auto const whole = attention_maps(2 * 7 * 2, 9, 4);
  std::vector<double> first;
  with_thread_counts<Exec>([&](Exec const& exec) {
    for (std::int64_t const batch : {7, 2, 1}) {
      std::vector<double> a;
      for (std::int64_t layer = 0; layer < 2; ++layer) a.insert(a.end(), whole.begin() + layer * 7 * 162, whole.begin() + (layer * 7 + batch) * 162);
      TestArray<Scalar, 5, Layout, Exec> const attention({2, batch, 2, 9, 9}, a);
      TestArray<Scalar, 3, Layout, Exec> const rollout({batch, 9, 9});
      explain::attention_rollout(exec, attention.view(), rollout.view(), {.discard_ratio = 0.3});
      auto const got = rollout.values();
      if (first.empty()) first = got;
      expect_same_bits(got, {first.begin(), first.begin() + static_cast<std::ptrdiff_t>(got.size())});
    }
  });
}

TYPED_TEST(AttentionRollout, behaves) {
  using Exec = typename TypeParam::Exec;
  TestArray<float, 5, Kokkos::LayoutRight, Exec> const attention({3, 2, 2, 4, 4}, attention_maps(12, 4, 5));
  TestArray<float, 3, Kokkos::LayoutRight, Exec> const rollout({2, 4, 4});
  Exec const exec;
  auto const a = attention.view();
  auto const r = rollout.view();
  WorkspaceFor<Exec> workspace(exec, explain::attention_rollout_workspace_size(exec, a, r, {.discard_ratio = 0.5}));
  expect_good_manners(record([&] { explain::attention_rollout(exec, a, r, {.discard_ratio = 0.5}, workspace); }));
  EXPECT_EQ(workspace.used(), 0u);
  exec.fence();
}

TEST(AttentionRollout, names_what_does_not_fit) {
  HostTensor<float*****> const attention("attention", 2, 1, 2, 4, 4), oblong("attention", 2, 1, 2, 4, 5), headless("attention", 2, 1, 0, 4, 4);
  HostTensor<float***> const rollout("rollout", 1, 4, 4), small("rollout", 1, 4, 3);
  Kokkos::Serial const exec;
  auto const call = [&](auto const& a, auto const& r, double ratio) {
    return refusal([&] { explain::attention_rollout(exec, a, r, {.discard_ratio = ratio}); });
  };
  EXPECT_EQ(call(oblong, rollout, 0.0), "ocellus::explain::attention_rollout: attention.extent(3) is 4 but attention.extent(4) is 5");
  EXPECT_EQ(call(headless, rollout, 0.0), "ocellus::explain::attention_rollout: attention.extent(2) (heads) is 0");
  EXPECT_EQ(call(attention, small, 0.0), "ocellus::explain::attention_rollout: rollout.extent(2) is 3 but attention.extent(4) is 4");
  EXPECT_EQ(call(attention, rollout, 1.0), "ocellus::explain::attention_rollout: discard_ratio is 1 but must be in [0, 1)");
  EXPECT_EQ(call(attention, rollout, -0.5), "ocellus::explain::attention_rollout: discard_ratio is -0.5 but must be in [0, 1)");
}

}  // namespace
}  // namespace ocellus::test
