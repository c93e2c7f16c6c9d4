// SPDX-License-Identifier: Apache-2.0

#include <ocellus/core/chains.hpp>

#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"

namespace ocellus::test {
namespace {

template <class Member, class Values, class Result>
struct SumOfRow {
  Values values;
  Result result;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t row) const {
    using Real     = accumulate_of_t<Values>;
    Real const sum = lane_sum<Real>(member, extent(values, 1), [&](std::int64_t const d) { return static_cast<Real>(values(row, d)); });
    Kokkos::single(Kokkos::PerThread(member), [&]() { result(row) = sum; });
  }
};

template <class C>
class Chains : public ::testing::Test {};
TYPED_TEST_SUITE(Chains, Configurations);

TYPED_TEST(Chains, sum_rows_and_columns_in_an_order_of_their_own) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  for (std::int64_t const rows : {0, 1, 300}) {
    for (std::int64_t const columns : {0, 1, 15, 16, 17, 31, 32, 33, 97}) {
      SCOPED_TRACE(::testing::Message() << rows << " x " << columns);
      auto const x = random_values(static_cast<std::size_t>(rows * columns));
      TestArray<Scalar, 2, Layout, Exec> const values({rows, columns}, x);
      TestArray<Scalar, 1, Layout, Exec> const by_row({rows}), by_column({columns}), squares({columns}), parts({columns});
      Exec const exec;
      using Values = typename TestArray<Scalar, 2, Layout, Exec>::View;
      using Result = typename TestArray<Scalar, 1, Layout, Exec>::View;
      for_each_row(exec, "ocellus::test::rows", rows, SumOfRow<TeamMember<Exec>, Values, Result>{values.view(), by_row.view()});
      for_each_column<Scalar>(exec, "ocellus::test::columns", rows, columns,
                              ColumnSum<Scalar, Values, None, Result>{values.view(), none, by_column.view(), false});
      for_each_column<Scalar>(exec, "ocellus::test::columns", rows, columns,
                              ColumnSum<Scalar, Values, Values, Result>{values.view(), values.view(), squares.view(), false});
      exec.fence();
      std::vector<double> row_sums(static_cast<std::size_t>(rows)), column_sums(static_cast<std::size_t>(columns)), column_squares(column_sums);
      for (std::size_t i = 0; i < x.size(); ++i) {
        row_sums[i / static_cast<std::size_t>(columns)] += x[i];
        column_sums[i % static_cast<std::size_t>(columns)] += x[i];
        column_squares[i % static_cast<std::size_t>(columns)] += x[i] * x[i];
      }
      expect_within(by_row.values(), row_sums, machine_epsilon<Scalar>(), 100);
      expect_within(by_column.values(), column_sums, machine_epsilon<Scalar>(), 3000);
      expect_within(squares.values(), column_squares, machine_epsilon<Scalar>(), 3000);
      EXPECT_TRUE(by_row.guards_intact() && by_column.guards_intact());
      // Cut in two at any row, the chains are the same.
      std::int64_t const cut = rows / 3;
      auto const part        = [&](std::int64_t from, std::int64_t to) {
        return Kokkos::subview(values.view(), Kokkos::make_pair(static_cast<std::size_t>(from), static_cast<std::size_t>(to)), Kokkos::ALL);
      };
      auto const first = part(0, cut), second = part(cut, rows);
      using Part = std::remove_const_t<decltype(first)>;
      for_each_column<Scalar>(exec, "ocellus::test::columns", cut, columns, ColumnSum<Scalar, Part, None, Result>{first, none, parts.view(), false});
      for_each_column<Scalar>(exec, "ocellus::test::columns", rows - cut, columns, ColumnSum<Scalar, Part, None, Result>{second, none, parts.view(), true});
      exec.fence();
      expect_same_bits(parts.values(), by_column.values());
    }
  }
}

}  // namespace
}  // namespace ocellus::test
