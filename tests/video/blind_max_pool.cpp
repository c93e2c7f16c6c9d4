// SPDX-License-Identifier: Apache-2.0

#include <ocellus/video/blind_max_pool.hpp>

#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

template <class C>
class BlindMaxPool : public ::testing::Test {};
TYPED_TEST_SUITE(BlindMaxPool, Configurations);

/// The shifted image first, then the pool.
std::vector<double> pooled(std::vector<double> const& x, std::int64_t planes, std::int64_t height, std::int64_t width, bool blind) {
  std::vector<double> output;
  for (std::int64_t p = 0; p < planes; ++p) {
    std::vector<double> shifted(x.begin() + p * height * width, x.begin() + (p + 1) * height * width);
    if (blind && height > 0) {
      shifted.insert(shifted.begin(), static_cast<std::size_t>(width), 0.0);
      shifted.resize(static_cast<std::size_t>(height * width));
    }
    for (std::int64_t i = 0; i < height / 2; ++i) {
      for (std::int64_t j = 0; j < width / 2; ++j) {
        double const* const at = shifted.data() + 2 * i * width + 2 * j;
        output.push_back(std::max(std::max(at[0], at[1]), std::max(at[width], at[width + 1])));
      }
    }
  }
  return output;
}

TYPED_TEST(BlindMaxPool, pools_the_shifted_image_exactly) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  for (auto const& [images, channels, height, width] : {std::array<std::int64_t, 4>{0, 1, 4, 4}, {1, 1, 1, 1}, {2, 3, 5, 7}, {1, 2, 6, 34}, {1, 1, 0, 4}}) {
    for (bool const blind : {true, false}) {
      auto const x = random_values(static_cast<std::size_t>(images * channels * height * width), 1, 1.0, -1.0);
      TestArray<Scalar, 4, Layout, Exec> const input({images, channels, height, width}, x), output({images, channels, height / 2, width / 2});
      with_thread_counts<Exec>([&](Exec const& exec) {
        video::blind_max_pool(exec, input.view(), output.view(), {.blind = blind});
        exec.fence();
        expect_same_bits(output.values(), pooled(x, images * channels, height, width, blind));
      });
      EXPECT_TRUE(output.guards_intact());
    }
  }
}

TYPED_TEST(BlindMaxPool, never_looks_below_its_own_row_keeps_nan_and_behaves) {
  using Scalar = typename TypeParam::Scalar;
  using Exec   = typename TypeParam::Exec;
  auto x       = random_values(8 * 8, 2);
  TestArray<Scalar, 4, Kokkos::LayoutRight, Exec> input({1, 1, 8, 8}, x);
  TestArray<Scalar, 4, Kokkos::LayoutRight, Exec> const output({1, 1, 4, 4});
  Exec const exec;
  auto const i = input.view(), o = output.view();
  expect_good_manners(record([&] { video::blind_max_pool(exec, i, o); }));
  exec.fence();
  x[3 * 8 + 2] = std::nan("");
  input.assign(x);
  video::blind_max_pool(exec, i, o);
  exec.fence();
  auto const got = output.values();
  for (int k = 0; k < 16; ++k) EXPECT_EQ(std::isnan(got[static_cast<std::size_t>(k)]), k == 2 * 4 + 1) << k;  // row 3 is row 4 of the shifted image
}

TEST(BlindMaxPool, names_what_does_not_fit) {
  HostTensor<float****> const x("x", 1, 2, 5, 4), output("output", 1, 2, 3, 2);
  EXPECT_EQ(refusal([&] { video::blind_max_pool(Kokkos::Serial(), x, output); }),
            "ocellus::video::blind_max_pool: output.extent(2) is 3 but x.extent(2) / 2 is 2");
  EXPECT_EQ(video::blind_max_pool_cost(8, 4).bytes(), 40);
}

}  // namespace
}  // namespace ocellus::test
