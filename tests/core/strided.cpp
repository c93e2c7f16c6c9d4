// SPDX-License-Identifier: Apache-2.0

#include <ocellus/core/strided.hpp>

#include <gtest/gtest.h>

#include "support/arrays.hpp"

namespace ocellus::test {
namespace {

template <class Layout>
void expect_rows_of_any_rank() {
  TestArray<double, 3, Layout, Kokkos::Serial> const array({2, 3, 4}, random_values(24));
  auto const view = array.view();
  auto const all  = strided4(view);
  EXPECT_EQ(all.rows(), 6);
  EXPECT_EQ(all.extents[0], 1);
  EXPECT_EQ(all.extents[3], 4);
  for (std::int64_t row = 0; row < 6; ++row) {
    for (std::int64_t i = 0; i < 4; ++i) EXPECT_EQ(&all.at_row(row, i, all.extents), &view(row / 3, row % 3, i));
  }
}

TEST(Strided, sees_rows_of_any_layout) {
  expect_rows_of_any_rank<Kokkos::LayoutRight>();
  expect_rows_of_any_rank<Kokkos::LayoutLeft>();
  expect_rows_of_any_rank<Kokkos::LayoutStride>();
}

TEST(Strided, broadcasts_axes_of_extent_one) {
  HostTensor<float****> const mask("mask", 2, 1, 3, 1);
  std::int64_t const shape[4] = {2, 5, 3, 7};
  auto const small            = strided4(mask);
  for (std::int64_t row = 0; row < 30; ++row) EXPECT_EQ(&small.at_row(row, 6, shape), &mask(row / 15, 0, row % 3, 0));
}

TEST(Strided, pads_lower_ranks_in_front) {
  HostTensor<float*> const line("line", 5);
  HostTensor<float> const single("single");
  EXPECT_EQ(strided4(line).rows(), 1);
  EXPECT_EQ(strided4(line).extents[3], 5);
  EXPECT_EQ(strided4(single).extents[3], 1);
  EXPECT_EQ(strided4(HostTensor<float**>("empty", 0, 3)).rows(), 0);
}

}  // namespace
}  // namespace ocellus::test
