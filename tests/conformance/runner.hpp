// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Reads cases, runs them against a registry, and says how each ended.

#include <cstdint>
#include <filesystem>
#include <iosfwd>
#include <string>
#include <vector>

#include "compare.hpp"
#include "kernel.hpp"

namespace ocellus::conformance {

/// A case in memory.
struct Case {
  std::string kernel;
  nlohmann::json options = nlohmann::json::object();
  std::map<std::string, Value> inputs;
  std::map<std::string, Expectation> outputs;
  nlohmann::json status = nlohmann::json::object();
};

enum class Verdict { passed, failed, not_implemented };

[[nodiscard]] char const* to_string(Verdict verdict);

struct Outcome {
  Verdict verdict = Verdict::failed;
  double worst    = 0.0;     ///< in units of the tolerance
  std::string reason;        ///< why it failed or is not implemented
  std::uint64_t digest = 0;  ///< of every bit of the outputs, NaN counting as one value
};

/// One printed row.
struct Row {
  std::string kernel, name, precision;
  Outcome outcome;
};

/// Reads a folder's case.json and the arrays it names. Errors: `std::runtime_error` naming the file and the reason.
[[nodiscard]] Case read_case(std::filesystem::path const& file);

/// Runs a case on a backend in a precision. Throws nothing.
[[nodiscard]] Outcome run_case(Case const& c, Registry const& registry, std::string const& backend, std::string const& precision);

struct RunSettings {
  std::string backend;
  std::vector<std::string> precisions;
  std::string kernels = "*";  ///< a glob
};

/// Runs every case.json (and every index.json of ONNX node tests) below the folders, in the order of their paths. A folder that is missing or holds no case
/// is a failure.
[[nodiscard]] std::vector<Row> run_folders(std::vector<std::filesystem::path> const& folders, Registry const& registry, RunSettings const& settings,
                                           std::ostream& out);

/// One line a kernel and the total; true when nothing failed.
bool print_summary(std::vector<Row> const& rows, std::ostream& out);

[[nodiscard]] nlohmann::json rows_as_json(std::vector<Row> const& rows, RunSettings const& settings);

/// One number for all results: the same where every output of every case has the same bits.
[[nodiscard]] std::uint64_t digest(std::vector<Row> const& rows);

/// The tables of all kernels.
[[nodiscard]] nlohmann::json list_as_json(Registry const& registry);

/// Whether the text matches a glob of * and ?.
[[nodiscard]] bool matches(std::string_view glob, std::string_view text);

/// A test of the ONNX backend suite as cases of this program: usually one, one for each item where an option differs between the items of a batch.
struct OnnxTest {
  std::string name, kernel;
  std::vector<Case> cases;
  std::string not_mapped;  ///< why there are none
  std::string broken;      ///< why it could not be read
};

/// Reads a folder of ONNX node tests through its index.json. Errors: `std::runtime_error` naming the file and the reason.
[[nodiscard]] std::vector<OnnxTest> read_onnx_tests(std::filesystem::path const& index);

}  // namespace ocellus::conformance
