// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <ocellus/core/tensor.hpp>

#include "support/plate_table.hpp"
#include "settings.hpp"

namespace ocellus::examples {

/// A well, which gathers the sites of one name on one plate.
struct Well {
  std::string plate, well, treatment;
  double dose     = 0;
  Control control = Control::none;
  std::vector<std::size_t> sites;
  std::size_t cells = 0;
};

/// Numbers between 0 and 1 and the like; NaN where the plate does not define them.
struct Metrics {
  double replicate_map = 0;  ///< mean average precision of finding a profile's replicates before all others
  double chance_map    = 0;  ///< what random ranking reaches on the same plate
  double z_prime       = 0;  ///< of the control wells' scores
  double dose_spearman = 0;  ///< rank correlation of dose and score over the treated wells
};

/// One set of features through the whole path.
struct ProfileSet {
  std::string name;
  std::vector<std::string> features;        ///< of the normalised profiles
  HostTensor<float**> cells, sites, wells;  ///< normalised to the negative controls
  HostTensor<float**> map;                  ///< (units, 2): scores on the first two principal components
  std::vector<double> explained;            ///< share of the variance of these two
  bool map_of_wells = true;                 ///< units are wells, else sites
  std::vector<double> well_score;           ///< 0 at the negative, 1 at the positive controls; NaN without positive controls
  Metrics metrics;
  std::vector<std::string> remarks;
};

/// Gathers sites into wells; sites of a well must agree in treatment, dose and control.
///
/// Errors: UserError naming the well where they do not.
std::vector<Well> gather_wells(PlateTable const& table, std::vector<std::size_t> const& cells_per_site);

/// Normalises cells (n, d) to the negative controls, aggregates them to sites and wells, and compares the wells.
///
/// `site_of` gives each cell's site.
///
/// Errors: UserError when a plate has too few cells of negative controls to normalise by.
ProfileSet profile_cells(std::string const& name, HostTensor<float**> const& cells, std::vector<std::size_t> const& site_of, PlateTable const& table,
                         std::vector<Well> const& wells, Settings const& settings);

}  // namespace ocellus::examples
