// SPDX-License-Identifier: Apache-2.0

#include <ocellus/linalg/svd.hpp>

#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

void expect_orthonormal_columns(std::vector<double> const& matrix, std::int64_t rows, std::int64_t columns, double tolerance) {
  for (std::int64_t k = 0; k < columns; ++k) {
    for (std::int64_t other = 0; other <= k; ++other) {
      double product = 0;
      for (std::int64_t i = 0; i < rows; ++i)
        product += matrix[static_cast<std::size_t>(i * columns + k)] * matrix[static_cast<std::size_t>(i * columns + other)];
      EXPECT_NEAR(product, k == other ? 1.0 : 0.0, tolerance);
    }
  }
}

template <class C>
class Svd : public ::testing::Test {};
TYPED_TEST_SUITE(Svd, Configurations);

TYPED_TEST(Svd, decomposes_tall_wide_and_rank_deficient_matrices_with_fixed_signs) {
  using Scalar                  = typename TypeParam::Scalar;
  using Layout                  = typename TypeParam::Layout;
  using Exec                    = typename TypeParam::Exec;
  double const eps              = machine_epsilon<Scalar>();
  std::int64_t const sizes[][2] = {{0, 3}, {3, 0}, {1, 1}, {9, 4}, {4, 9}, {64, 64}, {70, 66}};
  for (auto const& shape : sizes) {
    for (bool const deficient : {false, true}) {
      std::int64_t const rows = shape[0], columns = shape[1], rank = std::min(rows, columns);
      SCOPED_TRACE(::testing::Message() << rows << " x " << columns << (deficient ? " deficient" : ""));
      auto x = random_values(static_cast<std::size_t>(rows * columns), 1);
      if (deficient && columns > 0) {
        for (std::int64_t i = 0; i < rows; ++i) x[static_cast<std::size_t>(i * columns + columns - 1)] = x[static_cast<std::size_t>(i * columns)];
      }
      std::vector<double> first;
      with_thread_counts<Exec>([&](Exec const& exec) {
        TestArray<Scalar, 2, Layout, Exec> const input({rows, columns}, x), u({rows, rank}), v({columns, rank});
        TestArray<Scalar, 1, Layout, Exec> const values({rank});
        EXPECT_TRUE(linalg::svd(exec, input.view(), u.view(), values.view(), v.view()).converged);
        EXPECT_TRUE(u.guards_intact() && v.guards_intact() && values.guards_intact());
        auto const left = u.values(), right = v.values(), s = values.values();
        if (first.empty()) first = right;
        expect_same_bits(right, first);
        if (rank == 0) return;
        double const tolerance = 8 * eps * static_cast<double>(std::max(rows, columns));
        for (std::size_t k = 0; k < s.size(); ++k) EXPECT_TRUE(s[k] >= 0 && (k == 0 || s[k] <= s[k - 1]));
        expect_orthonormal_columns(left, rows, rank, tolerance);
        expect_orthonormal_columns(right, columns, rank, tolerance);
        for (std::int64_t k = 0; k < rank; ++k) {
          double largest = 0;
          for (std::int64_t j = 0; j < columns; ++j)
            largest = std::abs(right[static_cast<std::size_t>(j * rank + k)]) > std::abs(largest) ? right[static_cast<std::size_t>(j * rank + k)] : largest;
          EXPECT_GT(largest, 0.0);
        }
        for (std::int64_t i = 0; i < rows; ++i) {
          for (std::int64_t j = 0; j < columns; ++j) {
            double sum = 0;
            for (std::int64_t k = 0; k < rank; ++k)
              sum += left[static_cast<std::size_t>(i * rank + k)] * s[static_cast<std::size_t>(k)] * right[static_cast<std::size_t>(j * rank + k)];
            EXPECT_NEAR(sum, x[static_cast<std::size_t>(i * columns + j)], tolerance * s[0]);
          }
        }
      });
    }
  }
}

TYPED_TEST(Svd, nan_and_infinity_do_not_converge_and_do_not_throw) {
  using Scalar = typename TypeParam::Scalar;
  using Exec   = typename TypeParam::Exec;
  Exec const exec;
  for (double const bad : {std::numeric_limits<double>::quiet_NaN(), -std::numeric_limits<double>::infinity()}) {
    TestArray<Scalar, 2, typename TypeParam::Layout, Exec> const input({3, 2}, {1, 0, bad, 1, 2, 3}), u({3, 2}), v({2, 2});
    TestArray<Scalar, 1, typename TypeParam::Layout, Exec> const values({2});
    EXPECT_FALSE(linalg::svd(exec, input.view(), u.view(), values.view(), v.view()).converged);
    EXPECT_TRUE(std::isnan(u.values()[0]) && std::isnan(values.values()[1]) && std::isnan(v.values()[3]));
  }
}

TEST(Svd, names_what_does_not_fit) {
  HostTensor<float**> const input("input", 4, 3), u("u", 4, 3), v("v", 3, 3), wide("wide", 4, 4);
  HostTensor<float*> const values("values", 3), line("line", 4);
  Kokkos::Serial const exec;
  EXPECT_EQ(refusal([&] { (void)linalg::svd(exec, input, wide, values, v); }), "ocellus::linalg::svd: u.extent(1) is 4 but the smaller extent of input is 3");
  EXPECT_EQ(refusal([&] { (void)linalg::svd(exec, input, u, line, v); }),
            "ocellus::linalg::svd: singular_values.extent(0) is 4 but the smaller extent of input is 3");
  EXPECT_EQ(refusal([&] { (void)linalg::svd(exec, input, u, values, wide); }), "ocellus::linalg::svd: v.extent(0) is 4 but input.extent(1) is 3");
}

}  // namespace
}  // namespace ocellus::test
