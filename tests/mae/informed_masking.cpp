// SPDX-License-Identifier: Apache-2.0

#include <ocellus/mae/informed_masking.hpp>

#include "reference/masked_autoencoder.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

template <class C>
class InformedMasking : public ::testing::Test {};
TYPED_TEST_SUITE(InformedMasking, Configurations);

TYPED_TEST(InformedMasking, hides_the_highest_scores) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  TestArray<Scalar, 2, Layout, Exec> const score({1, 6}, {0.5, 0.1, 0.5, 0.9, 0.5, std::numeric_limits<double>::quiet_NaN()});
  TestArray<std::int64_t, 2, Layout, Exec> const keep({1, 3}), restore({1, 6});
  TestArray<std::uint8_t, 2, Layout, Exec> const mask({1, 6});
  Exec const exec;
  auto const s = score.view();
  auto const k = keep.view(), r = restore.view();
  auto const m = mask.view();
  WorkspaceFor<Exec> workspace(exec, mae::informed_masking_workspace_size(exec, s, k, r, m));
  mae::informed_masking(exec, s, k, r, m, workspace);
  expect_good_manners(record([&] { mae::informed_masking(exec, s, k, r, m, workspace); }));
  exec.fence();
  expect_same_bits(keep.values(), {1, 0, 2});
  expect_same_bits(restore.values(), {1, 0, 2, 4, 3, 5});
  expect_same_bits(mask.values(), {0, 0, 0, 1, 1, 1});
  EXPECT_TRUE(keep.guards_intact() && restore.guards_intact() && mask.guards_intact());
}

TEST(InformedMasking, names_what_does_not_fit) {
  HostTensor<float**> const score("score", 2, 6);
  HostTensor<std::int64_t**> const keep("keep", 1, 3), restore("restore", 2, 6);
  HostTensor<std::uint8_t**> const mask("mask", 2, 6);
  EXPECT_EQ(refusal([&] { mae::informed_masking(Kokkos::Serial(), score, keep, restore, mask); }),
            "ocellus::mae::informed_masking: keep.extent(0) is 1 but score.extent(0) is 2");
}

}  // namespace
}  // namespace ocellus::test
