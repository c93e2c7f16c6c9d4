// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace ocellus::examples {

enum class Control { none, negative, positive };

std::string to_string(Control control);

/// The group of a site: its control, or its treatment.
std::string group_name(std::string const& treatment, Control control);

/// A rectangle of a larger image, in pixels.
struct Region {
  std::int64_t left = 0, top = 0, width = 0, height = 0;
};

/// One row of the plate table: the images of one site and what was done to its well.
struct Site {
  std::string plate, well, site, treatment;
  double dose     = 0;  ///< NaN where none is given
  Control control = Control::none;
  std::vector<std::filesystem::path> images;  ///< one a channel
  std::filesystem::path labels;               ///< a label image, empty: find the nuclei
  bool has_region = false;
  Region region;

  /// "plate well site", for messages.
  [[nodiscard]] std::string name() const { return plate + " " + well + " " + site; }
};

struct PlateTable {
  std::vector<std::string> channels;
  std::vector<Site> sites;
};

/// Reads the table of a plate.
///
/// Columns: plate, well, site, treatment, dose, control (none, negative, positive), optionally left, top, width, height (the part of the images that is the
/// site) and labels (a label image), and one a channel with the file's name. CellProfiler's `Metadata_`, `FileName_` and `PathName_` are understood; with
/// `FileName_` columns only these are channels. Relative names are looked up in `images`. A label image is also looked for in `labels`, if that is not
/// empty: there under the name of the nucleus channel's image, or that with `_labels` before the extension, or that with the extension png, tif or tiff.
///
/// Without `needs_controls` the column control may be missing and no site need be a negative control.
///
/// Errors: UserError with a sentence that names the table, the line and the column.
PlateTable read_plate_table(std::filesystem::path const& table, std::filesystem::path const& images, bool needs_controls = true);

/// The channel that shows nuclei: `wanted`, or the first whose name says so (dna, dapi, hoechst, nuc...), or the first.
std::size_t find_nucleus_channel(PlateTable const& table, std::string const& wanted);

/// Fills `Site::labels` from a folder of label images.
void find_labels(PlateTable& table, std::filesystem::path const& folder, std::size_t nucleus_channel);

/// "B07" gives row 1 and column 6; false where the name is not of this kind.
bool parse_well(std::string const& well, std::size_t& row, std::size_t& column);

}  // namespace ocellus::examples
