// SPDX-License-Identifier: Apache-2.0

#include <ocellus/explain/upsample_map.hpp>

#include "reference/upsample_map.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

template <class C>
class UpsampleMap : public ::testing::Test {};
TYPED_TEST_SUITE(UpsampleMap, Configurations);

TYPED_TEST(UpsampleMap, agrees_with_hat_functions_on_images_larger_smaller_and_of_one_pixel) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  for (auto const& s : {std::array<std::int64_t, 5>{2, 4, 5, 16, 15},
                        {1, 1, 1, 3, 2},
                        {3, 7, 13, 3, 5},
                        {1, 1, 5, 4, 9},
                        {0, 3, 3, 6, 6},
                        {2, 3, 4, 3, 4},
                        {2, 3, 2, 70, 33},
                        {1, 90, 3, 40, 1}}) {
    SCOPED_TRACE(::testing::Message() << s[1] << " x " << s[2] << " to " << s[3] << " x " << s[4]);
    auto const x = random_values(static_cast<std::size_t>(s[0] * s[1] * s[2]), 1);
    TestArray<Scalar, 3, Layout, Exec> const map({s[0], s[1], s[2]}, x), output({s[0], s[3], s[4]});
    explain::upsample_map(Exec(), map.view(), output.view());
    expect_within(output.values(), reference::upsample_bilinear(x, s[0], {s[1], s[2]}, {s[3], s[4]}), 5 * machine_epsilon<Scalar>(), 16);
    EXPECT_TRUE(output.guards_intact());
  }
}

TYPED_TEST(UpsampleMap, agrees_with_a_dense_spline_on_stacks) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  for (auto const& s :
       {std::array<std::int64_t, 7>{1, 4, 5, 6, 8, 10, 12}, {2, 1, 3, 2, 4, 5, 5}, {1, 2, 7, 11, 2, 3, 1}, {1, 3, 3, 3, 3, 3, 3}, {0, 2, 2, 2, 4, 4, 4}}) {
    SCOPED_TRACE(::testing::Message() << s[1] << " x " << s[2] << " x " << s[3] << " to " << s[4] << " x " << s[5] << " x " << s[6]);
    auto const x = random_values(static_cast<std::size_t>(s[0] * s[1] * s[2] * s[3]), 2);
    TestArray<Scalar, 4, Layout, Exec> const map({s[0], s[1], s[2], s[3]}, x), output({s[0], s[4], s[5], s[6]});
    explain::upsample_map(Exec(), map.view(), output.view());
    // The output is rounded to Scalar, the spline is computed in double: both units are in the bound.
    expect_within(output.values(), reference::upsample_spline(x, s[0], {s[1], s[2], s[3]}, {s[4], s[5], s[6]}), 5 * machine_epsilon<Scalar>(), 200);
    EXPECT_TRUE(output.guards_intact());
  }
}

TYPED_TEST(UpsampleMap, leaves_a_map_of_the_same_size_as_it_is_and_keeps_a_nan_to_its_neighbours) {
  using Scalar     = typename TypeParam::Scalar;
  using Layout     = typename TypeParam::Layout;
  using Exec       = typename TypeParam::Exec;
  double const nan = std::numeric_limits<double>::quiet_NaN();
  TestArray<Scalar, 3, Layout, Exec> const map({1, 1, 4}, {1, nan, 3, 4}), same({1, 1, 4}), twice({1, 1, 8});
  explain::upsample_map(Exec(), map.view(), same.view());
  explain::upsample_map(Exec(), map.view(), twice.view());
  expect_within(same.values(), {1, nan, 3, 4}, 1, 0);
  expect_within(twice.values(), {1, nan, nan, nan, nan, 3.25, 3.75, 4}, 1, 1e-6);
}

TYPED_TEST(UpsampleMap, same_bits_whatever_the_batch_and_the_thread_count_of_images) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  auto const x = random_values(5 * 4 * 5, 3);
  std::vector<double> first;
  with_thread_counts<Exec>([&](Exec const& exec) {
    for (std::int64_t const batch : {5, 2, 1}) {
      TestArray<Scalar, 3, Layout, Exec> const map({batch, 4, 5}, {x.begin(), x.begin() + batch * 20}), output({batch, 67, 19});
      explain::upsample_map(exec, map.view(), output.view());
      auto const got = output.values();
      if (first.empty()) first = got;
      expect_same_bits(got, {first.begin(), first.begin() + static_cast<std::ptrdiff_t>(got.size())});
    }
  });
}

TYPED_TEST(UpsampleMap, same_bits_whatever_the_batch_and_the_thread_count) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  auto const x = random_values(7 * 3 * 4 * 5, 3);
  std::vector<double> first;
  with_thread_counts<Exec>([&](Exec const& exec) {
    for (std::int64_t const batch : {7, 2, 1}) {
      TestArray<Scalar, 4, Layout, Exec> const map({batch, 3, 4, 5}, {x.begin(), x.begin() + batch * 60}), output({batch, 5, 9, 7});
      explain::upsample_map(exec, map.view(), output.view());
      auto const got = output.values();
      if (first.empty()) first = got;
      expect_same_bits(got, {first.begin(), first.begin() + static_cast<std::ptrdiff_t>(got.size())});
    }
  });
}

TYPED_TEST(UpsampleMap, behaves) {
  using Exec = typename TypeParam::Exec;
  TestArray<float, 4, Kokkos::LayoutRight, Exec> const map({2, 2, 3, 4}, random_values(48)), output({2, 4, 6, 8});
  Exec const exec;
  auto const m = map.view(), o = output.view();
  WorkspaceFor<Exec> workspace(exec, explain::upsample_map_workspace_size(exec, m, o));
  expect_good_manners(record([&] { explain::upsample_map(exec, m, o, workspace); }));
  EXPECT_EQ(workspace.used(), 0u);
  exec.fence();
}

TEST(UpsampleMap, names_what_does_not_fit) {
  HostTensor<float***> const map("map", 2, 3, 4), output("output", 1, 6, 8), none_at_all("map", 1, 0, 4);
  Kokkos::Serial const exec;
  EXPECT_EQ(refusal([&] { explain::upsample_map(exec, map, output); }), "ocellus::explain::upsample_map: output.extent(0) is 1 but map.extent(0) is 2");
  EXPECT_EQ(refusal([&] { explain::upsample_map(exec, none_at_all, output); }), "ocellus::explain::upsample_map: map.size() is 0 but output.size() is 48");
}

}  // namespace
}  // namespace ocellus::test
