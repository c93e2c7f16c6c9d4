// SPDX-License-Identifier: Apache-2.0

// The main example as its users meet it: the program is run on a small made-up plate, whole, again, interrupted, and with wrong input.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include <unistd.h>

#include <nlohmann/json.hpp>

#include <ocellus/core/random.hpp>
#include <ocellus/io/npy.hpp>
#include <ocellus/io/png.hpp>
#include <ocellus/io/safetensors.hpp>
#include <ocellus/vit/weights.hpp>

#include "support/program.hpp"

namespace ocellus::test {
namespace {

namespace fs = std::filesystem;

/// Twelve bright discs on noise, each in a ring as wide as a cytoplasm: `level` is the brightness of the discs, `around` of their rings.
void write_channel(fs::path const& path, std::int64_t side, double level, double around, std::uint32_t sample) {
  RandomSequence const noise{.seed = 7, .stream = RandomStream::test, .step = 0, .sample = sample};
  io::Image image{.type     = io::PixelType::uint8,
                  .pages    = 1,
                  .channels = 1,
                  .height   = side,
                  .width    = side,
                  .bytes    = std::vector<std::byte>(static_cast<std::size_t>(side * side))};
  for (std::int64_t y = 0; y < side; ++y) {
    for (std::int64_t x = 0; x < side; ++x) {
      double value = 12 + 2 * noise.normal(static_cast<std::size_t>(y * side + x));
      for (std::int64_t disc = 0; disc < 12; ++disc) {
        double const dy = static_cast<double>(y - (24 + 36 * (disc / 4))), dx = static_cast<double>(x - (20 + 34 * (disc % 4)));
        double const radius   = 7 + static_cast<double>(disc % 3);
        double const distance = std::sqrt(dy * dy + dx * dx);
        if (distance < radius + 5) value += (distance < radius ? level : around) * (1 + 0.02 * static_cast<double>(disc));
      }
      image.bytes[static_cast<std::size_t>(y * side + x)] = static_cast<std::byte>(std::lround(std::min(255.0, std::max(0.0, value))));
    }
  }
  io::write_png(path, image);
}

void write_blank(fs::path const& path, std::int64_t side) {
  io::write_png(path, {.type     = io::PixelType::uint8,
                       .pages    = 1,
                       .channels = 1,
                       .height   = side,
                       .width    = side,
                       .bytes    = std::vector<std::byte>(static_cast<std::size_t>(side * side), std::byte{12})});
}

/// A folder of images and its table: negative and positive controls, three doses. With the dose the protein moves from the ring into the disc: a change of
/// pattern, which crops that are standardised one by one still show.
class ProfilePlate : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("ocellus_profile_plate_" + std::to_string(::getpid()));
    fs::create_directories(folder_);
    struct Well {
      char const *name, *treatment, *dose, *control;
      double level;
    };
    Well const wells[]   = {{"A01", "dmso", "0", "negative", 60},    {"A02", "dmso", "0", "negative", 62},    {"A03", "dmso", "0", "negative", 58},
                            {"B01", "strong", "9", "positive", 180}, {"B02", "strong", "9", "positive", 176}, {"C01", "drug", "1", "none", 90},
                            {"C02", "drug", "2", "none", 120},       {"C03", "drug", "4", "none", 160}};
    std::string table    = "plate,well,site,treatment,dose,control,dna,protein\n";
    std::uint32_t sample = 0;
    for (auto const& well : wells) {
      std::string const name = well.name;
      write_channel(folder_ / (name + "_dna.png"), side, 150, 0, ++sample);
      write_channel(folder_ / (name + "_protein.png"), side, well.level, 100, ++sample);
      table += "P," + name + ",1," + well.treatment + "," + well.dose + "," + well.control + "," + name + "_dna.png," + name + "_protein.png\n";
    }
    write_table(table);
    table_ = table;
  }
  void TearDown() override { fs::remove_all(folder_); }

  void write_table(std::string const& text) const { std::ofstream(folder_ / "plate.csv") << text; }

  /// The table with the first `from` replaced.
  void change_table(std::string const& from, std::string const& to) const {
    std::string text = table_;
    auto const at    = text.find(from);
    ASSERT_NE(at, std::string::npos);
    write_table(text.replace(at, from.size(), to));
  }

  [[nodiscard]] Outcome run(std::string const& arguments, std::string const& before = "", bool learns = false) const {
    std::string const crop = arguments.find("--crop") == std::string::npos ? " --crop 32 " : " ";
    return run_command(before + OCELLUS_PROFILE_PLATE + crop + (learns ? "--train-steps 30 " : "--untrained ") + arguments, folder_);
  }
  [[nodiscard]] std::string usual() const { return "--plate " + (folder_ / "plate.csv").string() + " --out " + (folder_ / "out").string(); }

  /// Exit status 2, one sentence that names what is wrong, and none of the results.
  void expect_refusal(std::string const& arguments, std::string const& part) const {
    auto const outcome = run(arguments);
    EXPECT_EQ(outcome.status, 2) << outcome.errors;
    EXPECT_NE(outcome.errors.find(part), std::string::npos) << outcome.errors;
    std::string message;
    std::istringstream lines(outcome.errors);
    int sentences = 0;
    for (std::string line; std::getline(lines, line);) sentences += line.rfind("profile_plate: ", 0) == 0;
    EXPECT_EQ(sentences, 1) << outcome.errors;
    for (auto const* const name : {"cells.npy", "cells.csv", "profiles.csv", "metrics.json", "report.html"})
      EXPECT_FALSE(fs::exists(folder_ / "out" / name)) << name;
  }

  static constexpr std::int64_t side = 128;
  fs::path folder_;
  std::string table_;
};

TEST_F(ProfilePlate, finds_cells_and_follows_the_dose) {
  auto const outcome = run(usual());
  ASSERT_EQ(outcome.status, 0) << outcome.errors;
  auto const metrics = nlohmann::json::parse(text_of(folder_ / "out" / "metrics.json"));
  EXPECT_EQ(metrics["sites"], 8);
  EXPECT_EQ(metrics["wells"], 8);
  EXPECT_EQ(metrics["cells"], 96);
  for (auto const* const set : {"embedding", "simple"}) {
    EXPECT_GT(metrics[set]["replicate_map"], metrics[set]["chance_map"]) << set;
    EXPECT_GT(metrics[set]["z_prime"], 0.0) << set;
    EXPECT_DOUBLE_EQ(metrics[set]["dose_spearman"], 1.0) << set;
  }
  EXPECT_TRUE(metrics["seconds"].contains("embed"));
  auto const cells = io::read_npy(folder_ / "out" / "cells.npy");
  ASSERT_EQ(cells.extents.size(), 2u);
  EXPECT_EQ(cells.extents[0], 96);
  auto const report = text_of(folder_ / "out" / "report.html");
  EXPECT_NE(report.find("untrained"), std::string::npos);
  EXPECT_EQ(report.find("src=\"http"), std::string::npos) << "the report must be self-contained";
}

TEST_F(ProfilePlate, goes_on_after_an_interruption_to_the_same_bits) {
  ASSERT_EQ(run(usual()).status, 0);
  auto const whole = text_of(folder_ / "out" / "cells.npy"), profiles = text_of(folder_ / "out" / "profiles.csv");
  fs::remove_all(folder_ / "out");
  // Killed as soon as two sites are kept.
  std::string const kill_it = "(while [ \"$(ls " + (folder_ / "out/sites").string() +
                              " 2>/dev/null | grep -c 'safetensors$')\" -lt 2 ]; do sleep 0.01; done; pkill -KILL -f " + (folder_ / "plate.csv").string() +
                              ") & ";
  (void)run(usual(), kill_it);
  EXPECT_FALSE(fs::exists(folder_ / "out" / "report.html")) << "the run was over before it was killed";
  auto const again = run(usual());
  ASSERT_EQ(again.status, 0) << again.errors;
  EXPECT_NE(again.errors.find("kept from before"), std::string::npos) << again.errors;
  EXPECT_EQ(text_of(folder_ / "out" / "cells.npy"), whole);
  EXPECT_EQ(text_of(folder_ / "out" / "profiles.csv"), profiles);
}

TEST_F(ProfilePlate, learns_from_the_cells_and_compares) {
  auto const outcome = run(usual(), "", true);
  ASSERT_EQ(outcome.status, 0) << outcome.errors;
  auto const metrics = nlohmann::json::parse(text_of(folder_ / "out" / "metrics.json"));
  EXPECT_EQ(metrics["encoder"]["trained"], true);
  EXPECT_EQ(metrics["training"]["steps"], 30);
  EXPECT_GT(metrics["training"]["loss"], 0.0);
  EXPECT_GT(metrics["training"]["loss_of_channel_mean"], metrics["training"]["loss_of_patch_mean"]);
  for (auto const* const set : {"embedding", "untrained", "simple"}) {
    EXPECT_TRUE(metrics[set].contains("replicate_map")) << set;
    EXPECT_NE(text_of(folder_ / "out" / "profiles.csv").find("score_" + std::string(set)), std::string::npos) << set;
  }
  EXPECT_NE(text_of(folder_ / "out" / "report.html").find("What the encoder has learned"), std::string::npos);
  // Again: nothing is trained or embedded anew, and the numbers stay.
  auto const cells = text_of(folder_ / "out" / "cells.npy"), model = text_of(folder_ / "out" / "training" / "model.safetensors");
  ASSERT_EQ(run(usual(), "", true).status, 0);
  EXPECT_TRUE(text_of(folder_ / "out" / "cells.npy") == cells);
  // Anew from nothing: the same bits.
  fs::remove_all(folder_ / "out");
  ASSERT_EQ(run(usual(), "", true).status, 0);
  EXPECT_TRUE(text_of(folder_ / "out" / "cells.npy") == cells);
  EXPECT_TRUE(text_of(folder_ / "out" / "training" / "model.safetensors") == model);
}

/// Nuclei far enough apart for crops of 48 pixels that show one each; the positive controls differ by the protein inside the cells, or by a bright spot beside them.
class ProfilePlateFocus : public ProfilePlate {
 protected:
  void write_plate(bool confounded) const {
    std::string table    = "plate,well,site,treatment,dose,control,dna,protein\n";
    std::uint32_t sample = 100;
    for (int well = 0; well < 8; ++well) {
      bool const positive    = well >= 4;
      std::string const name = std::string(positive ? "B0" : "A0") + std::to_string(well % 4 + 1);
      write(folder_ / (name + "_dna.png"), 150, 0, false, ++sample);
      write(folder_ / (name + "_protein.png"), positive && !confounded ? 160 : 60, 80, positive && confounded, ++sample);
      table += "P," + name + ",1," + (positive ? "strong,,positive," : "dmso,,negative,") + name + "_dna.png," + name + "_protein.png\n";
    }
    write_table(table);
  }

  [[nodiscard]] nlohmann::json focus() const { return nlohmann::json::parse(text_of(folder_ / "out" / "metrics.json"))["cell_focus"]; }

 private:
  static void write(fs::path const& path, double level, double around, bool spots, std::uint32_t sample) {
    constexpr std::int64_t size = 180;
    RandomSequence const noise{.seed = 7, .stream = RandomStream::test, .step = 0, .sample = sample};
    io::Image image{.type = io::PixelType::uint8, .pages = 1, .channels = 1, .height = size, .width = size, .bytes = std::vector<std::byte>(size * size)};
    for (std::int64_t y = 0; y < size; ++y) {
      for (std::int64_t x = 0; x < size; ++x) {
        double value = 12 + 2 * noise.normal(static_cast<std::size_t>(y * size + x));
        for (std::int64_t cell = 0; cell < 16; ++cell) {
          double const dy = static_cast<double>(y - (24 + 44 * (cell / 4))), dx = static_cast<double>(x - (24 + 44 * (cell % 4)));
          double const radius = 6 + 0.3 * static_cast<double>(cell % 3), distance = std::hypot(dy, dx);
          if (distance < radius + 4) value += distance < radius ? level : around;
          if (spots && std::hypot(dy - 17, dx - 17) < 4) value += 150;
        }
        image.bytes[static_cast<std::size_t>(y * size + x)] = static_cast<std::byte>(std::lround(std::min(255.0, std::max(0.0, value))));
      }
    }
    io::write_png(path, image);
  }
};

TEST_F(ProfilePlateFocus, does_not_flag_groups_that_differ_inside_the_cells) {
  write_plate(false);
  auto const outcome = run(usual() + " --crop 48");
  ASSERT_EQ(outcome.status, 0) << outcome.errors;
  auto const found = focus();
  EXPECT_EQ(found["cells"], 128);
  EXPECT_GT(found["accuracy"], 0.9);
  EXPECT_DOUBLE_EQ(found["chance_accuracy"], 0.5);
  EXPECT_GT(found["inside_cell_low"], found["area_share"]);
  EXPECT_EQ(found["flagged"].size(), 0u) << found;
  EXPECT_NE(text_of(folder_ / "out" / "report.html").find("Does the model look at the cell?"), std::string::npos);
}

TEST_F(ProfilePlateFocus, flags_groups_that_a_spot_beside_the_cells_gives_away) {
  write_plate(true);
  auto const outcome = run(usual() + " --crop 48");
  ASSERT_EQ(outcome.status, 0) << outcome.errors;
  auto const found = focus();
  EXPECT_GT(found["accuracy"], 0.9);
  EXPECT_LT(found["inside_cell_high"], found["area_share"]);
  auto const flagged = found["flagged"].get<std::vector<std::string>>();
  EXPECT_NE(std::find(flagged.begin(), flagged.end(), "positive control"), flagged.end()) << found;
}

TEST_F(ProfilePlateFocus, explains_weights_with_a_class_token) {
  write_plate(false);
  auto const table = vit::encoder_parameter_table({.image_size = 48, .patch_size = 8, .channels = 2, .width = 64, .depth = 2, .heads = 1});
  HostTensor<float*> const parameters("parameters", table.size());
  vit::initialize_encoder(table, parameters, 3);
  io::Safetensors file;
  for (auto const& entry : table.entries()) {
    io::SafetensorsTensor tensor{.name = entry.name, .extents = entry.extents, .bytes = std::vector<std::byte>(entry.size() * sizeof(float))};
    std::memcpy(tensor.bytes.data(), parameters.data() + entry.offset, tensor.bytes.size());
    file.tensors.push_back(std::move(tensor));
  }
  io::write_safetensors(folder_ / "weights.safetensors", file);
  auto const outcome = run(usual() + " --weights " + (folder_ / "weights.safetensors").string());
  ASSERT_EQ(outcome.status, 0) << outcome.errors;
  auto const found = focus();
  ASSERT_TRUE(found.is_object());
  EXPECT_EQ(found["cells"], 128);
  EXPECT_GT(found["accuracy"], 0.9);
  EXPECT_GT(found["inside_cell_low"], found["area_share"]) << found;
}

TEST_F(ProfilePlate, takes_label_images) {
  fs::create_directories(folder_ / "labels");
  for (auto const& entry : fs::directory_iterator(folder_)) {
    auto const name = entry.path().filename().string();
    if (name.find("_dna") == std::string::npos) continue;
    io::Image labels{.type = io::PixelType::uint8, .pages = 1, .channels = 1, .height = side, .width = side, .bytes = std::vector<std::byte>(side * side)};
    for (std::int64_t y = 0; y < side; ++y) {
      for (std::int64_t x = 0; x < side; ++x) labels.bytes[static_cast<std::size_t>(y * side + x)] = static_cast<std::byte>(y / 32 * 4 + x / 32 + 1);
    }
    io::write_png(folder_ / "labels" / name, labels);
  }
  auto const outcome = run(usual() + " --labels " + (folder_ / "labels").string());
  ASSERT_EQ(outcome.status, 0) << outcome.errors;
  EXPECT_EQ(nlohmann::json::parse(text_of(folder_ / "out" / "metrics.json"))["cells"], 8 * 16);
}

TEST_F(ProfilePlate, refuses_wrong_input_with_one_sentence) {
  expect_refusal("--plate " + (folder_ / "none.csv").string() + " --out " + (folder_ / "out").string(), "none.csv");
  change_table("A01_dna.png", "lost.png");
  expect_refusal(usual(), "lost.png of site P A01 1 does not exist");
  change_table(",control,", ",kontrol,");
  expect_refusal(usual(), "there is no column control");
  change_table("negative", "maybe");
  expect_refusal(usual(), "control holds \"maybe\"");
  change_table("P,A01,1,dmso,0", "P,A01,1,dmso,much");
  expect_refusal(usual(), "\"much\"");
  std::string without = table_;
  for (std::size_t at; (at = without.find("negative")) != std::string::npos;) without.replace(at, 8, "none");
  write_table(without);
  expect_refusal(usual(), "no site is a negative control");
  write_table(table_);
  expect_refusal(usual() + " --nucleus-channel actin", "\"actin\"");
  expect_refusal(usual() + " --weights " + (folder_ / "A01_dna.png").string(), "A01_dna.png");
  expect_refusal(usual() + " --wrong", "--wrong");
}

TEST_F(ProfilePlate, refuses_wrong_images_with_one_sentence) {
  write_channel(folder_ / "A02_protein.png", side - 1, 60, 100, 1);
  expect_refusal(usual(), "differ in size");
  std::string const cut = text_of(folder_ / "A01_dna.png").substr(0, 300);
  std::ofstream(folder_ / "A02_protein.png") << cut;
  expect_refusal(usual(), "A02_protein.png");
  for (auto const& entry : fs::directory_iterator(folder_)) {
    if (entry.path().extension() == ".png") write_blank(entry.path(), side);
  }
  expect_refusal(usual(), "no cell was found");
}

}  // namespace
}  // namespace ocellus::test
