// SPDX-License-Identifier: Apache-2.0

#include <ocellus/core/parameter_table.hpp>

#include <gtest/gtest.h>

#include "support/message.hpp"

namespace ocellus::test {
namespace {

TEST(ParameterTable, lays_tensors_one_behind_the_other_at_aligned_offsets) {
  ParameterTable table;
  EXPECT_EQ(table.size(), 0u);
  EXPECT_EQ(table.add("weight", {3, 5}), 0u);
  EXPECT_EQ(table.add("bias", {5}, {.decay = false}), 1u);
  EXPECT_EQ(table.add("scale", {}, {.decay = false, .trainable = false}), 2u);
  ASSERT_EQ(table.entries().size(), 3u);
  EXPECT_EQ(table.entries()[0].size(), 15u);
  EXPECT_EQ(table.entries()[0].offset, 0u);
  EXPECT_EQ(table.entries()[1].offset, 16u);
  EXPECT_EQ(table.entries()[2].size(), 1u) << "a tensor of rank 0 has one element";
  EXPECT_EQ(table.entries()[2].offset, 32u);
  EXPECT_EQ(table.size(), 48u);
  EXPECT_TRUE(table.entries()[0].flags.decay && table.entries()[0].flags.trainable);
  EXPECT_FALSE(table.entries()[1].flags.decay);
  EXPECT_FALSE(table.entries()[2].flags.trainable);
}

TEST(ParameterTable, finds_by_name) {
  ParameterTable table;
  for (int i = 0; i < 100; ++i) table.add("parameter." + std::to_string(i), {i + 1});
  ASSERT_NE(table.find("parameter.73"), nullptr);
  EXPECT_EQ(table.find("parameter.73")->extents, std::vector<std::int64_t>{74});
  EXPECT_EQ(table.find("parameter.100"), nullptr);
  auto const copy = table;
  EXPECT_EQ(copy.find("parameter.5"), &copy.entries()[5]) << "a copy points into itself";
}

TEST(ParameterTable, refuses_a_second_tensor_of_one_name_and_empty_tensors) {
  ParameterTable table;
  table.add("weight", {2});
  EXPECT_EQ(refusal([&] { table.add("weight", {2}); }), "ocellus::ParameterTable::add: there is already a parameter \"weight\"");
  EXPECT_EQ(refusal([&] { table.add("bias", {2, 0}); }), "ocellus::ParameterTable::add: an extent of \"bias\" is 0");
  EXPECT_EQ(table.entries().size(), 1u);
}

}  // namespace
}  // namespace ocellus::test
