// SPDX-License-Identifier: Apache-2.0

// Refining as its users meet it: folders of made-up images, label maps and ensembles, a tiny model, and wrong input.

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include <unistd.h>

#include <nlohmann/json.hpp>

#include <ocellus/core/random.hpp>
#include <ocellus/io/image.hpp>
#include <ocellus/io/npy.hpp>
#include <ocellus/io/png.hpp>
#include <ocellus/io/tiff.hpp>

#include "support/program.hpp"

namespace ocellus::test {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t height = 44, width = 52;

class RefineMasksProgram : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("ocellus_refine_masks_" + std::to_string(::getpid()));
    fs::remove_all(folder_);
    for (char const* const name : {"images", "labels", "maps"}) fs::create_directories(folder_ / name);
    for (std::uint32_t i = 0; i < 3; ++i) {
      auto const name = "field" + std::to_string(i);
      io::write_png(folder_ / "images" / (name + ".png"), image(i));
      io::write_png(folder_ / "labels" / (name + "_labels.png"), labels());
    }
  }
  void TearDown() override { fs::remove_all(folder_); }

  /// The disc (1 to 4) that a pixel lies in, 0: none.
  static int disc(std::int64_t y, std::int64_t x) {
    for (int d = 0; d < 4; ++d) {
      std::int64_t const dy = y - (12 + d / 2 * 20), dx = x - (13 + d % 2 * 24);
      if (dy * dy + dx * dx < 49) return d + 1;
    }
    return 0;
  }
  static io::Image labels() {
    io::Image map{io::PixelType::uint8, 1, 1, height, width, std::vector<std::byte>(height * width)};
    for (std::int64_t i = 0; i < height * width; ++i) map.bytes[static_cast<std::size_t>(i)] = std::byte(disc(i / width, i % width));
    return map;
  }
  static io::Image image(std::uint32_t sample) {
    RandomSequence const noise{.seed = 5, .stream = RandomStream::test, .step = 0, .sample = sample};
    io::Image picture{io::PixelType::uint16, 1, 1, height, width, std::vector<std::byte>(height * width * 2)};
    for (std::int64_t i = 0; i < height * width; ++i) {
      auto const value =
          static_cast<std::uint16_t>(std::lround(4000 + 500 * noise.normal(static_cast<std::size_t>(i)) + (disc(i / width, i % width) ? 30000 : 0)));
      std::memcpy(picture.bytes.data() + 2 * i, &value, 2);
    }
    return picture;
  }
  /// Three members that say the same; or that contradict each other in the first disc.
  static HostTensor<float***> ensemble(bool sure) {
    auto const maps = make_host_tensor<float***>("maps", 3, height, width);
    for (std::int64_t m = 0; m < 3; ++m) {
      for (std::int64_t i = 0; i < height * width; ++i) {
        int const own                 = disc(i / width, i % width);
        maps(m, i / width, i % width) = own == 0 ? 0.f : sure || own > 1 ? 1.f : static_cast<float>(m) / 2;
      }
    }
    return maps;
  }
  static HostTensor<float***> zeros(std::size_t members, std::size_t columns) { return HostTensor<float***>("maps", members, height, columns); }
  static void expect_same(io::Image const& got, io::Image const& map) {
    for (std::size_t i = 0; i < map.bytes.size(); ++i) ASSERT_EQ(got.at<int>(i), map.at<int>(i) != 0 ? 255 : 0) << i;
  }

  [[nodiscard]] fs::path out() const { return folder_ / "out"; }
  [[nodiscard]] std::string path(char const* name) const { return (folder_ / name).string(); }
  [[nodiscard]] Outcome run(std::string const& arguments) const {
    return run_command(std::string(OCELLUS_REFINE_MASKS) + " --train-steps 8 --width 32 --depth 1 --diameter 14 --out " + out().string() + " " + arguments,
                       folder_);
  }
  [[nodiscard]] nlohmann::json metrics() const { return nlohmann::json::parse(text_of(out() / "metrics.json")); }

  void expect_refusal(std::string const& arguments, std::string const& part) const {
    auto const outcome = run(arguments);
    EXPECT_EQ(outcome.status, 2) << outcome.errors;
    EXPECT_EQ(outcome.errors.rfind("refine_masks: ", 0), 0u) << outcome.errors;
    EXPECT_NE(outcome.errors.find(part), std::string::npos) << outcome.errors;
    EXPECT_FALSE(fs::exists(out() / "metrics.json") || fs::exists(out() / "masks")) << part;
  }

  fs::path folder_;
};

TEST_F(RefineMasksProgram, learns_refines_and_judges) {
  auto const outcome = run("--images " + path("images") + " --labels " + path("labels") + " --note remarkable");
  ASSERT_EQ(outcome.status, 0) << outcome.errors;
  auto const m = metrics();
  EXPECT_EQ(m["fields"], 3);
  EXPECT_EQ(m["own_labels"], false);
  EXPECT_EQ(m["train_steps"], 8);
  EXPECT_TRUE(m["reconstruction"].contains("held_out_maps"));
  ASSERT_EQ(m["trials"].size(), 3u);
  for (std::size_t t = 0; t < 3; ++t) {
    auto const& trial = m["trials"][t];
    EXPECT_EQ(trial["ensemble"], (std::vector<std::string>{"as it is", "noisy", "planted damage"}[t]));
    EXPECT_EQ(trial["fields"], 1);
    EXPECT_EQ(trial["nuclei"], 4);
    for (char const* const when : {"before", "smoothed", "after"}) {
      for (char const* const where : {"all_pixels", "uncertain_patches"}) {
        double const iou = trial[when][where]["iou"], dice = trial[when][where]["dice"];
        EXPECT_GE(iou, 0);
        EXPECT_NEAR(dice, 2 * iou / (1 + iou), 1e-12);
      }
    }
  }
  EXPECT_GT(m["trials"][0]["before"]["all_pixels"]["iou"], 0.8);
  EXPECT_EQ(m["trials"][0]["before"]["components"], 4);
  EXPECT_LT(m["trials"][2]["before"]["all_pixels"]["iou"], m["trials"][0]["before"]["all_pixels"]["iou"]);
  auto const maps = io::read_image(out() / "maps" / "field1.tif");
  EXPECT_EQ(maps.pages, 5);
  EXPECT_EQ(maps.width, width);
  EXPECT_EQ(io::read_image(out() / "masks" / "field2.png").height, height);
  auto const report = text_of(out() / "report.html");
  EXPECT_NE(report.find("remarkable"), std::string::npos);
  EXPECT_NE(report.find("data:image/png;base64,"), std::string::npos);
  EXPECT_EQ(report.find("src=\"http"), std::string::npos);

  // The model is kept.
  auto const model = text_of(out() / "training" / "model.safetensors"), before = text_of(out() / "maps" / "field1.tif");
  ASSERT_EQ(run("--images " + path("images") + " --labels " + path("labels")).status, 0);
  EXPECT_TRUE(text_of(out() / "training" / "model.safetensors") == model);
  EXPECT_TRUE(text_of(out() / "maps" / "field1.tif") == before);
}

TEST_F(RefineMasksProgram, an_image_without_uncertainty_comes_back_unchanged) {
  for (int i = 0; i < 3; ++i) io::write_npy(folder_ / "maps" / ("field" + std::to_string(i) + ".npy"), ensemble(i != 2));
  auto const outcome = run("--threshold 0 --blend replace --probabilities " + path("maps") + " --labels " + path("labels"));
  ASSERT_EQ(outcome.status, 0) << outcome.errors;
  for (char const* const name : {"field0", "field1"}) {
    expect_same(io::read_image(out() / "masks" / (std::string(name) + ".png")), labels());
    auto const maps = io::read_image(out() / "maps" / (std::string(name) + ".tif"));
    auto const all  = static_cast<std::size_t>(height * width);
    for (std::size_t i = 0; i < all; ++i) ASSERT_EQ(maps.at<float>(i), maps.at<float>(all + i)) << i;
  }
  auto const m = metrics();
  EXPECT_EQ(m["images"][0]["uncertain_pixels"], 0);
  EXPECT_EQ(m["images"][0]["changed_pixels"], 0);
  EXPECT_GT(m["images"][2]["uncertain_pixels"], 0);
  EXPECT_EQ(m["trials"][0]["ensemble"], "as given");
  EXPECT_EQ(m["trials"][0]["before"]["components"], 3);
  EXPECT_EQ(m["trials"].size(), 2u);

  // A model of its own judges all fields, and learns nothing.
  fs::copy_file(out() / "training" / "model.safetensors", folder_ / "model.safetensors");
  fs::remove_all(out());
  ASSERT_EQ(run("--probabilities " + path("maps") + " --labels " + path("labels") + " --weights " + path("model.safetensors")).status, 0);
  EXPECT_EQ(metrics()["trials"][0]["fields"], 3);
  EXPECT_FALSE(fs::exists(out() / "training"));
}

TEST_F(RefineMasksProgram, segments_the_images_where_no_label_maps_are_given) {
  auto const outcome = run("--images " + path("images") + " --noise 0 --planted false --passes 1 --context mean --uncertainty variance --threshold 0.01");
  ASSERT_EQ(outcome.status, 0) << outcome.errors;
  auto const m = metrics();
  EXPECT_EQ(m["own_labels"], true);
  ASSERT_EQ(m["trials"].size(), 1u);
  EXPECT_EQ(m["trials"][0]["nuclei"], 4);
  EXPECT_NE(text_of(out() / "report.html").find("no truth"), std::string::npos);
}

TEST_F(RefineMasksProgram, refuses_wrong_input_with_one_sentence) {
  expect_refusal("", "--images DIR or --probabilities DIR is needed");
  expect_refusal("--images " + path("none"), "does not exist");
  expect_refusal("--images " + path("maps"), "there are no images");
  expect_refusal("--images " + path("images") + " --only wing", "begin with wing");
  expect_refusal("--images " + path("images") + " --crop 30", "--crop is 30, which is not a multiple of --patch, 4");
  expect_refusal("--images " + path("images") + " --width 33", "--width");
  expect_refusal("--images " + path("images") + " --uncertainty doubt", "--uncertainty");
  expect_refusal("--images " + path("images") + " --weights " + path("labels/field0_labels.png"), "field0_labels.png");
  io::write_npy(folder_ / "maps" / "field0.npy", ensemble(true));
  expect_refusal("--probabilities " + path("maps"), "label maps to learn from");
  io::write_npy(folder_ / "maps" / "field0.npy", zeros(1, width));
  expect_refusal("--probabilities " + path("maps") + " --labels " + path("labels"), "an ensemble has at least two");
  auto const bad = ensemble(true);
  bad(0, 0, 0)   = 1.5f;
  io::write_npy(folder_ / "maps" / "field0.npy", bad);
  expect_refusal("--probabilities " + path("maps") + " --labels " + path("labels"), "which is no probability");
  io::write_npy(folder_ / "maps" / "field0.npy", zeros(2, width + 1));
  expect_refusal("--probabilities " + path("maps") + " --labels " + path("labels"), "field0_labels.png is 52 x 44 pixels");
}

}  // namespace
}  // namespace ocellus::test
