// SPDX-License-Identifier: Apache-2.0

#include <ocellus/vit/weighted_pool.hpp>

#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

template <class C>
class WeightedPool : public ::testing::Test {};
TYPED_TEST_SUITE(WeightedPool, Configurations);

TYPED_TEST(WeightedPool, weighs_patches_by_the_mask_and_ignores_what_has_no_weight) {
  using Scalar     = typename TypeParam::Scalar;
  using Layout     = typename TypeParam::Layout;
  using Exec       = typename TypeParam::Exec;
  double const nan = std::numeric_limits<double>::quiet_NaN();
  TestArray<Scalar, 3, Layout, Exec> const tokens({2, 4, 2}, {50, 50, 1, 2, nan, nan, 5, 6, 50, 50, 1, 2, 3, 4, 5, 6});
  TestArray<Scalar, 2, Layout, Exec> const weights({2, 3}, {0.25, 0, 0.75, 0, 0, 0}), output({2, 2});
  Exec const exec;
  auto const t = tokens.view();
  auto const w = weights.view(), o = output.view();
  expect_good_manners(record([&] { vit::weighted_pool(exec, t, w, o); }));
  exec.fence();
  expect_same_bits(output.values(), {4, 5, 0, 0});
  EXPECT_TRUE(output.guards_intact());
}

TEST(WeightedPool, names_what_does_not_fit) {
  HostTensor<float***> const tokens("tokens", 1, 6, 2);
  HostTensor<float**> const output("output", 1, 2), weights("weights", 1, 7);
  Kokkos::Serial const exec;
  EXPECT_EQ(refusal([&] { vit::weighted_pool(exec, tokens, weights, output); }),
            "ocellus::vit::weighted_pool: weights.extent(1) is 7 but tokens.extent(1) - prefix_tokens is 5");
  EXPECT_EQ(refusal([&] { vit::weighted_pool(exec, tokens, weights, output, {.prefix_tokens = -1}); }),
            "ocellus::vit::weighted_pool: prefix_tokens is -1 but tokens.extent(1) is 6");
}

}  // namespace
}  // namespace ocellus::test
