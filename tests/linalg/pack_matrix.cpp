// SPDX-License-Identifier: Apache-2.0

#include <ocellus/linalg/pack_matrix.hpp>

#include <ocellus/linalg/matmul.hpp>

#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"

namespace ocellus::test {
namespace {

template <class C>
class PackMatrix : public ::testing::Test {};
TYPED_TEST_SUITE(PackMatrix, Configurations);

TYPED_TEST(PackMatrix, products_with_packed_and_plain_matrices_have_the_same_bits) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  Exec const exec;
  for (bool const transpose : {false, true}) {
    TestArray<Scalar, 2, Layout, Exec> const a({5, 37}, random_values(5 * 37, 1)), plain({5, 19}), output({5, 19});
    TestArray<Scalar, 2, Layout, Exec> const b(transpose ? std::array<std::int64_t, 2>{19, 37} : std::array<std::int64_t, 2>{37, 19},
                                               random_values(37 * 19, 2));
    auto const packed = linalg::pack_matrix(exec, b.view(), {.transpose = transpose});
    EXPECT_TRUE(packed.is_present());
    EXPECT_EQ(packed.rows(), 37);
    EXPECT_EQ(packed.columns(), 19);
    linalg::matmul(exec, a.view(), packed, output.view());
    linalg::matmul(exec, a.view(), b.view(), plain.view(), {.transpose_b = transpose});
    exec.fence();
    expect_same_bits(output.values(), plain.values());
    EXPECT_TRUE(output.guards_intact());
  }
}

TEST(PackMatrix, the_handle_owns_its_memory) {
  TestArray<float, 2, Kokkos::LayoutRight, Kokkos::Serial> const a({2, 3}, random_values(6, 1)), b({3, 4}, random_values(12, 2)), before({2, 4}), after({2, 4});
  Kokkos::Serial const exec;
  auto const packed = linalg::pack_matrix(exec, b.view());
  linalg::matmul(exec, a.view(), packed, before.view());
  TestArray<float, 2, Kokkos::LayoutRight, Kokkos::Serial> b_later = b;
  b_later.assign(std::vector<double>(12, 0.0));
  linalg::matmul(exec, a.view(), packed, after.view());
  expect_same_bits(after.values(), before.values());
  auto const y      = b.view();
  auto kept         = linalg::PackedMatrix<float, Kokkos::HostSpace>();
  auto const events = record([&] { kept = linalg::pack_matrix(exec, y); });
  expect_labels(events);
  EXPECT_EQ(events.allocations.size(), 1u);
  EXPECT_TRUE(events.fences.empty());
}

TEST(PackMatrix, without_terms_a_product_is_zero) {
  HostTensor<float**> const a("a", 2, 0), b("b", 0, 5), output("output", 2, 5);
  Kokkos::Serial const exec;
  Kokkos::deep_copy(output, 7.0f);
  auto const packed = linalg::pack_matrix(exec, b);
  EXPECT_TRUE(packed.is_present());
  linalg::matmul(exec, a, packed, output);
  for (std::size_t i = 0; i < 10; ++i) EXPECT_EQ(output.data()[i], 0.0f);
}

TEST(PackMatrix, a_default_constructed_handle_is_absent) {
  linalg::PackedMatrix<float, Kokkos::HostSpace> const absent;
  EXPECT_FALSE(absent.is_present());
  EXPECT_EQ(absent.rows(), 0);
  EXPECT_EQ(absent.columns(), 0);
  static_assert(linalg::MatmulWeights<decltype(absent)> || linalg::MatmulWeights<std::remove_const_t<decltype(absent)>>);
  static_assert(linalg::MatmulWeights<HostTensor<float**>> && !linalg::MatmulWeights<HostTensor<float*>> && !linalg::MatmulWeights<None>);
}

}  // namespace
}  // namespace ocellus::test
