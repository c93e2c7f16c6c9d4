// SPDX-License-Identifier: Apache-2.0

#include <ocellus/vit/position_table.hpp>

#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

template <class C>
class PositionTable : public ::testing::Test {};
TYPED_TEST_SUITE(PositionTable, Configurations);

TYPED_TEST(PositionTable, has_both_conventions_and_repeats_the_positions_of_each_channel) {
  using Scalar            = typename TypeParam::Scalar;
  using Layout            = typename TypeParam::Layout;
  using Exec              = typename TypeParam::Exec;
  std::int64_t const rows = 2, columns = 3, channels = 2, width = 8;
  for (auto const convention : {vit::PositionConvention::row_first, vit::PositionConvention::column_first}) {
    for (bool const class_token : {true, false}) {
      std::vector<double> want(class_token ? 8 : 0, 0.0);
      for (std::int64_t c = 0; c < channels; ++c) {
        for (std::int64_t h = 0; h < rows; ++h) {
          for (std::int64_t w = 0; w < columns; ++w) {
            bool const row_first = convention == vit::PositionConvention::row_first;
            for (std::int64_t const coordinate : {row_first ? h : w, row_first ? w : h}) {
              for (int k = 0; k < 2; ++k) want.push_back(std::sin(static_cast<double>(coordinate) * std::pow(100.0, -k / 2.0)));
              for (int k = 0; k < 2; ++k) want.push_back(std::cos(static_cast<double>(coordinate) * std::pow(100.0, -k / 2.0)));
            }
          }
        }
      }
      TestArray<Scalar, 2, Layout, Exec> const table({(class_token ? 1 : 0) + channels * rows * columns, width});
      Exec const exec;
      vit::position_table(exec, table.view(), {.rows = rows, .columns = columns, .convention = convention, .class_token = class_token, .temperature = 100.0});
      exec.fence();
      expect_within(table.values(), want, machine_epsilon<Scalar>(), 2);
      EXPECT_TRUE(table.guards_intact());
    }
  }
}

TYPED_TEST(PositionTable, behaves) {
  using Exec = typename TypeParam::Exec;
  TestArray<float, 2, Kokkos::LayoutRight, Exec> const table({5, 8});
  Exec const exec;
  auto const t = table.view();
  expect_good_manners(record([&] { vit::position_table(exec, t, {.rows = 2, .columns = 2}); }));
  exec.fence();
}

TEST(PositionTable, names_what_does_not_fit) {
  HostTensor<float**> const narrow("table", 5, 10), table("table", 6, 8);
  Kokkos::Serial const exec;
  EXPECT_EQ(refusal([&] { vit::position_table(exec, narrow, {.rows = 2, .columns = 2}); }),
            "ocellus::vit::position_table: table.extent(1) is 10, not a positive multiple of 4");
  EXPECT_EQ(refusal([&] { vit::position_table(exec, table, {.rows = 2, .columns = 2}); }),
            "ocellus::vit::position_table: table.extent(0) is 6, not 1 + a multiple of rows x columns, which is 4");
  EXPECT_EQ(refusal([&] { vit::position_table(exec, table, {.rows = 0, .columns = 2}); }),
            "ocellus::vit::position_table: rows is 0 and columns is 2: both must be positive");
}

}  // namespace
}  // namespace ocellus::test
