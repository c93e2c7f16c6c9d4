// SPDX-License-Identifier: Apache-2.0

// From microscope images to profiles: nuclei are found, each cell is embedded and measured, cells become site and well profiles, normalised to the controls
// and compared; figures and a report come out.

#include <chrono>
#include <cstdio>
#include <memory>

#include <CLI/CLI.hpp>

#include "embedder.hpp"
#include "learn.hpp"
#include "support/mae_report.hpp"
#include "support/plate_table.hpp"
#include "report.hpp"
#include "settings.hpp"
#include "site_profile.hpp"
#include "statistics.hpp"
#include "support/program.hpp"
#include "support/progress.hpp"
#include "support/svg.hpp"
#include "support/user_error.hpp"

namespace ocellus::examples {
namespace {

constexpr char const* introduction =
    "Profiles the cells of a plate of microscope images.\n\n"
    "In: a folder of images (TIFF or PNG) and a table (CSV) with the columns plate, well, site, treatment, dose, control (none, negative or positive) and one "
    "a channel with the "
    "file's name; CellProfiler's Metadata_, FileName_ and PathName_ are understood too. Optional columns: left, top, width, height (the part of the image that "
    "is the site), labels.\n"
    "Without --weights a small masked autoencoder learns from the cells themselves, without labels, and its embedding is compared with that of an untrained "
    "encoder.\n"
    "Out: cells.npy (embedding of each cell), cells.csv (what the rows are, and simple features), profiles.csv (a row a well), metrics.json, report.html.\n"
    "A run that was interrupted goes on where it stopped: finished sites are kept in OUT/sites.";

class Stopwatch {
 public:
  double lap() {
    auto const now       = std::chrono::steady_clock::now();
    double const seconds = std::chrono::duration<double>(now - last_).count();
    last_                = now;
    return seconds;
  }

 private:
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

void run(Settings const& settings) {
  Stopwatch total, watch;
  Results results;
  results.settings        = settings;
  results.table           = read_plate_table(settings.plate, settings.images);
  results.nucleus_channel = find_nucleus_channel(results.table, settings.nucleus_channel);
  if (!settings.labels.empty()) find_labels(results.table, settings.labels, results.nucleus_channel);
  auto const& table = results.table;

  Embedder embedder(settings, static_cast<std::int64_t>(table.channels.size()));
  bool const learns     = settings.weights.empty() && !settings.untrained;
  results.settings.crop = embedder.crop();
  results.encoder       = embedder.description();
  results.trained       = embedder.trained();
  results.remarks       = embedder.remarks();
  double const prepared = watch.lap();

  auto const kept = settings.out / "sites";
  std::filesystem::create_directories(kept);
  StageSeconds seconds;
  std::size_t reused = 0;
  {
    Progress progress("Sites", table.sites.size());
    for (std::size_t s = 0; s < table.sites.size(); ++s) {
      Stopwatch reading;
      auto const images = read_site(table.sites[s], table.channels);
      auto const file   = kept / (site_key(table.sites[s], images, results.nucleus_channel, results.settings, embedder) + ".safetensors");
      seconds.read += reading.lap();
      SiteProfile profile;
      if (!settings.fresh && load_site(file, profile)) {
        ++reused;
      } else {
        profile = profile_site(table.sites[s], images, results.nucleus_channel, results.settings, embedder, seconds);
        save_site(file, profile);
      }
      if (profile.cells() == 0) results.remarks.push_back("No cell was found in site " + table.sites[s].name() + ".");
      for (std::int64_t i = 0; i < profile.cells(); ++i) results.site_of.push_back(s);
      results.sites.push_back(std::move(profile));
      progress.update(s + 1, reused,
                      std::to_string(results.site_of.size()) + " cells" + (reused > 0 ? ", " + std::to_string(reused) + " sites kept from before" : ""));
    }
  }
  if (results.site_of.empty())
    throw UserError("no cell was found in any of the " + std::to_string(table.sites.size()) + " sites: is \"" + table.channels[results.nucleus_channel] +
                    "\" the channel of the nuclei (--nucleus-channel)?");
  watch.lap();
  double learning = 0;
  std::unique_ptr<Embedder> learned;
  if (learns) {
    results.learned  = learn(results.settings, table, results.sites);
    learning         = watch.lap();
    Settings trained = results.settings;
    trained.weights  = results.learned->model;
    learned          = std::make_unique<Embedder>(trained, static_cast<std::int64_t>(table.channels.size()));
    embed_again(table.sites, table.channels, kept, settings.fresh, *learned, results.sites, seconds);
    results.trained = true;
    results.encoder = describe(results.learned->settings);
    watch.lap();
  }

  std::vector<std::size_t> cells_per_site;
  for (auto const& site : results.sites) cells_per_site.push_back(static_cast<std::size_t>(site.cells()));
  results.wells     = gather_wells(table, cells_per_site);
  auto const gather = [&](HostTensor<float**> SiteProfile::*part) {
    std::int64_t const width = extent(results.sites.front().*part, 1);
    auto all                 = make_host_tensor<float**>("ocellus::examples::all", results.site_of.size(), width);
    std::int64_t row         = 0;
    for (auto const& site : results.sites) {
      for (std::int64_t i = 0; i < site.cells(); ++i, ++row) {
        for (std::int64_t k = 0; k < width; ++k) all(row, k) = (site.*part)(i, k);
      }
    }
    return all;
  };
  results.sets.push_back(profile_cells("embedding", gather(&SiteProfile::embedding), results.site_of, table, results.wells, settings));
  if (learns) results.sets.push_back(profile_cells("untrained", gather(&SiteProfile::untrained), results.site_of, table, results.wells, settings));
  results.sets.push_back(profile_cells("simple", gather(&SiteProfile::simple), results.site_of, table, results.wells, settings));
  double const statistics = watch.lap();
  results.focus           = cell_focus(table, results.sites, results.site_of, learned ? *learned : embedder, results.settings);
  double const focus      = watch.lap();
  results.seconds         = {{"prepare", prepared},        {"read", seconds.read}, {"segment", seconds.segment},
                             {"measure", seconds.measure}, {"learn", learning},    {"embed", seconds.embed},
                             {"statistics", statistics},   {"focus", focus},       {"total", total.lap()}};
  write_outputs(results);

  for (auto const& set : results.sets) {
    std::printf("%-9s  replicate mAP %s (chance %s)  Z' %s  dose Spearman %s\n", set.name.c_str(), number(set.metrics.replicate_map).c_str(),
                number(set.metrics.chance_map).c_str(), number(set.metrics.z_prime).c_str(), number(set.metrics.dose_spearman).c_str());
  }
  std::printf("%zu cells in %zu wells; report: %s\n", results.site_of.size(), results.wells.size(), (settings.out / "report.html").c_str());
}

}  // namespace
}  // namespace ocellus::examples

int main(int argc, char** argv) {
  using namespace ocellus::examples;
  Settings settings;
  CLI::App app{introduction, "profile_plate"};
  app.get_formatter()->column_width(34);
  app.add_option("--images", settings.images, "Folder of the images; default: the folder of the plate table")->type_name("DIR");
  app.add_option("--plate", settings.plate, "The plate table")->type_name("CSV")->required();
  app.add_option("--labels", settings.labels, "Folder of label images (0 background): no nuclei are searched then")->type_name("DIR");
  app.add_option("--weights", settings.weights, "Encoder weights (safetensors, timm's or maes_microscopy's names); default: trained on the cells found")
      ->type_name("FILE");
  app.add_flag("--untrained", settings.untrained, "Train nothing: take an untrained encoder");
  app.add_option("--train-steps", settings.train_steps, "Steps of training, where there are no weights")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 30))
      ->capture_default_str()
      ->type_name("N");
  app.add_option("--out", settings.out, "Output folder")->type_name("DIR")->capture_default_str();
  app.add_option("--nucleus-channel", settings.nucleus_channel, "Channel that shows nuclei; default: found by its name, else the first")->type_name("NAME");
  app.add_option("--nucleus-diameter", settings.nucleus_diameter, "Typical diameter of a nucleus in pixels; default: estimated")
      ->check(CLI::Range(0.0, 10000.0))
      ->type_name("PIXELS");
  app.add_option("--crop", settings.crop, "Side of a cell's crop in pixels (without weights; a multiple of 8)")
      ->check(CLI::Range(16, 512))
      ->capture_default_str()
      ->type_name("PIXELS");
  app.add_option("--components", settings.components, "Principal components kept before whitening")->check(CLI::Range(1, 4096))->capture_default_str();
  app.add_option("--seed", settings.seed, "Seed of encoder and training")->capture_default_str();
  app.add_option("--note", settings.note, "A sentence shown at the top of the report");
  app.add_flag("--fresh", settings.fresh, "Profile every site again, whatever an earlier run kept");
  return run_program(app, argc, argv, [&] {
    if (settings.images.empty()) settings.images = settings.plate.parent_path();
    run(settings);
  });
}
