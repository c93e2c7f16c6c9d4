// SPDX-License-Identifier: Apache-2.0

#include "svg.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <limits>
#include <map>
#include <sstream>

namespace ocellus::examples {

std::string escaped(std::string const& text) {
  std::string safe;
  for (char const c : text) {
    switch (c) {
      case '&':
        safe += "&amp;";
        break;
      case '<':
        safe += "&lt;";
        break;
      case '>':
        safe += "&gt;";
        break;
      case '"':
        safe += "&quot;";
        break;
      case '\'':
        safe += "&#39;";
        break;
      default:
        safe += c;
    }
  }
  return safe;
}

std::string number(double value) {
  if (std::isnan(value)) return "n/a";
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", value);
  return text;
}

std::string group_colour(std::size_t group) {
  static constexpr std::array<char const*, 8> colours = {"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f7f7f", "#000000"};
  return colours[group % colours.size()];
}

namespace {

std::string fixed(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", value);
  return text;
}

struct Range {
  double low  = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();

  void add(double value) {
    if (!std::isfinite(value)) return;
    low  = std::min(low, value);
    high = std::max(high, value);
  }
  void widen() {
    if (low > high) low = 0, high = 1;
    double const margin = low == high ? std::max(1.0, std::abs(low)) * 0.5 : 0.05 * (high - low);
    low -= margin;
    high += margin;
  }
};

/// About five round numbers inside the range.
std::vector<double> ticks(Range const& range) {
  double const raw = (range.high - range.low) / 5, power = std::pow(10.0, std::floor(std::log10(raw)));
  double const ratio = raw / power, step = power * (ratio < 1.5 ? 1 : ratio < 3.5 ? 2 : ratio < 7.5 ? 5 : 10);
  std::vector<double> result;
  for (double t = std::ceil(range.low / step) * step; t <= range.high + 1e-9 * step; t += step) result.push_back(std::abs(t) < 1e-9 * step ? 0.0 : t);
  return result;
}

constexpr double width = 560, height = 360, left = 64, right = 16, top = 14, bottom = 50;

/// A frame with labelled axes; maps data to pixels.
class Axes {
 public:
  Axes(std::ostream& out, Range x, Range y, std::string const& x_label, std::string const& y_label) : x_(x), y_(y) {
    x_.widen();
    y_.widen();
    out << "<svg viewBox=\"0 0 " << width << ' ' << height << "\" role=\"img\" class=\"plot\">";
    for (double const t : ticks(x_)) {
      out << "<line class=\"grid\" x1=\"" << fixed(px(t)) << "\" x2=\"" << fixed(px(t)) << "\" y1=\"" << top << "\" y2=\"" << height - bottom << "\"/>";
      out << "<text x=\"" << fixed(px(t)) << "\" y=\"" << height - bottom + 16 << "\" text-anchor=\"middle\">" << number(t) << "</text>";
    }
    for (double const t : ticks(y_)) {
      out << "<line class=\"grid\" y1=\"" << fixed(py(t)) << "\" y2=\"" << fixed(py(t)) << "\" x1=\"" << left << "\" x2=\"" << width - right << "\"/>";
      out << "<text x=\"" << left - 6 << "\" y=\"" << fixed(py(t) + 4) << "\" text-anchor=\"end\">" << number(t) << "</text>";
    }
    out << "<text class=\"label\" x=\"" << (left + width - right) / 2 << "\" y=\"" << height - 12 << "\" text-anchor=\"middle\">" << escaped(x_label)
        << "</text>";
    out << "<text class=\"label\" transform=\"translate(15," << (top + height - bottom) / 2 << ") rotate(-90)\" text-anchor=\"middle\">" << escaped(y_label)
        << "</text>";
  }

  [[nodiscard]] double px(double x) const { return left + (x - x_.low) / (x_.high - x_.low) * (width - left - right); }
  [[nodiscard]] double py(double y) const { return height - bottom - (y - y_.low) / (y_.high - y_.low) * (height - top - bottom); }

 private:
  Range x_, y_;
};

std::string legend(std::vector<std::string> const& names) {
  std::string html = "<p class=\"legend\">";
  for (std::size_t g = 0; g < names.size(); ++g) html += "<span><i style=\"background:" + group_colour(g) + "\"></i>" + escaped(names[g]) + "</span>";
  return html + "</p>";
}

}  // namespace

std::string svg(ScatterPlot const& plot) {
  std::ostringstream out;
  Range x, y;
  for (auto const& p : plot.points) x.add(p.x), y.add(p.y);
  Axes const axes(out, x, y, plot.x_label, plot.y_label);
  double const radius = plot.points.size() > 400 ? 2.2 : 4.5;
  for (auto const& p : plot.points) {
    if (!std::isfinite(p.x) || !std::isfinite(p.y)) continue;
    out << "<circle cx=\"" << fixed(axes.px(p.x)) << "\" cy=\"" << fixed(axes.py(p.y)) << "\" r=\"" << radius << "\" fill=\"" << group_colour(p.group)
        << "\" fill-opacity=\"0.75\">";
    if (!p.title.empty()) out << "<title>" << escaped(p.title) << "</title>";
    out << "</circle>";
  }
  for (auto const& a : plot.arrows) {
    double const x1 = axes.px(a.from_x), y1 = axes.py(a.from_y), x2 = axes.px(a.to_x), y2 = axes.py(a.to_y), length = std::hypot(x2 - x1, y2 - y1);
    if (!std::isfinite(length) || length == 0) continue;
    // The head: two strokes of 5 units at 30 degrees.
    double const u = 5 * (x1 - x2) / length, v = 5 * (y1 - y2) / length, c = 0.8660254, s = 0.5;
    out << "<path fill=\"none\" stroke=\"#333\" stroke-opacity=\"0.55\" d=\"M" << fixed(x1) << ' ' << fixed(y1) << 'L' << fixed(x2) << ' ' << fixed(y2) << 'M'
        << fixed(x2 + c * u - s * v) << ' ' << fixed(y2 + s * u + c * v) << 'L' << fixed(x2) << ' ' << fixed(y2) << 'L' << fixed(x2 + c * u + s * v) << ' '
        << fixed(y2 - s * u + c * v) << "\"/>";
  }
  out << "</svg>" << legend(plot.groups);
  return out.str();
}

std::string svg(DoseCurves const& plot) {
  std::ostringstream out;
  Range x, y;
  for (auto const& s : plot.series) {
    for (auto const& p : s.points) x.add(p.first), y.add(p.second);
  }
  for (auto const& l : plot.levels) y.add(l.y);
  Axes const axes(out, x, y, plot.x_label, plot.y_label);
  for (auto const& l : plot.levels) {
    if (!std::isfinite(l.y)) continue;
    out << "<line class=\"level\" x1=\"" << left << "\" x2=\"" << width - right << "\" y1=\"" << fixed(axes.py(l.y)) << "\" y2=\"" << fixed(axes.py(l.y))
        << "\"/>";
    // High levels are named on the left and low ones on the right, where a rising curve is far from them.
    bool const high = axes.py(l.y) < height / 2;
    out << "<text x=\"" << (high ? left + 4 : width - right - 4) << "\" y=\"" << fixed(axes.py(l.y) - 4) << "\" text-anchor=\"" << (high ? "start" : "end")
        << "\">" << escaped(l.name) << "</text>";
  }
  std::vector<std::string> names;
  for (std::size_t s = 0; s < plot.series.size(); ++s) {
    names.push_back(plot.series[s].name);
    std::map<double, std::pair<double, int>> means;
    for (auto const& p : plot.series[s].points) {
      if (!std::isfinite(p.second)) continue;
      means[p.first].first += p.second;
      means[p.first].second += 1;
      out << "<circle cx=\"" << fixed(axes.px(p.first)) << "\" cy=\"" << fixed(axes.py(p.second)) << "\" r=\"3.5\" fill=\"" << group_colour(s)
          << "\" fill-opacity=\"0.6\"/>";
    }
    out << "<polyline fill=\"none\" stroke-width=\"2\" stroke=\"" << group_colour(s) << "\" points=\"";
    for (auto const& [dose, sum] : means) out << fixed(axes.px(dose)) << ',' << fixed(axes.py(sum.first / sum.second)) << ' ';
    out << "\"/>";
  }
  out << "</svg>" << legend(names);
  return out.str();
}

std::string svg(LinePlot const& plot) {
  std::ostringstream out;
  Range x, y;
  for (auto const& s : plot.series) {
    if (!s.values.empty()) x.add(0), x.add(plot.step * static_cast<double>(s.values.size() - 1));
    for (double const v : s.values) y.add(v);
  }
  Axes const axes(out, x, y, plot.x_label, plot.y_label);
  std::vector<std::string> names;
  for (std::size_t s = 0; s < plot.series.size(); ++s) {
    auto const& values = plot.series[s].values;
    names.push_back(plot.series[s].name);
    bool open = false;
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (std::isfinite(values[i])) {
        if (!open) out << "<polyline fill=\"none\" stroke-width=\"1.6\" stroke=\"" << group_colour(s) << "\" stroke-opacity=\"0.85\" points=\"";
        out << fixed(axes.px(plot.step * static_cast<double>(i))) << ',' << fixed(axes.py(values[i])) << ' ';
      }
      bool const ends = i + 1 == values.size() || !std::isfinite(values[i + 1]);
      if (std::isfinite(values[i]) && ends) out << "\"/>";
      open = std::isfinite(values[i]) && !ends;
    }
  }
  out << "</svg>" << legend(names);
  return out.str();
}

std::string svg(PlateHeatMap const& map) {
  std::size_t rows = 0, columns = 0;
  double largest = 0;
  std::vector<double> values;
  for (auto const& w : map.wells) {
    rows    = std::max(rows, w.row + 1);
    columns = std::max(columns, w.column + 1);
    if (std::isfinite(w.value)) values.push_back(w.value);
  }
  std::sort(values.begin(), values.end());
  double const centre = values.empty() ? 0.0 : values[values.size() / 2];
  for (double const v : values) largest = std::max(largest, std::abs(v - centre));
  double const cell = std::min(44.0, 720.0 / static_cast<double>(std::max<std::size_t>(columns, 1)));
  std::ostringstream out;
  double const across = 30 + cell * static_cast<double>(columns) + 4, down = 22 + cell * static_cast<double>(rows) + 4;
  out << "<svg viewBox=\"0 0 " << fixed(across) << ' ' << fixed(down) << "\" role=\"img\" class=\"plate\" style=\"max-width:" << fixed(across) << "px\">";
  for (std::size_t c = 0; c < columns; ++c)
    out << "<text x=\"" << fixed(30 + (static_cast<double>(c) + 0.5) * cell) << "\" y=\"14\" text-anchor=\"middle\">" << c + 1 << "</text>";
  for (std::size_t r = 0; r < rows; ++r) {
    std::string name(1, static_cast<char>('A' + r % 26));
    if (r >= 26) name.insert(0, 1, static_cast<char>('A' + r / 26 - 1));
    out << "<text x=\"22\" y=\"" << fixed(22 + (static_cast<double>(r) + 0.5) * cell + 4) << "\" text-anchor=\"end\">" << name << "</text>";
  }
  for (auto const& w : map.wells) {
    double const t = !std::isfinite(w.value) || largest == 0 ? 0.0 : (w.value - centre) / largest;
    auto const mix = [&](int to) { return static_cast<int>(std::lround(247 + std::abs(t) * (to - 247))); };
    char colour[8];
    if (!std::isfinite(w.value))
      std::snprintf(colour, sizeof colour, "#cccccc");
    else if (t >= 0)
      std::snprintf(colour, sizeof colour, "#%02x%02x%02x", mix(178), mix(24), mix(43));
    else
      std::snprintf(colour, sizeof colour, "#%02x%02x%02x", mix(33), mix(102), mix(172));
    double const x = 30 + static_cast<double>(w.column) * cell, y = 22 + static_cast<double>(w.row) * cell;
    out << "<g><rect x=\"" << fixed(x + 1) << "\" y=\"" << fixed(y + 1) << "\" width=\"" << fixed(cell - 2) << "\" height=\"" << fixed(cell - 2)
        << "\" rx=\"3\" fill=\"" << colour << "\"/>";
    if (!w.mark.empty())
      out << "<text x=\"" << fixed(x + cell / 2) << "\" y=\"" << fixed(y + cell / 2 + 5) << "\" text-anchor=\"middle\" class=\"mark\" fill=\""
          << (std::abs(t) > 0.6 ? "#fff" : "#222") << "\">" << escaped(w.mark) << "</text>";
    out << "<title>" << escaped(w.title) << "</title></g>";
  }
  out << "</svg><p class=\"legend\"><span>" << escaped(map.label) << ": <i style=\"background:#2166ac\"></i>" << number(centre - largest)
      << "</span><span><i style=\"background:#f7f7f7;border:1px solid #bbb\"></i>" << number(centre)
      << " (median)</span><span><i style=\"background:#b2182b\"></i>" << number(centre + largest) << "</span></p>";
  return out.str();
}

}  // namespace ocellus::examples
