// SPDX-License-Identifier: Apache-2.0

#include <cmath>
#include <cstdio>

#include <nlohmann/json.hpp>

#include <ocellus/io/atomic_file.hpp>
#include <ocellus/io/csv.hpp>
#include <ocellus/io/npy.hpp>

#include "report.hpp"

namespace ocellus::examples {
namespace {

std::string exact(float value) {
  if (std::isnan(value)) return "";
  char text[32];
  std::snprintf(text, sizeof text, "%.9g", static_cast<double>(value));
  return text;
}

std::string exact(double value) {
  if (std::isnan(value)) return "";
  char text[32];
  std::snprintf(text, sizeof text, "%.17g", value);
  return text;
}

io::CsvTable cell_table(Results const& r) {
  io::CsvTable table;
  table.header = {"cell", "plate", "well", "site", "treatment", "dose", "control", "label", "y", "x"};
  for (auto const& name : simple_feature_names(r.table.channels)) table.header.push_back(name);
  table.header.emplace_back("map_inside_cell");
  std::size_t cell = 0;
  for (std::size_t s = 0; s < r.sites.size(); ++s) {
    auto const& site    = r.table.sites[s];
    auto const& profile = r.sites[s];
    for (std::int64_t i = 0; i < profile.cells(); ++i, ++cell) {
      std::vector<std::string> row = {std::to_string(cell),
                                      site.plate,
                                      site.well,
                                      site.site,
                                      site.treatment,
                                      exact(site.dose),
                                      to_string(site.control),
                                      std::to_string(i + 1),
                                      exact(profile.centres(i, 0)),
                                      exact(profile.centres(i, 1))};
      for (std::int64_t f = 0; f < extent(profile.simple, 1); ++f) row.push_back(exact(profile.simple(i, f)));
      row.push_back(exact(r.focus.inside_of[cell]));
      table.rows.push_back(std::move(row));
    }
  }
  return table;
}

io::CsvTable well_table(Results const& r) {
  io::CsvTable table;
  table.header = {"plate", "well", "treatment", "dose", "control", "sites", "cells"};
  for (auto const& set : r.sets) table.header.push_back("score_" + set.name);
  for (auto const& set : r.sets) {
    for (auto const& feature : set.features) table.header.push_back(set.name + "_" + feature);
  }
  for (std::size_t w = 0; w < r.wells.size(); ++w) {
    auto const& well             = r.wells[w];
    std::vector<std::string> row = {
        well.plate, well.well, well.treatment, exact(well.dose), to_string(well.control), std::to_string(well.sites.size()), std::to_string(well.cells)};
    for (auto const& set : r.sets) row.push_back(exact(set.well_score[w]));
    for (auto const& set : r.sets) {
      for (std::int64_t f = 0; f < extent(set.wells, 1); ++f) row.push_back(exact(set.wells(w, f)));
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

nlohmann::ordered_json metrics(Results const& r) {
  auto const value = [](double v) { return std::isfinite(v) ? nlohmann::ordered_json(v) : nlohmann::ordered_json(nullptr); };
  nlohmann::ordered_json json;
  json["cells"] = r.site_of.size();
  json["sites"] = r.table.sites.size();
  json["wells"] = r.wells.size();
  for (auto const& [stage, seconds] : r.seconds) json["seconds"][stage] = seconds;
  for (auto const& set : r.sets) {
    json[set.name] = {{"replicate_map", value(set.metrics.replicate_map)},
                      {"chance_map", value(set.metrics.chance_map)},
                      {"z_prime", value(set.metrics.z_prime)},
                      {"dose_spearman", value(set.metrics.dose_spearman)}};
  }
  if (r.focus.reason.empty()) {
    auto& focus = json["cell_focus"];
    focus       = {{"accuracy", value(r.focus.accuracy)},
                   {"chance_accuracy", value(r.focus.chance)},
                   {"told_apart", r.focus.told_apart},
                   {"cells", r.focus.cells},
                   {"inside_cell", value(r.focus.inside.value)},
                   {"inside_cell_low", value(r.focus.inside.low)},
                   {"inside_cell_high", value(r.focus.inside.high)},
                   {"area_share", value(r.focus.area)},
                   {"difference_shuffled", value(r.focus.excess_shuffled)},
                   {"flagged", nlohmann::ordered_json::array()},
                   {"groups", nlohmann::ordered_json::object()}};
    for (auto const& group : r.focus.groups) {
      if (group.flagged) focus["flagged"].push_back(group.name);
      focus["groups"][group.name] = {{"cells", group.cells},
                                     {"inside_cell", value(group.inside.value)},
                                     {"area_share", value(group.area)},
                                     {"difference_low", value(group.excess.low)},
                                     {"difference_high", value(group.excess.high)}};
    }
  } else {
    json["cell_focus"] = nullptr;
  }
  json["encoder"] = {{"description", r.encoder}, {"trained", r.trained}};
  if (r.learned) {
    auto const& l    = *r.learned;
    json["training"] = {{"steps", l.settings.steps},
                        {"loss", value(l.reconstruction.loss)},
                        {"loss_of_channel_mean", value(l.reconstruction.mean)},
                        {"loss_of_patch_mean", value(l.reconstruction.patch_mean)}};
  }
  return json;
}

}  // namespace

void write_outputs(Results const& r) {
  // Everything is made before the first file is written, so that a failure on the way leaves the folder as it was.
  auto const cells         = cell_table(r);
  auto const wells         = well_table(r);
  auto const json          = metrics(r).dump(2) + "\n";
  std::string const page   = report_page(r);
  std::int64_t const width = extent(r.sites.front().embedding, 1);
  auto embedding           = make_host_tensor<float**>("ocellus::examples::cells", r.site_of.size(), width);
  std::int64_t row         = 0;
  for (auto const& site : r.sites) {
    for (std::int64_t i = 0; i < site.cells(); ++i, ++row) {
      for (std::int64_t k = 0; k < width; ++k) embedding(row, k) = site.embedding(i, k);
    }
  }
  auto const& out = r.settings.out;
  io::write_npy(out / "cells.npy", embedding);
  io::write_csv(out / "cells.csv", cells);
  io::write_csv(out / "profiles.csv", wells);
  io::write_file_atomically(out / "metrics.json", json);
  io::write_file_atomically(out / "report.html", page);
}

}  // namespace ocellus::examples
