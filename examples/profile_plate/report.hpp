// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cell_focus.hpp"
#include "embedder.hpp"
#include "learn.hpp"
#include "support/plate_table.hpp"
#include "settings.hpp"
#include "site_profile.hpp"
#include "statistics.hpp"

namespace ocellus::examples {

/// Everything that the outputs show.
struct Results {
  Settings settings;
  PlateTable table;
  std::size_t nucleus_channel = 0;
  std::vector<SiteProfile> sites;
  std::vector<Well> wells;
  std::vector<std::size_t> site_of;  ///< of each cell, sites in the table's order
  std::vector<ProfileSet> sets;      ///< embedding first, then untrained, where the encoder learned, then simple
  std::vector<std::pair<std::string, double>> seconds;
  CellFocus focus;
  std::string encoder;
  bool trained = false;
  std::vector<std::string> remarks;
  std::optional<Learned> learned;  ///< where the encoder was trained on these cells
};

/// The page with outlines, typical cells, maps, plate and dose curves.
std::string report_page(Results const& results);

/// Writes cells.npy, cells.csv, profiles.csv, metrics.json and report.html; each file appears whole or not at all.
void write_outputs(Results const& results);

}  // namespace ocellus::examples
