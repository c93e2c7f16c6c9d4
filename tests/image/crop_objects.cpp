// SPDX-License-Identifier: Apache-2.0

#include <ocellus/image/crop_objects.hpp>

#include "image/images.hpp"
#include "reference/gaussian_smooth.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

template <class C>
class CropObjects : public ::testing::Test {};
TYPED_TEST_SUITE(CropObjects, Configurations);

TYPED_TEST(CropObjects, agrees_with_a_plain_loop_inside_across_and_far_outside_the_border) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  std::vector<double> const where{4, 6, 0, 0, 8.5, 10.49, 3.5, 2.5, -20, 40, 5, 11.2};
  auto const x = random_values(2 * 9 * 11);
  for (auto const& [rows, columns] : {std::pair{0, 3}, std::pair{1, 1}, std::pair{5, 4}, std::pair{16, 17}}) {
    for (auto const border : {image::CropBorder::zero, image::CropBorder::mirror}) {
      SCOPED_TRACE(::testing::Message() << rows << " x " << columns);
      TestArray<Scalar, 3, Layout, Exec> const image({2, 9, 11}, x);
      TestArray<float, 2, Layout, Exec> const centres({6, 2}, where);
      TestArray<Scalar, 4, Layout, Exec> const crops({6, 2, rows, columns});
      Exec const exec;
      image::crop_objects(exec, image.view(), centres.view(), crops.view(), {.border = border});
      exec.fence();
      std::vector<double> want;
      for (int n = 0; n < 6; ++n) {
        for (int c = 0; c < 2; ++c) {
          for (int v = 0; v < rows; ++v) {
            for (int u = 0; u < columns; ++u) {
              auto const y            = static_cast<std::int64_t>(std::floor(static_cast<float>(where[2 * n]) + 0.5)) - rows / 2 + v,
                         left         = static_cast<std::int64_t>(std::floor(static_cast<float>(where[2 * n + 1]) + 0.5)) - columns / 2;
              std::int64_t const at_x = left + u;
              bool const outside      = y < 0 || y >= 9 || at_x < 0 || at_x >= 11;
              want.push_back(outside && border == image::CropBorder::zero ? 0.0 : x[c * 99 + reference::mirrored(y, 9) * 11 + reference::mirrored(at_x, 11)]);
            }
          }
        }
      }
      EXPECT_EQ(crops.values(), want);
      EXPECT_TRUE(crops.guards_intact());
    }
  }
}

TYPED_TEST(CropObjects, gives_zeros_for_a_centre_that_is_nan_and_converts) {
  using Layout     = typename TypeParam::Layout;
  using Exec       = typename TypeParam::Exec;
  double const nan = std::numeric_limits<double>::quiet_NaN();
  TestArray<float16, 3, Layout, Exec> const image({1, 2, 2}, {1, 2, 3, 4});
  TestArray<double, 2, Layout, Exec> const centres({3, 2}, {nan, 0, 0, nan, 1, 1});
  TestArray<float, 4, Layout, Exec> const crops({3, 1, 1, 2});
  Exec const exec;
  image::crop_objects(exec, image.view(), centres.view(), crops.view());
  exec.fence();
  EXPECT_EQ(crops.values(), (std::vector<double>{0, 0, 0, 0, 3, 4}));
}

TYPED_TEST(CropObjects, behaves_and_does_not_depend_on_the_batch) {
  using Exec   = typename TypeParam::Exec;
  auto const x = random_values(3 * 20 * 20), where = random_values(2 * 64, 9, 6.0, 10.0);
  std::vector<double> whole;
  for (std::int64_t const objects : {64, 7, 1}) {
    TestArray<float, 3, Kokkos::LayoutRight, Exec> const image({3, 20, 20}, x);
    TestArray<float, 2, Kokkos::LayoutRight, Exec> const centres({objects, 2}, {where.begin(), where.begin() + 2 * objects});
    TestArray<float, 4, Kokkos::LayoutRight, Exec> const crops({objects, 3, 7, 7});
    Exec const exec;
    auto const i = image.view();
    auto const c = centres.view();
    auto const o = crops.view();
    expect_good_manners(record([&] { image::crop_objects(exec, i, c, o); }));
    exec.fence();
    if (whole.empty()) whole = crops.values();
    expect_same_bits(crops.values(), {whole.begin(), whole.begin() + objects * 3 * 49});
  }
}

TEST(CropObjects, names_what_does_not_fit) {
  HostTensor<float***> const image("image", 2, 5, 5), empty("empty", 2, 0, 5);
  HostTensor<float**> const centres("centres", 3, 2), wide("wide", 3, 3);
  HostTensor<float****> const crops("crops", 3, 2, 4, 4), few("few", 2, 2, 4, 4), grey("grey", 3, 1, 4, 4);
  Kokkos::Serial const exec;
  EXPECT_EQ(refusal([&] { image::crop_objects(exec, image, wide, crops); }), "ocellus::image::crop_objects: centres.extent(1) is 3 but must be 2 (y, x)");
  EXPECT_EQ(refusal([&] { image::crop_objects(exec, image, centres, few); }), "ocellus::image::crop_objects: crops.extent(0) is 2 but centres.extent(0) is 3");
  EXPECT_EQ(refusal([&] { image::crop_objects(exec, image, centres, grey); }), "ocellus::image::crop_objects: crops.extent(1) is 1 but image.extent(0) is 2");
  EXPECT_EQ(refusal([&] { image::crop_objects(exec, empty, centres, crops); }), "ocellus::image::crop_objects: image is 0 x 5");
}

}  // namespace
}  // namespace ocellus::test
