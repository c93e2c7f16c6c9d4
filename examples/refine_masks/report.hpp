// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "fields.hpp"
#include "judge.hpp"
#include "map_model.hpp"
#include "refine.hpp"

namespace ocellus::examples {

/// A part of a field for the report's pictures.
struct Example {
  std::string field;
  HostTensor<float**> image;         ///< empty: none
  HostTensor<std::uint8_t**> truth;  ///< empty: none
  Refined refined;
  std::int64_t top = 0, left = 0;  ///< of the part shown
};

/// One ensemble on all fields: what it is worth, and examples.
struct Trial {
  Verdict verdict;
  std::vector<Example> examples;
};

/// What became of one field's own ensemble.
struct FieldSummary {
  std::string name;
  bool held_out       = false;
  std::int64_t pixels = 0, uncertain = 0, changed = 0, parts_before = 0, parts_after = 0;
};

struct Results {
  Fields const& fields;
  MapModel const& model;
  std::vector<FieldSummary> summaries;
  std::vector<Trial> trials;
  double seconds = 0;  ///< of refining
};

/// Side of the parts that pictures show.
constexpr std::int64_t shown_side = 72;

/// Writes metrics.json and report.html.
void write_report(Settings const& settings, Results const& results);

}  // namespace ocellus::examples
