// SPDX-License-Identifier: Apache-2.0

#include <ocellus/image/object_boxes.hpp>
#include <ocellus/image/object_measurements.hpp>

#include "image/images.hpp"
#include "reference/object_measurements.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

template <class C>
class ObjectMeasurements : public ::testing::Test {};
TYPED_TEST_SUITE(ObjectMeasurements, Configurations);

/// Three discs, one cut by the border, a single pixel (4), and labels 5 and above that are not measured.
std::vector<double> some_objects() {
  auto labels         = disc_labels({{6.2, 5.7, 5}, {20, 30, 8.5}, {1, 20, 4}}, 31, 37);
  labels[30 * 37]     = 4;
  labels[30 * 37 + 5] = 9;
  return labels;
}

TYPED_TEST(ObjectMeasurements, shapes_agree_with_the_reference) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  auto const l = some_objects();
  with_thread_counts<Exec>([&](Exec const& exec) {
    TestArray<std::int32_t, 2, Layout, Exec> const labels({31, 37}, l);
    TestArray<std::int64_t, 2, Layout, Exec> const boxes({4, 4});
    TestArray<Scalar, 2, Layout, Exec> const output({4, image::shape_count});
    image::object_boxes(exec, labels.view(), boxes.view());
    image::measure_shapes(exec, labels.view(), boxes.view(), output.view());
    exec.fence();
    auto const want = reference::object_shapes(l, 31, 37, 4);
    std::vector<double> unit(want);
    for (double& u : unit) u = machine_epsilon<Scalar>() * std::max(1.0, u);
    unit[image::shape_eccentricity] = unit[image::shape_count + image::shape_eccentricity] =
        1e-7;  // the root of a difference near 0: a disc's is ill-conditioned
    expect_within(output.values(), want, unit, 8);
    EXPECT_TRUE(output.guards_intact());
  });
}

TYPED_TEST(ObjectMeasurements, intensities_agree_with_the_reference) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  auto const l = some_objects(), x = random_values(3 * 31 * 37, 5, 2.0, 10.0);
  with_thread_counts<Exec>([&](Exec const& exec) {
    TestArray<std::int32_t, 2, Layout, Exec> const labels({31, 37}, l);
    TestArray<std::int64_t, 2, Layout, Exec> const boxes({4, 4});
    TestArray<Scalar, 3, Layout, Exec> const image({3, 31, 37}, x), output({4, 3, image::intensity_count});
    image::object_boxes(exec, labels.view(), boxes.view());
    image::measure_intensities(exec, labels.view(), boxes.view(), image.view(), output.view());
    exec.fence();
    auto const want = reference::object_intensities(l, x, 3, 4);
    std::vector<double> unit(want);
    for (double& u : unit) u = machine_epsilon<Scalar>() * std::max(1.0, std::abs(u));
    expect_within(output.values(), want, unit, 8);
    EXPECT_TRUE(output.guards_intact());
  });
}

TYPED_TEST(ObjectMeasurements, an_absent_object_has_area_and_sum_zero) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  TestArray<std::int32_t, 2, Layout, Exec> const labels({2, 2}, {0, 2, 0, 2});
  TestArray<std::int64_t, 2, Layout, Exec> const boxes({2, 4});
  TestArray<Scalar, 3, Layout, Exec> const image({1, 2, 2}, {1, 2, 3, 4}), intensities({2, 1, image::intensity_count});
  TestArray<Scalar, 2, Layout, Exec> const shapes({2, image::shape_count});
  Exec const exec;
  image::object_boxes(exec, labels.view(), boxes.view());
  image::measure_shapes(exec, labels.view(), boxes.view(), shapes.view());
  image::measure_intensities(exec, labels.view(), boxes.view(), image.view(), intensities.view());
  exec.fence();
  double const nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(shapes.values()[image::shape_area], 0.0);
  for (int const column : {image::shape_centre_y, image::shape_centre_x, image::shape_major_axis, image::shape_extent})
    EXPECT_TRUE(std::isnan(shapes.values()[column])) << column;
  expect_within(intensities.values(), {nan, nan, nan, nan, 0, 3, 1, 2, 4, 6}, machine_epsilon<Scalar>(), 8);
}

TYPED_TEST(ObjectMeasurements, behaves) {
  using Exec = typename TypeParam::Exec;
  TestArray<std::int32_t, 2, Kokkos::LayoutRight, Exec> const labels({9, 11}, random_mask(9, 11, 0.5));
  TestArray<std::int64_t, 2, Kokkos::LayoutRight, Exec> const boxes({1, 4}, {0, 0, 9, 11});
  TestArray<float, 3, Kokkos::LayoutRight, Exec> const image({2, 9, 11}, random_values(198)), intensities({1, 2, image::intensity_count});
  TestArray<float, 2, Kokkos::LayoutRight, Exec> const shapes({1, image::shape_count});
  Exec const exec;
  auto const l = labels.view();
  auto const b = boxes.view();
  auto const i = image.view(), o = intensities.view();
  auto const s = shapes.view();
  expect_good_manners(record([&] { image::measure_shapes(exec, l, b, s); }));
  expect_good_manners(record([&] { image::measure_intensities(exec, l, b, i, o); }));
  exec.fence();
}

TEST(ObjectMeasurements, name_what_does_not_fit) {
  HostTensor<std::int32_t**> const labels("labels", 2, 3);
  HostTensor<std::int64_t**> const boxes("boxes", 2, 4), narrow("narrow", 2, 3);
  HostTensor<float**> const shapes("shapes", 2, image::shape_count), few("few", 2, 3);
  HostTensor<float***> const image("image", 1, 2, 3), wide("wide", 1, 2, 4), intensities("intensities", 2, 1, image::intensity_count),
      more("more", 2, 2, image::intensity_count);
  Kokkos::Serial const exec;
  EXPECT_EQ(refusal([&] { image::measure_shapes(exec, labels, narrow, shapes); }), "ocellus::image::measure_shapes: boxes.extent(1) is 3 but must be 4");
  EXPECT_EQ(refusal([&] { image::measure_shapes(exec, labels, boxes, few); }), "ocellus::image::measure_shapes: output.extent(1) is 3 but shape_count is 8");
  EXPECT_EQ(refusal([&] { image::measure_intensities(exec, labels, boxes, wide, intensities); }),
            "ocellus::image::measure_intensities: image.extent(2) is 4 but labels.extent(1) is 3");
  EXPECT_EQ(refusal([&] { image::measure_intensities(exec, labels, boxes, image, more); }),
            "ocellus::image::measure_intensities: output.extent(1) is 2 but image.extent(0) is 1");
}

}  // namespace
}  // namespace ocellus::test
