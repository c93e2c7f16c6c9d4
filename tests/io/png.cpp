// SPDX-License-Identifier: Apache-2.0

#include <ocellus/io/png.hpp>

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "io/damage.hpp"
#include "io/image_samples.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

/// A file of any kind that libpng writes, from rows as the file holds them (16 bits: big-endian).
struct PngSpec {
  std::uint32_t width = 1, height = 1;
  int depth = 8, color = PNG_COLOR_TYPE_GRAY, interlace = PNG_INTERLACE_NONE;
  std::vector<png_color> palette = {};
  std::vector<png_byte> opacity  = {};
};

std::string make_png(PngSpec const& spec, std::vector<std::vector<png_byte>> rows) {
  std::string bytes;
  io::detail::PngState state;
  state.written   = &bytes;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &state, nullptr, io::detail::png_ignore);
  png_infop info  = png_create_info_struct(png);
  png_set_write_fn(png, &state, io::detail::png_put, io::detail::png_flush_nothing);
  png_set_IHDR(png, info, spec.width, spec.height, spec.depth, spec.color, spec.interlace, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  if (!spec.palette.empty()) png_set_PLTE(png, info, spec.palette.data(), static_cast<int>(spec.palette.size()));
  if (!spec.opacity.empty()) png_set_tRNS(png, info, spec.opacity.data(), static_cast<int>(spec.opacity.size()), nullptr);
  png_write_info(png, info);
  std::vector<png_bytep> pointers;
  for (auto& row : rows) pointers.push_back(row.data());
  png_write_image(png, pointers.data());
  png_write_end(png, info);
  png_destroy_write_struct(&png, &info);
  return bytes;
}

io::Image parse(std::string const& file, io::ImageLimits const& limits = {}) { return io::parse_png("x.png", as_bytes(file), limits); }

std::vector<int> pixels(io::Image const& image) {
  std::vector<int> values;
  for (std::size_t i = 0; i < image.size(); ++i) values.push_back(image.at<int>(i));
  return values;
}

TEST(Png, written_is_what_is_read) {
  TemporaryFolder const folder;
  for (auto const type : {io::PixelType::uint8, io::PixelType::uint16}) {
    for (std::int64_t const channels : {1, 3}) {
      for (std::int64_t const width : {1, 17, 64}) {
        auto const image = sample_image(type, 1, channels, 13, width);
        io::write_png(folder / "x.png", image);
        EXPECT_TRUE(equal(io::read_png(folder / "x.png"), image)) << channels << " channels, width " << width;
      }
    }
  }
  EXPECT_EQ(folder.entries(), 1u);
}

TEST(Png, sixteen_bits_keep_their_byte_order) {
  auto const image = parse(make_png({2, 1, 16}, {{0x01, 0x02, 0xFF, 0x00}}));
  EXPECT_EQ(image.type, io::PixelType::uint16);
  EXPECT_EQ(pixels(image), (std::vector<int>{0x0102, 0xFF00}));
}

TEST(Png, fewer_bits_are_widened_to_eight) {
  EXPECT_EQ(pixels(parse(make_png({8, 1, 1}, {{0xA5}}))), (std::vector<int>{255, 0, 255, 0, 0, 255, 0, 255}));
  EXPECT_EQ(pixels(parse(make_png({4, 1, 2}, {{0x1B}}))), (std::vector<int>{0, 85, 170, 255}));
  EXPECT_EQ(pixels(parse(make_png({2, 1, 4}, {{0x0F}}))), (std::vector<int>{0, 255}));
}

TEST(Png, a_palette_becomes_rgb_planes) {
  PngSpec spec{3, 1, 8, PNG_COLOR_TYPE_PALETTE};
  spec.palette     = {{10, 20, 30}, {40, 50, 60}};
  auto const image = parse(make_png(spec, {{1, 0, 1}}));
  EXPECT_EQ(image.channels, 3);
  EXPECT_EQ(pixels(image), (std::vector<int>{40, 10, 40, 50, 20, 50, 60, 30, 60}));
}

TEST(Png, the_opacity_of_a_palette_is_dropped) {
  PngSpec spec{2, 1, 8, PNG_COLOR_TYPE_PALETTE};
  spec.palette     = {{10, 20, 30}, {40, 50, 60}};
  spec.opacity     = {0, 128};
  auto const image = parse(make_png(spec, {{1, 0}}));
  EXPECT_EQ(image.channels, 3);
  EXPECT_EQ(pixels(image), (std::vector<int>{40, 10, 50, 20, 60, 30}));
}

TEST(Png, alpha_is_dropped) {
  auto const grey = parse(make_png({2, 1, 8, PNG_COLOR_TYPE_GRAY_ALPHA}, {{7, 0, 9, 128}}));
  EXPECT_EQ(grey.channels, 1);
  EXPECT_EQ(pixels(grey), (std::vector<int>{7, 9}));
  auto const rgb = parse(make_png({2, 1, 16, PNG_COLOR_TYPE_RGB_ALPHA}, {{0, 1, 0, 2, 0, 3, 0, 0, 0, 4, 0, 5, 0, 6, 0xFF, 0xFF}}));
  EXPECT_EQ(rgb.channels, 3);
  EXPECT_EQ(pixels(rgb), (std::vector<int>{1, 4, 2, 5, 3, 6}));
}

TEST(Png, interlaced_files_give_the_same_pixels) {
  std::vector<std::vector<png_byte>> rows(11, std::vector<png_byte>(9));
  for (std::size_t y = 0; y < 11; ++y) {
    for (std::size_t x = 0; x < 9; ++x) rows[y][x] = static_cast<png_byte>(y * 9 + x);
  }
  PngSpec spec{9, 11};
  auto const plain = parse(make_png(spec, rows));
  spec.interlace   = PNG_INTERLACE_ADAM7;
  EXPECT_TRUE(equal(parse(make_png(spec, rows)), plain));
}

TEST(Png, a_small_file_cannot_ask_for_much_memory) {
  // The header of a black image of 2^20 x 2^20 pixels with a correct checksum, and nothing behind it.
  std::string file = make_png({16, 16}, std::vector<std::vector<png_byte>>(16, std::vector<png_byte>(16)));
  auto const claim = [&](std::uint32_t width, std::uint32_t height) {
    std::string header = "IHDR";
    for (std::uint32_t const side : {width, height}) {
      for (int shift = 24; shift >= 0; shift -= 8) header += static_cast<char>(side >> shift & 255);
    }
    header += file.substr(24, 5);
    std::uint32_t crc = 0xFFFFFFFFU;
    for (char const c : header) {
      crc ^= static_cast<unsigned char>(c);
      for (int bit = 0; bit < 8; ++bit) crc = crc & 1U ? crc >> 1 ^ 0xEDB88320U : crc >> 1;
    }
    crc = ~crc;
    for (int shift = 24; shift >= 0; shift -= 8) header += static_cast<char>(crc >> shift & 255);
    return file.substr(0, 12) + header + file.substr(33);
  };
  EXPECT_EQ(parse(claim(16, 16)).width, 16) << "the helper spells headers rightly";
  for (auto const& [width, height] :
       {std::pair{1U << 20, 1U << 20}, std::pair{50000U, 50000U}, std::pair{0x7FFFFFFFU, 0x7FFFFFFFU}, std::pair{16U, 1U << 20}}) {
    std::string const message = file_error([&, w = width, h = height] { (void)parse(claim(w, h)); });
    EXPECT_NE(message, "nothing thrown") << width << " x " << height;
  }
  EXPECT_NE(file_error([&] { (void)parse(claim(1 << 20, 1 << 20)); }).find("claims 1048576 x 1048576 pixels"), std::string::npos);
  std::string const limited = file_error([&] { (void)parse(file, {.decoded_bytes = 255}); });
  EXPECT_NE(limited.find("claims 16 x 16 pixels"), std::string::npos) << limited;
  EXPECT_EQ(parse(file, {.decoded_bytes = 256}).height, 16);
}

TEST(Png, what_a_file_cannot_hold_is_refused_and_nothing_is_written) {
  TemporaryFolder const folder;
  auto const refused = [&](io::Image const& image) { return refusal([&] { io::write_png(folder / "x.png", image); }); };
  EXPECT_NE(refused(sample_image(io::PixelType::uint8, 2, 1, 3, 3)).find("ocellus::io::encode_png: a PNG file holds 1 page"), std::string::npos);
  EXPECT_NE(refused(sample_image(io::PixelType::uint8, 1, 2, 3, 3)).find("1 or 3 channels, not 1 of 2"), std::string::npos);
  EXPECT_NE(refused(sample_image(io::PixelType::float32, 1, 1, 3, 3)).find("8 or 16 bits"), std::string::npos);
  EXPECT_NE(refused(sample_image(io::PixelType::uint8, 1, 1, 0, 3)).find("the image is 3 x 0"), std::string::npos);
  auto image = sample_image(io::PixelType::uint8, 1, 1, 3, 3);
  image.bytes.pop_back();
  EXPECT_NE(refused(image).find("holds 8 bytes, not 9"), std::string::npos);
  EXPECT_EQ(folder.entries(), 0u);
}

TEST(Png, messages_name_the_file_and_the_reason) {
  std::string const message = file_error([] { (void)parse("text"); });
  EXPECT_NE(message.find("x.png, byte"), std::string::npos) << message;
  EXPECT_NE(message.find("damaged PNG: "), std::string::npos) << message;
}

TEST(Png, damaged_files_are_refused_or_give_the_same_pixels) {
  auto const read = [](std::vector<std::byte> const& file) { return io::parse_png("x.png", file); };
  PngSpec palette{5, 3, 4, PNG_COLOR_TYPE_PALETTE, PNG_INTERLACE_ADAM7};
  palette.palette = {{1, 2, 3}, {4, 5, 6}, {7, 8, 9}};
  for (std::string const& file :
       {io::encode_png(sample_image(io::PixelType::uint16, 1, 1, 5, 7)), io::encode_png(sample_image(io::PixelType::uint8, 1, 3, 4, 3)),
        make_png(palette, {{0x01, 0x20, 0x10}, {0x21, 0x02, 0x20}, {0x00, 0x11, 0x20}})}) {
    auto const original = parse(file);
    EXPECT_EQ(walk_cuts(file, read, is_consistent).read, 0u) << "a cut file was read";
    // Every chunk carries a checksum, so a change is either noticed or does not matter.
    walk_damage(file, read, [&](io::Image const& image) { return equal(image, original); });
  }
}

}  // namespace
}  // namespace ocellus::test
