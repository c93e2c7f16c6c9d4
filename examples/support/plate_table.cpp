// SPDX-License-Identifier: Apache-2.0

#include "support/plate_table.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <map>
#include <set>

#include <ocellus/io/csv.hpp>

#include "text.hpp"
#include "user_error.hpp"

namespace ocellus::examples {
namespace {

namespace fs = std::filesystem;

/// The known columns, under CellProfiler's names too.
std::string canonical(std::string const& column) {
  std::string name = lower_case(column);
  if (name.starts_with("metadata_")) name = name.substr(9);
  static std::map<std::string, std::string> const also = {{"plate", "plate"},         {"well", "well"},          {"site", "site"}, {"field", "site"},
                                                          {"treatment", "treatment"}, {"compound", "treatment"}, {"dose", "dose"}, {"concentration", "dose"},
                                                          {"control", "control"},     {"labels", "labels"},      {"left", "left"}, {"top", "top"},
                                                          {"width", "width"},         {"height", "height"}};
  auto const found                                     = also.find(name);
  return found == also.end() ? std::string() : found->second;
}

Control parse_control(std::string const& text, std::string const& place) {
  std::string const value = lower_case(text);
  if (value.empty() || value == "none" || value == "no" || value == "trt" || value == "treated") return Control::none;
  if (value == "negative" || value == "negcon" || value == "neg") return Control::negative;
  if (value == "positive" || value == "poscon" || value == "pos") return Control::positive;
  throw UserError(place + ": the column control holds \"" + text + "\"; it must be none, negative or positive");
}

double parse_number(std::string const& text, std::string const& column, std::string const& place) {
  if (text.empty() || lower_case(text) == "nan" || lower_case(text) == "na") return std::numeric_limits<double>::quiet_NaN();
  char* end          = nullptr;
  double const value = std::strtod(text.c_str(), &end);
  if (*end != '\0' || !std::isfinite(value)) throw UserError(place + ": the column " + column + " holds \"" + text + "\", which is not a number");
  return value;
}

}  // namespace

std::string to_string(Control control) { return control == Control::negative ? "negative" : control == Control::positive ? "positive" : "none"; }

PlateTable read_plate_table(fs::path const& table_path, fs::path const& images, bool needs_controls) {
  auto const csv = io::read_csv(table_path);
  std::map<std::string, std::size_t> known;
  std::vector<std::pair<std::string, std::size_t>> channels;
  std::map<std::string, std::size_t> folders;
  bool const cellprofiler =
      std::any_of(csv.header.begin(), csv.header.end(), [](auto const& c) { return c.starts_with("FileName_") || c.starts_with("Image_FileName_"); });
  for (std::size_t c = 0; c < csv.header.size(); ++c) {
    std::string column = csv.header[c];
    if (column.starts_with("Image_")) column = column.substr(6);
    std::string const name = canonical(column);
    if (!name.empty()) {
      if (!known.emplace(name, c).second) throw UserError(table_path.string() + ": two columns mean " + name);
    } else if (cellprofiler) {
      if (column.starts_with("FileName_"))
        channels.emplace_back(column.substr(9), c);
      else if (column.starts_with("PathName_"))
        folders[column.substr(9)] = c;
    } else {
      channels.emplace_back(column, c);
    }
  }
  for (char const* const needed : {"plate", "well", "control"}) {
    bool const optional = !needs_controls && std::string(needed) == "control";
    if (known.count(needed) == 0 && !optional) throw UserError(table_path.string() + ": there is no column " + needed);
  }
  if (channels.empty()) throw UserError(table_path.string() + ": there is no column with image files (one a channel)");
  if (csv.rows.empty()) throw UserError(table_path.string() + ": the table has no rows");

  PlateTable table;
  for (auto const& channel : channels) table.channels.push_back(channel.first);
  std::set<std::string> seen;
  for (std::size_t r = 0; r < csv.rows.size(); ++r) {
    auto const& row         = csv.rows[r];
    std::string const place = table_path.string() + ", row " + std::to_string(r + 1);
    auto const text         = [&](char const* column) { return known.count(column) != 0 ? row[known.at(column)] : std::string(); };
    Site site;
    site.plate     = text("plate");
    site.well      = text("well");
    site.site      = known.count("site") != 0 ? text("site") : "1";
    site.treatment = text("treatment");
    site.dose      = parse_number(text("dose"), "dose", place);
    site.control   = parse_control(text("control"), place);
    if (site.well.empty()) throw UserError(place + ": the column well is empty");
    if (!seen.insert(site.plate + '\n' + site.well + '\n' + site.site).second)
      throw UserError(place + ": plate, well and site \"" + site.name() + "\" occur twice");
    for (auto const& [channel, column] : channels) {
      if (!names_an_image(row[column])) {
        throw UserError(place + ": the column " + channel + " is none of plate, well, site, treatment, dose, control, and \"" + row[column] +
                        "\" is no TIFF or PNG file");
      }
      auto const folder  = folders.find(channel);
      fs::path const own = folder == folders.end() ? fs::path() : fs::path(row[folder->second]);
      fs::path file      = images / own / row[column];
      // A PathName of the machine that wrote the table is of no use here: then the file lies in the image folder itself.
      if (!fs::exists(file)) file = images / row[column];
      site.images.push_back(file);
    }
    if (!text("labels").empty()) site.labels = images / text("labels");
    if (known.count("width") != 0) {
      for (char const* const edge : {"left", "top", "height"}) {
        if (known.count(edge) == 0) throw UserError(table_path.string() + ": the column width needs left, top and height too");
      }
      auto const pixels = [&](char const* column) {
        double const value = parse_number(text(column), column, place);
        if (!(value >= 0) || value != std::floor(value) || value > 1e9)
          throw UserError(place + ": the column " + column + " must be a whole number of pixels, it is \"" + text(column) + "\"");
        return static_cast<std::int64_t>(value);
      };
      site.has_region = true;
      site.region     = {pixels("left"), pixels("top"), pixels("width"), pixels("height")};
      if (site.region.width == 0 || site.region.height == 0) throw UserError(place + ": the region of the site is empty");
    }
    table.sites.push_back(std::move(site));
  }
  for (auto const& site : table.sites) {
    for (auto const& file : site.images) {
      if (!fs::exists(file)) throw UserError("image file " + file.string() + " of site " + site.name() + " does not exist");
    }
    if (!site.labels.empty() && !fs::exists(site.labels))
      throw UserError("label image " + site.labels.string() + " of site " + site.name() + " does not exist");
  }
  bool const has_control = std::any_of(table.sites.begin(), table.sites.end(), [](auto const& s) { return s.control == Control::negative; });
  if (needs_controls && !has_control)
    throw UserError(table_path.string() + ": no site is a negative control, so there is nothing to compare with (column control)");
  return table;
}

std::string group_name(std::string const& treatment, Control control) {
  if (control == Control::negative) return "negative control";
  if (control == Control::positive) return "positive control";
  return treatment.empty() ? "treated" : treatment;
}

std::size_t find_nucleus_channel(PlateTable const& table, std::string const& wanted) {
  if (!wanted.empty()) {
    auto const found = std::find(table.channels.begin(), table.channels.end(), wanted);
    if (found == table.channels.end()) {
      std::string names;
      for (auto const& channel : table.channels) names += (names.empty() ? "" : ", ") + channel;
      throw UserError("the plate table has no channel \"" + wanted + "\"; it has " + names);
    }
    return static_cast<std::size_t>(found - table.channels.begin());
  }
  for (char const* const word : {"dna", "dapi", "hoechst", "nuc", "h33342", "draq", "blue"}) {
    for (std::size_t c = 0; c < table.channels.size(); ++c) {
      if (lower_case(table.channels[c]).find(word) != std::string::npos) return c;
    }
  }
  return 0;
}

void find_labels(PlateTable& table, fs::path const& folder, std::size_t nucleus_channel) {
  if (!fs::is_directory(folder)) throw UserError("the folder of label images " + folder.string() + " does not exist");
  for (auto& site : table.sites) {
    fs::path const image             = site.images[nucleus_channel].filename();
    std::vector<fs::path> candidates = {folder / image};
    for (char const* const ending : {"_labels", ""}) {
      for (char const* const extension : {".png", ".tif", ".tiff"}) candidates.push_back(folder / (image.stem().string() + ending + extension));
    }
    auto const found = std::find_if(candidates.begin(), candidates.end(), [](auto const& path) { return fs::exists(path); });
    if (found == candidates.end())
      throw UserError("no label image for site " + site.name() + ": none of " + candidates[0].string() + ", " + candidates[1].string() + " exists");
    site.labels = *found;
  }
}

bool parse_well(std::string const& well, std::size_t& row, std::size_t& column) {
  std::size_t letters = 0;
  while (letters < well.size() && std::isalpha(static_cast<unsigned char>(well[letters])) != 0) ++letters;
  if (letters == 0 || letters > 2 || letters == well.size() || well.size() - letters > 2) return false;
  row = 0;
  for (std::size_t i = 0; i < letters; ++i) row = row * 26 + static_cast<std::size_t>(std::toupper(static_cast<unsigned char>(well[i])) - 'A' + 1);
  column = 0;
  for (std::size_t i = letters; i < well.size(); ++i) {
    if (std::isdigit(static_cast<unsigned char>(well[i])) == 0) return false;
    column = column * 10 + static_cast<std::size_t>(well[i] - '0');
  }
  if (column == 0) return false;
  --row;
  --column;
  return row < 32 && column < 48;
}

}  // namespace ocellus::examples
