// SPDX-License-Identifier: Apache-2.0

#include <ocellus/mae/random_masking.hpp>

#include "reference/masked_autoencoder.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

template <class C>
class RandomMasking : public ::testing::Test {};
TYPED_TEST_SUITE(RandomMasking, Configurations);

TYPED_TEST(RandomMasking, agrees_with_counting_at_awkward_sizes_and_with_ties) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  for (std::int64_t const tokens : {0, 1, 31, 32, 33, 131}) {
    for (std::int64_t const kept : {std::int64_t{0}, tokens / 4, tokens}) {
      SCOPED_TRACE(::testing::Message() << kept << " of " << tokens);
      auto noise = random_values(static_cast<std::size_t>(3 * tokens), 3);
      for (std::size_t i = 0; i < noise.size(); i += 2) noise[i] = std::round(noise[i]);  // ties
      TestArray<Scalar, 2, Layout, Exec> const u({3, tokens}, noise);
      TestArray<std::int64_t, 2, Layout, Exec> const keep({3, kept}), restore({3, tokens});
      TestArray<std::uint8_t, 2, Layout, Exec> const mask({3, tokens});
      mae::random_masking(Exec(), u.view(), keep.view(), restore.view(), mask.view());
      std::vector<double> want_keep, want_restore, want_mask;
      for (std::int64_t n = 0; n < 3; ++n) {
        auto const want = reference::masking({noise.begin() + n * tokens, noise.begin() + (n + 1) * tokens}, kept);
        want_keep.insert(want_keep.end(), want.keep.begin(), want.keep.end());
        want_restore.insert(want_restore.end(), want.restore.begin(), want.restore.end());
        want_mask.insert(want_mask.end(), want.mask.begin(), want.mask.end());
      }
      expect_same_bits(keep.values(), want_keep);
      expect_same_bits(restore.values(), want_restore);
      expect_same_bits(mask.values(), want_mask);
      EXPECT_TRUE(keep.guards_intact() && restore.guards_intact() && mask.guards_intact());
    }
  }
}

TYPED_TEST(RandomMasking, with_its_own_noise_depends_on_seed_step_and_sample_alone) {
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  std::vector<double> whole;
  with_thread_counts<Exec>([&](Exec const& exec) {
    for (std::int64_t const images : {std::int64_t{64}, std::int64_t{7}, std::int64_t{1}}) {
      TestArray<std::int64_t, 2, Layout, Exec> const keep({images, 11}), restore({images, 50});
      TestArray<std::uint8_t, 2, Layout, Exec> const mask({images, 50});
      mae::random_masking(exec, keep.view(), restore.view(), mask.view(), {.seed = 5, .step = 2});
      auto const got = restore.values();
      if (whole.empty()) whole = got;
      expect_same_bits(got, {whole.begin(), whole.begin() + images * 50});
      // The place in the batch does not matter, the sample does; another step is another choice.
      mae::random_masking(exec, keep.view(), restore.view(), mask.view(), {.seed = 5, .step = 2, .first_sample = 3});
      auto const later = restore.values();
      expect_same_bits({later.begin(), later.begin() + 50}, {whole.begin() + 150, whole.begin() + 200});
      mae::random_masking(exec, keep.view(), restore.view(), mask.view(), {.seed = 5, .step = 3});
      EXPECT_NE(restore.values(), got);
    }
  });
}

TYPED_TEST(RandomMasking, hides_each_token_as_often) {
  using Exec                    = typename TypeParam::Exec;
  constexpr std::int64_t images = 2000;
  TestArray<std::int64_t, 2, Kokkos::LayoutRight, Exec> const keep({images, 5}), restore({images, 20});
  TestArray<std::uint8_t, 2, Kokkos::LayoutRight, Exec> const mask({images, 20});
  mae::random_masking(Exec(), keep.view(), restore.view(), mask.view(), {.seed = 11});
  auto const hidden = mask.values();
  for (std::size_t t = 0; t < 20; ++t) {
    double count = 0;
    for (std::size_t n = 0; n < images; ++n) count += hidden[n * 20 + t];
    EXPECT_NEAR(count / images, 0.75, 5 * std::sqrt(0.75 * 0.25 / images)) << "token " << t;
  }
}

TYPED_TEST(RandomMasking, behaves) {
  using Scalar = typename TypeParam::Scalar;
  using Exec   = typename TypeParam::Exec;
  TestArray<Scalar, 2, Kokkos::LayoutRight, Exec> const noise({2, 40}, random_values(80));
  TestArray<std::int64_t, 2, Kokkos::LayoutRight, Exec> const keep({2, 10}), restore({2, 40});
  TestArray<std::uint8_t, 2, Kokkos::LayoutRight, Exec> const mask({2, 40});
  Exec const exec;
  auto const u = noise.view();
  auto const k = keep.view(), r = restore.view();
  auto const m = mask.view();
  WorkspaceFor<Exec> workspace(exec, std::max(mae::random_masking_workspace_size(exec, u, k, r, m), mae::random_masking_workspace_size(exec, k, r, m)));
  expect_good_manners(record([&] { mae::random_masking(exec, u, k, r, m, workspace); }));
  expect_good_manners(record([&] { mae::random_masking(exec, k, r, m, {.seed = 1}, workspace); }));
  exec.fence();
}

TEST(RandomMasking, counts_kept_tokens_as_double_precision_truncates) {
  EXPECT_EQ(mae::kept_tokens(100, 0.9), 9);
  EXPECT_EQ(mae::kept_tokens(10, 0.7), 3);
  EXPECT_EQ(mae::kept_tokens(1536, 0.85), 230);
  EXPECT_EQ(mae::kept_tokens(196, 0.75), 49);
  EXPECT_EQ(mae::kept_tokens(7, 1.0), 0);
  EXPECT_EQ(mae::kept_tokens(7, 0.0), 7);
  EXPECT_EQ(mae::kept_tokens(0, 0.5), 0);
}

TEST(RandomMasking, names_what_does_not_fit) {
  HostTensor<float**> const noise("noise", 2, 6);
  HostTensor<std::int64_t**> const keep("keep", 2, 3), wide("keep", 2, 7), restore("restore", 2, 6);
  HostTensor<std::uint8_t**> const mask("mask", 2, 6), less("mask", 2, 5);
  Kokkos::Serial const exec;
  EXPECT_EQ(refusal([] { static_cast<void>(mae::kept_tokens(4, 1.5)); }), "ocellus::mae::kept_tokens: ratio is 1.5, not within 0 and 1");
  EXPECT_EQ(refusal([] { static_cast<void>(mae::kept_tokens(4, std::nan(""))); }), "ocellus::mae::kept_tokens: ratio is nan, not within 0 and 1");
  EXPECT_EQ(refusal([&] { mae::random_masking(exec, noise, wide, restore, mask); }),
            "ocellus::mae::random_masking: keep.extent(1) is 7 but noise.extent(1) is only 6");
  EXPECT_EQ(refusal([&] { mae::random_masking(exec, noise, keep, restore, less); }),
            "ocellus::mae::random_masking: mask.extent(1) is 5 but noise.extent(1) is 6");
}

}  // namespace
}  // namespace ocellus::test
