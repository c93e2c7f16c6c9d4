// SPDX-License-Identifier: Apache-2.0

#include <ocellus/linalg/spd_sqrt.hpp>

#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

using Matrix = std::vector<double>;

Matrix product(Matrix const& a, Matrix const& b, std::int64_t size) {
  Matrix result(a.size(), 0.0);
  for (std::int64_t i = 0; i < size; ++i) {
    for (std::int64_t j = 0; j < size; ++j) {
      for (std::int64_t k = 0; k < size; ++k)
        result[static_cast<std::size_t>(i * size + j)] += a[static_cast<std::size_t>(i * size + k)] * b[static_cast<std::size_t>(k * size + j)];
    }
  }
  return result;
}

/// x x^T / size + I: positive definite, well conditioned.
Matrix positive_definite(std::int64_t size) {
  auto const x = random_values(static_cast<std::size_t>(size * size), 1);
  Matrix transpose(x.size());
  for (std::int64_t i = 0; i < size * size; ++i) transpose[static_cast<std::size_t>(i)] = x[static_cast<std::size_t>(i % size * size + i / size)];
  auto result = product(x, transpose, size);
  for (std::int64_t i = 0; i < size * size; ++i)
    result[static_cast<std::size_t>(i)] = result[static_cast<std::size_t>(i)] / static_cast<double>(size) + (i % (size + 1) == 0 ? 1.0 : 0.0);
  return result;
}

template <class C>
class SpdSqrt : public ::testing::Test {};
TYPED_TEST_SUITE(SpdSqrt, Configurations);

TYPED_TEST(SpdSqrt, is_symmetric_and_its_square_is_the_shifted_input) {
  using Scalar     = typename TypeParam::Scalar;
  using Exec       = typename TypeParam::Exec;
  double const eps = machine_epsilon<Scalar>();
  for (std::int64_t const size : {0, 1, 2, 7, 33}) {
    for (double const shift : {0.0, 0.5}) {
      SCOPED_TRACE(::testing::Message() << size << " shift " << shift);
      auto shifted = rounded<Scalar>(positive_definite(size));
      Matrix first;
      TestArray<Scalar, 2, typename TypeParam::Layout, Exec> const input({size, size}, shifted);
      for (std::int64_t i = 0; i < size; ++i) shifted[static_cast<std::size_t>(i * (size + 1))] += shift;
      with_thread_counts<Exec>([&](Exec const& exec) {
        TestArray<Scalar, 2, typename TypeParam::Layout, Exec> const output({size, size});
        auto const result = linalg::spd_sqrt(exec, input.view(), output.view(), {.diagonal_shift = shift});
        EXPECT_TRUE(result.converged);
        if (size > 0) {
          EXPECT_GE(result.smallest, 0.999 + shift);
        }
        EXPECT_TRUE(output.guards_intact());
        auto const root = output.values();
        if (first.empty()) first = root;
        expect_same_bits(root, first);
        for (std::int64_t i = 0; i < size * size; ++i) ASSERT_EQ(root[static_cast<std::size_t>(i)], root[static_cast<std::size_t>(i % size * size + i / size)]);
        auto const square = product(root, root, size);
        for (std::size_t i = 0; i < square.size(); ++i) EXPECT_NEAR(square[i], shifted[i], 8 * eps * static_cast<double>(size) * 6);
      });
    }
  }
}

TYPED_TEST(SpdSqrt, nan_does_not_converge_and_does_not_throw) {
  using Scalar = typename TypeParam::Scalar;
  using Exec   = typename TypeParam::Exec;
  Exec const exec;
  TestArray<Scalar, 2, typename TypeParam::Layout, Exec> const input({2, 2}, {1, 0, std::numeric_limits<double>::quiet_NaN(), 1}), output({2, 2});
  EXPECT_FALSE(linalg::spd_sqrt(exec, input.view(), output.view()).converged);
  EXPECT_TRUE(std::isnan(output.values()[0]));
}

TEST(SpdSqrt, negative_eigenvalues_count_as_zero_and_the_upper_triangle_is_not_read) {
  TestArray<double, 2, Kokkos::LayoutRight, Kokkos::Serial> const input({2, 2}, {4, 99, 0, -1}), output({2, 2});
  auto const result = linalg::spd_sqrt(Kokkos::Serial(), input.view(), output.view());
  EXPECT_TRUE(result.converged);
  EXPECT_EQ(result.smallest, -1.0);
  expect_within(output.values(), {2, 0, 0, 0}, machine_epsilon<double>(), 8);
}

TEST(SpdSqrt, names_what_does_not_fit) {
  HostTensor<float**> const wide("wide", 2, 3), square("square", 2, 2);
  Kokkos::Serial const exec;
  EXPECT_EQ(refusal([&] { (void)linalg::spd_sqrt(exec, wide, square); }), "ocellus::linalg::spd_sqrt: input.extent(1) is 3 but input.extent(0) is 2");
  EXPECT_EQ(refusal([&] { (void)linalg::spd_sqrt(exec, square, wide); }), "ocellus::linalg::spd_sqrt: output.extent(1) is 3 but input.extent(0) is 2");
}

}  // namespace
}  // namespace ocellus::test
