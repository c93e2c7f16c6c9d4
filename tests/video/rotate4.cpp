// SPDX-License-Identifier: Apache-2.0

#include <ocellus/video/rotate4.hpp>

#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

template <class C>
class Rotate4 : public ::testing::Test {};
TYPED_TEST_SUITE(Rotate4, Configurations);

TYPED_TEST(Rotate4, turns_clockwise_and_back_again) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  TestArray<Scalar, 4, Layout, Exec> const square({1, 1, 2, 2}, {1, 2, 3, 4}), turned({4, 1, 2, 2});
  Exec const exec;
  video::rotate4(exec, square.view(), turned.view());
  exec.fence();
  expect_same_bits(turned.values(), {1, 2, 3, 4, 3, 1, 4, 2, 4, 3, 2, 1, 2, 4, 1, 3});
  for (auto const& [images, channels, side] : {std::array<std::int64_t, 3>{0, 1, 3}, {1, 2, 0}, {1, 1, 1}, {2, 3, 5}, {3, 1, 17}}) {
    auto const count = static_cast<std::size_t>(images * channels * side * side);
    auto const x     = random_values(count, 1);
    TestArray<Scalar, 4, Layout, Exec> const input({images, channels, side, side}, x), four({4 * images, channels, side, side}),
        back({images, 4 * channels, side, side});
    std::vector<double> first;
    with_thread_counts<Exec>([&](Exec const& instance) {
      video::rotate4(instance, input.view(), four.view());
      video::unrotate4(instance, four.view(), back.view());
      instance.fence();
      if (first.empty()) first = four.values();
      expect_same_bits(four.values(), first);
    });
    std::vector<double> want;
    auto const each = static_cast<std::ptrdiff_t>(channels * side * side);
    for (std::int64_t n = 0; n < images; ++n) {
      for (int turn = 0; turn < 4; ++turn) want.insert(want.end(), x.begin() + n * each, x.begin() + (n + 1) * each);
    }
    expect_same_bits(back.values(), want);
    EXPECT_TRUE(four.guards_intact());
    EXPECT_TRUE(back.guards_intact());
  }
}

TYPED_TEST(Rotate4, behaves) {
  using Scalar = typename TypeParam::Scalar;
  using Exec   = typename TypeParam::Exec;
  TestArray<Scalar, 4, Kokkos::LayoutRight, Exec> const x({1, 1, 3, 3}, random_values(9)), four({4, 1, 3, 3}), back({1, 4, 3, 3});
  Exec const exec;
  auto const a = x.view(), f = four.view(), b = back.view();
  expect_good_manners(record([&] { video::rotate4(exec, a, f); }));
  expect_good_manners(record([&] { video::unrotate4(exec, f, b); }));
  exec.fence();
}

TEST(Rotate4, names_what_does_not_fit) {
  HostTensor<float****> const x("x", 1, 2, 3, 3), wide("wide", 1, 2, 3, 4), four("four", 4, 2, 3, 3), five("five", 5, 2, 3, 3), back("back", 1, 8, 3, 3);
  Kokkos::Serial const exec;
  EXPECT_EQ(refusal([&] { video::rotate4(exec, wide, four); }), "ocellus::video::rotate4: x.extent(3) is 4 but x.extent(2) is 3");
  EXPECT_EQ(refusal([&] { video::rotate4(exec, x, five); }), "ocellus::video::rotate4: output.extent(0) is 5 but 4 x.extent(0) is 4");
  EXPECT_EQ(refusal([&] { video::unrotate4(exec, five, back); }), "ocellus::video::unrotate4: x.extent(0) is 5, which 4 does not divide");
  EXPECT_EQ(refusal([&] { video::unrotate4(exec, four, x); }), "ocellus::video::unrotate4: output.extent(1) is 2 but 4 x.extent(1) is 8");
  EXPECT_EQ(video::rotate4_cost(10, 4).bytes(), 200);
}

}  // namespace
}  // namespace ocellus::test
