// SPDX-License-Identifier: Apache-2.0

#include <ocellus/core/cost.hpp>

#include <gtest/gtest.h>

namespace ocellus::test {
namespace {

TEST(Cost, adds_and_scales_field_by_field) {
  constexpr Cost one{.flops = 1, .special = 2, .bytes_read = 3, .bytes_written = 4};
  constexpr Cost sum = one + 2.0 * one;
  static_assert(sum.flops == 3 && sum.special == 6 && sum.bytes_read == 9 && sum.bytes_written == 12);
  static_assert(one.bytes() == 7 && Cost{}.bytes() == 0);
  EXPECT_EQ((0.0 * one).flops, 0.0);
}

}  // namespace
}  // namespace ocellus::test
