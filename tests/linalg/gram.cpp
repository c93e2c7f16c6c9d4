// SPDX-License-Identifier: Apache-2.0

#include <ocellus/linalg/gram.hpp>

#include "reference/matmul.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

template <class C>
class Gram : public ::testing::Test {};
TYPED_TEST_SUITE(Gram, Configurations);

TYPED_TEST(Gram, of_columns_and_rows_agrees_with_the_reference_and_is_symmetric_bit_for_bit) {
  using Scalar                  = typename TypeParam::Scalar;
  using Exec                    = typename TypeParam::Exec;
  std::int64_t const sizes[][2] = {{0, 3}, {3, 0}, {1, 1}, {37, 5}, {6, 41}, {300, 33}};
  for (auto const& shape : sizes) {
    std::int64_t const rows = shape[0], columns = shape[1];
    auto const x = random_values(static_cast<std::size_t>(rows * columns), 1);
    for (auto const of : {linalg::GramOf::columns, linalg::GramOf::rows}) {
      bool const by_columns   = of == linalg::GramOf::columns;
      std::int64_t const size = by_columns ? columns : rows;
      reference::Matmul<double> const oracle{
          .rows = size, .columns = size, .inner = by_columns ? rows : columns, .transpose_a = by_columns, .transpose_b = !by_columns};
      auto unit = oracle.magnitudes(x, x);
      for (double& u : unit) u *= machine_epsilon<Scalar>();
      std::vector<double> first;
      with_thread_counts<Exec>([&](Exec const& exec) {
        TestArray<Scalar, 2, typename TypeParam::Layout, Exec> const input({rows, columns}, x), output({size, size});
        linalg::gram(exec, input.view(), output.view(), {.of = of});
        exec.fence();
        auto const got = output.values();
        expect_within(got, oracle(x, x), unit, static_cast<double>(oracle.inner));
        EXPECT_TRUE(output.guards_intact());
        for (std::int64_t i = 0; i < size; ++i) {
          for (std::int64_t j = 0; j < i; ++j) ASSERT_EQ(got[static_cast<std::size_t>(i * size + j)], got[static_cast<std::size_t>(j * size + i)]);
        }
        if (first.empty()) first = got;
        expect_same_bits(got, first);
      });
    }
  }
}

TYPED_TEST(Gram, behaves) {
  using Exec = typename TypeParam::Exec;
  TestArray<float, 2, Kokkos::LayoutRight, Exec> const input({9, 4}, random_values(36)), output({4, 4});
  Exec const exec;
  auto const i = input.view(), o = output.view();
  linalg::gram(exec, i, o);
  expect_good_manners(record([&] { linalg::gram(exec, i, o); }));
  exec.fence();
}

TEST(Gram, names_what_does_not_fit) {
  HostTensor<float**> const input("input", 2, 3), output("output", 2, 2);
  Kokkos::Serial const exec;
  EXPECT_EQ(refusal([&] { linalg::gram(exec, input, output); }), "ocellus::linalg::gram: output.extent(0) is 2 but input.extent(1) is 3");
  EXPECT_EQ(refusal([&] { linalg::gram(exec, input, input, {.of = linalg::GramOf::rows}); }),
            "ocellus::linalg::gram: output.extent(1) is 3 but input.extent(0) is 2");
}

}  // namespace
}  // namespace ocellus::test
