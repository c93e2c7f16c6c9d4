// SPDX-License-Identifier: Apache-2.0

#include "cell_focus.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include <ocellus/core/random.hpp>
#include <ocellus/explain/grad_camo_labels.hpp>
#include <ocellus/image/expand_labels.hpp>

#include "class_maps.hpp"
#include "embedder.hpp"
#include "support/linear_probe.hpp"
#include "support/progress.hpp"

namespace ocellus::examples {
namespace {

using Exec = ClassMaps::Exec;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

constexpr std::size_t most_cells = 1200, cells_of_mean = 256, fewest_of_group = 10, most_classes = 20, most_folds = 5, resamples = 1000, shown = 12;

/// The probe's penalty relative to a feature's variance.
constexpr double penalty = 0.1;

/// A cell of the sample.
struct Sampled {
  std::size_t cell = 0, site = 0, row = 0;  ///< of the run; its site; its row in the site
  std::size_t group = 0;                    ///< of all groups
  std::size_t score = 0;                    ///< the class whose score is explained
  bool seen         = false;                ///< has a map
  double inside = 0, neighbours = 0, background = 0, area = 0;
};

/// The items in a random order.
std::vector<std::size_t> shuffled(std::vector<std::size_t> items, std::uint64_t seed, std::uint32_t step) {
  RandomSequence const random{.seed = seed, .stream = RandomStream::permutation, .step = step, .sample = 0};
  for (std::size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[random.below(i, static_cast<std::uint32_t>(i))]);
  return items;
}

/// What the draws of a bootstrap, or folds, keep together.
enum class Units { wells, sites, cells };

char const* name_of(Units units) { return units == Units::wells ? "wells" : units == Units::sites ? "sites" : "cells"; }

/// The coarsest units of which there are at least `fewest` in each set of cells.
Units coarsest_units(std::vector<std::vector<std::size_t>> const& sets, std::vector<std::size_t> const& site_of, std::vector<std::size_t> const& well_of_site,
                     std::size_t fewest) {
  for (Units const units : {Units::wells, Units::sites}) {
    bool enough = true;
    for (auto const& set : sets) {
      std::set<std::size_t> found;
      for (std::size_t const cell : set) found.insert(units == Units::wells ? well_of_site[site_of[cell]] : site_of[cell]);
      enough = enough && found.size() >= fewest;
    }
    if (enough) return units;
  }
  return Units::cells;
}

std::size_t unit_of(Units units, std::size_t cell, std::vector<std::size_t> const& site_of, std::vector<std::size_t> const& well_of_site) {
  return units == Units::wells ? well_of_site[site_of[cell]] : units == Units::sites ? site_of[cell] : cell;
}

/// Mean of the values and the 2.5th and 97.5th percentiles of that mean over draws, with replacement, of the units they belong to.
CellFocus::Estimate estimate(std::vector<double> const& values, std::vector<std::size_t> const& unit, std::uint64_t seed, std::uint32_t step) {
  if (values.empty()) return {nan, nan, nan};
  std::map<std::size_t, std::pair<double, double>> sums;  // of the values, of ones
  double total = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    sums[unit[i]].first += values[i];
    sums[unit[i]].second += 1;
    total += values[i];
  }
  std::vector<std::pair<double, double>> units;
  for (auto const& [key, sum] : sums) units.push_back(sum);
  std::vector<double> means(resamples);
  for (std::size_t r = 0; r < resamples; ++r) {
    RandomSequence const random{.seed = seed, .stream = RandomStream::bootstrap, .step = step, .sample = static_cast<std::uint32_t>(r)};
    double sum = 0, count = 0;
    for (std::size_t u = 0; u < units.size(); ++u) {
      auto const& drawn = units[random.below(u, static_cast<std::uint32_t>(units.size()))];
      sum += drawn.first;
      count += drawn.second;
    }
    means[r] = sum / count;
  }
  std::sort(means.begin(), means.end());
  return {total / static_cast<double>(values.size()), means[resamples * 25 / 1000], means[resamples * 975 / 1000 - 1]};
}

/// Crops and their label images, with 1 for the cell and 2 for others, of some cells of one site.
struct Crops {
  HostTensor<float****> pixels;
  HostTensor<std::int32_t***> labels;
};

class SiteCropper {
 public:
  SiteCropper(Site const& site, std::vector<std::string> const& channels, SiteProfile const& profile, std::int64_t side)
      : profile_(profile), side_(side), images_(read_site(site, channels)) {
    auto labels = profile.labels;
    if (site.labels.empty()) {
      Exec const exec;
      auto const nuclei = Kokkos::create_mirror_view_and_copy(Exec::memory_space(), labels);
      auto const grown  = make_tensor<std::int32_t**>(exec, "ocellus::examples::grown", nuclei.extent(0), nuclei.extent(1));
      image::expand_labels(exec, nuclei, grown, {.distance = ring_width});
      labels = Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), grown);
    }
    // One more channel to cut: float holds every label that a site can have.
    labels_.channels = make_host_tensor<float***>("ocellus::examples::labels", 1, labels.extent(0), labels.extent(1));
    std::copy_n(labels.data(), labels.size(), labels_.channels.data());
  }

  [[nodiscard]] Crops operator()(std::vector<std::size_t> const& rows) const {
    auto const n       = static_cast<std::int64_t>(rows.size());
    auto const centres = make_host_tensor<float**>("ocellus::examples::centres", n, 2);
    for (std::int64_t i = 0; i < n; ++i) {
      for (int k = 0; k < 2; ++k) centres(i, k) = profile_.centres(rows[static_cast<std::size_t>(i)], k);
    }
    auto const labels = cell_crops(labels_, centres, side_);
    Crops result{cell_crops(images_, centres, side_), make_host_tensor<std::int32_t***>("ocellus::examples::crop_labels", n, side_, side_)};
    for (std::int64_t i = 0; i < n; ++i) {
      auto const own = static_cast<float>(rows[static_cast<std::size_t>(i)] + 1);
      for (std::int64_t y = 0; y < side_; ++y) {
        for (std::int64_t x = 0; x < side_; ++x) {
          float const label      = labels(i, 0, y, x);
          result.labels(i, y, x) = label == 0 ? 0 : label == own ? 1 : 2;
        }
      }
    }
    return result;
  }

 private:
  SiteProfile const& profile_;
  std::int64_t side_;
  SiteImages images_, labels_;
};

/// Calls use(crops, cells) for batches of the cells, which are in the order of their sites.
template <class Cells, class Use>
void for_each_batch(Cells const& cells, PlateTable const& table, std::vector<SiteProfile> const& sites, std::int64_t side, Use const& use) {
  for (std::size_t first = 0; first < cells.size();) {
    std::size_t const site = cells[first]->site;
    SiteCropper const cropper(table.sites[site], table.channels, sites[site], side);
    while (first < cells.size() && cells[first]->site == site) {
      std::vector<std::size_t> rows;
      Cells batch;
      for (; first < cells.size() && cells[first]->site == site && rows.size() < static_cast<std::size_t>(ClassMaps::batch); ++first) {
        rows.push_back(cells[first]->row);
        batch.push_back(cells[first]);
      }
      use(cropper(rows), batch);
    }
  }
}

}  // namespace

CellFocus cell_focus(PlateTable const& table, std::vector<SiteProfile> const& sites, std::vector<std::size_t> const& site_of, Embedder const& embedder,
                     Settings const& settings) {
  CellFocus focus;
  focus.inside_of.assign(site_of.size(), nan);
  focus.area_of.assign(site_of.size(), nan);
  auto const parts = embedder.parts();
  if (parts.weights.blocks.empty()) {
    focus.reason = "the encoder has no block to look into.";
    return focus;
  }

  // Groups: controls and treatments. The probe learns positive against negative controls where there are both, else all groups.
  std::vector<std::size_t> well_of_site(table.sites.size());
  std::map<std::pair<std::string, std::string>, std::size_t> wells;
  std::map<std::string, std::vector<std::size_t>> members;
  for (std::size_t s = 0; s < table.sites.size(); ++s)
    well_of_site[s] = wells.emplace(std::make_pair(table.sites[s].plate, table.sites[s].well), wells.size()).first->second;
  for (std::size_t i = 0; i < site_of.size(); ++i) members[group_name(table.sites[site_of[i]].treatment, table.sites[site_of[i]].control)].push_back(i);
  std::vector<std::string> const controls = {group_name("", Control::negative), group_name("", Control::positive)};
  bool const by_controls = std::all_of(controls.begin(), controls.end(), [&](auto const& name) { return members[name].size() >= fewest_of_group; });
  std::vector<std::string> names;
  for (auto const& [name, cells] : members) {
    bool const control = std::find(controls.begin(), controls.end(), name) != controls.end();
    if (cells.size() >= fewest_of_group && (control || !by_controls)) focus.classes.push_back(name);
  }
  if (focus.classes.size() < 2) {
    focus.reason = "it takes two groups of at least " + std::to_string(fewest_of_group) + " cells that a classifier can tell apart.";
    return focus;
  }
  if (focus.classes.size() > most_classes) {
    std::stable_sort(focus.classes.begin(), focus.classes.end(), [&](auto const& a, auto const& b) { return members[a].size() > members[b].size(); });
    focus.classes.resize(most_classes);
  }
  names = focus.classes;
  for (auto const& [name, cells] : members) {
    if (!cells.empty() && std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }

  // The sample: the groups that the probe learns have an equal share of it, or of its half where there are others.
  std::size_t const taught = focus.classes.size(), others = names.size() - taught;
  std::vector<Sampled> sample;
  for (std::size_t g = 0; g < names.size(); ++g) {
    auto drawn               = shuffled(members[names[g]], settings.seed, static_cast<std::uint32_t>(g));
    std::size_t const budget = others == 0 ? most_cells : most_cells / 2, quota = std::max<std::size_t>(1, budget / (g < taught ? taught : others));
    drawn.resize(std::min(drawn.size(), quota));
    for (std::size_t const cell : drawn) sample.push_back({.cell = cell, .site = site_of[cell], .group = g});
  }
  if (sample.size() > most_cells) sample.resize(most_cells);  // more groups than cells to look at
  std::sort(sample.begin(), sample.end(), [](Sampled const& a, Sampled const& b) { return a.cell < b.cell; });
  std::vector<std::size_t> first_of_site(table.sites.size(), 0);
  for (std::size_t s = 1; s < table.sites.size(); ++s) first_of_site[s] = first_of_site[s - 1] + static_cast<std::size_t>(sites[s - 1].cells());
  for (auto& s : sample) s.row = s.cell - first_of_site[s.site];
  focus.cells = sample.size();

  // The probe, on the embeddings of the sample.
  std::int64_t const width = embedder.width();
  auto const features      = make_host_tensor<float**>("ocellus::examples::features", sample.size(), width);
  std::vector<std::size_t> rows, classes;
  std::vector<std::vector<std::size_t>> cells_of_class(taught);
  for (std::size_t i = 0; i < sample.size(); ++i) {
    for (std::int64_t k = 0; k < width; ++k) features(i, k) = sites[sample[i].site].embedding(sample[i].row, k);
    if (sample[i].group >= taught) continue;
    rows.push_back(i);
    classes.push_back(sample[i].group);
    cells_of_class[sample[i].group].push_back(sample[i].cell);
  }
  // Folds keep units together; those of each class are dealt out in a random order.
  Units const together = coarsest_units(cells_of_class, site_of, well_of_site, 2);
  std::size_t folds    = most_folds;
  std::map<std::size_t, std::size_t> fold_of_unit;
  std::vector<std::vector<std::size_t>> units_of_class(taught);
  for (std::size_t k = 0; k < taught; ++k) {
    std::set<std::size_t> units;
    for (std::size_t const cell : cells_of_class[k]) units.insert(unit_of(together, cell, site_of, well_of_site));
    units_of_class[k] = shuffled({units.begin(), units.end()}, settings.seed, static_cast<std::uint32_t>(names.size() + k));
    folds             = std::min(folds, units.size());
  }
  for (auto const& units : units_of_class) {
    for (std::size_t u = 0; u < units.size(); ++u) fold_of_unit[units[u]] = u % folds;
  }
  std::vector<std::size_t> fold;
  for (std::size_t const i : rows) fold.push_back(fold_of_unit.at(unit_of(together, sample[i].cell, site_of, well_of_site)));
  focus.folds      = name_of(together);
  focus.fold_count = folds;
  focus.chance     = 1.0 / static_cast<double>(taught);
  focus.accuracy   = cross_validated_accuracy(features, rows, classes, taught, fold, penalty);
  // Two standard errors, as if cells were independent.
  focus.told_apart = focus.accuracy > focus.chance + 2 * std::sqrt(focus.chance * (1 - focus.chance) / static_cast<double>(rows.size()));
  auto const probe = fit_linear_probe(features, rows, classes, taught, penalty);
  for (std::size_t i = 0; i < sample.size(); ++i) sample[i].score = sample[i].group < taught ? sample[i].group : probe.predict(features, i);

  // The maps.
  Exec const exec;
  ClassMaps class_maps(parts);
  using Pointers = std::vector<Sampled*>;
  Pointers all, of_mean;
  std::size_t const step = (sample.size() + cells_of_mean - 1) / cells_of_mean;
  for (std::size_t i = 0; i < sample.size(); ++i) {
    all.push_back(&sample[i]);
    if (i % step == 0) of_mean.push_back(&sample[i]);
  }
  for_each_batch(of_mean, table, sites, parts.crop, [&](Crops const& crops, Pointers const&) { class_maps.add_to_mean(crops.pixels); });
  auto const maps_of = [&](LinearProbe const& of, Crops const& crops, Pointers const& cells) {
    auto const gradient = make_host_tensor<float**>("ocellus::examples::score_gradient", cells.size(), width);
    for (std::size_t i = 0; i < cells.size(); ++i) {
      for (std::int64_t k = 0; k < width; ++k) gradient(i, k) = static_cast<float>(of.weights(cells[i]->score, k));
    }
    return class_maps.maps(crops.pixels, gradient);
  };
  auto const look = [&](LinearProbe const& of, Pointers const& at, std::vector<double>& channel_mass, Progress* progress) {
    std::size_t done = 0;
    for_each_batch(at, table, sites, parts.crop, [&](Crops const& crops, Pointers const& cells) {
      auto const maps       = maps_of(of, crops, cells);
      auto const labels     = Kokkos::create_mirror_view_and_copy(Exec::memory_space(), crops.labels);
      auto const score      = make_tensor<double**>(exec, "ocellus::examples::camo", cells.size(), 2);
      auto const neighbour  = make_tensor<double**>(exec, "ocellus::examples::camo_neighbour", cells.size(), 2);
      auto const background = make_tensor<double*>(exec, "ocellus::examples::camo_background", cells.size());
      auto const valid      = make_tensor<bool*>(exec, "ocellus::examples::camo_valid", cells.size());
      for (std::size_t i = 0; i < cells.size(); ++i) {
        explain::grad_camo_labels(exec, Kokkos::subview(maps.maps, i, Kokkos::ALL, Kokkos::ALL), Kokkos::subview(labels, i, Kokkos::ALL, Kokkos::ALL),
                                  Kokkos::subview(score, i, Kokkos::ALL), Kokkos::subview(neighbour, i, Kokkos::ALL), Kokkos::subview(background, i),
                                  Kokkos::subview(valid, i));
      }
      auto const host_score      = Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), score);
      auto const host_neighbour  = Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), neighbour);
      auto const host_background = Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), background);
      auto const host_valid      = Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), valid);
      std::int64_t const pixels  = extent(labels, 1) * extent(labels, 2);
      for (std::size_t i = 0; i < cells.size(); ++i) {
        auto& cell             = *cells[i];
        auto const* const mask = crops.labels.data() + static_cast<std::int64_t>(i) * pixels;
        cell.seen              = host_valid(i);
        cell.inside            = host_score(i, 0);
        cell.neighbours        = host_neighbour(i, 0);
        cell.background        = host_background(i);
        cell.area              = static_cast<double>(std::count(mask, mask + pixels, 1)) / static_cast<double>(pixels);
        channel_mass.resize(maps.channel_masses.extent(1), 0.0);
        if (!cell.seen) continue;
        double sum = 0;
        for (std::size_t c = 0; c < channel_mass.size(); ++c) sum += maps.channel_masses(i, c);
        for (std::size_t c = 0; c < channel_mass.size(); ++c) channel_mass[c] += maps.channel_masses(i, c) / sum;
      }
      if (progress != nullptr) progress->update(done += cells.size(), 0);
    });
  };
  std::vector<double> channel_mass;
  {
    Progress progress("Focus", all.size());
    look(probe, all, channel_mass, &progress);
  }

  // For comparison: what a probe looks at that has learned shuffled classes.
  auto const shuffled_classes = shuffled(classes, settings.seed, static_cast<std::uint32_t>(names.size() + taught));
  auto const shuffled_probe   = fit_linear_probe(features, rows, shuffled_classes, taught, penalty);
  std::vector<Sampled> compared;
  for (std::size_t i = 0; i < rows.size(); i += step) {
    compared.push_back(sample[rows[i]]);
    compared.back().score = shuffled_classes[i];
  }
  Pointers pointers;
  for (auto& cell : compared) pointers.push_back(&cell);
  std::vector<double> unused;
  look(shuffled_probe, pointers, unused, nullptr);
  double inside_shuffled = 0, area_shuffled = 0, count_shuffled = 0;
  for (auto const& cell : compared) {
    if (!cell.seen) continue;
    inside_shuffled += cell.inside;
    area_shuffled += cell.area;
    count_shuffled += 1;
  }
  focus.excess_shuffled = (inside_shuffled - area_shuffled) / count_shuffled;

  // Shares, over all and by groups.
  std::vector<Sampled const*> seen;
  for (auto const& cell : sample) {
    if (!cell.seen) continue;
    seen.push_back(&cell);
    focus.inside_of[cell.cell] = cell.inside;
    focus.area_of[cell.cell]   = cell.area;
  }
  focus.without_map = sample.size() - seen.size();
  if (channel_mass.size() > 1) {
    for (double const mass : channel_mass) focus.channel_share.push_back(mass / static_cast<double>(std::max<std::size_t>(1, seen.size())));
  }
  focus.grown        = std::all_of(table.sites.begin(), table.sites.end(), [](Site const& site) { return site.labels.empty(); });
  std::uint32_t draw = 0;
  auto const summary = [&](std::vector<Sampled const*> const& cells, CellFocus::Group& group) {
    std::vector<std::size_t> ids, units;
    std::vector<double> inside, excess;
    for (auto const* const cell : cells) ids.push_back(cell->cell);
    Units const kind = coarsest_units({ids}, site_of, well_of_site, 2);
    for (auto const* const cell : cells) {
      units.push_back(unit_of(kind, cell->cell, site_of, well_of_site));
      inside.push_back(cell->inside);
      excess.push_back(cell->inside - cell->area);
      group.area += cell->area / static_cast<double>(cells.size());
      group.neighbours += cell->neighbours / static_cast<double>(cells.size());
      group.background += cell->background / static_cast<double>(cells.size());
    }
    group.cells   = cells.size();
    group.units   = name_of(kind);
    group.inside  = estimate(inside, units, settings.seed, draw);
    group.excess  = estimate(excess, units, settings.seed, draw++);
    group.flagged = focus.told_apart && !(group.excess.low > 0);
  };
  CellFocus::Group whole;
  summary(seen, whole);
  focus.inside = whole.inside;
  focus.area   = whole.area;
  for (std::size_t g = 0; g < names.size(); ++g) {
    std::vector<Sampled const*> cells;
    for (auto const* const cell : seen) {
      if (cell->group == g) cells.push_back(cell);
    }
    CellFocus::Group group;
    group.name   = names[g];
    group.taught = g < taught;
    if (cells.empty()) continue;
    summary(cells, group);
    focus.groups.push_back(group);
  }

  // The cells to show are looked at once more.
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < sample.size(); ++i) {
    if (sample[i].seen) order.push_back(i);
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return sample[a].inside - sample[a].area > sample[b].inside - sample[b].area; });
  std::size_t const count = std::min(shown, order.size() / 2);
  auto const examples     = [&](std::vector<std::size_t> const& picked) {
    auto by_cell = picked;
    std::sort(by_cell.begin(), by_cell.end());
    Pointers cells;
    for (std::size_t const i : by_cell) cells.push_back(&sample[i]);
    std::map<std::size_t, CellFocus::Example> made;
    for_each_batch(cells, table, sites, parts.crop, [&](Crops const& crops, Pointers const& batch) {
      auto const maps = Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), maps_of(probe, crops, batch).maps);
      for (std::size_t i = 0; i < batch.size(); ++i) {
        auto& example  = made[batch[i]->cell];
        example.cell   = batch[i]->cell;
        example.crop   = make_host_tensor<float***>("ocellus::examples::crop", parts.channels, parts.crop, parts.crop);
        example.map    = make_host_tensor<float**>("ocellus::examples::map", parts.crop, parts.crop);
        example.labels = make_host_tensor<std::int32_t**>("ocellus::examples::crop_labels", parts.crop, parts.crop);
        Kokkos::deep_copy(example.crop, Kokkos::subview(crops.pixels, i, Kokkos::ALL, Kokkos::ALL, Kokkos::ALL));
        Kokkos::deep_copy(example.map, Kokkos::subview(maps, i, Kokkos::ALL, Kokkos::ALL));
        Kokkos::deep_copy(example.labels, Kokkos::subview(crops.labels, i, Kokkos::ALL, Kokkos::ALL));
      }
    });
    std::vector<CellFocus::Example> result;
    for (std::size_t const i : picked) result.push_back(made.at(sample[i].cell));
    return result;
  };
  focus.best  = examples({order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count)});
  focus.worst = examples({order.rbegin(), order.rbegin() + static_cast<std::ptrdiff_t>(count)});
  return focus;
}

}  // namespace ocellus::examples
