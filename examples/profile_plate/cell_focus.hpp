// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <ocellus/core/tensor.hpp>

#include "support/plate_table.hpp"
#include "settings.hpp"
#include "site_profile.hpp"

namespace ocellus::examples {

class Embedder;
class HtmlReport;

/// What tells the treatment groups apart: the cells, or something beside them?
///
/// A linear probe on the embeddings learns the groups. The score of a cell's group is carried back through the encoder to a class activation map, and the share
/// of the map inside the cell is compared with the share of the crop that the cell covers.
struct CellFocus {
  /// A mean over cells with a bootstrap interval.
  struct Estimate {
    double value = 0, low = 0, high = 0;
  };
  struct Group {
    std::string name;
    std::size_t cells = 0;
    bool taught       = true;  ///< the probe learned this group; else the score is that of the group it predicts
    Estimate inside, excess;   ///< share of the map in the cell; the same less the cell's share of the crop
    double area = 0, neighbours = 0, background = 0;
    std::string units;     ///< what the bootstrap draws: wells, sites or cells
    bool flagged = false;  ///< the interval of `excess` reaches 0 or lies below, and the probe is better than chance
  };
  /// A cell to show.
  struct Example {
    std::size_t cell = 0;
    HostTensor<float***> crop;
    HostTensor<float**> map;
    HostTensor<std::int32_t**> labels;  ///< 1 the cell, 2 others
  };

  std::string reason;  ///< why nothing was computed; empty: it was
  std::vector<std::string> classes;
  std::string folds;  ///< what the folds keep together
  std::size_t fold_count = 0;
  double accuracy = 0, chance = 0;
  bool told_apart   = false;  ///< the accuracy is above chance by more than its own error
  std::size_t cells = 0, without_map = 0;
  Estimate inside;
  double area = 0, excess_shuffled = 0;  ///< the latter: of a probe of shuffled classes
  std::vector<Group> groups;
  std::vector<double> channel_share;       ///< of each channel in the map; empty where tokens are of all channels
  bool grown = false;                      ///< nuclei were grown by the ring that stands for the cytoplasm
  std::vector<double> inside_of, area_of;  ///< of each cell of the run, NaN where not computed
  std::vector<Example> best, worst;
};

/// Looks at no more than 1200 cells, drawn by the seed; sites are read again, one at a time.
CellFocus cell_focus(PlateTable const& table, std::vector<SiteProfile> const& sites, std::vector<std::size_t> const& site_of, Embedder const& embedder,
                     Settings const& settings);

/// The report's section "Does the model look at the cell?".
void report_cell_focus(HtmlReport& report, CellFocus const& focus, PlateTable const& table, std::vector<std::size_t> const& site_of);

}  // namespace ocellus::examples
