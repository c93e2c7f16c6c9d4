// SPDX-License-Identifier: Apache-2.0

#include "report.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include <nlohmann/json.hpp>

#include <ocellus/io/atomic_file.hpp>

#include "support/html_report.hpp"
#include "support/mae_report.hpp"
#include "support/picture.hpp"
#include "support/svg.hpp"

namespace ocellus::examples {
namespace {

using Colour = std::array<std::uint8_t, 3>;
using Json   = nlohmann::ordered_json;

constexpr Colour agreed = {235, 235, 235}, nothing = {24, 28, 36}, invented = {213, 94, 0}, missed = {86, 180, 233}, outline = {0, 200, 120};

/// How often a pixel is drawn side by side.
constexpr std::int64_t magnification = 2;

struct Frame {
  std::int64_t top, left, height, width;
};

Frame frame_of(Example const& e) {
  std::int64_t const height = extent(e.refined.mean, 0), width = extent(e.refined.mean, 1), side = std::min({shown_side, height, width});
  return {e.top, e.left, side, side};
}

template <class ColourOf>
Picture painted(Frame const& f, ColourOf const& colour_of) {
  Picture picture{f.width * magnification, f.height * magnification, {}};
  picture.rgb.resize(static_cast<std::size_t>(picture.width * picture.height * 3));
  for (std::int64_t y = 0; y < picture.height; ++y) {
    for (std::int64_t x = 0; x < picture.width; ++x) {
      Colour const colour = colour_of(f.top + y / magnification, f.left + x / magnification);
      std::copy(colour.begin(), colour.end(), picture.at(y, x));
    }
  }
  return picture;
}

Colour grey(double level) {
  auto const value = static_cast<std::uint8_t>(std::lround(255 * std::clamp(level, 0.0, 1.0)));
  return {value, value, value};
}

/// Image (where there is one), mean, refined, and both masks beside the truth.
Picture row_of(Example const& e) {
  Frame const f = frame_of(e);
  std::vector<Picture> tiles;
  if (e.image.size() > 0) {
    auto const range = display_range(e.image.data(), e.image.size());
    tiles.push_back(painted(f, [&](std::int64_t y, std::int64_t x) {
      double const level = std::clamp(static_cast<double>((e.image(y, x) - range.low) / (range.high - range.low)), 0.0, 1.0);
      return grey(std::pow(level, 0.7));
    }));
  }
  tiles.push_back(painted(f, [&](std::int64_t y, std::int64_t x) { return grey(static_cast<double>(e.refined.mean(y, x))); }));
  // The uncertain patches, framed.
  tiles.push_back(painted(f, [&](std::int64_t y, std::int64_t x) {
    auto colour = grey(static_cast<double>(e.refined.entropy(y, x)) / std::log(2.0));
    if (e.refined.uncertain(y, x) != 0) colour[2] = static_cast<std::uint8_t>(std::min(255, colour[2] + 90));
    return colour;
  }));
  tiles.push_back(painted(f, [&](std::int64_t y, std::int64_t x) { return grey(static_cast<double>(e.refined.refined(y, x))); }));
  for (auto const* const mask : {&e.refined.before, &e.refined.after}) {
    tiles.push_back(painted(f, [&](std::int64_t y, std::int64_t x) {
      bool const is = (*mask)(y, x) != 0, should = e.truth.size() > 0 ? e.truth(y, x) != 0 : is;
      return is ? should ? agreed : invented : should ? missed : nothing;
    }));
  }
  return montage(tiles, static_cast<std::int64_t>(tiles.size()), 4);
}

Json real(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

Json json_of(Agreement const& a) { return {{"iou", real(a.iou())}, {"dice", real(a.dice())}}; }

Json json_of(Worth const& w) {
  return {{"all_pixels", json_of(w.all)}, {"uncertain_patches", json_of(w.uncertain)}, {"components", w.components}, {"count_error", real(w.count_error)}};
}

Json metrics_of(Settings const& s, Results const& r) {
  Json metrics;
  metrics["fields"]      = r.summaries.size();
  metrics["left_out"]    = r.fields.left_out;
  metrics["own_labels"]  = r.fields.own_labels;
  metrics["uncertainty"] = s.uncertainty;
  metrics["threshold"]   = s.threshold;
  metrics["blend"]       = s.blend;
  metrics["passes"]      = s.passes;
  metrics["rounds"]      = s.rounds;
  metrics["model"]       = r.model.description;
  metrics["seconds"]     = r.seconds;
  if (r.model.learned) {
    metrics["train_steps"] = r.model.log.steps();
    auto const loss = [](Reconstruction const& c) { return Json{{"model", real(c.loss)}, {"crop_mean", real(c.mean)}, {"patch_mean", real(c.patch_mean)}}; };
    metrics["reconstruction"] = {{"learned_maps", loss(r.model.seen)}};
    if (r.model.held_out.crops.size() > 0) metrics["reconstruction"]["held_out_maps"] = loss(r.model.held_out);
  }
  metrics["images"] = Json::array();
  for (auto const& f : r.summaries) {
    metrics["images"].push_back({{"name", f.name},
                                 {"held_out", f.held_out},
                                 {"pixels", f.pixels},
                                 {"uncertain_pixels", f.uncertain},
                                 {"changed_pixels", f.changed},
                                 {"components_before", f.parts_before},
                                 {"components_after", f.parts_after}});
  }
  metrics["trials"] = Json::array();
  for (auto const& trial : r.trials) {
    auto const& v = trial.verdict;
    if (v.fields == 0) continue;
    metrics["trials"].push_back({{"ensemble", v.name},
                                 {"fields", v.fields},
                                 {"better", v.better},
                                 {"worse", v.worse},
                                 {"nuclei", v.nuclei},
                                 {"pixels", v.pixels},
                                 {"uncertain_pixels", v.uncertain},
                                 {"changed_pixels", v.changed},
                                 {"before", json_of(v.before)},
                                 {"smoothed", json_of(v.smoothed)},
                                 {"after", json_of(v.after)}});
  }
  return metrics;
}

void add_trial(HtmlReport& page, Trial const& trial) {
  auto const& v = trial.verdict;
  page.section("Ensemble: " + v.name);
  page.paragraph("Its members: " + v.text + ".");
  if (v.fields > 0) {
    auto const row = [&](std::string const& name, Worth const& w) {
      return std::vector<std::string>{name,
                                      number(w.all.iou()),
                                      number(w.all.dice()),
                                      number(w.uncertain.iou()),
                                      number(w.uncertain.dice()),
                                      std::to_string(w.components),
                                      number(w.count_error)};
    };
    page.table({"mask", "IoU", "Dice", "IoU, uncertain patches", "Dice, uncertain patches", "connected parts", "error of the count"},
               {row("mean of the ensemble above one half", v.before), row("mean smoothed by a Gaussian of 2 pixels", v.smoothed), row("refined", v.after)});
    page.paragraph(std::to_string(v.fields) + " held-out fields with " + std::to_string(v.nuclei) + " nuclei, all pixels together; " +
                   number(100.0 * static_cast<double>(v.uncertain) / static_cast<double>(v.pixels)) + " % of the pixels lie in uncertain patches, " +
                   number(100.0 * static_cast<double>(v.changed) / static_cast<double>(v.pixels)) + " % change sides. The IoU rises in " +
                   std::to_string(v.better) + " fields and falls in " + std::to_string(v.worse) +
                   ". The error of the count is the mean over the fields of the difference between connected parts and nuclei.");
  }
  for (auto const& example : trial.examples) {
    auto const picture = row_of(example);
    page.figure(HtmlReport::picture(png_bytes(picture), "", static_cast<int>(std::min<std::int64_t>(940, picture.width))), example.field);
  }
}

std::string what_happened(Results const& r) {
  auto const& v            = r.trials[0].verdict;
  double const by          = v.after.all.iou() - v.before.all.iou();
  std::string const change = std::abs(by) < 0.0005 ? "leaves the IoU where it was, at " : by > 0 ? "raises the IoU to " : "lowers the IoU to ";
  return "On held-out fields refining " + change + number(v.after.all.iou()) + " from " + number(v.before.all.iou()) + " with the ensemble " + v.name + ".";
}

void add_model(HtmlReport& page, Results const& r) {
  page.section("The model of label maps");
  if (!r.model.learned) {
    page.paragraph("Refined by " + r.model.description + ".");
    return;
  }
  add_training(page, r.model.settings, r.model.log, r.model.held_out.crops.size() > 0 ? r.model.held_out : r.model.seen, {"label maps"});
  if (r.model.held_out.crops.size() > 0) {
    page.paragraph("The table and the crops are of held-out maps; on the maps that it has learned from, the model's error is " + number(r.model.seen.loss) +
                   ".");
  }
}

}  // namespace

void write_report(Settings const& s, Results const& r) {
  HtmlReport page("Refined masks", std::to_string(r.summaries.size()) + " fields; uncertainty: " + s.uncertainty + ", patches above " + number(s.threshold) +
                                       " are rebuilt; blend: " + s.blend);
  if (!s.note.empty()) page.warning(s.note);
  if (!r.fields.left_out.empty()) {
    page.warning(std::to_string(r.fields.left_out.size()) + (r.fields.left_out.size() == 1 ? " file is" : " files are") +
                 " left out, not being one grey page: " + r.fields.left_out.front() + (r.fields.left_out.size() > 1 ? ", ..." : "") + ".");
  }
  if (r.fields.own_labels) {
    page.warning(
        "No label maps were given: those used here, to learn from and to judge by, are segmentations of the undisturbed images made by this program. They are "
        "no truth, so read the figures as how far refining leads back to them.");
  }
  if (r.trials[0].verdict.fields > 0) page.paragraph(what_happened(r));
  page.paragraph(
      "An ensemble's mean and its uncertainty are taken pixel by pixel. Patches with much uncertainty are hidden, and a masked autoencoder that has seen many "
      "label "
      "maps, but not this image, rebuilds them from what is round them. It knows how label maps look, not what the image shows: it can close a gap or round an "
      "outline, and can as well invent a nucleus or lose one. Where the ensemble is certain nothing changes.");
  page.paragraph(
      std::string("In the pictures, from left to right: ") + (s.images.empty() ? "" : "the image; ") +
      "the ensemble's mean; its entropy, uncertain patches tinted blue; the refined probability; the mask before and after (white: agrees with the label map, "
      "orange: nucleus in the mask alone, blue: in the label map alone). The part shown of each field is that in which most pixels change.");
  for (auto const& trial : r.trials) {
    if (trial.verdict.fields > 0 || !trial.examples.empty()) add_trial(page, trial);
  }
  add_model(page, r);
  page.section("Every field");
  std::vector<std::vector<std::string>> rows;
  for (auto const& f : r.summaries) {
    auto const percent = [&](std::int64_t count) { return number(100.0 * static_cast<double>(count) / static_cast<double>(f.pixels)); };
    rows.push_back(
        {f.name, f.held_out ? "yes" : "no", percent(f.uncertain), percent(f.changed), std::to_string(f.parts_before), std::to_string(f.parts_after)});
  }
  page.table({"field", "held out", "% in uncertain patches", "% changed", "parts before", "parts after"}, rows);
  page.section("Files");
  page.paragraph(
      "masks/NAME.png: the refined masks. maps/NAME.tif, five pages: mean, refined probability, predictive entropy, mutual information, variance. "
      "metrics.json: the numbers of this page. Model: " +
      r.model.file.string() + " (--weights takes it).");
  io::write_file_atomically(s.out / "metrics.json", metrics_of(s, r).dump(2) + "\n");
  io::write_file_atomically(s.out / "report.html", page.page());
}

}  // namespace ocellus::examples
