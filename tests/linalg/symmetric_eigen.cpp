// SPDX-License-Identifier: Apache-2.0

#include <ocellus/linalg/symmetric_eigen.hpp>

#include "reference/matmul.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

/// A symmetric matrix with NaN above the diagonal, which must not be read.
std::vector<double> lower_triangle(std::int64_t size, std::vector<double> const& x) {
  std::vector<double> matrix(x.size());
  for (std::int64_t i = 0; i < size; ++i) {
    for (std::int64_t j = 0; j < size; ++j)
      matrix[static_cast<std::size_t>(i * size + j)] = j <= i ? x[static_cast<std::size_t>(i * size + j)] : std::numeric_limits<double>::quiet_NaN();
  }
  return matrix;
}

template <class C>
class SymmetricEigen : public ::testing::Test {};
TYPED_TEST_SUITE(SymmetricEigen, Configurations);

TYPED_TEST(SymmetricEigen, decomposes_from_the_lower_triangle_with_ascending_values_and_fixed_signs) {
  using Scalar     = typename TypeParam::Scalar;
  using Layout     = typename TypeParam::Layout;
  using Exec       = typename TypeParam::Exec;
  double const eps = machine_epsilon<Scalar>();
  for (std::int64_t const size : {0, 1, 2, 7, 33, 64}) {
    SCOPED_TRACE(size);
    auto const x = random_values(static_cast<std::size_t>(size * size), 1);
    double norm  = 0;
    for (double const value : x) norm += value * value;
    norm = std::sqrt(norm);
    std::vector<double> first;
    with_thread_counts<Exec>([&](Exec const& exec) {
      TestArray<Scalar, 2, Layout, Exec> const input({size, size}, lower_triangle(size, x)), vectors({size, size});
      TestArray<Scalar, 1, Layout, Exec> const values({size});
      EXPECT_TRUE(linalg::symmetric_eigen(exec, input.view(), values.view(), vectors.view()).converged);
      EXPECT_TRUE(values.guards_intact() && vectors.guards_intact());
      auto const l = values.values(), v = vectors.values();
      if (first.empty()) first = v;
      expect_same_bits(v, first);
      auto const at = [&](std::int64_t i, std::int64_t k) { return v[static_cast<std::size_t>(i * size + k)]; };
      for (std::int64_t k = 0; k < size; ++k) {
        if (k > 0) {
          EXPECT_LE(l[static_cast<std::size_t>(k - 1)], l[static_cast<std::size_t>(k)]);
        }
        double largest = 0;
        for (std::int64_t i = 0; i < size; ++i) largest = std::abs(at(i, k)) > std::abs(largest) ? at(i, k) : largest;
        EXPECT_GT(largest, 0.0);
        for (std::int64_t other = 0; other < size; ++other) {
          double product = 0;
          for (std::int64_t i = 0; i < size; ++i) product += at(i, k) * at(i, other);
          EXPECT_NEAR(product, k == other ? 1.0 : 0.0, 8 * eps * static_cast<double>(size));
        }
      }
      for (std::int64_t i = 0; i < size; ++i) {
        for (std::int64_t j = 0; j <= i; ++j) {
          double sum = 0;
          for (std::int64_t k = 0; k < size; ++k) sum += at(i, k) * l[static_cast<std::size_t>(k)] * at(j, k);
          EXPECT_NEAR(sum, x[static_cast<std::size_t>(i * size + j)], 8 * eps * static_cast<double>(size) * norm);
        }
      }
    });
  }
}

TYPED_TEST(SymmetricEigen, nan_and_infinity_do_not_converge_and_do_not_throw) {
  using Scalar = typename TypeParam::Scalar;
  using Exec   = typename TypeParam::Exec;
  Exec const exec;
  for (double const bad : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    TestArray<Scalar, 2, typename TypeParam::Layout, Exec> const input({2, 2}, {1, 0, bad, 1}), vectors({2, 2});
    TestArray<Scalar, 1, typename TypeParam::Layout, Exec> const values({2});
    EXPECT_FALSE(linalg::symmetric_eigen(exec, input.view(), values.view(), vectors.view()).converged);
    EXPECT_TRUE(std::isnan(values.values()[0]) && std::isnan(vectors.values()[3]));
  }
}

TEST(SymmetricEigen, labels_what_it_launches_and_allocates) {
  TestArray<double, 2, Kokkos::LayoutRight, Kokkos::Serial> const input({3, 3}, {2, 0, 0, 1, 3, 0, 0, 1, 4}), vectors({3, 3});
  TestArray<double, 1, Kokkos::LayoutRight, Kokkos::Serial> const values({3});
  Kokkos::Serial const exec;
  auto const i = input.view(), v = vectors.view();
  auto const l = values.view();
  expect_labels(record([&] { (void)linalg::symmetric_eigen(exec, i, l, v); }));
}

TEST(SymmetricEigen, names_what_does_not_fit) {
  HostTensor<float**> const wide("wide", 2, 3), square("square", 2, 2);
  HostTensor<float*> const values("values", 2), line("line", 3);
  Kokkos::Serial const exec;
  EXPECT_EQ(refusal([&] { (void)linalg::symmetric_eigen(exec, wide, values, square); }),
            "ocellus::linalg::symmetric_eigen: input.extent(1) is 3 but input.extent(0) is 2");
  EXPECT_EQ(refusal([&] { (void)linalg::symmetric_eigen(exec, square, line, square); }),
            "ocellus::linalg::symmetric_eigen: eigenvalues.extent(0) is 3 but input.extent(0) is 2");
  EXPECT_EQ(refusal([&] { (void)linalg::symmetric_eigen(exec, square, values, wide); }),
            "ocellus::linalg::symmetric_eigen: eigenvectors.extent(1) is 3 but input.extent(0) is 2");
}

}  // namespace
}  // namespace ocellus::test
