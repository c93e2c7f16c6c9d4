// SPDX-License-Identifier: Apache-2.0

#include <ocellus/core/reduce.hpp>

#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

/// The tree as a recursion: the sum of blocks [first, first + count), split at the largest power of two below count.
template <class Real>
Real tree(std::vector<Real> const& blocks, std::size_t first, std::size_t count) {
  if (count == 1) return blocks[first];
  std::size_t half = 1;
  while (2 * half < count) half *= 2;
  return tree(blocks, first, half) + tree(blocks, first + half, count - half);
}

template <class Real>
double ordered(std::vector<double> const& values) {
  if (values.empty()) return 0;
  std::vector<Real> blocks;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i % 256 == 0) blocks.push_back(0);
    blocks.back() += static_cast<Real>(values[i]);
  }
  return static_cast<double>(tree(blocks, 0, blocks.size()));
}

template <class C>
class Reduce : public ::testing::Test {};
TYPED_TEST_SUITE(Reduce, Configurations);

TYPED_TEST(Reduce, sum_has_the_bits_of_the_tree_whatever_the_thread_count) {
  using Scalar = typename TypeParam::Scalar;
  using Exec   = typename TypeParam::Exec;
  for (std::int64_t const count : {0, 1, 255, 256, 257, 511, 1024, 1793, 7919}) {
    SCOPED_TRACE(count);
    auto const x = random_values(static_cast<std::size_t>(count), 1, 1.0, 0.25);
    with_thread_counts<Exec>([&](Exec const& exec) {
      TestArray<Scalar, 1, typename TypeParam::Layout, Exec> const values({count}, x);
      Kokkos::View<Scalar, typename Exec::memory_space> const result("result");
      sum(exec, values.view(), result);
      Scalar got{};
      Kokkos::deep_copy(got, result);
      EXPECT_EQ(static_cast<double>(got), ordered<Scalar>(x));
    });
  }
}

TYPED_TEST(Reduce, sum_columns_gives_each_column_its_tree) {
  using Scalar = typename TypeParam::Scalar;
  using Exec   = typename TypeParam::Exec;
  for (std::int64_t const rows : {0, 1, 256, 257, 1031}) {
    for (std::int64_t const columns : {0, 1, 15, 16, 17, 37}) {
      auto const x = random_values(static_cast<std::size_t>(rows * columns), 2);
      TestArray<Scalar, 2, typename TypeParam::Layout, Exec> const values({rows, columns}, x);
      TestArray<Scalar, 1, typename TypeParam::Layout, Exec> const result({columns});
      Exec const exec;
      sum_columns(exec, values.view(), result.view());
      exec.fence();
      std::vector<double> want;
      for (std::int64_t d = 0; d < columns; ++d) {
        std::vector<double> column;
        for (std::int64_t n = 0; n < rows; ++n) column.push_back(x[static_cast<std::size_t>(n * columns + d)]);
        want.push_back(ordered<Scalar>(column));
      }
      expect_same_bits(result.values(), want);
      EXPECT_TRUE(result.guards_intact());
    }
  }
}

TYPED_TEST(Reduce, behaves_with_a_workspace) {
  using Exec = typename TypeParam::Exec;
  TestArray<float, 1, Kokkos::LayoutRight, Exec> const values({1000}, random_values(1000));
  TestArray<float, 2, Kokkos::LayoutRight, Exec> const matrix({10, 5}, random_values(50));
  TestArray<float, 1, Kokkos::LayoutRight, Exec> const columns({5});
  Kokkos::View<float, typename Exec::memory_space> const result("result");
  Exec const exec;
  WorkspaceFor<Exec> workspace(exec, sum_workspace_size(exec, values.view(), result));
  auto const v = values.view();
  auto const m = matrix.view();
  auto const c = columns.view();
  expect_good_manners(record([&] { sum(exec, v, result, workspace); }));
  expect_good_manners(record([&] { sum_columns(exec, m, c); }));
  EXPECT_EQ(workspace.used(), 0u);
  exec.fence();
}

TEST(Reduce, sixteen_bit_terms_are_summed_in_float) {
  TestArray<bfloat16, 1, Kokkos::LayoutRight, Kokkos::Serial> const values({4096}, std::vector<double>(4096, 1.0));
  Kokkos::View<float, Kokkos::HostSpace> const result("result");
  sum(Kokkos::Serial(), values.view(), result);
  EXPECT_EQ(result(), 4096.0f);
}

TEST(Reduce, tree_sum_of_nothing_is_zero_and_an_error_grows_with_the_logarithm) {
  EXPECT_EQ(TreeSum<double>().result(), 0.0);
  TreeSum<float> partials;
  for (int i = 0; i < 1 << 20; ++i) partials.push(0.1f);
  EXPECT_EQ(partials.result(), 0.1f * 1048576.0f) << "powers of two of one number add without rounding";
}

TEST(Reduce, names_what_does_not_fit) {
  HostTensor<float**> const values("values", 2, 3);
  HostTensor<float*> const result("result", 2);
  EXPECT_EQ(refusal([&] { sum_columns(Kokkos::Serial(), values, result); }), "ocellus::sum_columns: result.extent(0) is 2 but values.extent(1) is 3");
}

}  // namespace
}  // namespace ocellus::test
