// SPDX-License-Identifier: Apache-2.0

#include <ocellus/io/image_data.hpp>

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "support/message.hpp"

namespace ocellus::test {
namespace {

template <class T>
io::Image image_of(io::PixelType type, std::int64_t pages, std::int64_t channels, std::int64_t height, std::int64_t width) {
  io::Image image;
  image.type  = type;
  image.pages = pages, image.channels = channels, image.height = height, image.width = width;
  std::vector<T> pixels(static_cast<std::size_t>(pages * channels * height * width));
  for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<T>(i + 1);
  image.bytes.resize(pixels.size() * sizeof(T));
  std::memcpy(image.bytes.data(), pixels.data(), image.bytes.size());
  return image;
}

TEST(ImageData, a_page_as_floats_has_its_channels_rows_and_columns) {
  auto const image  = image_of<std::uint16_t>(io::PixelType::uint16, 2, 3, 4, 5);
  auto const second = image.to_float(1);
  EXPECT_EQ(image.size(), 120u);
  ASSERT_EQ(second.extent(0), 3u);
  ASSERT_EQ(second.extent(1), 4u);
  ASSERT_EQ(second.extent(2), 5u);
  for (int c = 0; c < 3; ++c) {
    for (int y = 0; y < 4; ++y) {
      for (int x = 0; x < 5; ++x) EXPECT_EQ(second(c, y, x), static_cast<float>(60 + c * 20 + y * 5 + x + 1));
    }
  }
  EXPECT_EQ(image.to_float(0, 1.0 / image.full_scale())(0, 0, 1), static_cast<float>(2.0 / 65535.0));
}

TEST(ImageData, a_page_that_is_not_there_is_refused) {
  auto image = image_of<std::uint8_t>(io::PixelType::uint8, 2, 1, 2, 2);
  EXPECT_NE(refusal([&] { (void)image.to_float(2); }).find("ocellus::io::Image::to_float: page 2 is asked for but the image has 2"), std::string::npos);
  EXPECT_NE(refusal([&] { (void)image.to_float(-1); }), "nothing thrown");
  image.bytes.pop_back();
  EXPECT_NE(refusal([&] { (void)image.to_float(1); }).find("the image holds 7 pixels"), std::string::npos);
}

TEST(ImageData, each_type_has_its_size_and_full_scale) {
  auto const bytes = image_of<std::uint8_t>(io::PixelType::uint8, 1, 1, 2, 2);
  auto const words = image_of<std::uint32_t>(io::PixelType::uint32, 1, 1, 2, 2);
  auto const reals = image_of<float>(io::PixelType::float32, 1, 1, 2, 2);
  EXPECT_EQ(bytes.full_scale(), 255.0);
  EXPECT_EQ(words.full_scale(), 4294967295.0);
  EXPECT_EQ(reals.full_scale(), 1.0);
  EXPECT_EQ(io::size_of(io::PixelType::uint16), 2u);
  for (auto const* image : {&bytes, &words, &reals}) {
    EXPECT_EQ(image->size(), 4u);
    EXPECT_EQ(image->at<int>(3), 4);
    EXPECT_EQ(image->at<double>(2), 3.0);
  }
}

}  // namespace
}  // namespace ocellus::test
