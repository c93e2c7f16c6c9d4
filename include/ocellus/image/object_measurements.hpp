// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>

namespace ocellus::image {

/// Columns of `measure_shapes`.
enum ShapeMeasurement : int {
  shape_area,
  shape_centre_y,
  shape_centre_x,
  shape_major_axis,
  shape_minor_axis,
  shape_eccentricity,
  shape_perimeter,
  shape_extent,
  shape_count
};

/// Columns of `measure_intensities`, for each channel.
enum IntensityMeasurement : int { intensity_mean, intensity_deviation, intensity_minimum, intensity_maximum, intensity_sum, intensity_count };

namespace detail {

template <class Member, class Labels, class Boxes, class Output>
struct MeasureShapes {
  Labels labels;
  Boxes boxes;
  Output output;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t object) const {
    using Real                = element_t<Output>;
    std::int64_t const height = extent(labels, 0), width = extent(labels, 1), label = object + 1;
    std::int64_t const top = boxes(object, 0), left = boxes(object, 1), bottom = boxes(object, 2), right = boxes(object, 3);
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      std::int64_t area = 0, sum_y = 0, sum_x = 0, edges = 0;
      for (std::int64_t y = top; y < bottom; ++y) {
        for (std::int64_t x = left; x < right; ++x) {
          if (static_cast<std::int64_t>(labels(y, x)) != label) continue;
          ++area;
          sum_y += y - top;
          sum_x += x - left;
          edges += (y == 0 || static_cast<std::int64_t>(labels(y - 1, x)) != label) +
                   (y + 1 == height || static_cast<std::int64_t>(labels(y + 1, x)) != label) +
                   (x == 0 || static_cast<std::int64_t>(labels(y, x - 1)) != label) + (x + 1 == width || static_cast<std::int64_t>(labels(y, x + 1)) != label);
        }
      }
      double const n = static_cast<double>(area), cy = static_cast<double>(sum_y) / n, cx = static_cast<double>(sum_x) / n;
      double yy = 0, xx = 0, yx = 0;
      for (std::int64_t y = top; y < bottom; ++y) {
        for (std::int64_t x = left; x < right; ++x) {
          if (static_cast<std::int64_t>(labels(y, x)) != label) continue;
          double const dy = static_cast<double>(y - top) - cy, dx = static_cast<double>(x - left) - cx;
          yy += dy * dy;
          xx += dx * dx;
          yx += dy * dx;
        }
      }
      double const mean = (yy + xx) / (2 * n), half = Kokkos::sqrt((yy - xx) * (yy - xx) / (4 * n * n) + yx * yx / (n * n));
      double const large = mean + half, small = mean - half > 0 ? mean - half : 0;
      output(object, shape_area)         = static_cast<Real>(n);
      output(object, shape_centre_y)     = static_cast<Real>(static_cast<double>(top) + cy);
      output(object, shape_centre_x)     = static_cast<Real>(static_cast<double>(left) + cx);
      output(object, shape_major_axis)   = static_cast<Real>(4 * Kokkos::sqrt(large));
      output(object, shape_minor_axis)   = static_cast<Real>(4 * Kokkos::sqrt(small));
      output(object, shape_eccentricity) = static_cast<Real>(large > 0 ? Kokkos::sqrt(1 - small / large) : 0.0);
      output(object, shape_perimeter)    = static_cast<Real>(0.78539816339744830962 * static_cast<double>(edges));
      output(object, shape_extent)       = static_cast<Real>(n / static_cast<double>((bottom - top) * (right - left)));
    });
  }
};

template <class Member, class Labels, class Boxes, class Image, class Output>
struct MeasureIntensities {
  Labels labels;
  Boxes boxes;
  Image image;
  Output output;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t item) const {
    using Real                  = element_t<Output>;
    std::int64_t const channels = extent(image, 0), object = item / channels, c = item % channels, label = object + 1;
    std::int64_t const top = boxes(object, 0), left = boxes(object, 1), bottom = boxes(object, 2), right = boxes(object, 3);
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      double sum = 0, least = 0, most = 0;
      std::int64_t area = 0;
      for (std::int64_t y = top; y < bottom; ++y) {
        for (std::int64_t x = left; x < right; ++x) {
          if (static_cast<std::int64_t>(labels(y, x)) != label) continue;
          double const v = static_cast<double>(image(c, y, x));
          sum += v;
          least = area == 0 || v < least ? v : least;
          most  = area == 0 || v > most ? v : most;
          ++area;
        }
      }
      double const mean = sum / static_cast<double>(area);
      double squares    = 0;
      for (std::int64_t y = top; y < bottom; ++y) {
        for (std::int64_t x = left; x < right; ++x) {
          if (static_cast<std::int64_t>(labels(y, x)) != label) continue;
          double const deviation = static_cast<double>(image(c, y, x)) - mean;
          squares += deviation * deviation;
        }
      }
      double const nan                       = Kokkos::Experimental::quiet_NaN_v<double>;
      output(object, c, intensity_mean)      = static_cast<Real>(mean);
      output(object, c, intensity_deviation) = static_cast<Real>(Kokkos::sqrt(squares / static_cast<double>(area)));
      output(object, c, intensity_minimum)   = static_cast<Real>(area > 0 ? least : nan);
      output(object, c, intensity_maximum)   = static_cast<Real>(area > 0 ? most : nan);
      output(object, c, intensity_sum)       = static_cast<Real>(sum);
    });
  }
};

}  // namespace detail

/// Simple shape measurements of each object.
///
///     area; centre = mean of the pixel centres; axes = 4 sqrt(eigenvalues of the pixels' covariance); eccentricity = sqrt(1 - minor^2 / major^2);
///     perimeter = pi / 4 times the pixel edges between the object and others; extent = area / area of the bounding box
///
/// labels (H, W), boxes (K, 4) of `object_boxes` -> output (K, shape_count) in pixels, columns by `ShapeMeasurement`. An object without pixels has area 0
/// and NaN elsewhere.
///
/// Errors: `std::invalid_argument` when boxes or output do not fit.
/// Error bound: 8 machine epsilons of the output type: sums are formed in double or whole numbers.
/// Determinism: an object is measured by one thread, in row-major order of its box.
/// Allocates: nothing. Synchronises: no.
template <ExecutionSpace Exec, LabelView<2> Labels, IndexView<2> Boxes, RealView<2> Output>
  requires AccessibleFrom<Exec, Labels, Boxes, Output>
void measure_shapes(Exec const& exec, Labels const& labels, Boxes const& boxes, Output const& output) {
  constexpr auto function = "ocellus::image::measure_shapes";
  require(extent(boxes, 1) == 4, function, "boxes.extent(1) is ", extent(boxes, 1), " but must be 4");
  require_equal(function, {"output.extent(0)", extent(output, 0)}, {"boxes.extent(0)", extent(boxes, 0)});
  require_equal(function, {"output.extent(1)", extent(output, 1)}, {"shape_count", shape_count});
  for_each_row(exec, function, extent(boxes, 0), detail::MeasureShapes<TeamMember<Exec>, Labels, Boxes, Output>{labels, boxes, output});
}

/// Simple intensity measurements of each object in each channel: mean, deviation (ddof 0), minimum, maximum, sum.
///
/// labels (H, W), boxes (K, 4), image (C, H, W) -> output (K, C, intensity_count), columns by `IntensityMeasurement`. An object without pixels has sum 0
/// and NaN elsewhere.
///
/// Errors: `std::invalid_argument` when an array does not fit.
/// Error bound: 8 machine epsilons of the output type: sums are formed in double.
/// Determinism: an object is measured by one thread, in row-major order of its box.
/// Allocates: nothing. Synchronises: no.
template <ExecutionSpace Exec, LabelView<2> Labels, IndexView<2> Boxes, RealView<3> Image, RealView<3> Output>
  requires AccessibleFrom<Exec, Labels, Boxes, Image, Output>
void measure_intensities(Exec const& exec, Labels const& labels, Boxes const& boxes, Image const& image, Output const& output) {
  constexpr auto function = "ocellus::image::measure_intensities";
  require(extent(boxes, 1) == 4, function, "boxes.extent(1) is ", extent(boxes, 1), " but must be 4");
  require_equal(function, {"image.extent(1)", extent(image, 1)}, {"labels.extent(0)", extent(labels, 0)});
  require_equal(function, {"image.extent(2)", extent(image, 2)}, {"labels.extent(1)", extent(labels, 1)});
  require_equal(function, {"output.extent(0)", extent(output, 0)}, {"boxes.extent(0)", extent(boxes, 0)});
  require_equal(function, {"output.extent(1)", extent(output, 1)}, {"image.extent(0)", extent(image, 0)});
  require_equal(function, {"output.extent(2)", extent(output, 2)}, {"intensity_count", intensity_count});
  for_each_row(exec, function, extent(boxes, 0) * extent(image, 0),
               detail::MeasureIntensities<TeamMember<Exec>, Labels, Boxes, Image, Output>{labels, boxes, image, output});
}

/// Work on objects of `pixels` pixels in all (their boxes), in `channels` channels.
[[nodiscard]] constexpr Cost object_measurements_cost(double pixels, double channels, double bytes_per_element) {
  return {.flops = 8 * pixels * channels, .special = 0, .bytes_read = pixels * channels * bytes_per_element, .bytes_written = 0};
}

}  // namespace ocellus::image
