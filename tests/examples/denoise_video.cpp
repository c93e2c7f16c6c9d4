// SPDX-License-Identifier: Apache-2.0

// The denoiser as its users meet it: the program is run on a small made-up clip, with each method, and with wrong input.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>

#include <unistd.h>

#include <nlohmann/json.hpp>

#include <ocellus/core/random.hpp>
#include <ocellus/io/tiff.hpp>

#include "support/program.hpp"

namespace ocellus::test {
namespace {

namespace fs = std::filesystem;

class DenoiseVideo : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("ocellus_denoise_video_" + std::to_string(::getpid()));
    fs::create_directories(folder_);
    clip_ = made_up_clip(9);
    io::write_tiff(folder_ / "clip.tif", clip_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  /// A disc that stands still, with noise of deviation 200.
  static io::Image made_up_clip(std::int64_t frames) {
    io::Image image{.type = io::PixelType::uint16, .pages = frames, .channels = 1, .height = side, .width = side, .bytes = {}};
    image.bytes.resize(static_cast<std::size_t>(frames * side * side) * 2);
    for (std::int64_t t = 0; t < frames; ++t) {
      RandomSequence const noise{.seed = 3, .stream = RandomStream::test, .step = 0, .sample = static_cast<std::uint32_t>(t)};
      for (std::int64_t i = 0; i < side * side; ++i) {
        auto const value = static_cast<std::uint16_t>(std::lround(truth(i) + 200 * noise.normal(static_cast<std::size_t>(i))));
        std::memcpy(image.bytes.data() + static_cast<std::size_t>(t * side * side + i) * 2, &value, 2);
      }
    }
    return image;
  }
  static double truth(std::int64_t i) {
    double const y = static_cast<double>(i / side) - 20, x = static_cast<double>(i % side) - 30;
    return y * y + x * x < 100 ? 9000 : 2000;
  }

  [[nodiscard]] Outcome run(std::string const& arguments) const {
    return run_command(std::string(OCELLUS_DENOISE_VIDEO) + " --out " + (folder_ / "out").string() + " " + arguments, folder_);
  }
  [[nodiscard]] std::string in(std::string const& name = "clip.tif") const { return "--in " + (folder_ / name).string(); }

  /// Exit status 2, one sentence that names what is wrong, and no results.
  void expect_refusal(std::string const& arguments, std::string const& part) const {
    auto const outcome = run(arguments);
    EXPECT_EQ(outcome.status, 2) << outcome.errors;
    EXPECT_NE(outcome.errors.find(part), std::string::npos) << outcome.errors;
    EXPECT_EQ(outcome.errors.rfind("denoise_video: ", 0), 0u) << outcome.errors;
    EXPECT_EQ(std::count(outcome.errors.begin(), outcome.errors.end(), '\n'), 1) << outcome.errors;
    EXPECT_FALSE(fs::exists(folder_ / "out"));
  }

  static constexpr std::int64_t side = 48;
  fs::path folder_;
  io::Image clip_;
};

TEST_F(DenoiseVideo, brings_the_clip_closer_to_the_truth_with_each_method) {
  auto const error_of = [&](io::Image const& image) {
    double sum = 0;
    for (std::size_t i = 0; i < image.size(); ++i) {
      double const d = image.at<double>(i) - truth(static_cast<std::int64_t>(i) % (side * side));
      sum += d * d;
    }
    return std::sqrt(sum / static_cast<double>(image.size()));
  };
  ASSERT_NEAR(error_of(clip_), 200, 10);
  for (std::string const method : {"median", "mean", "profile", "exponential"}) {
    SCOPED_TRACE(method);
    fs::remove_all(folder_ / "out");
    auto const outcome = run(in() + " --method " + method + " --alpha 0.3");
    ASSERT_EQ(outcome.status, 0) << outcome.errors;
    auto const clean = io::read_tiff(folder_ / "out" / "denoised.tif");
    EXPECT_EQ(clean.type, io::PixelType::uint16);
    EXPECT_EQ(clean.pages, 9);
    EXPECT_EQ(clean.width, side);
    EXPECT_LT(error_of(clean), 0.75 * error_of(clip_));
    auto const metrics = nlohmann::json::parse(text_of(folder_ / "out" / "metrics.json"));
    EXPECT_EQ(metrics["method"], method);
    EXPECT_EQ(metrics["scale"], 1.0);
    EXPECT_NEAR(metrics["noise_before"].get<double>(), 200, 20);
    EXPECT_LT(metrics["noise_after"].get<double>(), 150);
    auto const report = text_of(folder_ / "out" / "report.html");
    EXPECT_NE(report.find("data:image/png;base64"), std::string::npos);
    EXPECT_EQ(report.find("src=\"http"), std::string::npos) << "the report must be self-contained";
    EXPECT_NE(report.find("</html>"), std::string::npos);
    EXPECT_TRUE(fs::exists(folder_ / "out" / "figure.png"));
    EXPECT_NE(outcome.errors.find("Frames"), std::string::npos) << "no progress was shown";
    for (auto const& entry : fs::directory_iterator(folder_ / "out")) EXPECT_NE(entry.path().extension(), ".tmp");
  }
}

TEST_F(DenoiseVideo, spreads_bytes_over_sixteen_bits_and_takes_the_median_exactly) {
  io::Image bytes{.type = io::PixelType::uint8, .pages = 3, .channels = 1, .height = 9, .width = 8, .bytes = {}};
  for (int value : {10, 30, 20}) bytes.bytes.insert(bytes.bytes.end(), 72, static_cast<std::byte>(value));
  io::write_tiff(folder_ / "bytes.tif", bytes);
  ASSERT_EQ(run(in("bytes.tif") + " --window 3 --edge clamp --frame 0").status, 0);
  auto const clean = io::read_tiff(folder_ / "out" / "denoised.tif");
  for (std::size_t i = 0; i < 72; ++i) {
    EXPECT_EQ(clean.at<int>(i), 10 * 257);
    EXPECT_EQ(clean.at<int>(72 + i), 20 * 257);
    EXPECT_EQ(clean.at<int>(144 + i), 20 * 257);
  }
}

TEST_F(DenoiseVideo, says_in_one_sentence_what_is_wrong) {
  expect_refusal("--in " + (folder_ / "missing.tif").string(), "missing.tif");
  std::ofstream(folder_ / "text.tif") << "no picture";
  expect_refusal(in("text.tif"), "neither a TIFF nor a PNG");
  auto const whole = text_of(folder_ / "clip.tif");
  std::ofstream(folder_ / "cut.tif") << whole.substr(0, whole.size() / 2);
  expect_refusal(in("cut.tif"), "cut.tif");
  io::write_tiff(folder_ / "single.tif", made_up_clip(1));
  expect_refusal(in("single.tif"), "at least 2");
  expect_refusal(in() + " --window 4", "odd");
  expect_refusal(in() + " --window 1 --method profile", "at least 3");
  expect_refusal(in() + " --method magic", "magic");
  expect_refusal(in() + " --frame 9", "--frame 9");
  expect_refusal(in() + " --alpha 0", "alpha");
  expect_refusal("", "--in");
}

TEST_F(DenoiseVideo, leaves_nothing_half_written_where_it_may_not_write) {
  if (::geteuid() == 0) {
    // root may write anywhere, but not below a file
    std::ofstream(folder_ / "out") << "a file";
    auto const outcome = run(in());
    EXPECT_EQ(outcome.status, 2) << outcome.errors;
    EXPECT_EQ(text_of(folder_ / "out"), "a file");
  } else {
    fs::create_directories(folder_ / "out");
    fs::permissions(folder_ / "out", fs::perms::owner_read | fs::perms::owner_exec);
    EXPECT_EQ(run(in()).status, 2);
    EXPECT_TRUE(fs::is_empty(folder_ / "out"));
    fs::permissions(folder_ / "out", fs::perms::owner_all);
  }
}

}  // namespace
}  // namespace ocellus::test
