// SPDX-License-Identifier: Apache-2.0

#include <ocellus/io/image.hpp>

#include <gtest/gtest.h>

#include <string>

#include "io/damage.hpp"
#include "io/image_samples.hpp"

namespace ocellus::test {
namespace {

TEST(Image, is_told_by_its_first_bytes_not_by_its_name) {
  TemporaryFolder const folder;
  auto const image = sample_image(io::PixelType::uint16, 1, 1, 6, 5);
  io::write_png(folder / "a.tif", image);
  io::write_tiff(folder / "b.png", image);
  io::write_tiff(folder / "no_extension", image, {.compress = false});
  for (char const* name : {"a.tif", "b.png", "no_extension"}) EXPECT_TRUE(equal(io::read_image(folder / name), image)) << name;
}

TEST(Image, what_is_neither_tiff_nor_png_is_refused) {
  TemporaryFolder const folder;
  for (std::string const& text : {std::string(), std::string("II"), std::string("\xFF\xD8\xFF\xE0 a JPEG"), std::string("\x89PNG\n")}) {
    spill(folder / "x", text);
    std::string const message = file_error([&] { (void)io::read_image(folder / "x"); });
    EXPECT_NE(message.find("is neither a TIFF nor a PNG file"), std::string::npos) << message;
  }
  EXPECT_NE(file_error([&] { (void)io::read_image(folder / "absent"); }).find("No such file"), std::string::npos);
}

TEST(Image, limits_hold_for_both) {
  auto const image = sample_image(io::PixelType::uint8, 1, 1, 20, 20);
  for (auto const& file : {io::encode_png(image), io::encode_tiff(image)}) {
    EXPECT_NE(file_error([&] { (void)io::parse_image("x", as_bytes(file), {.decoded_bytes = 399}); }), "nothing thrown");
    EXPECT_TRUE(equal(io::parse_image("x", as_bytes(file), {.decoded_bytes = 400}), image));
  }
}

TEST(Image, damaged_files_are_refused_or_consistent) {
  auto const read  = [](std::vector<std::byte> const& file) { return io::parse_image("x", file); };
  auto const image = sample_image(io::PixelType::uint8, 1, 1, 3, 4);
  for (auto const& file : {io::encode_png(image), io::encode_tiff(image)}) walk_damage(file, read, is_consistent);
}

}  // namespace
}  // namespace ocellus::test
