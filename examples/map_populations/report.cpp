// SPDX-License-Identifier: Apache-2.0

#include "report.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <nlohmann/json.hpp>

#include <ocellus/io/atomic_file.hpp>
#include <ocellus/io/csv.hpp>

#include "support/html_report.hpp"
#include "support/picture.hpp"
#include "support/svg.hpp"

namespace ocellus::examples {
namespace {

constexpr std::size_t most_points_drawn = 1500, most_arrows = 120;

std::string exact(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.9g", value);
  return text;
}

/// Every so manieth point, so that at most `most` are drawn.
std::size_t step_for(std::size_t count, std::size_t most) { return (count + most - 1) / most; }

ScatterPlot map_plot(Mapping const& m) {
  bool const has_second = m.x.extent(1) > 1;
  auto const second     = [&](HostTensor<double**> const& points, std::size_t i) { return has_second ? points(i, 1) : 0.0; };
  ScatterPlot plot;
  plot.x_label   = "PC 1 (" + number(100 * m.explained(0)) + " % of the variance)";
  plot.y_label   = has_second ? "PC 2 (" + number(100 * m.explained(1)) + " %)" : "";
  plot.groups    = {"source", "target", "source, mapped"};
  auto const add = [&](HostTensor<double**> const& points, std::size_t group) {
    for (std::size_t i = 0; i < points.extent(0); i += step_for(points.extent(0), most_points_drawn))
      plot.points.push_back({points(i, 0), second(points, i), group, ""});
  };
  add(m.x, 0);
  add(m.y, 1);
  add(m.mapped, 2);
  for (std::size_t i = 0; i < m.x.extent(0); i += step_for(m.x.extent(0), most_arrows))
    plot.arrows.push_back({m.x(i, 0), second(m.x, i), m.mapped(i, 0), second(m.mapped, i)});
  return plot;
}

/// Shares of points in 40 bins between the smallest and the largest value of all three.
LinePlot marginal_plot(Mapping const& m, std::size_t component) {
  constexpr std::size_t bins = 40;
  double low = m.x(0, component), high = low;
  for (auto const* points : {&m.x, &m.y, &m.mapped}) {
    for (std::size_t i = 0; i < points->extent(0); ++i) low = std::min(low, (*points)(i, component)), high = std::max(high, (*points)(i, component));
  }
  double const width = high > low ? (high - low) / static_cast<double>(bins) : 1.0;
  auto const shares  = [&](HostTensor<double**> const& points) {
    std::vector<double> share(bins, 0.0);
    for (std::size_t i = 0; i < points.extent(0); ++i)
      share[std::min(bins - 1, static_cast<std::size_t>((points(i, component) - low) / width))] += 1.0 / static_cast<double>(points.extent(0));
    return share;
  };
  return {"bin of PC " + std::to_string(component + 1) + ", from " + number(low) + " to " + number(high),
          "share of points",
          {{"source", shares(m.x)}, {"target", shares(m.y)}, {"source, mapped", shares(m.mapped)}}};
}

/// The plan as a picture: white is no mass, dark blue the largest block.
Picture plan_picture(Mapping const& m) {
  constexpr std::int64_t cell = 10, side = Mapping::blocks * cell;
  Picture picture{side, side, std::vector<std::uint8_t>(static_cast<std::size_t>(side * side * 3), 255)};
  double largest = 0;
  for (std::size_t i = 0; i < m.plan_blocks.size(); ++i) largest = std::max(largest, m.plan_blocks.data()[i]);
  for (std::int64_t y = 0; y < side; ++y) {
    for (std::int64_t x = 0; x < side; ++x) {
      double const level        = largest > 0 ? std::sqrt(m.plan_blocks(y / cell, x / cell) / largest) : 0.0;
      std::uint8_t* const pixel = picture.at(y, x);
      pixel[0]                  = static_cast<std::uint8_t>(std::lround(255 * (1 - level)));
      pixel[1]                  = static_cast<std::uint8_t>(std::lround(255 - level * (255 - 60)));
      pixel[2]                  = static_cast<std::uint8_t>(std::lround(255 - level * (255 - 130)));
    }
  }
  return picture;
}

/// Features by how far the mean moves, in deviations of the source: what the map says the treatment does, beside what the target says.
std::vector<std::vector<std::string>> shifts(Populations const& p, Mapping const& m) {
  std::vector<double> mapped(p.features.size(), 0.0), target(p.features.size(), 0.0);
  for (std::size_t d = 0; d < p.features.size(); ++d) {
    for (std::size_t i = 0; i < m.mapped_features.extent(0); ++i)
      mapped[d] += (m.mapped_features(i, d) - p.mean[d]) / p.deviation[d] / static_cast<double>(m.mapped_features.extent(0));
    for (std::size_t i = 0; i < p.y.extent(0); ++i) target[d] += p.y(i, d) / static_cast<double>(p.y.extent(0));
  }
  std::vector<std::size_t> order(p.features.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return std::abs(mapped[a]) > std::abs(mapped[b]); });
  std::vector<std::vector<std::string>> rows;
  for (std::size_t k = 0; k < std::min<std::size_t>(10, order.size()); ++k)
    rows.push_back({p.features[order[k]], number(mapped[order[k]]), number(target[order[k]])});
  return rows;
}

void write_tables(Populations const& p, Mapping const& m, Settings const& s) {
  io::CsvTable coupling;
  coupling.header = {"source_row", "rank", "target_row", "share"};
  for (std::size_t i = 0; i < m.top_target.extent(0); ++i) {
    for (std::size_t k = 0; k < m.top_target.extent(1); ++k)
      coupling.rows.push_back({std::to_string(p.rows_x[i]), std::to_string(k + 1), std::to_string(p.rows_y[static_cast<std::size_t>(m.top_target(i, k))]),
                               exact(m.top_mass(i, k))});
  }
  io::CsvTable mapped;
  mapped.header = {"source_row"};
  mapped.header.insert(mapped.header.end(), p.features.begin(), p.features.end());
  for (std::size_t i = 0; i < m.mapped_features.extent(0); ++i) {
    std::vector<std::string> row{std::to_string(p.rows_x[i])};
    for (std::size_t d = 0; d < p.features.size(); ++d) row.push_back(exact(m.mapped_features(i, d)));
    mapped.rows.push_back(std::move(row));
  }
  io::write_csv(s.out / "coupling.csv", coupling);
  io::write_csv(s.out / "mapped.csv", mapped);
}

}  // namespace

void write_outputs(Populations const& p, Mapping const& m, Settings const& s) {
  nlohmann::ordered_json metrics;
  metrics["source"]               = {{"file", s.source.string()}, {"where", s.source_where}, {"points", m.x.extent(0)}};
  metrics["target"]               = {{"file", s.target.string()}, {"where", s.target_where}, {"points", m.y.extent(0)}};
  metrics["features"]             = p.features;
  metrics["constant_features"]    = p.left_out;
  metrics["components"]           = m.x.extent(1);
  metrics["epsilon"]              = m.epsilon;
  metrics["mean_cost"]            = m.mean_cost;
  metrics["transport_cost"]       = m.coupling.transport_cost;
  metrics["marginal_error"]       = m.coupling.marginal_error;
  metrics["iterations"]           = m.coupling.iterations;
  metrics["divergence"]           = m.divergence;
  metrics["divergence_converged"] = m.divergence_converged;
  metrics["moved"]                = m.moved;
  if (s.permutations > 0)
    metrics["permutation_test"] = {{"divergence", m.test_divergence}, {"p_value", m.p_value},      {"shuffles", s.permutations},
                                   {"source_points", m.test_x},       {"target_points", m.test_y}, {"seed", s.seed}};

  HtmlReport page("From one population to another", std::to_string(m.x.extent(0)) + " points become " + std::to_string(m.y.extent(0)) + "; " +
                                                        std::to_string(p.features.size()) + " features, " + std::to_string(m.x.extent(1)) +
                                                        " principal components");
  if (!s.note.empty()) page.warning(s.note);
  if (!p.left_out.empty())
    page.warning(std::to_string(p.left_out.size()) + " features do not vary in the source and were left out: " + p.left_out.front() +
                 (p.left_out.size() > 1 ? ", ..." : ""));
  if (!m.divergence_converged) page.warning("The divergence did not reach the tolerance; take it as an estimate.");
  page.section("Are they different?");
  std::vector<std::vector<std::string>> rows = {{"Sinkhorn divergence of all points", number(m.divergence)},
                                                {"transport cost (mean squared distance moved)", number(m.coupling.transport_cost)},
                                                {"mean squared distance of any two points", number(m.mean_cost)},
                                                {"root mean square of the arrows", number(m.moved)}};
  if (s.permutations > 0) {
    double mean = 0;
    for (double const d : m.permuted) mean += d / static_cast<double>(m.permuted.size());
    rows.push_back({"divergence of the " + std::to_string(m.test_x) + " and " + std::to_string(m.test_y) + " points in the test", number(m.test_divergence)});
    rows.push_back({"the same after a shuffle, mean of " + std::to_string(s.permutations), number(mean)});
    rows.push_back({"p-value", number(m.p_value)});
  }
  page.table({"", ""}, rows);
  page.paragraph(
      "Distances are in deviations of the source. The divergence is 0 for equal populations. The p-value is the share of shuffles of the labels, the true "
      "labels counted among them, whose populations are at least as far apart; its least value is 1 / (shuffles + 1).");
  page.section("Where does each point go?");
  page.figure(svg(map_plot(m)),
              "An arrow leads from a source point to the mean of the target points that its mass goes to (the barycentric map). Many points are thinned out.");
  page.section("Marginals");
  for (std::size_t k = 0; k < std::min<std::size_t>(2, m.x.extent(1)); ++k)
    page.figure(svg(marginal_plot(m, k)), "The mapped source should look like the target, a little narrower: each point goes to a mean.");
  page.section("The plan");
  page.gallery({HtmlReport::picture(
      png_bytes(plan_picture(m)),
      "Mass between 48 groups of source points (rows) and of target points (columns), both in the order of PC 1; darker is more, by the square root.", 480)});
  page.section("What moves");
  page.table({"feature", "mapped: shift of the mean", "target: shift of the mean"}, shifts(p, m));
  page.paragraph("In deviations of the source; the ten features that move most.");
  page.section("Files");
  page.paragraph("coupling.csv holds the " + std::to_string(m.top_target.extent(1)) +
                 " targets that get most of each source point, with their shares (rows counted from 0); mapped.csv the mapped points in the features' own "
                 "units; metrics.json the numbers of this page. epsilon is " +
                 number(m.epsilon) + ", " + number(s.epsilon) + " of the mean cost; the coupling took " + std::to_string(m.coupling.iterations) +
                 " iterations in its last stage and its marginals are right to " + number(m.coupling.marginal_error) + ".");

  write_tables(p, m, s);
  io::write_file_atomically(s.out / "metrics.json", metrics.dump(2) + "\n");
  io::write_file_atomically(s.out / "report.html", page.page());
}

}  // namespace ocellus::examples
