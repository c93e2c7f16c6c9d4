// SPDX-License-Identifier: Apache-2.0

#include <ocellus/core/tuning.hpp>

#include <gtest/gtest.h>

namespace ocellus::test {
namespace {

struct TableRow {};
struct CallersRow {};

TEST(Tuning, the_callers_row_wins_over_the_table) {
  static_assert(std::is_same_v<tuning_row_t<void, TableRow>, TableRow>);
  static_assert(std::is_same_v<tuning_row_t<CallersRow, TableRow>, CallersRow>);
}

}  // namespace
}  // namespace ocellus::test
