// SPDX-License-Identifier: Apache-2.0

#include <ocellus/io/atomic_file.hpp>

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <string>

#include "io/damage.hpp"

namespace ocellus::test {
namespace {

TEST(AtomicFile, is_written_whole_replaced_whole_and_leaves_nothing_beside_it) {
  TemporaryFolder const folder;
  auto const path = folder / "report.html";
  io::write_file_atomically(path, "first");
  EXPECT_EQ(slurp(path), "first");
  std::string const binary("\0\xFF\n\r\0", 5);
  io::write_file_atomically(path, binary);
  EXPECT_EQ(slurp(path), binary);
  io::write_file_atomically(path, std::string_view());
  EXPECT_EQ(slurp(path), "");
  EXPECT_EQ(folder.entries(), 1u);
}

TEST(AtomicFile, makes_the_folders_on_the_way) {
  TemporaryFolder const folder;
  io::write_file_atomically(folder / "a" / "b" / "c.txt", "deep");
  EXPECT_EQ(slurp(folder / "a" / "b" / "c.txt"), "deep");
}

TEST(AtomicFile, a_failed_write_keeps_the_old_file_and_leaves_no_temporary_one) {
  TemporaryFolder const folder;
  auto const path = folder / "table.csv";
  io::write_file_atomically(path, "old");
  struct rlimit old_limit {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old_limit), 0);
  auto const old_handler = std::signal(SIGXFSZ, SIG_IGN);
  struct rlimit const small{1000, old_limit.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  std::string const message = file_error([&] { io::write_file_atomically(path, std::string(5000, 'x')); });
  ::setrlimit(RLIMIT_FSIZE, &old_limit);
  std::signal(SIGXFSZ, old_handler);
  EXPECT_NE(message.find("table.csv"), std::string::npos) << message;
  EXPECT_EQ(slurp(path), "old");
  EXPECT_EQ(folder.entries(), 1u);
}

TEST(AtomicFile, a_folder_of_that_name_is_refused_and_stays) {
  TemporaryFolder const folder;
  std::filesystem::create_directory(folder / "taken");
  EXPECT_NE(file_error([&] { io::write_file_atomically(folder / "taken", "text"); }), "nothing thrown");
  EXPECT_TRUE(std::filesystem::is_directory(folder / "taken"));
  EXPECT_EQ(folder.entries(), 1u);
  spill(folder / "file", "x");
  EXPECT_NE(file_error([&] { io::write_file_atomically(folder / "file" / "inside", "text"); }), "nothing thrown");
  EXPECT_EQ(folder.entries(), 2u);
}

TEST(ReadFile, gives_the_bytes_and_refuses_what_is_no_readable_file) {
  TemporaryFolder const folder;
  std::string const text("a\0b", 3);
  spill(folder / "file", text);
  EXPECT_EQ(io::read_file(folder / "file"), as_bytes(text));
  spill(folder / "empty", "");
  EXPECT_TRUE(io::read_file(folder / "empty").empty());
  EXPECT_NE(file_error([&] { (void)io::read_file(folder / "absent"); }).find("No such file"), std::string::npos);
  EXPECT_NE(file_error([&] { (void)io::read_file(folder.path()); }).find("is not a regular file"), std::string::npos);
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  EXPECT_NE(file_error([&] { (void)io::read_file(folder / "pipe"); }).find("is not a regular file"), std::string::npos) << "and does not wait for a writer";
  std::string const message = file_error([&] { (void)io::read_file(folder / "file", 2); });
  EXPECT_NE(message.find("has 3 bytes, more than the limit of 2"), std::string::npos) << message;
}

}  // namespace
}  // namespace ocellus::test
