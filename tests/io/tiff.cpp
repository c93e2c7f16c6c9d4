// SPDX-License-Identifier: Apache-2.0

#include <ocellus/io/tiff.hpp>

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "io/damage.hpp"
#include "io/image_samples.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

/// How libtiff shall store an image.
struct TiffSpec {
  int compression = COMPRESSION_NONE, predictor = PREDICTOR_NONE, photometric = PHOTOMETRIC_MINISBLACK;
  bool planes        = false;  ///< channels apart, not interleaved
  std::uint32_t tile = 0;      ///< 0: strips of 3 rows
  char const* mode   = "wm";   ///< with "b" big-endian, with "8" BigTIFF
  int bits = 0, format = 0;    ///< 0: as the image has them
};

std::string make_tiff(io::Image const& image, TiffSpec const& spec) {
  std::string bytes;
  io::detail::TiffMemory memory;
  memory.written         = &bytes;
  auto tiff              = io::detail::open_tiff(memory, "memory", spec.mode);
  std::size_t const unit = io::size_of(image.type), plane = static_cast<std::size_t>(image.height * image.width);
  auto const channels = static_cast<std::size_t>(image.channels), width = static_cast<std::size_t>(image.width),
             height = static_cast<std::size_t>(image.height);
  for (std::size_t page = 0; page < static_cast<std::size_t>(image.pages); ++page) {
    TIFF* const t = tiff.get();
    TIFFSetField(t, TIFFTAG_IMAGEWIDTH, static_cast<std::uint32_t>(width));
    TIFFSetField(t, TIFFTAG_IMAGELENGTH, static_cast<std::uint32_t>(height));
    TIFFSetField(t, TIFFTAG_BITSPERSAMPLE, spec.bits != 0 ? spec.bits : static_cast<int>(unit * 8));
    TIFFSetField(t, TIFFTAG_SAMPLESPERPIXEL, static_cast<int>(channels));
    TIFFSetField(t, TIFFTAG_SAMPLEFORMAT, spec.format != 0 ? spec.format : image.type == io::PixelType::float32 ? SAMPLEFORMAT_IEEEFP : SAMPLEFORMAT_UINT);
    TIFFSetField(t, TIFFTAG_PHOTOMETRIC, spec.photometric);
    TIFFSetField(t, TIFFTAG_PLANARCONFIG, spec.planes ? PLANARCONFIG_SEPARATE : PLANARCONFIG_CONTIG);
    TIFFSetField(t, TIFFTAG_COMPRESSION, spec.compression);
    if (spec.predictor != PREDICTOR_NONE) TIFFSetField(t, TIFFTAG_PREDICTOR, spec.predictor);
    if (spec.photometric == PHOTOMETRIC_PALETTE) {
      std::vector<std::uint16_t> map(std::size_t{1} << (8 * unit), 7);
      TIFFSetField(t, TIFFTAG_COLORMAP, map.data(), map.data(), map.data());
    }
    std::size_t const block_width = spec.tile != 0 ? spec.tile : width, block_height = spec.tile != 0 ? spec.tile : 3;
    if (spec.tile != 0) {
      TIFFSetField(t, TIFFTAG_TILEWIDTH, spec.tile);
      TIFFSetField(t, TIFFTAG_TILELENGTH, spec.tile);
    } else {
      TIFFSetField(t, TIFFTAG_ROWSPERSTRIP, static_cast<std::uint32_t>(block_height));
    }
    std::size_t const passes = spec.planes ? channels : 1, together = channels / passes;
    for (std::size_t pass = 0; pass < passes; ++pass) {
      for (std::size_t top = 0; top < height; top += block_height) {
        for (std::size_t left = 0; left < width; left += block_width) {
          std::size_t const rows = spec.tile != 0 ? block_height : std::min(block_height, height - top);
          std::vector<std::byte> block(rows * block_width * together * unit);
          for (std::size_t y = 0; y < rows && top + y < height; ++y) {
            for (std::size_t x = 0; x < block_width && left + x < width; ++x) {
              for (std::size_t c = 0; c < together; ++c) {
                std::size_t const from = (page * channels + pass + c) * plane + (top + y) * width + left + x;
                std::memcpy(block.data() + ((y * block_width + x) * together + c) * unit, image.bytes.data() + from * unit, unit);
              }
            }
          }
          auto const number = spec.tile != 0
                                  ? TIFFComputeTile(t, static_cast<std::uint32_t>(left), static_cast<std::uint32_t>(top), 0, static_cast<std::uint16_t>(pass))
                                  : TIFFComputeStrip(t, static_cast<std::uint32_t>(top), static_cast<std::uint16_t>(pass));
          auto const size   = static_cast<tmsize_t>(block.size());
          EXPECT_GE(spec.tile != 0 ? TIFFWriteEncodedTile(t, number, block.data(), size) : TIFFWriteEncodedStrip(t, number, block.data(), size), 0)
              << memory.message;
        }
      }
    }
    EXPECT_NE(TIFFWriteDirectory(t), 0) << memory.message;
  }
  tiff.reset();
  return bytes;
}

io::Image parse(std::string const& file, io::ImageLimits const& limits = {}) { return io::parse_tiff("x.tif", as_bytes(file), limits); }
std::string message_of(std::string const& file, io::ImageLimits const& limits = {}) {
  return file_error([&] { (void)parse(file, limits); });
}

constexpr std::array all_types = {io::PixelType::uint8, io::PixelType::uint16, io::PixelType::uint32, io::PixelType::float32};

TEST(Tiff, written_is_what_is_read) {
  TemporaryFolder const folder;
  for (auto const type : all_types) {
    for (bool const compress : {false, true}) {
      for (std::int64_t const width : {1, 17, 300}) {
        auto image = sample_image(type, 2, 1, 130, width);
        io::write_tiff(folder / "x.tif", image, {.compress = compress});
        EXPECT_TRUE(equal(io::read_tiff(folder / "x.tif"), image)) << "width " << width;
      }
    }
  }
  EXPECT_EQ(folder.entries(), 1u);
}

TEST(Tiff, every_channel_of_every_page_is_written_as_a_page) {
  auto const image = sample_image(io::PixelType::uint8, 2, 3, 5, 4);
  auto const back  = parse(io::encode_tiff(image));
  EXPECT_EQ(back.pages, 6);
  EXPECT_EQ(back.channels, 1);
  EXPECT_EQ(back.bytes, image.bytes);
}

TEST(Tiff, strips_tiles_planes_byte_orders_and_big_files_give_the_same_pixels) {
  for (auto const type : all_types) {
    for (std::int64_t const channels : {1, 3}) {
      auto const image = sample_image(type, 2, channels, 37, 21);
      for (char const* mode : {"wm", "wbm", "w8m"}) {
        for (std::uint32_t const tile : {0U, 16U, 48U}) {
          for (bool const planes : {false, true}) {
            TiffSpec const spec{.photometric = channels == 3 ? PHOTOMETRIC_RGB : PHOTOMETRIC_MINISBLACK, .planes = planes, .tile = tile, .mode = mode};
            EXPECT_TRUE(equal(parse(make_tiff(image, spec)), image)) << mode << ", " << channels << " channels, tile " << tile << (planes ? ", planes" : "");
          }
        }
      }
    }
  }
}

TEST(Tiff, every_lossless_compression_that_libtiff_has_is_read) {
  std::string tested;
  for (int const compression :
       {COMPRESSION_LZW, COMPRESSION_ADOBE_DEFLATE, COMPRESSION_DEFLATE, COMPRESSION_PACKBITS, COMPRESSION_LZMA, COMPRESSION_ZSTD, COMPRESSION_LERC}) {
    if (TIFFIsCODECConfigured(static_cast<std::uint16_t>(compression)) == 0) continue;
    tested += std::to_string(compression) + " ";
    for (auto const type : {io::PixelType::uint8, io::PixelType::uint16, io::PixelType::float32}) {
      auto const image = sample_image(type, 1, 1, 37, 21);
      for (std::uint32_t const tile : {0U, 16U}) {
        EXPECT_TRUE(equal(parse(make_tiff(image, {.compression = compression, .tile = tile})), image)) << "compression " << compression;
        bool const predicts = compression == COMPRESSION_LZW || compression == COMPRESSION_ADOBE_DEFLATE;
        int const predictor = type == io::PixelType::float32 ? PREDICTOR_FLOATINGPOINT : PREDICTOR_HORIZONTAL;
        if (!predicts) continue;
        EXPECT_TRUE(equal(parse(make_tiff(image, {.compression = compression, .predictor = predictor, .tile = tile})), image))
            << "predictor, compression " << compression;
      }
    }
  }
  RecordProperty("compressions", tested);
}

TEST(Tiff, jpeg_in_tiff_is_read_within_its_loss) {
  if (TIFFIsCODECConfigured(COMPRESSION_JPEG) == 0) GTEST_SKIP() << "this libtiff has no JPEG";
  auto image = sample_image(io::PixelType::uint8, 1, 1, 48, 64);
  for (std::size_t i = 0; i < image.bytes.size(); ++i) image.bytes[i] = static_cast<std::byte>(i / 64 + i % 64);
  auto const back = parse(make_tiff(image, {.compression = COMPRESSION_JPEG, .tile = 16}));
  ASSERT_EQ(back.size(), image.size());
  for (std::size_t i = 0; i < image.size(); ++i) EXPECT_LE(std::abs(back.at<int>(i) - image.at<int>(i)), 8);
}

TEST(Tiff, a_palette_image_gives_its_indices) {
  for (auto const type : {io::PixelType::uint8, io::PixelType::uint16}) {
    auto const image = sample_image(type, 1, 1, 9, 11);
    EXPECT_TRUE(equal(parse(make_tiff(image, {.photometric = PHOTOMETRIC_PALETTE})), image));
  }
}

TEST(Tiff, white_is_zero_is_turned_round) {
  auto const image = sample_image(io::PixelType::uint16, 1, 1, 9, 11);
  auto const back  = parse(make_tiff(image, {.photometric = PHOTOMETRIC_MINISWHITE}));
  for (std::size_t i = 0; i < image.size(); ++i) EXPECT_EQ(back.at<int>(i), 65535 - image.at<int>(i));
}

TEST(Tiff, pages_that_differ_are_refused) {
  auto const first = sample_image(io::PixelType::uint8, 1, 1, 5, 4), second = sample_image(io::PixelType::uint8, 1, 1, 5, 3);
  std::string bytes = make_tiff(first, {});
  {
    io::detail::TiffMemory memory;
    memory.written  = &bytes;
    memory.size     = bytes.size();
    auto const tiff = io::detail::open_tiff(memory, "memory", "am");
    ASSERT_TRUE(tiff) << memory.message;
    TIFFSetField(tiff.get(), TIFFTAG_IMAGEWIDTH, 3U);
    TIFFSetField(tiff.get(), TIFFTAG_IMAGELENGTH, 5U);
    TIFFSetField(tiff.get(), TIFFTAG_BITSPERSAMPLE, 8);
    TIFFSetField(tiff.get(), TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_MINISBLACK);
    auto pixels = second.bytes;
    ASSERT_GE(TIFFWriteEncodedStrip(tiff.get(), 0, pixels.data(), static_cast<tmsize_t>(pixels.size())), 0);
  }
  std::string const message = message_of(bytes);
  EXPECT_NE(message.find("x.tif, page 2: differs in size or kind from the first page: 3 x 5 against 4 x 5"), std::string::npos) << message;
}

TEST(Tiff, other_kinds_are_refused_by_name) {
  auto const bytes = sample_image(io::PixelType::uint8, 1, 1, 4, 16);
  EXPECT_NE(message_of(make_tiff(bytes, {.format = SAMPLEFORMAT_INT})).find("8-bit samples of format 2 cannot be read"), std::string::npos);
  auto narrow = sample_image(io::PixelType::uint8, 1, 1, 4, 2);
  TiffSpec bit{.bits = 1};
  narrow.width = 2;
  EXPECT_NE(message_of(make_tiff(narrow, bit)).find("1-bit samples"), std::string::npos);
  auto const rgb = sample_image(io::PixelType::uint8, 1, 3, 4, 4);
  EXPECT_NE(message_of(make_tiff(rgb, {.photometric = PHOTOMETRIC_CIELAB})).find("colour space 8 cannot be read"), std::string::npos);
}

TEST(Tiff, a_small_file_cannot_ask_for_much_memory) {
  // Classic TIFF, little-endian, one page: width, height, 8 bits, no compression, grey, one strip of 4 bytes.
  auto const claim = [](std::uint32_t width, std::uint32_t height, std::uint16_t samples = 1) {
    std::string file("II*\0\x08\0\0\0\x09\0", 10);
    auto const entry = [&](std::uint16_t tag, std::uint16_t type, std::uint32_t value) {
      for (std::uint32_t const part : {std::uint32_t{tag}, std::uint32_t{type}}) file += static_cast<char>(part & 255), file += static_cast<char>(part >> 8);
      for (std::uint32_t const part : {std::uint32_t{1}, value}) {
        for (int shift = 0; shift < 32; shift += 8) file += static_cast<char>(part >> shift & 255);
      }
    };
    entry(256, 4, width), entry(257, 4, height), entry(258, 3, 8), entry(259, 3, 1), entry(262, 3, 1), entry(273, 4, 122), entry(277, 3, samples),
        entry(278, 4, height), entry(279, 4, 4);
    return file + std::string(4, '\0') + "\1\2\3\4";
  };
  EXPECT_EQ(parse(claim(2, 2)).at<int>(3), 4) << "the helper spells files rightly";
  for (auto const& [width, height] :
       {std::pair{0x7FFFFFFFU, 0x7FFFFFFFU}, std::pair{50000U, 50000U}, std::pair{1U << 16, 1U << 16}, std::pair{0x7FFFFFFFU, 1U}, std::pair{4096U, 4096U}}) {
    EXPECT_NE(message_of(claim(width, height)).find("which is implausible for 126 bytes"), std::string::npos) << width << " x " << height;
  }
  EXPECT_NE(message_of(claim(0xFFFFFFFFU, 0xFFFFFFFFU)), "nothing thrown");
  EXPECT_NE(message_of(claim(2, 2, 65535)), "nothing thrown");
  EXPECT_NE(message_of(claim(0, 2)), "nothing thrown");
  EXPECT_NE(message_of(claim(2, 4)), "nothing thrown") << "a strip is too short";
  EXPECT_NE(message_of(io::encode_tiff(sample_image(io::PixelType::uint8, 1, 1, 16, 16)), {.decoded_bytes = 255}).find("above the limit"), std::string::npos);
  EXPECT_NE(message_of(io::encode_tiff(sample_image(io::PixelType::uint8, 3, 1, 16, 16)), {.decoded_bytes = 600}).find("page 3"), std::string::npos);
}

TEST(Tiff, a_chain_of_pages_that_closes_is_not_followed_for_ever) {
  std::string file            = make_tiff(sample_image(io::PixelType::uint8, 1, 1, 2, 2), {});
  std::size_t const directory = static_cast<unsigned char>(file[4]) + (static_cast<std::size_t>(static_cast<unsigned char>(file[5])) << 8);
  std::size_t const entries   = static_cast<unsigned char>(file[directory]);
  std::size_t const next      = directory + 2 + 12 * entries;
  ASSERT_LE(next + 4, file.size());
  for (std::size_t i = 0; i < 4; ++i) file[next + i] = file[4 + i];
  try {
    EXPECT_EQ(parse(file).pages, 1);
  } catch (io::FileError const& error) {
    EXPECT_FALSE(error.reason().empty());
  }
}

TEST(Tiff, what_cannot_be_written_is_refused_and_nothing_is_written) {
  TemporaryFolder const folder;
  auto image = sample_image(io::PixelType::uint8, 1, 1, 3, 3);
  image.bytes.pop_back();
  EXPECT_NE(refusal([&] { io::write_tiff(folder / "x.tif", image); }).find("ocellus::io::encode_tiff: the image holds 8 bytes, not 9"), std::string::npos);
  EXPECT_NE(refusal([&] { io::write_tiff(folder / "x.tif", io::Image()); }).find("ocellus::io::encode_tiff: the image is 0 x 0 x 0 x 0"), std::string::npos);
  EXPECT_EQ(folder.entries(), 0u);
}

TEST(Tiff, nothing_is_printed_and_the_handlers_of_the_process_stay) {
  static int calls            = 0;
  auto const old_error        = TIFFSetErrorHandler([](char const*, char const*, va_list) { ++calls; });
  auto const old_warning      = TIFFSetWarningHandler([](char const*, char const*, va_list) { ++calls; });
  std::string file            = make_tiff(sample_image(io::PixelType::uint8, 1, 1, 9, 9), {.compression = COMPRESSION_LZW});
  std::string const shortened = file.substr(0, file.size() / 2);
  for (std::size_t i = 8; i < 20; ++i) file[i] = '\x55';
  ::testing::internal::CaptureStderr();
  (void)message_of(file), (void)message_of(shortened), (void)message_of("II*\0 nothing");
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
#if defined(OCELLUS_TIFF_OPTIONS)
  EXPECT_EQ(calls, 0);
#endif
  TIFFSetWarningHandler(old_warning);
  EXPECT_TRUE(TIFFSetErrorHandler(old_error) != nullptr) << "the handler set before is still there";
}

TEST(Tiff, damaged_files_are_refused_or_consistent) {
  auto const read = [](std::vector<std::byte> const& file) { return io::parse_tiff("x.tif", file); };
  struct Case {
    io::Image image;
    TiffSpec spec;
  };
  std::vector<Case> const cases = {
      {sample_image(io::PixelType::uint8, 1, 1, 5, 3), {}},
      {sample_image(io::PixelType::uint16, 2, 1, 4, 5), {.mode = "wbm"}},
      {sample_image(io::PixelType::uint8, 1, 3, 4, 5), {.compression = COMPRESSION_LZW, .predictor = PREDICTOR_HORIZONTAL, .photometric = PHOTOMETRIC_RGB}},
      {sample_image(io::PixelType::uint8, 1, 2, 5, 3), {.compression = COMPRESSION_PACKBITS, .planes = true}},
      {sample_image(io::PixelType::float32, 1, 1, 4, 3), {.compression = COMPRESSION_ADOBE_DEFLATE, .predictor = PREDICTOR_FLOATINGPOINT, .mode = "w8m"}},
      {sample_image(io::PixelType::uint8, 1, 1, 18, 17), {.compression = COMPRESSION_ADOBE_DEFLATE, .tile = 16}}};
  for (auto const& c : cases) {
    std::string const file = make_tiff(c.image, c.spec);
    ASSERT_TRUE(equal(parse(file), c.image));
    walk_damage(file, read, is_consistent);
  }
}

}  // namespace
}  // namespace ocellus::test
