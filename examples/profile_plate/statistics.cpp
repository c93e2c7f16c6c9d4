// SPDX-License-Identifier: Apache-2.0

#include "statistics.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>

#include <ocellus/core.hpp>
#include <ocellus/profiling/aggregate.hpp>
#include <ocellus/profiling/average_precision.hpp>
#include <ocellus/profiling/normalize.hpp>
#include <ocellus/profiling/pca.hpp>
#include <ocellus/profiling/tvn.hpp>

#include "support/user_error.hpp"

namespace ocellus::examples {
namespace {

using Exec   = Kokkos::DefaultExecutionSpace;
using Matrix = Tensor<float**, Exec>;
using Keys   = Tensor<std::int64_t*, Exec>;
using Mask   = Tensor<bool*, Exec>;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

template <class HostView>
auto on_device(Exec const& exec, HostView const& host) {
  auto device = Kokkos::create_mirror_view(Kokkos::view_alloc(exec, typename Exec::memory_space(), Kokkos::WithoutInitializing), host);
  Kokkos::deep_copy(exec, device, host);
  return device;
}

template <class View>
auto on_host(Exec const& exec, View const& device) {
  auto host = Kokkos::create_mirror_view(Kokkos::view_alloc(Kokkos::HostSpace(), Kokkos::WithoutInitializing), device);
  Kokkos::deep_copy(exec, host, device);
  exec.fence();
  return host;
}

Keys keys(Exec const& exec, std::vector<std::int64_t> const& values) {
  auto host = make_host_tensor<std::int64_t*>("ocellus::examples::keys", values.size());
  std::copy(values.begin(), values.end(), host.data());
  return on_device(exec, host);
}

Mask mask(Exec const& exec, std::vector<char> const& values) {
  auto host = make_host_tensor<bool*>("ocellus::examples::mask", values.size());
  for (std::size_t i = 0; i < values.size(); ++i) host(i) = values[i] != 0;
  return on_device(exec, host);
}

/// Ranks from 1, equal values sharing their mean rank.
std::vector<double> mean_ranks(std::vector<double> const& values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  std::vector<double> ranks(values.size());
  for (std::size_t first = 0; first < order.size();) {
    std::size_t last = first;
    while (last + 1 < order.size() && values[order[last + 1]] == values[order[first]]) ++last;
    for (std::size_t i = first; i <= last; ++i) ranks[order[i]] = 0.5 * static_cast<double>(first + last) + 1.0;
    first = last + 1;
  }
  return ranks;
}

double pearson(std::vector<double> const& a, std::vector<double> const& b) {
  auto const n        = static_cast<double>(a.size());
  double const mean_a = std::accumulate(a.begin(), a.end(), 0.0) / n, mean_b = std::accumulate(b.begin(), b.end(), 0.0) / n;
  double ab = 0, aa = 0, bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    ab += (a[i] - mean_a) * (b[i] - mean_b);
    aa += (a[i] - mean_a) * (a[i] - mean_a);
    bb += (b[i] - mean_b) * (b[i] - mean_b);
  }
  return aa > 0 && bb > 0 ? ab / std::sqrt(aa * bb) : nan;
}

/// Mean and deviation (ddof 1).
std::pair<double, double> mean_and_deviation(std::vector<double> const& values) {
  auto const n      = static_cast<double>(values.size());
  double const mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
  double squares    = 0;
  for (double const v : values) squares += (v - mean) * (v - mean);
  return {mean, std::sqrt(squares / (n - 1))};
}

/// All cells of the run, and where each belongs.
struct Cells {
  Matrix features;
  Keys plate;
  std::vector<std::int64_t> plate_of;  ///< of each cell
  std::vector<std::size_t> well_of;    ///< of each cell
  std::vector<char> negative;          ///< of each cell: does it come from a negative control?
};

/// Robust z-scores of the negative controls of each plate, then principal components and whitening on these controls (with CORAL where there are several
/// plates).
HostTensor<float**> normalise(Exec const& exec, Cells const& cells, std::vector<char> const& control, std::int64_t plates, std::int64_t components) {
  auto const marked           = mask(exec, control);
  std::int64_t const features = extent(cells.features, 1), controls = std::count(control.begin(), control.end(), 1);
  auto const scores = make_tensor<float**>(exec, "ocellus::examples::z", extent(cells.features, 0), features);
  profiling::normalize(exec, cells.features, marked, cells.plate, scores, {.method = profiling::NormalizeMethod::mad_robustize, .guarded = true});
  // Whitening by fewer than five controls a component would follow noise.
  std::int64_t const k = std::max<std::int64_t>(1, std::min({components, features, controls / 5}));
  auto const whitened  = make_tensor<float**>(exec, "ocellus::examples::whitened", extent(cells.features, 0), k);
  if (plates > 1)
    profiling::tvn(exec, scores, marked, cells.plate, whitened, {.components = k});
  else
    profiling::tvn(exec, scores, marked, none, whitened, {.components = k});
  auto const host = make_host_tensor<float**>("ocellus::examples::normalised", whitened.extent(0), k);
  Kokkos::deep_copy(exec, host, whitened);
  exec.fence();
  return host;
}

/// Means of the rows of each unit, in the order of the keys 0 .. units - 1; NaN for a unit without rows.
HostTensor<float**> unit_means(Exec const& exec, HostTensor<float**> const& rows, std::vector<std::int64_t> const& unit_of, std::int64_t units) {
  auto result = make_host_tensor<float**>("ocellus::examples::units", units, rows.extent(1));
  Kokkos::deep_copy(result, static_cast<float>(nan));
  auto const group    = keys(exec, unit_of);
  auto const gathered = profiling::group_rows(exec, group);
  auto const means    = make_tensor<float**>(exec, "ocellus::examples::means", gathered.count(), rows.extent(1));
  auto const found    = make_tensor<std::int64_t*>(exec, "ocellus::examples::found", gathered.count());
  profiling::aggregate(exec, on_device(exec, rows), group, means, found, {.method = profiling::AggregateMethod::mean});
  auto const host = on_host(exec, means);
  for (std::int64_t g = 0; g < gathered.count(); ++g) {
    for (std::size_t d = 0; d < rows.extent(1); ++d) result(gathered.keys[static_cast<std::size_t>(g)], d) = host(g, d);
  }
  return result;
}

/// Projection on the axis between the means of the control wells, 0 at the negative and 1 at the positive ones; `without` takes no part in the means.
double axis_score(HostTensor<float**> const& profiles, std::vector<Well> const& wells, std::size_t scored, std::size_t without) {
  std::size_t const width = profiles.extent(1);
  std::vector<double> low(width, 0), high(width, 0);
  std::size_t lows = 0, highs = 0;
  for (std::size_t w = 0; w < wells.size(); ++w) {
    if (w == without || wells[w].control == Control::none || wells[w].cells == 0) continue;
    bool const negative = wells[w].control == Control::negative;
    (negative ? lows : highs) += 1;
    for (std::size_t d = 0; d < width; ++d) (negative ? low : high)[d] += static_cast<double>(profiles(w, d));
  }
  if (lows == 0 || highs == 0) return nan;
  double along = 0, length = 0;
  for (std::size_t d = 0; d < width; ++d) {
    double const start = low[d] / static_cast<double>(lows), axis = high[d] / static_cast<double>(highs) - start;
    along += (static_cast<double>(profiles(scored, d)) - start) * axis;
    length += axis * axis;
  }
  return length > 0 ? along / length : nan;
}

double z_prime(std::vector<Well> const& wells, std::vector<double> const& scores) {
  std::vector<double> negative, positive;
  for (std::size_t w = 0; w < wells.size(); ++w) {
    if (!std::isfinite(scores[w])) continue;
    if (wells[w].control == Control::negative) negative.push_back(scores[w]);
    if (wells[w].control == Control::positive) positive.push_back(scores[w]);
  }
  if (negative.size() < 2 || positive.size() < 2) return nan;
  auto const n = mean_and_deviation(negative), p = mean_and_deviation(positive);
  return 1 - 3 * (n.second + p.second) / std::abs(p.first - n.first);
}

double dose_spearman(std::vector<Well> const& wells, std::vector<double> const& scores) {
  std::vector<double> dose, score;
  for (std::size_t w = 0; w < wells.size(); ++w) {
    if (wells[w].control != Control::none || !std::isfinite(wells[w].dose) || !std::isfinite(scores[w])) continue;
    dose.push_back(wells[w].dose);
    score.push_back(scores[w]);
  }
  return dose.size() < 3 ? nan : pearson(mean_ranks(dose), mean_ranks(score));
}

/// Does a profile find its replicates, those with its own treatment, dose and role, before all others?
void replicate_map(Exec const& exec, HostTensor<float**> const& profiles, std::vector<std::int64_t> const& condition, Metrics& metrics) {
  auto const n  = static_cast<std::int64_t>(condition.size());
  auto metadata = make_host_tensor<std::int64_t**>("ocellus::examples::metadata", n, 1);
  for (std::int64_t i = 0; i < n; ++i) metadata(i, 0) = condition[static_cast<std::size_t>(i)];
  auto const ap = make_tensor<float*>(exec, "ocellus::examples::ap", n), normalized = make_tensor<float*>(exec, "ocellus::examples::normalized", n);
  auto const positives                     = make_tensor<std::int64_t*>(exec, "ocellus::examples::positives", n),
             totals                        = make_tensor<std::int64_t*>(exec, "ocellus::examples::totals", n);
  std::array<std::int64_t, 1> const column = {0};
  profiling::average_precision(exec, on_device(exec, profiles), on_device(exec, metadata), ap, normalized, positives, totals,
                               {.pos_sameby = column, .neg_diffby = column});
  auto const host_ap        = on_host(exec, ap);
  auto const host_positives = on_host(exec, positives), host_totals = on_host(exec, totals);
  double sum = 0, chance = 0;
  std::int64_t known = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    if (!std::isfinite(host_ap(i))) continue;
    ++known;
    sum += static_cast<double>(host_ap(i));
    // The expectation of a random ranking of m positives among l.
    double const m = static_cast<double>(host_positives(i)), l = static_cast<double>(host_totals(i));
    double harmonic = 0;
    for (std::int64_t k = host_totals(i); k >= 1; --k) harmonic += 1.0 / static_cast<double>(k);
    chance += m == l ? 1.0 : ((m - 1) / (l - 1) * (l - harmonic) + harmonic) / l;
  }
  metrics.replicate_map = known > 0 ? sum / static_cast<double>(known) : nan;
  metrics.chance_map    = known > 0 ? chance / static_cast<double>(known) : nan;
}

/// The rows of units that have cells, and their numbers.
HostTensor<float**> complete_rows(HostTensor<float**> const& rows, std::vector<std::size_t>& kept) {
  kept.clear();
  for (std::size_t i = 0; i < rows.extent(0); ++i) {
    if (rows.extent(1) > 0 && std::isfinite(rows(i, 0))) kept.push_back(i);
  }
  auto result = make_host_tensor<float**>("ocellus::examples::complete", kept.size(), rows.extent(1));
  for (std::size_t i = 0; i < kept.size(); ++i) {
    for (std::size_t d = 0; d < rows.extent(1); ++d) result(i, d) = rows(kept[i], d);
  }
  return result;
}

}  // namespace

std::vector<Well> gather_wells(PlateTable const& table, std::vector<std::size_t> const& cells_per_site) {
  std::vector<Well> wells;
  std::map<std::pair<std::string, std::string>, std::size_t> known;
  for (std::size_t s = 0; s < table.sites.size(); ++s) {
    auto const& site        = table.sites[s];
    auto const [at, is_new] = known.emplace(std::make_pair(site.plate, site.well), wells.size());
    if (is_new) wells.push_back({site.plate, site.well, site.treatment, site.dose, site.control, {}, 0});
    auto& well           = wells[at->second];
    bool const same_dose = well.dose == site.dose || (std::isnan(well.dose) && std::isnan(site.dose));
    if (well.treatment != site.treatment || !same_dose || well.control != site.control)
      throw UserError("well " + site.plate + " " + site.well + " has sites of different treatment, dose or control");
    well.sites.push_back(s);
    well.cells += cells_per_site[s];
  }
  return wells;
}

ProfileSet profile_cells(std::string const& name, HostTensor<float**> const& cells, std::vector<std::size_t> const& site_of, PlateTable const& table,
                         std::vector<Well> const& wells, Settings const& settings) {
  Exec const exec;
  ProfileSet set;
  set.name = name;
  std::vector<std::size_t> well_of_site(table.sites.size());
  for (std::size_t w = 0; w < wells.size(); ++w) {
    for (std::size_t const s : wells[w].sites) well_of_site[s] = w;
  }
  std::map<std::string, std::int64_t> plates;
  for (auto const& site : table.sites) plates.emplace(site.plate, static_cast<std::int64_t>(plates.size()));
  Cells data;
  std::vector<std::int64_t> site_keys;
  std::map<std::int64_t, std::size_t> controls_of_plate;
  for (std::size_t const s : site_of) {
    site_keys.push_back(static_cast<std::int64_t>(s));
    data.plate_of.push_back(plates.at(table.sites[s].plate));
    data.well_of.push_back(well_of_site[s]);
    data.negative.push_back(table.sites[s].control == Control::negative ? 1 : 0);
    controls_of_plate[data.plate_of.back()] += static_cast<std::size_t>(data.negative.back());
  }
  for (auto const& [plate, key] : plates) {
    if (controls_of_plate[key] < 10)
      throw UserError("plate " + plate + " has only " + std::to_string(controls_of_plate[key]) +
                      " cells of negative controls; normalisation needs at least 10");
  }
  data.features          = on_device(exec, cells);
  data.plate             = keys(exec, data.plate_of);
  auto const plate_count = static_cast<std::int64_t>(plates.size());

  set.cells = normalise(exec, data, data.negative, plate_count, settings.components);
  if (static_cast<std::int64_t>(set.cells.extent(1)) < settings.components && set.cells.extent(1) < cells.extent(1)) {
    set.remarks.push_back("only " + std::to_string(set.cells.extent(1)) + " principal components are kept, since there are few control cells.");
  }
  for (std::size_t k = 0; k < set.cells.extent(1); ++k) set.features.push_back("pc" + std::to_string(k + 1));
  set.sites           = unit_means(exec, set.cells, site_keys, static_cast<std::int64_t>(table.sites.size()));
  auto const to_wells = [&](HostTensor<float**> const& normalised) {
    // Sites of a well count alike, however many cells they have; empty sites do not count.
    auto const sites = unit_means(exec, normalised, site_keys, static_cast<std::int64_t>(table.sites.size()));
    std::vector<std::int64_t> const group(well_of_site.begin(), well_of_site.end());
    return unit_means(exec, sites, group, static_cast<std::int64_t>(wells.size()));
  };
  set.wells = to_wells(set.cells);

  set.well_score.resize(wells.size(), nan);
  for (std::size_t w = 0; w < wells.size(); ++w) {
    if (wells[w].cells == 0) continue;
    if (wells[w].control != Control::negative) {
      set.well_score[w] = axis_score(set.wells, wells, w, w);
      continue;
    }
    // A negative control is scored with a normalisation and an axis that have not seen it.
    std::vector<char> others = data.negative;
    std::map<std::int64_t, std::size_t> left;
    for (std::size_t i = 0; i < others.size(); ++i) {
      if (data.well_of[i] == w) others[i] = 0;
      left[data.plate_of[i]] += static_cast<std::size_t>(others[i]);
    }
    bool const enough   = std::all_of(left.begin(), left.end(), [](auto const& plate) { return plate.second >= 10; });
    bool const has_axis = std::any_of(wells.begin(), wells.end(), [](auto const& well) { return well.control == Control::positive && well.cells > 0; });
    if (enough && has_axis) set.well_score[w] = axis_score(to_wells(normalise(exec, data, others, plate_count, settings.components)), wells, w, w);
  }
  set.metrics.z_prime       = z_prime(wells, set.well_score);
  set.metrics.dose_spearman = dose_spearman(wells, set.well_score);

  // Replicates are wells of one condition; where each condition has a single well, they are sites.
  std::map<std::string, std::int64_t> conditions;
  auto const condition = [&](std::string const& treatment, double dose, Control control) {
    return conditions.emplace(treatment + '\n' + std::to_string(dose) + '\n' + to_string(control), static_cast<std::int64_t>(conditions.size())).first->second;
  };
  std::vector<std::int64_t> of_wells, of_sites;
  std::map<std::int64_t, int> replicates;
  for (auto const& well : wells) of_wells.push_back(condition(well.treatment, well.dose, well.control));
  for (auto const& site : table.sites) of_sites.push_back(condition(site.treatment, site.dose, site.control));
  for (auto const c : of_wells) ++replicates[c];
  bool const by_wells = std::any_of(replicates.begin(), replicates.end(), [](auto const& r) { return r.second > 1; });
  set.map_of_wells    = by_wells;
  std::vector<std::size_t> kept;
  auto const units = complete_rows(by_wells ? set.wells : set.sites, kept);
  std::vector<std::int64_t> of_units;
  for (std::size_t const i : kept) of_units.push_back(by_wells ? of_wells[i] : of_sites[i]);
  replicate_map(exec, units, of_units, set.metrics);
  if (!by_wells) set.remarks.push_back("every condition has one well, so the replicates are the sites of a well; they share its position and staining.");

  if (units.extent(0) >= 3 && units.extent(1) >= 2) {
    auto const device = on_device(exec, units);
    auto const fit    = profiling::fit_pca(exec, device, none, {.components = 2});
    auto const scores = make_tensor<float**>(exec, "ocellus::examples::map", units.extent(0), 2);
    profiling::apply_pca(exec, fit, device, scores);
    auto const host = on_host(exec, scores);
    set.map         = make_host_tensor<float**>("ocellus::examples::map", by_wells ? wells.size() : table.sites.size(), 2);
    Kokkos::deep_copy(set.map, static_cast<float>(nan));
    for (std::size_t i = 0; i < kept.size(); ++i) {
      for (std::size_t k = 0; k < 2; ++k) set.map(kept[i], k) = host(i, k);
    }
    auto const ratio = on_host(exec, fit.explained_variance_ratio);
    set.explained    = {ratio(0), ratio(1)};
  }
  return set;
}

}  // namespace ocellus::examples
