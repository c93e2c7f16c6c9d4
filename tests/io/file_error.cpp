// SPDX-License-Identifier: Apache-2.0

#include <ocellus/io/file_error.hpp>

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

namespace ocellus::test {
namespace {

TEST(FileError, says_which_file_where_and_why) {
  io::FileError const error("folder/plate.csv", "line 3", "has 2 fields, the header has 4");
  EXPECT_EQ(error.path(), std::filesystem::path("folder/plate.csv"));
  EXPECT_EQ(error.place(), "line 3");
  EXPECT_EQ(error.reason(), "has 2 fields, the header has 4");
  EXPECT_STREQ(error.what(), "folder/plate.csv, line 3: has 2 fields, the header has 4");
  EXPECT_STREQ(io::FileError("a.npy", "", "is not an .npy file").what(), "a.npy: is not an .npy file");
  static_assert(std::is_base_of_v<std::runtime_error, io::FileError> && std::is_nothrow_copy_constructible_v<std::runtime_error>);
}

}  // namespace
}  // namespace ocellus::test
