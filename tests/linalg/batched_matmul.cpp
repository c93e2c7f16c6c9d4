// SPDX-License-Identifier: Apache-2.0

#include <ocellus/linalg/batched_matmul.hpp>

#include "reference/matmul.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

template <class C>
class BatchedMatmul : public ::testing::Test {};
TYPED_TEST_SUITE(BatchedMatmul, Configurations);

TYPED_TEST(BatchedMatmul, each_product_agrees_with_the_reference_and_has_the_bits_of_matmul) {
  using Scalar                = typename TypeParam::Scalar;
  using Layout                = typename TypeParam::Layout;
  using Exec                  = typename TypeParam::Exec;
  constexpr std::int64_t rows = 9, columns = 33, inner = 17;
  with_thread_counts<Exec>([&](Exec const& exec) {
    for (auto const& shape : {std::array<std::int64_t, 2>{3, 3}, {1, 3}, {3, 1}, {1, 1}, {0, 0}}) {
      std::int64_t const batches_a = shape[0], batches_b = shape[1];
      for (int const transposes : {0, 1, 2, 3}) {
        SCOPED_TRACE(::testing::Message() << batches_a << " and " << batches_b << ", transposes " << transposes);
        std::int64_t const batches = batches_a == 1 ? batches_b : batches_a;
        reference::Matmul<double> const oracle{
            .rows = rows, .columns = columns, .inner = inner, .transpose_a = (transposes & 1) != 0, .transpose_b = (transposes & 2) != 0, .alpha = 0.7};
        auto const left  = random_values(static_cast<std::size_t>(batches_a * rows * inner), 1),
                   right = random_values(static_cast<std::size_t>(batches_b * inner * columns), 2);
        TestArray<Scalar, 3, Layout, Exec> const a({batches_a, oracle.transpose_a ? inner : rows, oracle.transpose_a ? rows : inner}, left);
        TestArray<Scalar, 3, Layout, Exec> const b({batches_b, oracle.transpose_b ? columns : inner, oracle.transpose_b ? inner : columns}, right);
        TestArray<Scalar, 3, Layout, Exec> const output({batches, rows, columns});
        linalg::batched_matmul(exec, a.view(), b.view(), output.view(), {.transpose_a = oracle.transpose_a, .transpose_b = oracle.transpose_b, .alpha = 0.7});
        exec.fence();
        EXPECT_TRUE(output.guards_intact());
        auto const got = output.values();
        for (std::int64_t i = 0; i < batches; ++i) {
          auto const part = [&](std::vector<double> const& all, std::int64_t batch, std::int64_t size) {
            return std::vector<double>(all.begin() + batch * size, all.begin() + (batch + 1) * size);
          };
          auto const x = part(left, batches_a == 1 ? 0 : i, rows * inner), y = part(right, batches_b == 1 ? 0 : i, inner * columns),
                     z = part(got, i, rows * columns);
          auto unit    = oracle.magnitudes(x, y);
          for (double& u : unit) u *= machine_epsilon<Scalar>();
          expect_within(z, oracle(x, y), unit, static_cast<double>(inner + 4));
          TestArray<Scalar, 2, Layout, Exec> const one_a(oracle.transpose_a ? std::array{inner, rows} : std::array{rows, inner}, x), one({rows, columns});
          TestArray<Scalar, 2, Layout, Exec> const one_b(oracle.transpose_b ? std::array{columns, inner} : std::array{inner, columns}, y);
          linalg::matmul(exec, one_a.view(), one_b.view(), one.view(), {.transpose_a = oracle.transpose_a, .transpose_b = oracle.transpose_b, .alpha = 0.7});
          exec.fence();
          expect_same_bits(z, one.values());
        }
      }
    }
  });
}

TYPED_TEST(BatchedMatmul, bias_belongs_to_the_columns) {
  using Scalar = typename TypeParam::Scalar;
  using Exec   = typename TypeParam::Exec;
  TestArray<Scalar, 3, typename TypeParam::Layout, Exec> const a({2, 1, 1}, {1, 2}), b({1, 1, 3}, {1, 2, 3}), output({2, 1, 3});
  TestArray<Scalar, 1, typename TypeParam::Layout, Exec> const bias({3}, {10, 20, 30});
  Exec const exec;
  linalg::batched_matmul(exec, a.view(), b.view(), bias.view(), output.view());
  exec.fence();
  expect_same_bits(output.values(), {11, 22, 33, 12, 24, 36});
}

TYPED_TEST(BatchedMatmul, behaves) {
  using Exec = typename TypeParam::Exec;
  TestArray<float, 3, Kokkos::LayoutRight, Exec> const a({2, 3, 5}, random_values(30)), b({2, 5, 4}, random_values(40)), output({2, 3, 4});
  Exec const exec;
  auto const x = a.view(), y = b.view(), z = output.view();
  linalg::batched_matmul(exec, x, y, z);
  expect_good_manners(record([&] { linalg::batched_matmul(exec, x, y, z); }));
  exec.fence();
}

TEST(BatchedMatmul, names_what_does_not_fit) {
  HostTensor<float***> const a("a", 2, 3, 4), b("b", 3, 4, 5), inner("inner", 2, 5, 5), right("right", 2, 4, 5), output("output", 2, 3, 5),
      many("many", 3, 3, 5), wide("wide", 2, 3, 6);
  HostTensor<float*> const bias("bias", 4);
  Kokkos::Serial const exec;
  EXPECT_EQ(refusal([&] { linalg::batched_matmul(exec, a, b, output); }),
            "ocellus::linalg::batched_matmul: b.extent(0) (batch) is 3 but a.extent(0) is 2, and neither is 1");
  EXPECT_EQ(refusal([&] { linalg::batched_matmul(exec, a, inner, output); }), "ocellus::linalg::batched_matmul: b.extent(1) (inner) is 5 but a.extent(2) is 4");
  EXPECT_EQ(refusal([&] { linalg::batched_matmul(exec, a, right, many); }), "ocellus::linalg::batched_matmul: output.extent(0) is 3 but the batch is 2");
  EXPECT_EQ(refusal([&] { linalg::batched_matmul(exec, a, right, wide); }), "ocellus::linalg::batched_matmul: output.extent(2) is 6 but b.extent(2) is 5");
  EXPECT_EQ(refusal([&] { linalg::batched_matmul(exec, a, right, bias, output); }),
            "ocellus::linalg::batched_matmul: bias.extent(0) is 4 but output.extent(2) is 5");
}

}  // namespace
}  // namespace ocellus::test
