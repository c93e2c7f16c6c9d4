// SPDX-License-Identifier: Apache-2.0

#include <ocellus/core/tensor.hpp>

#include <gtest/gtest.h>

#include <string>

#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

TEST(Tensor, is_row_major_and_made_without_a_kernel_or_a_fence) {
  Kokkos::DefaultHostExecutionSpace const exec;
  Tensor<float**, Kokkos::HostSpace> tensor;
  auto const events = record([&] { tensor = make_tensor<float**>(exec, "ocellus::test", 3, 5); });
  EXPECT_TRUE(events.kernels.empty());
  EXPECT_TRUE(events.fences.empty());
  EXPECT_EQ(events.allocations.size(), 1u);
  EXPECT_EQ(tensor.extent(0), 3u);
  EXPECT_EQ(tensor.stride(0), 5u);
  EXPECT_EQ(tensor.stride(1), 1u);
  EXPECT_EQ(tensor.label(), "ocellus::test");
  EXPECT_EQ(extent(make_host_tensor<double*>("line", 7), 0), 7);
}

TEST(Tensor, absence_is_none_or_a_null_view) {
  EXPECT_FALSE(is_present(none));
  EXPECT_FALSE(is_present(HostTensor<float*>()));
  EXPECT_TRUE(is_present(HostTensor<float*>("line", 3)));
  static_assert(std::is_same_v<element_t<None>, float> && std::is_same_v<element_t<None, double>, double>);
  static_assert(std::is_same_v<element_t<HostTensor<double const*>>, double> && std::is_same_v<accumulate_of_t<HostTensor<float16*>>, float>);
  static_assert(std::is_same_v<data_type_of_rank_t<float, 3>, float***> && std::is_same_v<data_type_of_rank_t<float, 0>, float>);
}

TEST(Tensor, elements_are_counted_of_a_null_view_too) {
  EXPECT_EQ(element_count(UnmanagedTensor<float***, Kokkos::HostSpace>(nullptr, 2, 3, 5)), 30u);
  EXPECT_EQ(element_count(HostTensor<float**>("tensor", 7, 0)), 0u);
  EXPECT_EQ(element_count(HostTensor<float>("number")), 1u);
  EXPECT_EQ(as_line(UnmanagedTensor<float**, Kokkos::HostSpace>(nullptr, 2, 3)).extent(0), 6u);
}

TEST(Tensor, rows_and_lines_share_the_memory) {
  HostTensor<float***> const tensor("tensor", 2, 3, 4);
  auto const rows = as_rows(tensor);
  EXPECT_EQ(rows.extent(0), 6u);
  EXPECT_EQ(rows.extent(1), 4u);
  EXPECT_EQ(&rows(5, 3), &tensor(1, 2, 3));
  auto const line = as_line(tensor);
  EXPECT_EQ(line.extent(0), 24u);
  EXPECT_EQ(&line(23), &tensor(1, 2, 3));
  EXPECT_EQ(as_rows(HostTensor<float*>("line", 4)).extent(0), 1u);
}

TEST(Tensor, rows_of_what_is_not_contiguous_are_refused) {
  HostTensor<float***> const right(Kokkos::view_alloc("tensor", Kokkos::AllowPadding), 2, 3, 129);
  ASSERT_FALSE(right.span_is_contiguous()) << "padding was asked for";
  EXPECT_NE(refusal([&] { (void)as_rows(right); }).find("ocellus::as_rows: view \"tensor\" is not contiguous"), std::string::npos);
  EXPECT_NE(refusal([&] { (void)as_line(right); }).find("ocellus::as_line: view \"tensor\" is not contiguous"), std::string::npos);
}

TEST(Tensor, tokens_become_evenly_spaced_rows_without_a_copy) {
  HostTensor<float***> const tensor("tensor", 2, 3, 8);
  auto const heads = Kokkos::subview(tensor, Kokkos::ALL, Kokkos::ALL, std::pair(2, 5));
  auto const rows  = evenly_spaced_rows("ocellus::f", heads);
  EXPECT_EQ(rows.extent(0), 6u);
  EXPECT_EQ(rows.extent(1), 3u);
  for (int row = 0; row < 6; ++row) EXPECT_EQ(&rows(row, 2), &tensor(row / 3, row % 3, 4));
  auto const one_token = Kokkos::subview(tensor, Kokkos::ALL, std::pair(1, 2), Kokkos::ALL);
  EXPECT_EQ(&evenly_spaced_rows("ocellus::f", one_token)(1, 7), &tensor(1, 1, 7));
  auto const two_tokens = Kokkos::subview(tensor, Kokkos::ALL, std::pair(0, 2), Kokkos::ALL);
  EXPECT_EQ(refusal([&] { (void)evenly_spaced_rows("ocellus::f", two_tokens); }),
            "ocellus::f: the rows of \"tensor\" are not evenly spaced: stride(0) is 24, not extent(1) stride(1), which is 16");
}

}  // namespace
}  // namespace ocellus::test
