// SPDX-License-Identifier: Apache-2.0

#include <ocellus/image/distance_transform.hpp>

#include "image/images.hpp"
#include "reference/distance_transform.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

template <class C>
class DistanceTransform : public ::testing::Test {};
TYPED_TEST_SUITE(DistanceTransform, Configurations);

TYPED_TEST(DistanceTransform, is_exact_at_awkward_sizes_and_all_densities) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  for (auto const& [height, width] : {std::pair{0, 3}, std::pair{1, 1}, std::pair{1, 23}, std::pair{19, 1}, std::pair{17, 19}, std::pair{9, 65}}) {
    for (double const share : {0.0, 0.5, 0.9, 0.99, 1.0}) {
      SCOPED_TRACE(::testing::Message() << height << " x " << width << ", share " << share);
      auto const m    = random_mask(height, width, share);
      auto const want = reference::squared_distance_transform(m, height, width);
      TestArray<bool, 2, Layout, Exec> const mask({height, width}, m);
      TestArray<Scalar, 2, Layout, Exec> const squared({height, width}), plain({height, width});
      image::distance_transform(Exec(), mask.view(), squared.view(), {.squared = true});
      image::distance_transform(Exec(), mask.view(), plain.view());
      EXPECT_EQ(squared.values(), want);
      std::vector<double> roots(want), unit(want);
      for (double& r : roots) r = std::sqrt(r);
      for (std::size_t i = 0; i < unit.size(); ++i) unit[i] = machine_epsilon<Scalar>() * roots[i];
      expect_within(plain.values(), roots, unit, 1);
      EXPECT_TRUE(plain.guards_intact());
    }
  }
}

TYPED_TEST(DistanceTransform, same_bits_whatever_the_thread_count) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  auto const m = random_mask(53, 129, 0.97);
  std::vector<double> first;
  with_thread_counts<Exec>([&](Exec const& exec) {
    TestArray<bool, 2, Layout, Exec> const mask({53, 129}, m);
    TestArray<Scalar, 2, Layout, Exec> const output({53, 129});
    image::distance_transform(exec, mask.view(), output.view());
    if (first.empty()) first = output.values();
    expect_same_bits(output.values(), first);
  });
}

TYPED_TEST(DistanceTransform, behaves) {
  using Exec = typename TypeParam::Exec;
  TestArray<bool, 2, Kokkos::LayoutRight, Exec> const mask({9, 11}, random_mask(9, 11, 0.8));
  TestArray<float, 2, Kokkos::LayoutRight, Exec> const output({9, 11});
  Exec const exec;
  auto const m = mask.view();
  auto const o = output.view();
  WorkspaceFor<Exec> workspace(exec, image::distance_transform_workspace_size(exec, m, o));
  expect_good_manners(record([&] { image::distance_transform(exec, m, o, {}, workspace); }));
  exec.fence();
  EXPECT_EQ(workspace.used(), 0u);
}

TEST(DistanceTransform, names_what_does_not_fit) {
  HostTensor<bool**> const mask("mask", 2, 3);
  HostTensor<float**> const tall("tall", 3, 3), wide("wide", 2, 4);
  Kokkos::Serial const exec;
  EXPECT_EQ(refusal([&] { image::distance_transform(exec, mask, tall); }), "ocellus::image::distance_transform: output.extent(0) is 3 but mask.extent(0) is 2");
  EXPECT_EQ(refusal([&] { image::distance_transform(exec, mask, wide); }), "ocellus::image::distance_transform: output.extent(1) is 4 but mask.extent(1) is 3");
}

}  // namespace
}  // namespace ocellus::test
