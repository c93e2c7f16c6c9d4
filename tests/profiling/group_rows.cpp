// SPDX-License-Identifier: Apache-2.0

#include <ocellus/profiling/group_rows.hpp>

#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"

namespace ocellus::test {
namespace {

using Rows = std::vector<std::int64_t>;

template <class C>
class GroupRows : public ::testing::Test {};
TYPED_TEST_SUITE(GroupRows, Configurations);

TYPED_TEST(GroupRows, keys_ascend_and_rows_keep_their_order) {
  using Exec = typename TypeParam::Exec;
  TestArray<std::int32_t, 1, typename TypeParam::Layout, Exec> const keys({7}, {40, -3, 40, 0, -3, 40, 1000000});
  Exec const exec;
  auto const groups = profiling::group_rows(exec, keys.view());
  EXPECT_EQ(groups.count(), 4);
  EXPECT_EQ(groups.keys, (Rows{-3, 0, 40, 1000000}));
  EXPECT_EQ(groups.host_offsets, (Rows{0, 2, 3, 6, 7}));
  EXPECT_EQ(groups.host_rows, (Rows{1, 4, 3, 0, 2, 5, 6}));
  auto const group_of = Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), groups.group_of);
  EXPECT_EQ(Rows(group_of.data(), group_of.data() + 7), (Rows{2, 0, 2, 1, 0, 2, 3}));
}

TEST(GroupRows, nothing_has_no_groups_and_one_key_one) {
  Kokkos::Serial const exec;
  EXPECT_EQ(profiling::group_rows(exec, HostTensor<std::int64_t*>("keys", 0)).count(), 0);
  auto const one = profiling::group_rows(exec, HostTensor<std::int64_t*>("keys", 1031));
  EXPECT_EQ(one.count(), 1);
  EXPECT_EQ(one.host_rows.size(), 1031u);
}

TEST(GroupRows, behaves) {
  Kokkos::Serial const exec;
  HostTensor<std::int64_t*> const keys("keys", 5);
  expect_labels(record([&] { (void)profiling::group_rows(exec, keys); }));
}

}  // namespace
}  // namespace ocellus::test
