// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace ocellus::examples {

/// Text with &, <, > and quotes made harmless for HTML and SVG.
std::string escaped(std::string const& text);

/// A number for people: four significant digits, "n/a" for NaN.
std::string number(double value);

/// Colours that colour-blind readers can tell apart (Okabe and Ito), cycled.
std::string group_colour(std::size_t group);

struct ScatterPlot {
  struct Point {
    double x = 0, y = 0;
    std::size_t group = 0;
    std::string title;  ///< shown when the pointer rests on it
  };
  struct Arrow {
    double from_x = 0, from_y = 0, to_x = 0, to_y = 0;
  };
  std::string x_label, y_label;
  std::vector<std::string> groups;
  std::vector<Point> points;
  std::vector<Arrow> arrows = {};  ///< drawn over the points
};
std::string svg(ScatterPlot const& plot);

/// Points and the mean at each abscissa, joined; one series a group.
struct DoseCurves {
  struct Series {
    std::string name;
    std::vector<std::pair<double, double>> points;
  };
  std::string x_label, y_label;
  std::vector<Series> series;
  struct Line {
    std::string name;
    double y = 0;
  };
  std::vector<Line> levels;  ///< horizontal reference lines
};
std::string svg(DoseCurves const& plot);

/// Values at 0, 1, 2, ... steps as lines; one series a group. NaN leaves a gap.
struct LinePlot {
  struct Series {
    std::string name;
    std::vector<double> values;
  };
  std::string x_label, y_label;
  std::vector<Series> series;
  double step = 1;  ///< of the abscissa
};
std::string svg(LinePlot const& plot);

/// Rows A.. and columns 1.. of a plate; NaN where there is no well. Blue is low, white the centre, red high.
struct PlateHeatMap {
  struct Well {
    std::size_t row = 0, column = 0;
    double value = 0;
    std::string title;
    std::string mark;  ///< one sign drawn in the well, for controls
  };
  std::string label;
  std::vector<Well> wells;
};
std::string svg(PlateHeatMap const& map);

}  // namespace ocellus::examples
