// SPDX-License-Identifier: Apache-2.0

#include "report.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "support/html_report.hpp"
#include "support/mae_report.hpp"
#include "support/picture.hpp"
#include "support/svg.hpp"

namespace ocellus::examples {
namespace {

/// Groups in a fixed order: controls, then treatments by name.
std::vector<std::string> group_names(std::vector<Well> const& wells) {
  std::set<std::string> treated;
  bool negative = false, positive = false;
  for (auto const& well : wells) {
    negative = negative || well.control == Control::negative;
    positive = positive || well.control == Control::positive;
    if (well.control == Control::none) treated.insert(group_name(well.treatment, well.control));
  }
  std::vector<std::string> names;
  if (negative) names.emplace_back("negative control");
  if (positive) names.emplace_back("positive control");
  names.insert(names.end(), treated.begin(), treated.end());
  return names;
}

std::size_t group_index(std::vector<std::string> const& names, std::string const& name) {
  return static_cast<std::size_t>(std::find(names.begin(), names.end(), name) - names.begin());
}

std::string dose_text(double dose) { return std::isnan(dose) ? "" : ", dose " + number(dose); }

std::string site_title(Site const& site) {
  return site.plate + " " + site.well + " site " + site.site + ", " + group_name(site.treatment, site.control) + dose_text(site.dose);
}

/// At most `most` sites to show: of each group one, controls first, spread over the doses.
std::vector<std::size_t> sites_to_show(Results const& results, std::size_t most) {
  std::vector<std::size_t> order(results.table.sites.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  auto const rank = [&](std::size_t i) {
    auto const& site = results.table.sites[i];
    return std::make_tuple(site.control == Control::negative   ? 0
                           : site.control == Control::positive ? 1
                                                               : 2,
                           site.treatment, std::isnan(site.dose) ? 0.0 : -site.dose);
  };
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return rank(a) < rank(b); });
  std::vector<std::size_t> shown;
  std::set<std::string> groups;
  for (int const round : {0, 1}) {
    for (std::size_t const i : order) {
      if (shown.size() >= most) return shown;
      auto const& site = results.table.sites[i];
      if (std::find(shown.begin(), shown.end(), i) != shown.end()) continue;
      bool const fresh = groups.insert(group_name(site.treatment, site.control)).second;
      if (fresh || round == 1) shown.push_back(i);
    }
  }
  return shown;
}

class Page {
 public:
  explicit Page(Results const& results) : results_(results), report_("Plate profile", subtitle(results)) {}

  std::string write() {
    summary();
    training();
    sites();
    cells();
    maps();
    plates();
    doses();
    report_cell_focus(report_, results_.focus, results_.table, results_.site_of);
    method();
    return report_.page();
  }

 private:
  static std::string subtitle(Results const& r) {
    return std::to_string(r.site_of.size()) + " cells, " + std::to_string(r.table.sites.size()) + " sites, " + std::to_string(r.wells.size()) +
           " wells; channels " + channel_list(r);
  }

  static std::string channel_list(Results const& r) {
    std::string text;
    for (std::size_t c = 0; c < r.table.channels.size(); ++c) text += (c == 0 ? "" : ", ") + r.table.channels[c] + (c == r.nucleus_channel ? " (nuclei)" : "");
    return text;
  }

  void summary() {
    if (!results_.settings.note.empty()) report_.warning(results_.settings.note);
    if (!results_.trained) {
      report_.warning("The embedding comes from an untrained encoder: " + results_.encoder +
                      ". It has learned nothing from images; it is a fixed random projection and a floor for what a trained encoder reaches.");
    } else {
      report_.paragraph("Encoder: " + results_.encoder + (results_.learned ? ", trained on the cells of this plate without labels." : "."));
    }
    for (auto const& remark : results_.remarks) report_.warning(remark);
    report_.section("How well do profiles find their replicates, and do they follow the dose?");
    std::vector<std::vector<std::string>> rows;
    for (auto const& set : results_.sets) {
      auto const& m = set.metrics;
      rows.push_back({set.name, number(m.replicate_map), number(m.chance_map), number(m.z_prime), number(m.dose_spearman)});
    }
    report_.table({"features", "replicate mAP", "mAP by chance", "Z' of controls", "dose Spearman"}, rows);
    report_.paragraph(
        "Replicate mAP: every profile ranks all others by cosine similarity; the average precision of finding those with its own treatment and dose, averaged "
        "over profiles. By chance: what a random ranking reaches. "
        "The score of a well is its projection on the axis from the mean of the negative to the mean of the positive controls (0 and 1); a control well is "
        "scored with a normalisation and an axis that were estimated without it. "
        "Z' = 1 - 3 (s_positive + s_negative) / |m_positive - m_negative| of these scores; dose Spearman is the rank correlation of dose and score over "
        "treated wells. n/a: the plate does not define it.");
    for (auto const& set : results_.sets) {
      for (auto const& remark : set.remarks) report_.paragraph(set.name + ": " + remark);
    }
  }

  void training() {
    if (!results_.learned) return;
    auto const& learned = *results_.learned;
    report_.section("What the encoder has learned");
    add_training(report_, learned.settings, learned.log, learned.reconstruction, results_.table.channels);
  }

  void sites() {
    report_.section("Cells found");
    std::vector<std::string> figures;
    auto const shown = sites_to_show(results_, 6);
    set_ranges(shown);
    for (std::size_t const i : shown) {
      auto picture = site_picture(i);
      draw_outlines(picture, results_.sites[i].labels.data(), {255, 255, 255});
      figures.push_back(HtmlReport::picture(png_bytes(shrink(picture, 640)),
                                            site_title(results_.table.sites[i]) + ": " + std::to_string(results_.sites[i].cells()) + " cells"));
    }
    report_.gallery(figures);
    report_.paragraph(
        "Each channel has a colour of its own (blue first); outlines are the nuclei found, or the label images given. Each channel is shown in one range for "
        "all pictures, the widest of the 1st to 99.7th percentiles of the sites pictured.");
  }

  void cells() {
    auto const& set         = results_.sets.front();
    std::size_t const count = results_.site_of.size();
    std::vector<std::pair<double, std::size_t>> distance(count);
    for (std::size_t i = 0; i < count; ++i) {
      double squares = 0;
      for (std::int64_t k = 0; k < extent(set.cells, 1); ++k) squares += static_cast<double>(set.cells(i, k)) * static_cast<double>(set.cells(i, k));
      distance[i] = {std::isnan(squares) ? 1e300 : std::sqrt(squares), i};
    }
    std::sort(distance.begin(), distance.end());
    std::size_t const shown = std::min<std::size_t>(24, count / 2);
    if (shown == 0) return;
    std::vector<std::size_t> typical, atypical;
    for (std::size_t i = 0; i < shown; ++i) {
      typical.push_back(distance[i].second);
      atypical.push_back(distance[count - 1 - i].second);
    }
    report_.section("Most and least typical cells");
    report_.figure(HtmlReport::picture(png_bytes(cell_sheet(typical)), "", 0),
                   "The cells nearest to the mean of the negative controls in the normalised embedding.");
    report_.figure(HtmlReport::picture(png_bytes(cell_sheet(atypical)), "", 0),
                   "The cells farthest from it: rare phenotypes, but also debris and segmentation errors. Look here first when a plate behaves oddly.");
  }

  void maps() {
    auto const groups = group_names(results_.wells);
    report_.section("Map of the profiles");
    for (auto const& set : results_.sets) {
      if (set.map.data() == nullptr) continue;
      ScatterPlot plot;
      plot.groups      = groups;
      auto const share = [&](std::size_t k) {
        return k < set.explained.size() ? " (" + number(100 * set.explained[k]) + " % of the variance)" : std::string();
      };
      plot.x_label = "component 1" + share(0);
      plot.y_label = "component 2" + share(1);
      for (std::int64_t i = 0; i < extent(set.map, 0); ++i) {
        auto const at = static_cast<std::size_t>(i);
        ScatterPlot::Point point{set.map(i, 0), set.map(i, 1), 0, ""};
        if (set.map_of_wells) {
          auto const& well = results_.wells[at];
          point.group      = group_index(groups, group_name(well.treatment, well.control));
          point.title      = well.plate + " " + well.well + ", " + group_name(well.treatment, well.control) + dose_text(well.dose);
        } else {
          auto const& site = results_.table.sites[at];
          point.group      = group_index(groups, group_name(site.treatment, site.control));
          point.title      = site_title(site);
        }
        plot.points.push_back(point);
      }
      report_.figure(svg(plot), set.name + ": principal components of the " + (set.map_of_wells ? "wells'" : "sites'") + " normalised profiles.");
    }
  }

  void plates() {
    std::set<std::string> names;
    std::size_t row = 0, column = 0;
    for (auto const& well : results_.wells) {
      if (!parse_well(well.well, row, column)) return;
      names.insert(well.plate);
    }
    bool const scored = std::any_of(results_.sets[0].well_score.begin(), results_.sets[0].well_score.end(), [](double v) { return std::isfinite(v); });
    report_.section("Plate");
    for (auto const& name : names) {
      for (auto const& set : results_.sets) {
        if (!scored && &set != &results_.sets.front()) continue;
        PlateHeatMap map;
        map.label = scored ? "score" : "cells";
        for (std::size_t w = 0; w < results_.wells.size(); ++w) {
          auto const& well = results_.wells[w];
          if (well.plate != name) continue;
          parse_well(well.well, row, column);
          double const value = scored ? set.well_score[w] : static_cast<double>(well.cells);
          map.wells.push_back({row, column, value,
                               well.well + ", " + group_name(well.treatment, well.control) + dose_text(well.dose) + ": " + number(value) + ", " +
                                   std::to_string(well.cells) + " cells",
                               well.control == Control::negative   ? "-"
                               : well.control == Control::positive ? "+"
                                                                   : ""});
        }
        report_.figure(svg(map), name +
                                     (scored ? ", score by " + set.name + " features (0: negative controls, 1: positive controls)" : ", cells in each well") +
                                     ". - and + mark the controls.");
      }
    }
  }

  void doses() {
    std::map<std::string, std::set<double>> doses;
    for (auto const& well : results_.wells) {
      if (well.control == Control::none && std::isfinite(well.dose)) doses[well.treatment].insert(well.dose);
    }
    bool const any    = std::any_of(doses.begin(), doses.end(), [](auto const& d) { return d.second.size() > 1; });
    bool const scored = std::any_of(results_.sets[0].well_score.begin(), results_.sets[0].well_score.end(), [](double v) { return std::isfinite(v); });
    if (!any || !scored) return;
    report_.section("Dose response");
    for (auto const& set : results_.sets) {
      DoseCurves plot;
      plot.x_label = "dose";
      plot.y_label = "score";
      for (auto const& [treatment, values] : doses) {
        DoseCurves::Series series;
        series.name = treatment.empty() ? "treated" : treatment;
        for (std::size_t w = 0; w < results_.wells.size(); ++w) {
          auto const& well = results_.wells[w];
          if (well.control == Control::none && well.treatment == treatment && std::isfinite(well.dose))
            series.points.emplace_back(well.dose, set.well_score[w]);
        }
        plot.series.push_back(series);
      }
      plot.levels = {{"negative controls", 0.0}, {"positive controls", 1.0}};
      report_.figure(svg(plot), set.name + ": score of each treated well (points) and the mean at each dose (line).");
    }
  }

  void method() {
    report_.section("How this was made");
    report_.paragraph("Nuclei are found on channel " + results_.table.channels[results_.nucleus_channel] + " unless label images were given. A square of " +
                      std::to_string(results_.settings.crop) +
                      " pixels round each nucleus is standardised per channel and embedded; simple features are intensities, their ratio between nucleus and "
                      "ring, and shape. Cell features are divided by robust z-scores of the negative controls of their plate, reduced to "
                      "principal components and whitened on these controls (typical variation normalisation, with CORAL where there are several plates), and "
                      "averaged over cells to sites and over sites to wells. Normalising cells rather than wells needs no more than one control well.");
    std::vector<std::vector<std::string>> rows;
    for (auto const& [stage, seconds] : results_.seconds) rows.push_back({stage, number(seconds)});
    report_.table({"stage", "seconds"}, rows);
  }

  /// The range that each channel is shown in: the widest among the sites shown, so that pictures can be compared and none is overexposed.
  void set_ranges(std::vector<std::size_t> const& shown) {
    for (std::size_t const i : shown) {
      auto const images = read_site(results_.table.sites[i], results_.table.channels);
      auto const& c     = images.channels;
      ranges_.resize(static_cast<std::size_t>(extent(c, 0)), DisplayRange{1e30f, -1e30f});
      for (std::int64_t k = 0; k < extent(c, 0); ++k) {
        auto const range = display_range(c.data() + k * extent(c, 1) * extent(c, 2), static_cast<std::size_t>(extent(c, 1) * extent(c, 2)));
        auto& widest     = ranges_[static_cast<std::size_t>(k)];
        widest           = {std::min(widest.low, range.low), std::max(widest.high, range.high)};
      }
    }
  }

  Picture site_picture(std::size_t i) {
    auto const images = read_site(results_.table.sites[i], results_.table.channels);
    auto const& c     = images.channels;
    return composite(c.data(), extent(c, 0), extent(c, 1), extent(c, 2), ranges_);
  }

  /// Crops of cells, 12 in a row; sites are read once each.
  Picture cell_sheet(std::vector<std::size_t> const& cells) {
    std::int64_t const side = results_.settings.crop;
    std::vector<Picture> tiles(cells.size());
    std::map<std::size_t, std::vector<std::size_t>> by_site;
    for (std::size_t i = 0; i < cells.size(); ++i) by_site[results_.site_of[cells[i]]].push_back(i);
    for (auto const& [site, members] : by_site) {
      auto picture            = site_picture(site);
      std::size_t const first = static_cast<std::size_t>(std::find(results_.site_of.begin(), results_.site_of.end(), site) - results_.site_of.begin());
      for (std::size_t const i : members) {
        auto const& centres    = results_.sites[site].centres;
        std::int64_t const top = std::lround(centres(cells[i] - first, 0)) - side / 2, left = std::lround(centres(cells[i] - first, 1)) - side / 2;
        Picture tile{side, side, std::vector<std::uint8_t>(static_cast<std::size_t>(side * side * 3), 0)};
        for (std::int64_t y = 0; y < side; ++y) {
          for (std::int64_t x = 0; x < side; ++x) {
            if (top + y >= 0 && top + y < picture.height && left + x >= 0 && left + x < picture.width)
              std::copy_n(picture.at(top + y, left + x), 3, tile.at(y, x));
          }
        }
        tiles[i] = std::move(tile);
      }
    }
    return montage(tiles, 12, 4);
  }

  Results const& results_;
  HtmlReport report_;
  std::vector<DisplayRange> ranges_;
};

}  // namespace

std::string report_page(Results const& results) { return Page(results).write(); }

}  // namespace ocellus::examples
