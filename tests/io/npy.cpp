// SPDX-License-Identifier: Apache-2.0

#include <ocellus/io/npy.hpp>

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "io/damage.hpp"

namespace ocellus::test {
namespace {

/// A file with this dictionary and these data.
std::string npy_file(int version, std::string const& dictionary, std::string const& data) {
  std::string file = std::string("\x93NUMPY") + static_cast<char>(version) + '\0';
  for (int i = 0; i < (version == 1 ? 2 : 4); ++i) file += static_cast<char>(dictionary.size() >> (8 * i) & 255);
  return file + dictionary + data;
}

template <class T>
std::string raw(std::vector<T> const& values) {
  return {reinterpret_cast<char const*>(values.data()), values.size() * sizeof(T)};
}

std::string message_of(std::string const& file) {
  return file_error([&] { (void)io::parse_npy("x.npy", as_bytes(file)); });
}

bool is_consistent(io::NpyArray const& array) {
  std::size_t size = io::size_of(array.type);
  for (auto const e : array.extents) size *= static_cast<std::size_t>(e);
  double sum = 0;
  for (std::size_t i = 0; i < array.size(); ++i) sum += array.at<double>(i) != 0.0;
  return size == array.bytes.size() && sum >= 0;
}

template <class T>
class NpyOf : public ::testing::Test {};
using NpyTypes = ::testing::Types<double, float, float16, std::int64_t, std::int32_t, std::int16_t, std::int8_t, std::uint64_t, std::uint32_t, std::uint16_t,
                                  std::uint8_t, bool>;
TYPED_TEST_SUITE(NpyOf, NpyTypes);

TYPED_TEST(NpyOf, written_is_what_is_read) {
  using T = TypeParam;
  TemporaryFolder const folder;
  auto const tensor = make_host_tensor<T***>("ocellus::test", 2, 3, 5);
  for (std::size_t i = 0; i < tensor.size(); ++i) tensor.data()[i] = static_cast<T>(static_cast<float>(i % 2 == 0 ? i : 0));
  if constexpr (std::numeric_limits<T>::is_specialized) tensor(0, 0, 1) = std::numeric_limits<T>::max(), tensor(0, 0, 2) = std::numeric_limits<T>::lowest();
  io::write_npy(folder / "x.npy", tensor);
  auto const array = io::read_npy(folder / "x.npy");
  EXPECT_EQ(array.extents, (std::vector<std::int64_t>{2, 3, 5}));
  ASSERT_EQ(array.bytes.size(), tensor.size() * sizeof(T));
  EXPECT_EQ(std::memcmp(array.bytes.data(), tensor.data(), array.bytes.size()), 0);
  auto const back = io::read_npy_as<T, 3>(folder / "x.npy");
  EXPECT_EQ(std::memcmp(back.data(), tensor.data(), array.bytes.size()), 0);
  EXPECT_TRUE(array.holds<T>());
  EXPECT_EQ(folder.entries(), 1u);
}

TEST(Npy, reads_what_numpy_wrote) {
  // numpy.save of an int16 array, big-endian, in Fortran order: [[0, -300, -600], [-900, -1200, -1500]].
  std::string const dictionary = "{'descr': '>i2', 'fortran_order': True, 'shape': (2, 3), }" + std::string(59, ' ') + "\n";
  ASSERT_EQ(dictionary.size(), 118u);
  std::string const data("\x00\x00\xfc\x7c\xfe\xd4\xfb\x50\xfd\xa8\xfa\x24", 12);
  auto const array = io::parse_npy("x.npy", as_bytes(npy_file(1, dictionary, data)));
  EXPECT_EQ(array.type, io::NpyType::int16);
  EXPECT_EQ(array.extents, (std::vector<std::int64_t>{2, 3}));
  for (int i = 0; i < 6; ++i) EXPECT_EQ(array.at<int>(static_cast<std::size_t>(i)), -300 * i);
}

TEST(Npy, reads_the_three_versions_any_spacing_and_both_quotes) {
  std::string const data = raw<float>({1.5F, -2.0F});
  for (std::string const dictionary :
       {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n", "{\"shape\":(2,),\"fortran_order\":False,\"descr\":\"<f4\"}",
        "{ 'fortran_order' : False ,\t'shape' : ( 2 , ) , 'descr' : '=f4' } \n"}) {
    for (int version = 1; version <= 3; ++version) {
      auto const array = io::parse_npy("x.npy", as_bytes(npy_file(version, dictionary, data)));
      EXPECT_EQ(array.extents, std::vector<std::int64_t>{2});
      EXPECT_EQ(array.at<float>(0), 1.5F);
      EXPECT_EQ(array.at<float>(1), -2.0F);
    }
  }
}

TEST(Npy, scalars_and_empty_arrays_have_their_shape) {
  auto const scalar = io::parse_npy("x.npy", as_bytes(npy_file(1, "{'descr': '<f8', 'fortran_order': False, 'shape': ()}", raw<double>({0.25}))));
  EXPECT_TRUE(scalar.extents.empty());
  EXPECT_EQ(scalar.at<double>(0), 0.25);
  for (char const* order : {"True", "False"}) {
    auto const empty = io::parse_npy(
        "x.npy", as_bytes(npy_file(1, std::string("{'descr': '<f8', 'fortran_order': ") + order + ", 'shape': (3, 0, 9223372036854775000)}", "")));
    EXPECT_EQ(empty.extents, (std::vector<std::int64_t>{3, 0, 9223372036854775000}));
    EXPECT_EQ(empty.size(), 0u);
  }
  TemporaryFolder const folder;
  io::write_npy(folder / "scalar.npy", HostTensor<float>("ocellus::test"));
  EXPECT_TRUE(io::read_npy(folder / "scalar.npy").extents.empty());
  io::write_npy(folder / "empty.npy", HostTensor<float**>("ocellus::test", 0, 7));
  EXPECT_EQ(io::read_npy(folder / "empty.npy").extents, (std::vector<std::int64_t>{0, 7}));
  EXPECT_EQ((io::read_npy_as<double, 2>(folder / "empty.npy").extent(1)), 7u);
}

TEST(Npy, a_view_of_any_layout_is_written_in_row_major_order) {
  Kokkos::View<std::int32_t***, Kokkos::LayoutLeft, Kokkos::HostSpace> const left("ocellus::test", 2, 3, 4);
  for (int i = 0; i < 24; ++i) left(i / 12, i / 4 % 3, i % 4) = i;
  auto const slice = Kokkos::subview(left, Kokkos::ALL, 1, Kokkos::ALL);
  auto const whole = io::parse_npy("x.npy", as_bytes(io::encode_npy(left))), part = io::parse_npy("x.npy", as_bytes(io::encode_npy(slice)));
  for (std::size_t i = 0; i < 24; ++i) EXPECT_EQ(whole.at<std::size_t>(i), i);
  for (std::size_t i = 0; i < 8; ++i) EXPECT_EQ(part.at<std::size_t>(i), i / 4 * 12 + 4 + i % 4);
}

TEST(Npy, the_data_begin_at_a_multiple_of_64_as_numpy_has_it) {
  for (int rank_1_extent : {1, 9, 10, 99, 100, 123456}) {
    auto const file = io::encode_npy(HostTensor<std::uint8_t*>("ocellus::test", static_cast<std::size_t>(rank_1_extent)));
    EXPECT_EQ((file.size() - static_cast<std::size_t>(rank_1_extent)) % 64, 0u);
  }
}

TEST(Npy, typed_reading_converts_and_checks_the_rank) {
  TemporaryFolder const folder;
  spill(folder / "x.npy", npy_file(1, "{'descr': '>u2', 'fortran_order': True, 'shape': (2, 2)}", std::string("\0\1\0\3\0\2\0\4", 8)));
  auto const tensor = io::read_npy_as<float, 2>(folder / "x.npy");
  EXPECT_EQ(tensor(0, 0), 1.0F);
  EXPECT_EQ(tensor(0, 1), 2.0F);
  EXPECT_EQ(tensor(1, 0), 3.0F);
  EXPECT_EQ(static_cast<float>(io::read_npy_as<bfloat16, 2>(folder / "x.npy")(1, 1)), 4.0F);
  std::string const message = file_error([&] { (void)io::read_npy_as<float, 3>(folder / "x.npy"); });
  EXPECT_NE(message.find("has 2 axes, 3 are expected"), std::string::npos) << message;
  EXPECT_EQ((io::read_npy_as<std::uint16_t, 2>(folder / "x.npy", {.exact = true})(1, 1)), 4);
  EXPECT_NE(file_error([&] { (void)io::read_npy_as<std::int16_t, 2>(folder / "x.npy", {.exact = true}); }).find("of another type"), std::string::npos);
}

TEST(Npy, true_is_one_whatever_the_byte) {
  auto const array = io::parse_npy("x.npy", as_bytes(npy_file(1, "{'descr': '|b1', 'fortran_order': False, 'shape': (3,)}", std::string("\0\x01\x7F", 3))));
  EXPECT_EQ(array.bytes, as_bytes(std::string("\0\1\1", 3)));
}

TEST(Npy, refuses_what_is_not_a_whole_file_of_a_known_kind) {
  auto const with_header = [](std::string const& dictionary) { return message_of(npy_file(1, dictionary, std::string(8, '\0'))); };
  struct Case {
    std::string message, words;
  };
  std::vector<Case> const cases = {
      {message_of(""), "is not an .npy file"},
      {message_of("PK\x03\x04 a zip archive"), "is not an .npy file"},
      {message_of(npy_file(4, "{}", "")), "version 4"},
      {message_of(npy_file(2, "", "").substr(0, 11)), "ends in the header"},
      {message_of(npy_file(3, std::string(50, ' '), "").substr(0, 40)), "the header has 50 bytes"},
      {message_of(std::string("\x93NUMPY\x02\x00\xFF\xFF\xFF\xFF{}", 14)), "the header has 4294967295 bytes"},
      {with_header("{'descr': '<f8', 'fortran_order': False, 'shape': (2,)}"), "needs more than the 8 bytes"},
      {with_header("{'descr': '<f4', 'fortran_order': False, 'shape': (1,)}"), "4 bytes of data are expected, 8 follow"},
      {with_header("{'descr': '<f8', 'fortran_order': False, 'shape': (4294967296, 4294967296, 8)}"), "needs more than"},
      {with_header("{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999999999,)}"), "extent is too large"},
      {with_header("{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}"), "an extent is expected"},
      {with_header("{'descr': '<f8', 'fortran_order': 1, 'shape': (1,)}"), "must be True or False"},
      {with_header("{'descr': '<f8', 'fortran_order': False}"), "is missing"},
      {with_header("{'descr': '<f8', 'descr': '<f8', 'fortran_order': False, 'shape': (1,)}"), "repeated key"},
      {with_header("{'descr': '<f8', 'fortran_order': False, 'shape': (1,), 'more': 1}"), "unexpected or repeated key"},
      {with_header("{'descr': '<f8', 'fortran_order': False, 'shape': (1,)} x"), "behind the dictionary"},
      {with_header("{'descr': '<c8', 'fortran_order': False, 'shape': (1,)}"), "\"<c8\" cannot be read"},
      {with_header("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}"), "\"|O\" cannot be read"},
      {with_header("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (1,)}"), "a quoted string is expected"},
      {with_header("{'descr': '<f8, 'fortran_order': False, 'shape': (1,)}"), "expected"},
      {with_header("{'descr"), "does not end"},
      {with_header("{'descr': '<f8', 'fortran_order': False, 'shape': (" + std::string(33 * 3, '1') + ")}"), "too large"},
      {with_header("{'descr': '<f8', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1)}"),
       "more than 32 axes"}};
  for (auto const& c : cases) EXPECT_NE(c.message.find(c.words), std::string::npos) << c.message << " lacks " << c.words;
}

TEST(Npy, damaged_files_are_refused_or_consistent) {
  auto const parse            = [](std::vector<std::byte> const& file) { return io::parse_npy("x.npy", file); };
  std::string const row_major = npy_file(1, "{'descr': '<i2', 'fortran_order': False, 'shape': (2, 3), }\n", raw<std::int16_t>({1, 2, 3, 4, 5, 6}));
  std::string const fortran   = npy_file(2, "{'descr': '>f4', 'fortran_order': True, 'shape': (2, 1, 3), }\n", std::string(24, '?'));
  for (auto const& file : {row_major, fortran}) {
    EXPECT_EQ(walk_cuts(file, parse, is_consistent).read, 0u) << "a cut file was read";
    walk_damage(file, parse, is_consistent);
  }
}

}  // namespace
}  // namespace ocellus::test
