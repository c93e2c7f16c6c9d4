// SPDX-License-Identifier: Apache-2.0

// Training as its users meet it: a folder of made-up images, a program that is killed in the middle, and wrong input.

#include <gtest/gtest.h>

#include <sys/wait.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include <ocellus/core/random.hpp>
#include <ocellus/io/csv.hpp>
#include <ocellus/io/png.hpp>
#include <ocellus/io/safetensors.hpp>
#include <ocellus/io/tiff.hpp>

#include "support/program.hpp"

namespace ocellus::test {
namespace {

namespace fs = std::filesystem;

/// Nine discs on noise, 16 bits.
io::Image made_up(std::int64_t pages, std::int64_t channels, std::int64_t side, std::uint32_t sample) {
  RandomSequence const noise{.seed = 11, .stream = RandomStream::test, .step = 0, .sample = sample};
  io::Image image{io::PixelType::uint16, pages, channels, side, side, std::vector<std::byte>(static_cast<std::size_t>(pages * channels * side * side * 2))};
  for (std::size_t i = 0; i < image.size(); ++i) {
    auto const y = static_cast<std::int64_t>(i) / side % side, x = static_cast<std::int64_t>(i) % side;
    double const dy = static_cast<double>(y % 32 - 16), dx = static_cast<double>(x % 32 - 16);
    double const value = 3000 + 300 * noise.normal(i) + (dy * dy + dx * dx < 64 ? 20000 : 0);
    auto const pixel   = static_cast<std::uint16_t>(std::lround(value));
    std::memcpy(image.bytes.data() + 2 * i, &pixel, 2);
  }
  return image;
}

class TrainMae : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("ocellus_train_mae_" + std::to_string(::getpid()));
    fs::remove_all(folder_);
    fs::create_directories(images());
    for (std::uint32_t i = 0; i < 3; ++i) io::write_tiff(images() / ("stack_" + std::to_string(i) + ".tif"), made_up(2, 1, 40, i));
  }
  void TearDown() override { fs::remove_all(folder_); }

  [[nodiscard]] fs::path images() const { return folder_ / "images"; }
  [[nodiscard]] fs::path out(std::string const& name = "out") const { return folder_ / name; }
  [[nodiscard]] std::vector<std::string> usual(std::string const& name = "out") const { return {"--images", images(), "--out", out(name)}; }

  /// Starts the program on a tiny model; standard error goes to a file.
  [[nodiscard]] pid_t start(char const* program, std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), program);
    std::vector<char*> words;
    for (auto& argument : arguments) words.push_back(argument.data());
    words.push_back(nullptr);
    pid_t const child = ::fork();
    if (child != 0) return child;
    int const errors = ::open((folder_ / "errors").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644), nothing = ::open("/dev/null", O_WRONLY);
    ::dup2(errors, STDERR_FILENO);
    ::dup2(nothing, STDOUT_FILENO);
    ::execv(program, words.data());
    ::_exit(127);
  }
  [[nodiscard]] static std::vector<std::string> with(std::vector<std::string> a, std::vector<std::string> const& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
  }
  [[nodiscard]] pid_t train(std::vector<std::string> const& arguments) const {
    return start(OCELLUS_TRAIN_MAE, with({"--crop", "16", "--patch", "8", "--width", "16", "--depth", "1", "--heads", "2", "--decoder-width", "16",
                                          "--decoder-heads", "2", "--batch", "4"},
                                         arguments));
  }
  [[nodiscard]] static int wait_for(pid_t child) {
    int status = 0;
    ::waitpid(child, &status, 0);
    return exit_status(status);
  }
  [[nodiscard]] int run(std::vector<std::string> const& arguments) const { return wait_for(train(arguments)); }
  [[nodiscard]] std::string errors() const { return text_of(folder_ / "errors"); }

  /// log.csv without the column seconds.
  [[nodiscard]] std::vector<std::vector<std::string>> log(std::string const& name = "out") const {
    auto rows = io::read_csv(out(name) / "log.csv").rows;
    for (auto& row : rows) row.pop_back();
    return rows;
  }

  /// Exit status 2, one sentence that names what is wrong, and nothing written.
  void expect_refusal(std::vector<std::string> const& arguments, std::string const& part) const {
    EXPECT_EQ(run(arguments), 2) << errors();
    EXPECT_NE(errors().find(part), std::string::npos) << errors();
    std::istringstream lines(errors());
    int sentences = 0;
    for (std::string line; std::getline(lines, line);) sentences += line.rfind("train_mae: ", 0) == 0;
    EXPECT_EQ(sentences, 1) << errors();
    EXPECT_FALSE(fs::exists(out()) && !fs::is_empty(out())) << part;
  }

  fs::path folder_;
};

TEST_F(TrainMae, learns_on_a_folder_of_images) {
  ASSERT_EQ(run(with(usual(),
                     {"--steps", "150", "--learning-rate", "0.01", "--mask", "0.4", "--width", "32", "--crop", "32", "--batch", "8", "--layer-scale", "0.1"})),
            0)
      << errors();
  auto const rows = log();
  ASSERT_EQ(rows.size(), 150u);
  EXPECT_EQ(rows.front().front(), "1");
  EXPECT_EQ(rows.back().front(), "150");
  double first = 0, last = 0;
  for (std::size_t i = 0; i < 15; ++i) first += std::stod(rows[i][1]), last += std::stod(rows[149 - i][1]);
  EXPECT_LT(last, 0.9 * first);
  auto const model = io::read_safetensors(out() / "model.safetensors");
  EXPECT_NE(model.find("encoder.vit_backbone.blocks.0.in_proj.weight"), nullptr);
  EXPECT_EQ(model.metadata.at("heads"), "2");
  EXPECT_EQ(model.metadata.at("image_size"), "32");
  auto const report = text_of(out() / "report.html");
  EXPECT_NE(report.find("channel 2"), std::string::npos);
  EXPECT_EQ(report.find("src=\"http"), std::string::npos);
}

TEST_F(TrainMae, standard_models_have_timms_names) {
  ASSERT_EQ(run(with(usual(), {"--steps", "3", "--channel-agnostic", "false"})), 0) << errors();
  auto const model = io::read_safetensors(out() / "model.safetensors"), encoder = io::read_safetensors(out() / "encoder.safetensors");
  EXPECT_NE(model.find("decoder_embed.weight"), nullptr);
  auto const* const kernel = encoder.find("patch_embed.proj.weight");
  ASSERT_NE(kernel, nullptr);
  EXPECT_EQ(kernel->extents, (std::vector<std::int64_t>{16, 2, 8, 8}));
  for (auto const& tensor : encoder.tensors) EXPECT_EQ(tensor.name.find("mask_token"), std::string::npos);
}

TEST_F(TrainMae, goes_on_after_being_killed_to_the_same_bits) {
  std::vector<std::string> const more = {"--steps", "120", "--checkpoint-every", "7"};
  ASSERT_EQ(run(with(usual("whole"), more)), 0) << errors();
  for (std::size_t const lines : {1, 9, 40, 70}) {
    pid_t const child = train(with(usual(), more));
    auto const enough = [&]() {
      std::string const text = text_of(out() / "log.csv");
      return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) > lines;
    };
    while (!enough() && ::waitpid(child, nullptr, WNOHANG) == 0) ::usleep(500);
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    EXPECT_FALSE(fs::exists(out() / "model.safetensors")) << "the run was over before it was killed";
  }
  ASSERT_EQ(run(with(usual(), more)), 0) << errors();
  EXPECT_NE(errors().find("Going on after step"), std::string::npos) << errors();
  EXPECT_TRUE(text_of(out() / "model.safetensors") == text_of(out("whole") / "model.safetensors"));
  EXPECT_EQ(log(), log("whole"));
  for (auto const& entry : fs::directory_iterator(out()))
    EXPECT_EQ(entry.path().string().find("safetensors."), std::string::npos) << "a temporary file is left";
}

TEST_F(TrainMae, refuses_other_settings_in_the_same_folder) {
  ASSERT_EQ(run(with(usual(), {"--steps", "4"})), 0) << errors();
  auto const model = text_of(out() / "model.safetensors");
  EXPECT_EQ(run(with(usual(), {"--steps", "4", "--seed", "2"})), 2);
  EXPECT_NE(errors().find("seed=1, here seed=2"), std::string::npos) << errors();
  io::write_tiff(images() / "stack_3.tif", made_up(2, 1, 40, 9));
  EXPECT_EQ(run(with(usual(), {"--steps", "4"})), 2);
  EXPECT_NE(errors().find("other images"), std::string::npos) << errors();
  EXPECT_TRUE(text_of(out() / "model.safetensors") == model);
}

TEST_F(TrainMae, refuses_wrong_input_with_one_sentence) {
  expect_refusal({"--out", out()}, "--images DIR or --plate CSV is needed");
  expect_refusal({"--images", folder_ / "none", "--out", out()}, "does not exist");
  expect_refusal(with(usual(), {"--wrong"}), "--wrong");
  expect_refusal(with(usual(), {"--size", "huge"}), "\"huge\"");
  expect_refusal(with(usual(), {"--mask", "2"}), "--mask");
  expect_refusal(with(usual(), {"--crop", "20"}), "--crop is 20, which is not a multiple of --patch, 8");
  expect_refusal(with(usual(), {"--crop", "48"}), "smaller than a crop of 48 x 48");
  expect_refusal(with(usual(), {"--heads", "3"}), "--heads");
  expect_refusal(with(usual(), {"--memory", "0.000001"}), "--memory");
  io::write_tiff(images() / "stack_9.tif", made_up(3, 1, 40, 9));
  expect_refusal(usual(), "has 3 channels but the images before it have 2");
  std::string const cut = text_of(images() / "stack_0.tif").substr(0, 300);
  std::ofstream(images() / "stack_9.tif") << cut;
  expect_refusal(usual(), "stack_9.tif");
  fs::remove_all(images());
  fs::create_directories(images());
  expect_refusal(usual(), "no TIFF or PNG file");
}

TEST_F(TrainMae, stops_where_the_loss_is_not_finite) {
  io::Image image{io::PixelType::float32, 1, 2, 16, 16, std::vector<std::byte>(2 * 16 * 16 * 4)};
  std::vector<float> const pixels(2 * 16 * 16, std::nanf(""));
  std::memcpy(image.bytes.data(), pixels.data(), image.bytes.size());
  fs::remove_all(images());
  io::write_tiff(images() / "bad.tif", image);
  EXPECT_EQ(run(with(usual(), {"--steps", "4"})), 2);
  EXPECT_NE(errors().find("not finite at step 1; there is no checkpoint yet"), std::string::npos) << errors();
  EXPECT_FALSE(fs::exists(out() / "model.safetensors"));
  EXPECT_FALSE(fs::exists(out() / "checkpoint.safetensors"));
}

TEST_F(TrainMae, profile_plate_reads_the_model) {
  std::string table = "plate,well,treatment,control,dna,protein\n";
  for (std::uint32_t i = 0; i < 3; ++i) {
    std::string const well = "A0" + std::to_string(i + 1);
    for (std::uint32_t c = 0; c < 2; ++c) io::write_png(folder_ / (well + (c == 0 ? "_dna.png" : "_protein.png")), made_up(1, 1, 128, 10 * i + c));
    table += "P," + well + "," + (i < 2 ? "dmso,negative," : "drug,none,") + well + "_dna.png," + well + "_protein.png\n";
  }
  std::ofstream(folder_ / "plate.csv") << table;
  for (std::string const agnostic : {"true", "false"}) {
    fs::remove_all(out());
    ASSERT_EQ(run({"--plate", folder_ / "plate.csv", "--out", out(), "--steps", "5", "--channel-agnostic", agnostic}), 0) << errors();
    ASSERT_EQ(
        wait_for(start(OCELLUS_PROFILE_PLATE, {"--plate", folder_ / "plate.csv", "--weights", out() / "model.safetensors", "--out", folder_ / "profile"})), 0)
        << errors();
    EXPECT_NE(text_of(folder_ / "profile" / "metrics.json").find("\"trained\": true"), std::string::npos);
  }
}

}  // namespace
}  // namespace ocellus::test
