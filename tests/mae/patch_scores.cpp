// SPDX-License-Identifier: Apache-2.0

#include <ocellus/mae/patch_scores.hpp>

#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

template <class C>
class PatchScores : public ::testing::Test {};
TYPED_TEST_SUITE(PatchScores, Configurations);

TYPED_TEST(PatchScores, reduces_each_patch_and_lets_a_nan_win) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  for (std::int64_t const patch : {1, 2, 5}) {
    auto map = random_values(static_cast<std::size_t>(2 * 10 * 20), 4);
    map[7]   = std::numeric_limits<double>::quiet_NaN();
    std::vector<double> mean, largest;
    for (std::int64_t n = 0; n < 2; ++n) {
      for (std::int64_t i = 0; i < 10 / patch; ++i) {
        for (std::int64_t j = 0; j < 20 / patch; ++j) {
          double sum = 0, most = -1e300;
          for (std::int64_t y = i * patch; y < (i + 1) * patch; ++y) {
            for (std::int64_t x = j * patch; x < (j + 1) * patch; ++x) {
              double const value = map[static_cast<std::size_t>((n * 10 + y) * 20 + x)];
              sum += value;
              if (value > most || std::isnan(value)) most = value;
            }
          }
          mean.push_back(sum / static_cast<double>(patch * patch)), largest.push_back(std::isnan(sum) ? sum : most);
        }
      }
    }
    TestArray<Scalar, 3, Layout, Exec> const input({2, 10, 20}, map);
    TestArray<Scalar, 2, Layout, Exec> const score({2, 200 / (patch * patch)});
    with_thread_counts<Exec>([&](Exec const& exec) {
      auto const i = input.view();
      auto const s = score.view();
      mae::patch_scores(exec, i, s, {.patch = patch, .reduce = mae::PatchReduction::max});
      exec.fence();
      expect_within(score.values(), largest, 1e-30, 0);
      mae::patch_scores(exec, i, s, {.patch = patch});
      expect_good_manners(record([&] { mae::patch_scores(exec, i, s, {.patch = patch}); }));
      exec.fence();
      expect_within(score.values(), mean, machine_epsilon<Scalar>(), 2.0 * static_cast<double>(patch) * 4);
      EXPECT_TRUE(score.guards_intact());
    });
  }
}

TEST(PatchScores, names_what_does_not_fit) {
  HostTensor<float***> const map("map", 1, 10, 8), empty("map", 1, 0, 0);
  HostTensor<float**> const score("score", 1, 4), nothing("score", 1, 0);
  Kokkos::Serial const exec;
  EXPECT_EQ(refusal([&] { mae::patch_scores(exec, map, score, {.patch = 4}); }),
            "ocellus::mae::patch_scores: map.extent(1) is 10, not a multiple of patch, which is 4");
  EXPECT_EQ(refusal([&] { mae::patch_scores(exec, map, score, {.patch = 0}); }), "ocellus::mae::patch_scores: patch is 0 but must be positive");
  EXPECT_EQ(refusal([&] { mae::patch_scores(exec, map, score, {.patch = 2}); }),
            "ocellus::mae::patch_scores: score.extent(1) is 4 but the number of patches is 20");
  mae::patch_scores(exec, empty, nothing, {.patch = 4});
}

}  // namespace
}  // namespace ocellus::test
