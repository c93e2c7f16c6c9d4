// SPDX-License-Identifier: Apache-2.0

#include "check.hpp"

#include <ocellus/image.hpp>

namespace ocellus::device_test {
namespace {

/// Nine discs of radius 7 on a grid, some of which touch.
double scene(std::size_t i) {
  auto const y = static_cast<double>(i / 80), x = static_cast<double>(i % 80);
  double value = 10 + 0.05 * x + static_cast<double>(i * 7919 % 13) * 0.25;
  for (double cy : {14.0, 30.0, 50.0}) {
    for (double cx : {14.0, 28.0, 60.0}) {
      if ((y - cy) * (y - cy) + (x - cx) * (x - cx) <= 49) value += 100;
    }
  }
  return value;
}

struct Image {
  static constexpr std::int64_t height = 64, width = 80;

  template <class Run>
  static void run(Run& run) {
    using Real        = typename Run::Real;
    auto const& exec  = run.exec;
    auto const pixels = run.template filled<Real, 2>({height, width}, scene);
    auto const mask   = run.template booleans<2>({height, width}, 1, 0.55);
    auto const labels = run.template output<2, std::int32_t>({height, width});
    auto const other  = run.template output<2, std::int32_t>({height, width});

    for (auto const connectivity : {image::Connectivity::four, image::Connectivity::eight}) {
      run.keep("image.connected_components count", static_cast<double>(image::connected_components(exec, mask, labels, {.connectivity = connectivity})));
      run.keep("image.connected_components", labels);
    }
    auto const distance = run.template output<2>({height, width});
    image::distance_transform(exec, mask, distance, {.squared = true});
    run.keep("image.distance_transform squared", distance);
    image::distance_transform(exec, mask, distance);
    run.keep("image.distance_transform", distance, 8 * Run::epsilon * 10);
    auto const smooth = run.template output<2>({height, width});
    image::gaussian_smooth(exec, pixels, smooth, {.sigma = 2.5});
    run.keep("image.gaussian_smooth", smooth, 100 * Run::epsilon * 100);
    Tensor<Real, typename Run::Space> const threshold("ocellus::device_test::threshold");
    for (auto const scale : {image::ThresholdScale::linear, image::ThresholdScale::square_root}) {
      image::otsu_threshold(exec, pixels, threshold, {.scale = scale});
      run.keep("image.otsu_threshold", threshold, 1e-3);
    }

    run.keep("image.segment_nuclei count", static_cast<double>(image::segment_nuclei(exec, pixels, labels, {.diameter = 14})));
    run.keep("image.segment_nuclei", labels);
    run.keep("image.keep_objects count", static_cast<double>(image::keep_objects(exec, labels, other, 9, {.minimum_area = 140})));
    run.keep("image.keep_objects", other);
    auto const grown = run.template output<2, std::int32_t>({height, width});
    image::expand_labels(exec, labels, grown, {.distance = 3});
    run.keep("image.expand_labels", grown);

    auto const seeds = run.template output<2, std::int32_t>({height, width});
    auto const whole = run.template filled<bool, 2>({height, width}, [](std::size_t) { return true; });
    run.keep("image.local_maxima count", static_cast<double>(image::local_maxima(exec, pixels, whole, seeds, {.radius = 5})));
    run.keep("image.local_maxima", seeds);
    image::watershed(exec, pixels, seeds, whole, other);
    run.keep("image.watershed", other);

    auto const boxes = run.template output<2, std::int64_t>({9, 4});
    image::object_boxes(exec, labels, boxes);
    run.keep("image.object_boxes", boxes);
    auto const shapes = run.template output<2>({9, image::shape_count});
    image::measure_shapes(exec, labels, boxes, shapes);
    run.keep("image.measure_shapes", shapes, 1e4 * Run::epsilon);
    auto const channels =
        run.template filled<Real, 3>({2, height, width}, [](std::size_t i) { return scene(i % (height * width)) + (i < height * width ? 0 : 1); });
    auto const light = run.template output<3>({9, 2, image::intensity_count});
    image::measure_intensities(exec, labels, boxes, channels, light);
    run.keep("image.measure_intensities", light, 2e4 * Run::epsilon * 100);
    auto const centres = run.template filled<Real, 2>({3, 2}, [](std::size_t i) { return std::array<double, 6>{3, 4, 30, 28, 63, 70}[i]; });
    auto const crops   = run.template output<4>({3, 2, 16, 16});
    for (auto const border : {image::CropBorder::zero, image::CropBorder::mirror}) {
      image::crop_objects(exec, channels, centres, crops, {.border = border});
      run.keep("image.crop_objects", crops);
    }
  }
};

Register<Image> const registration("image");

}  // namespace
}  // namespace ocellus::device_test
