// SPDX-License-Identifier: Apache-2.0

// The map of populations as its users meet it: the program is run on small made-up tables, and with wrong input.

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>

#include <unistd.h>

#include <nlohmann/json.hpp>

#include <ocellus/core/random.hpp>
#include <ocellus/io/csv.hpp>

#include "support/program.hpp"

namespace ocellus::test {
namespace {

namespace fs = std::filesystem;

class MapPopulations : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("ocellus_map_populations_" + std::to_string(::getpid()));
    fs::create_directories(folder_);
    write("control.csv", 1, 0, 60);
    write("same.csv", 2, 0, 50);
    write("moved.csv", 3, 2.5, 40);
  }
  void TearDown() override { fs::remove_all(folder_); }

  /// Three normal features, the first moved by `shift`, one that never varies, and words.
  void write(std::string const& name, std::uint32_t sample, double shift, std::size_t rows) const {
    RandomSequence const random{.seed = 5, .stream = RandomStream::test, .step = 0, .sample = sample};
    io::CsvTable table;
    table.header = {"cell", "treatment", "area", "red", "green", "constant"};
    for (std::size_t i = 0; i < rows; ++i)
      table.rows.push_back({std::to_string(i), i % 2 == 0 ? "even" : "odd", std::to_string(100 + 10 * (random.normal(3 * i) + shift)),
                            std::to_string(random.normal(3 * i + 1)), std::to_string(random.normal(3 * i + 2)), "7"});
    io::write_csv(folder_ / name, table);
  }

  [[nodiscard]] Outcome run(std::string const& arguments, std::string const& out_name = "out") const {
    return run_command(std::string(OCELLUS_MAP_POPULATIONS) + " --out " + (folder_ / out_name).string() + " " + arguments, folder_);
  }
  [[nodiscard]] std::string from_to(std::string const& source, std::string const& target) const {
    return "--source " + (folder_ / source).string() + " --target " + (folder_ / target).string() + " ";
  }
  [[nodiscard]] nlohmann::json metrics(std::string const& out_name = "out") const {
    return nlohmann::json::parse(text_of(folder_ / out_name / "metrics.json"));
  }

  /// Exit status 2, one sentence that names what is wrong, and no results.
  void expect_refusal(std::string const& arguments, std::string const& part) const {
    fs::remove_all(folder_ / "out");
    auto const outcome = run(arguments);
    EXPECT_EQ(outcome.status, 2) << outcome.errors;
    EXPECT_NE(outcome.errors.find(part), std::string::npos) << outcome.errors;
    EXPECT_FALSE(fs::exists(folder_ / "out" / "report.html"));
  }

  fs::path folder_;
};

TEST_F(MapPopulations, carries_a_population_to_where_the_other_lies) {
  auto const outcome = run(from_to("control.csv", "moved.csv") + "--permutations 19");
  ASSERT_EQ(outcome.status, 0) << outcome.errors;
  auto const m = metrics();
  EXPECT_EQ(m["features"].size(), 3u);
  EXPECT_EQ(m["constant_features"], nlohmann::json({"constant"}));
  EXPECT_GT(m["divergence"].get<double>(), 1.0);
  EXPECT_DOUBLE_EQ(m["permutation_test"]["p_value"].get<double>(), 1.0 / 20);

  // The mean of the mapped points is the mean of the target: mass is neither made nor lost.
  auto const mapped = io::read_csv(folder_ / "out" / "mapped.csv"), target = io::read_csv(folder_ / "moved.csv");
  ASSERT_EQ(mapped.rows.size(), 60u);
  auto const mean = [](io::CsvTable const& table, std::string const& name) {
    double sum = 0;
    for (auto const& row : table.rows) sum += std::stod(row[table.column(name)]);
    return sum / static_cast<double>(table.rows.size());
  };
  for (auto const* name : {"area", "red", "green"}) EXPECT_NEAR(mean(mapped, name), mean(target, name), 1e-2 * (1 + std::abs(mean(target, name)))) << name;

  auto const coupling = io::read_csv(folder_ / "out" / "coupling.csv");
  ASSERT_EQ(coupling.rows.size(), 180u);
  double share = 0;
  for (std::size_t k = 0; k < 3; ++k) {
    EXPECT_EQ(coupling.rows[k][0], "0");
    EXPECT_LT(std::stoi(coupling.rows[k][2]), 40);
    share += std::stod(coupling.rows[k][3]);
  }
  EXPECT_GT(share, 0.2);
  EXPECT_LE(share, 1.0 + 1e-3);
}

TEST_F(MapPopulations, finds_no_difference_where_there_is_none_and_repeats_itself) {
  ASSERT_EQ(run(from_to("control.csv", "same.csv") + "--permutations 39").status, 0);
  ASSERT_EQ(run(from_to("control.csv", "same.csv") + "--permutations 39", "again").status, 0);
  EXPECT_GT(metrics()["permutation_test"]["p_value"].get<double>(), 0.05);
  for (auto const* name : {"coupling.csv", "mapped.csv", "metrics.json"}) EXPECT_EQ(text_of(folder_ / "out" / name), text_of(folder_ / "again" / name)) << name;
}

TEST_F(MapPopulations, takes_the_rows_and_features_that_are_asked_for) {
  auto const outcome =
      run(from_to("control.csv", "control.csv") + "--source-where treatment=even --target-where treatment=odd --features red,green --permutations 0");
  ASSERT_EQ(outcome.status, 0) << outcome.errors;
  auto const m = metrics();
  EXPECT_EQ(m["source"]["points"], 30);
  EXPECT_EQ(m["features"], nlohmann::json({"red", "green"}));
  EXPECT_FALSE(m.contains("permutation_test"));
}

TEST_F(MapPopulations, says_what_is_wrong_with_its_input) {
  auto const table = [&](std::string const& name, std::string const& text) { std::ofstream(folder_ / name) << text; };
  table("empty.csv", "");
  table("one.csv", "area,red\n1,2\n");
  table("words.csv", "name\na\nb\n");
  table("nan.csv", "area,red\n1,2\n3,nan\n");
  table("equal.csv", "area\n4\n4\n4\n");
  table("ragged.csv", "area,red\n1\n");
  expect_refusal(from_to("absent.csv", "moved.csv"), "absent.csv");
  expect_refusal(from_to("empty.csv", "moved.csv"), "the table is empty");
  expect_refusal(from_to("ragged.csv", "moved.csv"), "has 1 fields");
  expect_refusal(from_to("one.csv", "moved.csv"), "one.csv holds 1 points");
  expect_refusal(from_to("words.csv", "moved.csv"), "no column in common");
  expect_refusal(from_to("nan.csv", "moved.csv") + "--features area,red", "row 3, column \"red\": \"nan\" is no finite number");
  expect_refusal(from_to("control.csv", "moved.csv") + "--features blue", "has no column \"blue\"");
  expect_refusal(from_to("control.csv", "moved.csv") + "--source-where treatment=none", "with treatment=none, 0 points");
  expect_refusal(from_to("control.csv", "moved.csv") + "--source-where treatment", "write COLUMN=VALUE");
  expect_refusal(from_to("equal.csv", "moved.csv"), "no feature varies");
  expect_refusal(from_to("control.csv", "moved.csv") + "--epsilon 0.0001 --tolerance 1e-9 --max-iterations 2", "did not reach --tolerance");
  expect_refusal(from_to("control.csv", "moved.csv") + "--epsilon 0", "--epsilon");
}

}  // namespace
}  // namespace ocellus::test
