// SPDX-License-Identifier: Apache-2.0

// A runner that can fail: everything that may be wrong with a case, a result or an adapter is reported as a failure that says what it is.

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "adapter.hpp"
#include "runner.hpp"

#include <ocellus/io/npy.hpp>

namespace ocellus::conformance {
namespace {

namespace fs              = std::filesystem;
constexpr double nan      = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();

Expectation expectation(std::string const& how, Array want, Tolerance tolerance = {1e-6, 1e-6}) {
  Expectation e;
  e.compare              = how;
  e.want.array           = std::move(want);
  e.tolerance["float32"] = e.tolerance["float64"] = tolerance;
  return e;
}

Comparison check(std::string const& how, Array got, Array want, Tolerance tolerance = {1e-6, 1e-6}) {
  Value value;
  value.array = std::move(got);
  return compare(value, expectation(how, std::move(want), tolerance), "float64");
}

TEST(Compare, CloseAcceptsWhatIsWithinToleranceOnly) {
  EXPECT_TRUE(check("close", make_array({2}, {1.0, 2.0}), make_array({2}, {1.0, 2.0})).passed);
  EXPECT_TRUE(check("close", make_array({1}, {1.0 + 1.9e-6}), make_array({1}, {1.0})).passed);
  auto const wrong = check("close", make_array({2}, {1.0, 2.1}), make_array({2}, {1.0, 2.0}));
  EXPECT_FALSE(wrong.passed);
  EXPECT_NE(wrong.reason.find("element 1"), std::string::npos) << wrong.reason;
  EXPECT_NEAR(check("close", make_array({1}, {1.0 + 1e-6}), make_array({1}, {1.0})).worst, 0.5, 1e-6);
}

TEST(Compare, NaNEqualsNaNAndNothingElse) {
  for (auto const* how : {"close", "scaled", "exact", "set", "column_sign"}) {
    SCOPED_TRACE(how);
    EXPECT_TRUE(check(how, make_array({1, 2}, {1.0, nan}), make_array({1, 2}, {1.0, nan})).passed);
    EXPECT_FALSE(check(how, make_array({1, 2}, {1.0, nan}), make_array({1, 2}, {1.0, 2.0})).passed);
    EXPECT_FALSE(check(how, make_array({1, 2}, {1.0, 2.0}), make_array({1, 2}, {1.0, nan})).passed);
    EXPECT_TRUE(check(how, make_array({1, 2}, {1.0, infinity}), make_array({1, 2}, {1.0, infinity})).passed);
    EXPECT_FALSE(check(how, make_array({1, 2}, {1.0, -infinity}), make_array({1, 2}, {1.0, infinity})).passed);
    EXPECT_FALSE(check(how, make_array({1, 2}, {1.0, infinity}), make_array({1, 2}, {1.0, 1e300})).passed);
  }
}

TEST(Compare, ShapesMustAgreeButAScalarHasTwo) {
  EXPECT_FALSE(check("close", make_array({2, 1}, {1.0, 2.0}), make_array({1, 2}, {1.0, 2.0})).passed);
  EXPECT_FALSE(check("exact", make_array({1}, {1.0}), make_array({2}, {1.0, 1.0})).passed);
  EXPECT_TRUE(check("close", make_array({}, {1.0}), make_array({1}, {1.0})).passed);
}

TEST(Compare, ScaledMeasuresByTheLargestOfTheSlice) {
  Tolerance const tolerance{1e-2, 0.0};
  auto const want = make_array({2, 2}, {100.0, 1.0, 0.1, 1.0});
  auto const got  = make_array({2, 2}, {100.0, 1.5, 0.1, 1.5});
  EXPECT_TRUE(check("scaled", got, want, tolerance).passed);
  auto e = expectation("scaled", want, tolerance);
  e.axis = 0;
  Value value;
  value.array = got;
  EXPECT_FALSE(compare(value, e, "float64").passed);
  value.array = make_array({2, 2}, {100.0, 1.5, 0.1, 1.0});
  EXPECT_TRUE(compare(value, e, "float64").passed);
  e.axis = 1;
  EXPECT_FALSE(compare(value, e, "float64").passed);
  // Nothing but zeros: only zeros will do.
  EXPECT_TRUE(check("scaled", make_array({1}, {0.0}), make_array({1}, {0.0}), tolerance).passed);
  EXPECT_FALSE(check("scaled", make_array({1}, {1e-30}), make_array({1}, {0.0}), tolerance).passed);
}

TEST(Compare, SetIgnoresOrderButNotMultiplicity) {
  EXPECT_TRUE(check("set", make_array({3}, {3.0, 1.0, 2.0}), make_array({3}, {1.0, 2.0, 3.0})).passed);
  EXPECT_FALSE(check("set", make_array({3}, {1.0, 1.0, 2.0}), make_array({3}, {1.0, 2.0, 2.0})).passed);
}

TEST(Compare, ColumnSignAndGram) {
  auto const want = make_array({2, 2}, {1.0, 2.0, 3.0, 4.0});
  EXPECT_TRUE(check("column_sign", make_array({2, 2}, {-1.0, 2.0, -3.0, 4.0}), want).passed);
  EXPECT_FALSE(check("column_sign", make_array({2, 2}, {-1.0, 2.0, 3.0, 4.0}), want).passed);
  // Columns swapped and one negated: a rotation.
  EXPECT_TRUE(check("gram", make_array({2, 2}, {-2.0, 1.0, -4.0, 3.0}), want).passed);
  EXPECT_FALSE(check("gram", make_array({2, 2}, {1.0, 2.0, 4.0, 3.0}), want).passed);
}

TEST(Compare, AtMost) {
  EXPECT_TRUE(check("at_most", make_array({1}, {1.0}), make_array({1}, {1.0})).passed);
  EXPECT_FALSE(check("at_most", make_array({1}, {1.1}), make_array({1}, {1.0})).passed);
  EXPECT_FALSE(check("at_most", make_array({1}, {nan}), make_array({1}, {1.0})).passed);
}

TEST(Compare, SetsNeedTheSameNames) {
  Value got, want;
  got.is_set = want.is_set = true;
  want.set["a"]            = make_array({1}, {1.0});
  auto e                   = expectation("close", {});
  e.want                   = want;
  EXPECT_NE(compare(got, e, "float64").reason.find("\"a\" is missing"), std::string::npos);
  got.set["a"] = make_array({1}, {1.0});
  EXPECT_TRUE(compare(got, e, "float64").passed);
  got.set["a"].reals[0] = 2.0;
  EXPECT_FALSE(compare(got, e, "float64").passed);
  got.set["a"].reals[0] = 1.0;
  got.set["b"]          = make_array({1}, {1.0});
  EXPECT_NE(compare(got, e, "float64").reason.find("\"b\" is not wanted"), std::string::npos);
}

TEST(Compare, NarrowStorageHasFactorsOnFloat32) {
  auto const e = expectation("close", {}, {1e-6, 2e-6});
  EXPECT_DOUBLE_EQ(tolerance_for(e, "float16").rtol, 1e-6 * 8192);
  EXPECT_DOUBLE_EQ(tolerance_for(e, "bfloat16").atol, 2e-6 * 65536);
}

TEST(Compare, RefusalsNeedTheirWordsAndTheFunctionInFront) {
  Expectation e;
  e.compare = "raises";
  e.error   = "query.extent(3) 64";
  e.kind    = "invalid_argument";
  EXPECT_TRUE(compare_refusal("ocellus::nn::f: query.extent(3) is 64", "invalid_argument", "ocellus::nn::f", e).passed);
  EXPECT_FALSE(compare_refusal("ocellus::nn::f: query.extent(3) is 32", "invalid_argument", "ocellus::nn::f", e).passed);
  EXPECT_FALSE(compare_refusal("ocellus::nn::ff: query.extent(3) is 64", "invalid_argument", "ocellus::nn::f", e).passed);
  EXPECT_FALSE(compare_refusal("f: query.extent(3) is 64", "invalid_argument", "ocellus::nn::f", e).passed);
  EXPECT_FALSE(compare_refusal("ocellus::nn::f: query.extent(3) is 64", "file", "ocellus::nn::f", e).passed);
}

/// Doubles its input; refuses more than 3 elements; "later" is an option value that comes later; "other" leaves the output as it was.
template <class Real, class Exec>
void twice(Call<Real, Exec>& call) {
  auto const input  = call.line("input");
  auto const output = call.template output<1>("output", input, call.extents("input"));
  require(extent(input, 0) <= 3, "ocellus::test::twice", "input.extent(0) is ", extent(input, 0));
  if (call.text("how") == "later") throw NotImplemented{"how later"};
  if (call.text("how") == "other") return;
  auto const host = Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), input);
  for (std::size_t i = 0; i < host.size(); ++i) host.data()[i] = static_cast<Real>(call.number("factor") * static_cast<double>(host.data()[i]));
  Kokkos::deep_copy(output, host);
  call.status("finished", true);
}

using HostExec = Kokkos::DefaultHostExecutionSpace;

Registry const& registry() {
  static Registry const instance = [] {
    Registry r;
    r.add({"test.twice",
           {.inputs  = {real("input", "(N)"), boolean("keep", "(N)").optional()},
            .options = {number("factor", 2.0), choice("how", {"now", "later", "other"}, "now"), integer_option("count", 1)},
            .outputs = {output("output", "(N)"), output("forgotten", "()")},
            .status  = {"finished"}},
           bodies<HostExec, float, double>("host", [](auto& call) { twice(call); })});
    return r;
  }();
  return instance;
}

/// A folder of cases that goes away.
class Folder : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "ocellus_conformance_XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    array("x.npy", {1.0, 2.0});
    array("y.npy", {2.0, 4.0});
  }
  void TearDown() override { fs::remove_all(folder_); }

  void array(std::string const& name, std::vector<double> const& values) {
    Kokkos::View<double*, Kokkos::HostSpace> const view("values", values.size());
    for (std::size_t i = 0; i < values.size(); ++i) view(i) = values[i];
    io::write_npy(folder_ / name, view);
  }
  /// Runs a case.json of this text; the rows go to `rows_`.
  void run(std::string const& text) {
    std::ofstream(folder_ / "case.json") << text;
    std::ostringstream out;
    rows_    = run_folders({folder_}, registry(), {.backend = "host", .precisions = {"float32", "float64"}, .kernels = "*"}, out);
    printed_ = out.str();
    std::ostringstream summary;
    passed_  = print_summary(rows_, summary);
    summary_ = summary.str();
  }
  void expect_failure(std::string const& text, std::string const& reason) {
    run(text);
    EXPECT_FALSE(passed_) << text;
    ASSERT_FALSE(rows_.empty());
    EXPECT_EQ(rows_[0].outcome.verdict, Verdict::failed) << text;
    EXPECT_NE(rows_[0].outcome.reason.find(reason), std::string::npos) << rows_[0].outcome.reason << "\n" << text;
  }
  static std::string text(std::string const& options, std::string const& inputs, std::string const& outputs, std::string const& more = "") {
    return R"({"format": 1, "kernel": "test.twice", "options": {)" + options + R"(}, "inputs": {)" + inputs + R"(}, "outputs": {)" + outputs + "}" + more + "}";
  }
  static std::string close(std::string const& file) {
    return R"("output": {"file": ")" + file + R"(", "compare": "close", "tolerance": {"float64": {"rtol": 1e-9}, "float32": {"rtol": 1e-5}}})";
  }
  static std::string raises(std::string const& words) { return R"("error": {"compare": "raises", "error": ")" + words + R"(", "kind": "invalid_argument"})"; }
  static constexpr char const* x = R"("input": "x.npy")";

  fs::path folder_;
  std::vector<Row> rows_;
  std::string printed_, summary_;
  bool passed_ = false;
};

TEST_F(Folder, ARightResultPassesInBothPrecisions) {
  run(text("", x, close("y.npy"), R"(, "status": {"finished": true}, "origin": "by hand", "note": "-")"));
  EXPECT_TRUE(passed_) << printed_;
  ASSERT_EQ(rows_.size(), 2u);
  EXPECT_EQ(rows_[0].precision, "float32");
  EXPECT_NE(summary_.find("2 passed, 0 failed, 0 not implemented"), std::string::npos) << summary_;
}

TEST_F(Folder, AWrongResultFails) {
  array("y.npy", {2.0, 4.1});
  expect_failure(text("", x, close("y.npy")), "element 1");
  array("y.npy", {2.0, 4.0, 6.0});
  expect_failure(text("", x, close("y.npy")), "shape (2), want (3)");
  expect_failure(text(R"("how": "other")", x, close("x.npy")), "got nan");
  expect_failure(text("", x, "", R"(, "status": {"finished": false})"), "status finished is true");
  expect_failure(text("", x, R"("forgotten": {"file": "x.npy", "compare": "exact"})"), "was not computed");
}

TEST_F(Folder, WhatTheTableDoesNotKnowFails) {
  expect_failure(text(R"("tempo": 3)", x, close("y.npy")), "option \"tempo\" is unknown");
  expect_failure(text(R"("how": "never")", x, close("y.npy")), "option \"how\"");
  expect_failure(text(R"("factor": "2")", x, close("y.npy")), "not a number");
  expect_failure(text(R"("count": 1.5)", x, close("y.npy")), "not a integer");
  expect_failure(text("", R"("input": "x.npy", "weight": "x.npy")", close("y.npy")), "input \"weight\" is unknown");
  expect_failure(text("", R"("input": "x.npy", "keep": "x.npy")", close("y.npy")), "must be boolean");
  expect_failure(text("", "", close("y.npy")), "input \"input\" is missing");
  expect_failure(text("", x, R"("result": {"file": "y.npy", "compare": "exact"})"), "output \"result\" is unknown");
  expect_failure(text("", x, close("y.npy"), R"(, "status": {"done": true})"), "status \"done\" is unknown");
}

TEST_F(Folder, AMalformedCaseNamesItsFileAndTheReason) {
  for (auto const& [broken, reason] :
       std::vector<std::pair<std::string, std::string>>{{"{", "parse error"},
                                                        {"[]", "is not an object"},
                                                        {R"({"format": 2, "kernel": "test.twice", "inputs": {}, "outputs": {}})", "format is 2"},
                                                        {R"({"format": 1, "inputs": {}, "outputs": {}})", "\"kernel\" is missing"},
                                                        {text("", x, ""), "nothing is compared"},
                                                        {text("", x, R"("output": {"file": "y.npy", "compare": "nearly"})"), "unknown compare"},
                                                        {text("", x, R"("output": {"file": "z.npy", "compare": "exact"})"), "z.npy"},
                                                        {text("", R"("input": "z.npy")", close("y.npy")), "z.npy"},
                                                        {text("", x, close("y.npy"), R"(, "tempo": 3)"), "unknown member \"tempo\""},
                                                        {text("", x, close("y.npy") + ", " + raises("twice")), "no other output"}}) {
    expect_failure(broken, reason);
    EXPECT_NE(rows_[0].outcome.reason.find("case.json"), std::string::npos) << rows_[0].outcome.reason;
  }
  expect_failure(text("", x, R"("output": {"file": "y.npy", "compare": "close", "tolerance": {}})"), "no tolerance for float32");
}

TEST_F(Folder, RefusalsAreComparedByTheirWords) {
  array("x.npy", {1.0, 2.0, 3.0, 4.0});
  run(text("", x, raises("input.extent(0) 4")));
  EXPECT_TRUE(passed_) << printed_;
  expect_failure(text("", x, raises("input.extent(0) 5")), "lacks \"5\"");
  expect_failure(text("", x, close("y.npy")), "threw: ocellus::test::twice");
  array("x.npy", {1.0});
  expect_failure(text("", x, raises("input.extent(0) 4")), "nothing was thrown");
}

TEST_F(Folder, WhatComesLaterIsNeitherPassedNorFailed) {
  run(text(R"("how": "later")", x, close("y.npy")));
  EXPECT_TRUE(passed_);
  EXPECT_NE(summary_.find("0 passed, 0 failed, 2 not implemented"), std::string::npos) << summary_;
  run(R"({"format": 1, "kernel": "test.thrice", "inputs": {}, "outputs": {"output": {"file": "y.npy", "compare": "exact"}}})");
  EXPECT_TRUE(passed_);
  EXPECT_NE(summary_.find("test.thrice: 0 passed, 0 failed, 2 not implemented"), std::string::npos) << summary_;
}

TEST_F(Folder, AFolderWithoutCasesFails) {
  std::ostringstream out;
  auto const rows = run_folders({folder_, folder_ / "absent"}, registry(), {.backend = "host", .precisions = {"float64"}, .kernels = "*"}, out);
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_NE(rows[0].outcome.reason.find("no case.json"), std::string::npos);
  EXPECT_NE(rows[1].outcome.reason.find("is not a folder"), std::string::npos);
}

TEST(Glob, Matches) {
  EXPECT_TRUE(matches("*", "nn.gelu"));
  EXPECT_TRUE(matches("nn.*", "nn.gelu"));
  EXPECT_TRUE(matches("*.g?lu", "nn.gelu"));
  EXPECT_FALSE(matches("nn.", "nn.gelu"));
  EXPECT_FALSE(matches("linalg.*", "nn.gelu"));
}

TEST(List, HasDefaultsAndChoices) {
  auto const list = list_as_json(registry());
  ASSERT_EQ(list.size(), 1u);
  EXPECT_EQ(list[0]["kernel"], "test.twice");
  EXPECT_EQ(list[0]["options"][0]["default"], 2.0);
  EXPECT_EQ(list[0]["options"][1]["choices"].size(), 3u);
}

}  // namespace
}  // namespace ocellus::conformance
