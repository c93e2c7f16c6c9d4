// SPDX-License-Identifier: Apache-2.0

#include <ocellus/io/safetensors.hpp>

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "io/damage.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

std::string container(std::string const& header, std::string const& buffer) {
  std::string file;
  for (int i = 0; i < 8; ++i) file += static_cast<char>(static_cast<std::uint64_t>(header.size()) >> (8 * i) & 255);
  return file + header + buffer;
}

io::Safetensors parse(std::string const& file) { return io::parse_safetensors("x.safetensors", as_bytes(file)); }
std::string message_of(std::string const& file) {
  return file_error([&] { (void)parse(file); });
}

bool is_consistent(io::Safetensors const& content) {
  bool good = true;
  for (auto const& tensor : content.tensors) {
    std::size_t size = io::detail::safetensors_type(tensor.type).size;
    for (auto const e : tensor.extents) size *= static_cast<std::size_t>(e);
    good = good && size == tensor.bytes.size();
    for (std::size_t i = 0; i < tensor.size(); ++i) (void)tensor.at(i);
  }
  return good;
}

/// The example of the format's description, spelled by hand: two tensors, the second declared first, and a note.
std::string example() {
  std::string const header = R"({"__metadata__":{"format":"pt"},"second":{"dtype":"I16","shape":[2,2],"data_offsets":[8,16]},)"
                             R"("first":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}   )";
  return container(header, std::string("\0\0\x80\x3F\0\0\x20\xC0\x01\0\xFF\xFF\x03\0\0\x80", 16));
}

TEST(Safetensors, reads_names_types_shapes_data_and_metadata) {
  auto const content = parse(example());
  ASSERT_EQ(content.tensors.size(), 2u);
  EXPECT_EQ(content.tensors[0].name, "first") << "in the order of their data";
  EXPECT_EQ(content.tensors[1].name, "second");
  EXPECT_EQ(content.metadata, (std::map<std::string, std::string>{{"format", "pt"}}));
  auto const* const first  = content.find("first");
  auto const* const second = content.find("second");
  ASSERT_TRUE(first != nullptr && second != nullptr);
  EXPECT_EQ(first->type, io::SafetensorsType::F32);
  EXPECT_EQ(first->at(0), 1.0);
  EXPECT_EQ(first->at(1), -2.5);
  EXPECT_EQ(second->extents, (std::vector<std::int64_t>{2, 2}));
  EXPECT_EQ(second->at(1), -1.0);
  EXPECT_EQ(second->at(3), -32768.0);
  EXPECT_EQ(content.find("third"), nullptr);
}

TEST(Safetensors, the_smallest_file_holds_nothing) {
  auto const content = parse(container("{}", ""));
  EXPECT_TRUE(content.tensors.empty());
  EXPECT_TRUE(content.metadata.empty());
}

TEST(Safetensors, scalars_and_empty_tensors_are_allowed) {
  auto const content = parse(container(R"({"e":{"dtype":"F64","shape":[3,0],"data_offsets":[0,0]},)"
                                       R"("s":{"dtype":"U8","shape":[],"data_offsets":[0,1]},"z":{"dtype":"U8","shape":[0],"data_offsets":[1,1]}})",
                                       "\x07"));
  ASSERT_EQ(content.tensors.size(), 3u);
  EXPECT_TRUE(content.find("s")->extents.empty());
  EXPECT_EQ(content.find("s")->at(0), 7.0);
  EXPECT_EQ(content.find("e")->extents, (std::vector<std::int64_t>{3, 0}));
  EXPECT_EQ(content.find("e")->size(), 0u);
}

template <class T>
class SafetensorsOf : public ::testing::Test {};
using SafetensorsTypes = ::testing::Types<double, float, float16, bfloat16, std::int64_t, std::int32_t, std::int16_t, std::int8_t, std::uint64_t, std::uint32_t,
                                          std::uint16_t, std::uint8_t, bool>;
TYPED_TEST_SUITE(SafetensorsOf, SafetensorsTypes);

TYPED_TEST(SafetensorsOf, written_is_what_is_read) {
  using T = TypeParam;
  TemporaryFolder const folder;
  auto const tensor = make_host_tensor<T**>("ocellus::test", 3, 5);
  for (std::size_t i = 0; i < tensor.size(); ++i) tensor.data()[i] = static_cast<T>(static_cast<float>(i % 3));
  io::Safetensors content;
  content.add("blocks.0.norm1.weight", tensor);
  content.metadata["note"] = "a \"quoted\" note,\nin two lines";
  io::write_safetensors(folder / "x.safetensors", content);
  auto const back = io::read_safetensors(folder / "x.safetensors");
  ASSERT_EQ(back.tensors.size(), 1u);
  EXPECT_EQ(back.tensors[0].type, io::Safetensors::type_of<T>());
  EXPECT_EQ(back.tensors[0].extents, (std::vector<std::int64_t>{3, 5}));
  EXPECT_EQ(back.tensors[0].bytes.size(), 15 * sizeof(T));
  EXPECT_EQ(std::memcmp(back.tensors[0].bytes.data(), tensor.data(), 15 * sizeof(T)), 0);
  for (std::size_t i = 0; i < 15; ++i) EXPECT_EQ(back.tensors[0].at(i), static_cast<double>(static_cast<T>(static_cast<float>(i % 3))));
  EXPECT_EQ(back.metadata, content.metadata);
  EXPECT_EQ(folder.entries(), 1u);
}

TEST(Safetensors, written_tensors_are_aligned_and_otherwise_in_the_given_order) {
  io::Safetensors content;
  content.add("byte", HostTensor<std::uint8_t*>("ocellus::test", 3));
  content.add("b", HostTensor<float*>("ocellus::test", 1));
  content.add("a", HostTensor<float*>("ocellus::test", 5));
  content.add("double", HostTensor<double*>("ocellus::test", 1));
  auto const file   = io::encode_safetensors(content);
  auto const length = static_cast<std::size_t>(static_cast<unsigned char>(file[0])) + (static_cast<std::size_t>(static_cast<unsigned char>(file[1])) << 8);
  EXPECT_EQ(length % 8, 0u);
  auto const back = parse(file);
  std::vector<std::string> names;
  for (auto const& t : back.tensors) names.push_back(t.name);
  EXPECT_EQ(names, (std::vector<std::string>{"double", "b", "a", "byte"}));
}

TEST(Safetensors, names_to_be_written_are_unique_and_not_reserved) {
  for (std::string const name : {"", "__metadata__", "twice"}) {
    io::Safetensors content;
    content.add("twice", HostTensor<float*>("ocellus::test", 1));
    content.add(name, HostTensor<float*>("ocellus::test", 1));
    EXPECT_NE(refusal([&] { (void)io::encode_safetensors(content); }).find("ocellus::io::encode_safetensors: the name \"" + name + "\""), std::string::npos);
  }
}

TEST(Safetensors, a_tensor_whose_bytes_do_not_fit_and_text_that_is_no_utf8_are_not_written) {
  io::Safetensors content;
  content.tensors.push_back({"t", io::SafetensorsType::F32, {3}, std::vector<std::byte>(4)});
  std::string const message = refusal([&] { (void)io::encode_safetensors(content); });
  EXPECT_NE(message.find("the tensor \"t\" holds 4 bytes, its type and extents need 12"), std::string::npos) << message;
  content.tensors[0].extents = {-1};
  EXPECT_NE(refusal([&] { (void)io::encode_safetensors(content); }), "nothing thrown");
  content.tensors[0].extents = {1};
  content.metadata["note"]   = "\xFF";
  EXPECT_NE(refusal([&] { (void)io::encode_safetensors(content); }).find("cannot be written"), std::string::npos);
}

TEST(Safetensors, refuses_what_breaks_a_rule_of_the_format) {
  auto const tensor = [](std::string const& entry, std::string const& buffer = std::string(8, '\0')) {
    return message_of(container("{\"t\":" + entry + "}", buffer));
  };
  auto const header = [](std::string const& text) { return message_of(container(text, "")); };
  struct Case {
    std::string message, words;
  };
  std::string const u8_0_4 = R"({"dtype":"U8","shape":[4],"data_offsets":[0,4]})", u8_4_8 = R"({"dtype":"U8","shape":[4],"data_offsets":[4,8]})",
                    u8_2_6 = R"({"dtype":"U8","shape":[4],"data_offsets":[2,6]})";
  auto const two = [&](std::string const& a, std::string const& b) { return message_of(container("{\"a\":" + a + ",\"b\":" + b + "}", std::string(8, '\0'))); };
  std::vector<Case> const cases = {{message_of(""), "has only 0 bytes"},
                                   {message_of("1234567"), "has only 7 bytes"},
                                   {message_of(std::string("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF{}", 10)), "more than the format allows"},
                                   {message_of(std::string("\x01\xE1\xF5\x05\0\0\0\0{}", 10)), "100000001 bytes, more than the format allows"},
                                   {message_of(std::string("\x00\xE1\xF5\x05\0\0\0\0{}", 10)), "the file has 10"},
                                   {header(""), "does not begin with {"},
                                   {header(" {}"), "does not begin with {"},
                                   {header("[1]"), "does not begin with {"},
                                   {header("{\"a\":}"), "is no JSON"},
                                   {header("{} x"), "is no JSON"},
                                   {header("{\"\xFF\":1}"), "is no JSON"},
                                   {header("{" + std::string(20000, '[')), "is no JSON"},
                                   {header(R"({"__metadata__":3})"), "__metadata__ is no object"},
                                   {header(R"({"__metadata__":{"a":3}})"), "no string under \"a\""},
                                   {header(R"({"__metadata__":{"a":"1","a":"2"}})"), "\"a\" occurs twice"},
                                   {two(u8_0_4, u8_2_6), "tensor \"b\": overlaps another"},
                                   {two(u8_0_4, u8_0_4), "overlaps another"},
                                   {message_of(container("{\"a\":" + u8_0_4 + ",\"a\":" + u8_4_8 + "}", std::string(8, '\0'))), "\"a\" occurs twice"},
                                   {tensor(u8_4_8), "tensor \"t\": leaves a hole before it"},
                                   {tensor(u8_0_4), "cover 4 of 8 bytes"},
                                   {tensor(R"({"dtype":"U8","shape":[16],"data_offsets":[0,16]})"), "do not lie in the buffer of 8 bytes"},
                                   {tensor(R"({"dtype":"U8","shape":[4],"data_offsets":[8,4]})"), "do not lie in the buffer"},
                                   {tensor(R"({"dtype":"U8","shape":[0],"data_offsets":[18446744073709551615,0]})"), "do not lie in the buffer"},
                                   {tensor(R"({"dtype":"U8","shape":[7],"data_offsets":[0,8]})"), "the shape needs 7 bytes, data_offsets give 8"},
                                   {tensor(R"({"dtype":"F32","shape":[4611686018427387905,2],"data_offsets":[0,8]})"), "the shape is too large"},
                                   {tensor(R"({"dtype":"F32","shape":[-2],"data_offsets":[0,8]})"), "no whole number"},
                                   {tensor(R"({"dtype":"F32","shape":[2.0],"data_offsets":[0,8]})"), "no whole number"},
                                   {tensor(R"({"dtype":"F32","shape":2,"data_offsets":[0,8]})"), "list of at most 64"},
                                   {tensor(R"({"dtype":"F32","shape":[2],"data_offsets":[0,8,8]})"), "two whole numbers"},
                                   {tensor(R"({"dtype":"F32","shape":[2],"data_offsets":[0.0,8]})"), "two whole numbers"},
                                   {tensor(R"({"dtype":"F32","shape":[2],"data_offsets":{"0":0}})"), "two whole numbers"},
                                   {tensor(R"({"dtype":"f32","shape":[2],"data_offsets":[0,8]})"), "\"f32\" is unknown"},
                                   {tensor(R"({"dtype":3,"shape":[2],"data_offsets":[0,8]})"), "the type 3 is unknown"},
                                   {tensor(R"({"dtype":"F32","shape":[2]})"), "needs dtype, shape and data_offsets"},
                                   {tensor("[]"), "needs dtype, shape and data_offsets"},
                                   {tensor("null"), "needs dtype, shape and data_offsets"}};
  for (auto const& c : cases) EXPECT_NE(c.message.find(c.words), std::string::npos) << c.message << " lacks " << c.words;
}

TEST(Safetensors, deep_nesting_is_refused_without_a_deep_stack) {
  std::size_t const depth = 20000;
  std::string objects;
  for (std::size_t i = 0; i < depth; ++i) objects += "{\"a\":";
  objects += "1" + std::string(depth, '}');
  EXPECT_NE(message_of(container(objects, "")), "nothing thrown");
  EXPECT_NE(message_of(container("{\"a\":" + std::string(depth, '[') + std::string(depth, ']') + "}", "")), "nothing thrown");
}

TEST(Safetensors, damaged_files_are_refused_or_consistent) {
  auto const read = [](std::vector<std::byte> const& file) { return io::parse_safetensors("x.safetensors", file); };
  EXPECT_EQ(walk_cuts(example(), read, is_consistent).read, 0u) << "a cut file was read";
  walk_damage(example(), read, is_consistent);
}

}  // namespace
}  // namespace ocellus::test
