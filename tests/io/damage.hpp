// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Damaged files for the tests of readers: every cut, and bytes changed by several patterns at every place. A reader answers with a FileError or with a result
/// that the test's check accepts; any other exception fails the test, and a wrong access is for the sanitizers to find.

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include <ocellus/io/file_error.hpp>

namespace ocellus::test {

/// A folder of its own, gone with everything in it at the end of the scope.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "ocellus_test_io_").string() + std::string(6, 'X');
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
    path_ = name;
  }
  TemporaryFolder(TemporaryFolder const&)            = delete;
  TemporaryFolder& operator=(TemporaryFolder const&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  [[nodiscard]] std::filesystem::path operator/(std::string const& name) const { return path_ / name; }
  [[nodiscard]] std::filesystem::path const& path() const { return path_; }
  [[nodiscard]] std::size_t entries() const {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(path_), std::filesystem::directory_iterator()));
  }

 private:
  std::filesystem::path path_;
};

/// The bytes in a buffer of exactly their size, so that a sanitizer sees the first step beyond the end.
inline std::vector<std::byte> as_bytes(std::string_view text) {
  std::vector<std::byte> bytes(text.size());
  if (!text.empty()) std::memcpy(bytes.data(), text.data(), text.size());
  return bytes;
}

inline void spill(std::filesystem::path const& path, std::string_view text) {
  std::ofstream(path, std::ios::binary).write(text.data(), static_cast<std::streamsize>(text.size()));
}

inline std::string slurp(std::filesystem::path const& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

/// The message of the FileError that `call` throws; "nothing thrown" when it does not.
template <class Call>
std::string file_error(Call const& call) {
  try {
    call();
  } catch (io::FileError const& error) {
    return error.what();
  }
  return "nothing thrown";
}

struct DamageCount {
  std::size_t refused = 0, read = 0;
};

namespace detail {

template <class Parse, class Check>
void try_damaged(std::string const& damaged, std::string const& what, Parse const& parse, Check const& check, DamageCount& count) {
  try {
    auto const result = parse(as_bytes(damaged));
    ++count.read;
    EXPECT_TRUE(check(result)) << what << " was read as something impossible";
  } catch (io::FileError const& error) {
    ++count.refused;
    EXPECT_FALSE(error.reason().empty()) << what;
  } catch (std::exception const& error) {
    ADD_FAILURE() << what << ": not a FileError but " << error.what();
  }
}

}  // namespace detail

/// `parse` on every proper prefix of the file.
template <class Parse, class Check>
DamageCount walk_cuts(std::string const& file, Parse const& parse, Check const& check) {
  DamageCount count;
  for (std::size_t length = 0; length < file.size() && !::testing::Test::HasFailure(); ++length) {
    detail::try_damaged(file.substr(0, length), "cut to " + std::to_string(length) + " bytes", parse, check, count);
  }
  return count;
}

/// `parse` on the file with one place changed: single bits, whole bytes, and two, four or eight bytes set to the extremes of an integer.
template <class Parse, class Check>
DamageCount walk_changes(std::string const& file, Parse const& parse, Check const& check) {
  struct Pattern {
    std::size_t width;
    unsigned char keep, flip;  // new = (old & keep) ^ flip; the last byte of a wide pattern is also cut to 7 bits when `positive`
    bool positive;
  };
  static constexpr Pattern patterns[] = {{1, 0xFF, 0x01, false}, {1, 0xFF, 0x04, false}, {1, 0xFF, 0x10, false}, {1, 0xFF, 0x80, false},
                                         {1, 0xFF, 0xFF, false}, {1, 0x00, 0x00, false}, {1, 0x00, '"', false},  {2, 0x00, 0xFF, false},
                                         {4, 0x00, 0xFF, false}, {4, 0x00, 0xFF, true},  {8, 0x00, 0xFF, false}, {8, 0x00, 0xFF, true}};
  DamageCount count;
  for (std::size_t at = 0; at < file.size() && !::testing::Test::HasFailure(); ++at) {
    for (auto const& pattern : patterns) {
      std::string damaged = file;
      for (std::size_t i = at; i < std::min(at + pattern.width, file.size()); ++i) {
        auto const old = static_cast<unsigned char>(damaged[i]);
        damaged[i]     = static_cast<char>((old & pattern.keep) ^ pattern.flip);
        if (pattern.positive && i + 1 == at + pattern.width) damaged[i] = 0x7F;
      }
      if (damaged == file) continue;
      detail::try_damaged(damaged, std::to_string(pattern.width) + " bytes changed at " + std::to_string(at), parse, check, count);
    }
  }
  return count;
}

/// Both walks; the numbers of files refused and read are logged.
template <class Parse, class Check>
void walk_damage(std::string const& file, Parse const& parse, Check const& check) {
  auto const cuts = walk_cuts(file, parse, check), changes = walk_changes(file, parse, check);
  ::testing::Test::RecordProperty("cuts_refused", std::to_string(cuts.refused) + " of " + std::to_string(cuts.refused + cuts.read));
  ::testing::Test::RecordProperty("changes_refused", std::to_string(changes.refused) + " of " + std::to_string(changes.refused + changes.read));
}

}  // namespace ocellus::test
