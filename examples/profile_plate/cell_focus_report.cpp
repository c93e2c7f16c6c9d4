// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "cell_focus.hpp"
#include "support/html_report.hpp"
#include "support/picture.hpp"
#include "support/svg.hpp"

namespace ocellus::examples {
namespace {

std::string tenths(double share) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", 100 * share);
  return text;
}

std::string percent(double share) { return tenths(share) + " %"; }

std::string joined(std::vector<std::string> const& parts) {
  std::string text;
  for (std::size_t i = 0; i < parts.size(); ++i) text += (i == 0 ? "" : i + 1 == parts.size() ? " and " : ", ") + parts[i];
  return text;
}

/// The map over a grey picture: red where it is high, in the map's own range.
Picture overlay(Picture const& picture, HostTensor<float**> const& map) {
  float highest = 0;
  for (std::size_t i = 0; i < map.size(); ++i) highest = std::max(highest, map.data()[i]);
  Picture result = picture;
  for (std::int64_t y = 0; y < picture.height; ++y) {
    for (std::int64_t x = 0; x < picture.width; ++x) {
      auto* const pixel = result.at(y, x);
      float const level = highest > 0 ? std::clamp(map(y, x) / highest, 0.f, 1.f) : 0.f,
                  grey  = (static_cast<float>(pixel[0]) + static_cast<float>(pixel[1]) + static_cast<float>(pixel[2])) / 3.f;
      // From black over red and yellow to white.
      std::array<float, 3> const heat = {std::min(1.f, 3 * level), std::clamp(3 * level - 1, 0.f, 1.f), std::clamp(3 * level - 2, 0.f, 1.f)};
      for (std::size_t k = 0; k < 3; ++k) pixel[k] = static_cast<std::uint8_t>(std::lround(std::min(255.f, 0.45f * grey + 150.f * heat[k])));
    }
  }
  return result;
}

Picture doubled(Picture const& picture) {
  Picture large{2 * picture.width, 2 * picture.height, std::vector<std::uint8_t>(picture.rgb.size() * 4)};
  for (std::int64_t y = 0; y < large.height; ++y) {
    for (std::int64_t x = 0; x < large.width; ++x) std::copy_n(picture.rgb.data() + (y / 2 * picture.width + x / 2) * 3, 3, large.at(y, x));
  }
  return large;
}

/// A row of crops over a row of the same with their maps; the cell's outline is white, those of others grey.
Picture sheet(std::vector<CellFocus::Example> const& examples) {
  std::vector<Picture> crops, maps;
  for (auto const& example : examples) {
    std::int64_t const channels = extent(example.crop, 0), side = extent(example.crop, 1);
    std::vector<DisplayRange> ranges;
    for (std::int64_t c = 0; c < channels; ++c) ranges.push_back(display_range(example.crop.data() + c * side * side, static_cast<std::size_t>(side * side)));
    auto const picture = composite(example.crop.data(), channels, side, side, ranges);
    bool const small   = side <= 96;
    auto const scale   = small ? 2 : 1;
    std::vector<std::int32_t> own(static_cast<std::size_t>(side * side * scale * scale)), other(own.size());
    for (std::int64_t y = 0; y < side * scale; ++y) {
      for (std::int64_t x = 0; x < side * scale; ++x) {
        auto const label                                      = example.labels(y / scale, x / scale);
        own[static_cast<std::size_t>(y * side * scale + x)]   = label == 1 ? 1 : 0;
        other[static_cast<std::size_t>(y * side * scale + x)] = label == 2 ? 2 : 0;
      }
    }
    for (bool const with_map : {false, true}) {
      auto const plain = with_map ? overlay(picture, example.map) : picture;
      auto shown       = small ? doubled(plain) : plain;
      draw_outlines(shown, other.data(), {120, 120, 120});
      draw_outlines(shown, own.data(), {255, 255, 255});
      (with_map ? maps : crops).push_back(shown);
    }
  }
  std::vector<Picture> tiles;
  std::size_t const columns = 6;
  for (std::size_t first = 0; first < crops.size(); first += columns) {
    std::size_t const count = std::min(columns, crops.size() - first);
    for (auto const* const row : {&crops, &maps}) {
      for (std::size_t i = 0; i < columns; ++i)
        tiles.push_back(i < count ? (*row)[first + i] : Picture{crops[0].width, crops[0].height, std::vector<std::uint8_t>(crops[0].rgb.size(), 255)});
    }
  }
  return montage(tiles, columns, 4);
}

std::string interval(CellFocus::Estimate const& e) { return percent(e.value) + " (" + tenths(e.low) + " to " + tenths(e.high) + ")"; }

}  // namespace

void report_cell_focus(HtmlReport& report, CellFocus const& focus, PlateTable const& table, std::vector<std::size_t> const& site_of) {
  report.section("Does the model look at the cell?");
  if (!focus.reason.empty()) {
    report.paragraph("Not computed: " + focus.reason);
    return;
  }
  std::vector<std::string> flagged;
  for (auto const& group : focus.groups) {
    if (group.flagged) flagged.push_back(group.name);
  }
  std::string const accuracy = "A linear probe on the embedding tells " + joined(focus.classes) + " apart with a balanced accuracy of " +
                               percent(focus.accuracy) + " (chance " + percent(focus.chance) + ").";
  if (!focus.told_apart)
    report.warning(accuracy + " That is not above chance, so the maps below explain a score that means nothing; no verdict.");
  else if (flagged.empty())
    report.paragraph(accuracy + " Its evidence lies on the cells more than their area alone would have it, in every group.");
  else
    report.warning(accuracy + " For " + joined(flagged) +
                   " the evidence does not lie on the cells more than their area alone would have it: the groups may be told apart by something else, such as "
                   "background, neighbours, staining or position.");
  std::vector<std::vector<std::string>> rows;
  for (auto const& group : focus.groups) {
    rows.push_back({group.name + (group.taught ? "" : " *"), std::to_string(group.cells), interval(group.inside), percent(group.area), interval(group.excess),
                    percent(group.neighbours), percent(group.background), group.units, group.flagged ? "flagged" : ""});
  }
  report.table({"group", "cells", "map inside the cell", "crop's area in the cell", "difference", "map on neighbours", "map on background", "intervals by", ""},
               rows);
  report.paragraph(
      std::to_string(focus.cells) + " cells, drawn at random, were looked at" +
      (focus.without_map == 0 ? std::string() : " (" + std::to_string(focus.without_map) + " of them without any evidence for their group)") +
      ". The probe is a ridge classifier; its accuracy is the mean of the groups' from " + std::to_string(focus.fold_count) + " folds that keep " +
      focus.folds + " together. The score of a cell's own group" +
      (std::all_of(focus.groups.begin(), focus.groups.end(), [](auto const& g) { return g.taught; })
           ? std::string()
           : " (of the group predicted, for groups marked *, which the probe has not learned)") +
      " is carried back through the pool and the last block to a class activation map (Grad-CAM) of the tokens, less their mean over cells. " +
      (focus.grown ? "The cell is its nucleus grown by " + std::to_string(ring_width) + " pixels. " : "The cell is its label in the label image. ") +
      "Intervals: 2.5th to 97.5th percentile of 1000 draws of wells (or sites, cells, where there is but one); a few units make them too narrow. A group is "
      "flagged when the interval of the "
      "difference between the map's share and the area's share reaches 0 or lies below.");
  report.paragraph("For comparison: a probe that has learned shuffled groups has a difference of " + percent(focus.excess_shuffled) +
                   ". Cells vary more than the background, so that even a score of nothing falls on them more than their area alone would have it.");
  if (!focus.channel_share.empty()) {
    std::string text = "Share of the channels in the maps: ";
    for (std::size_t c = 0; c < focus.channel_share.size(); ++c) text += (c == 0 ? "" : ", ") + table.channels[c] + " " + percent(focus.channel_share[c]);
    report.paragraph(text + ".");
  }
  ScatterPlot plot;
  plot.x_label = "share of the crop's area in the cell";
  plot.y_label = "share of the map in the cell";
  double most  = 0;
  for (auto const& group : focus.groups) plot.groups.push_back(group.name);
  for (std::size_t i = 0; i < site_of.size(); ++i) {
    if (std::isnan(focus.inside_of[i])) continue;
    auto const& site = table.sites[site_of[i]];
    auto const name  = group_name(site.treatment, site.control);
    plot.points.push_back({focus.area_of[i], focus.inside_of[i],
                           static_cast<std::size_t>(std::find(plot.groups.begin(), plot.groups.end(), name) - plot.groups.begin()),
                           "cell " + std::to_string(i) + ", " + site.name()});
    most = std::max(most, focus.area_of[i]);
  }
  plot.arrows.push_back({0, 0, most, most});
  report.figure(svg(plot), "Each point is a cell; the arrow marks equal shares. Above it, the map lies on the cell more than the area alone would have it.");
  if (focus.best.empty()) return;
  report.figure(HtmlReport::picture(png_bytes(sheet(focus.best)), "", 0),
                "The cells whose map lies most inside: crops, and below them the same in grey with their map. Outlines: the cell white, others grey.");
  report.figure(HtmlReport::picture(png_bytes(sheet(focus.worst)), "", 0), "The cells whose map lies least inside.");
}

}  // namespace ocellus::examples
