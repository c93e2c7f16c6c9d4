// SPDX-License-Identifier: Apache-2.0

#include <ocellus/video/temporal_weight.hpp>

#include "reference/temporal_filter.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

template <class C>
class TemporalWeight : public ::testing::Test {};
TYPED_TEST_SUITE(TemporalWeight, Configurations);

TYPED_TEST(TemporalWeight, weighs_frames_by_their_distance_and_puts_them_one_behind_the_other) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  for (std::int64_t const frames : {3, 5, 9}) {
    for (auto const& [kinds, height, width] : {std::array<std::int64_t, 3>{1, 1, 1}, {3, 4, 17}, {2, 0, 5}, {0, 2, 3}}) {
      SCOPED_TRACE(::testing::Message() << frames << " x " << kinds << " x " << height << " x " << width);
      std::int64_t const each = kinds * height * width;
      auto const x            = random_values(static_cast<std::size_t>(frames * each), 1);
      TestArray<Scalar, 4, Layout, Exec> const features({frames, kinds, height, width}, x);
      TestArray<Scalar, 1, Layout, Exec> const weights({frames});
      TestArray<Scalar, 3, Layout, Exec> const output({frames * kinds, height, width});
      std::vector<double> first;
      with_thread_counts<Exec>([&](Exec const& exec) {
        video::temporal_weight(exec, features.view(), weights.view(), output.view(), {.level = 1.5, .min_weight = 0.25, .max_weight = 2.0});
        exec.fence();
        if (first.empty()) first = output.values();
        expect_same_bits(output.values(), first);
      });
      std::vector<double> want, want_weights, unit;
      for (std::int64_t i = 0; i < frames; ++i) {
        want_weights.push_back(reference::profile_weight(i, frames, 1.5, 0.25, 2.0));
        for (std::int64_t e = 0; e < each; ++e)
          want.push_back(want_weights.back() * x[i * each + e]), unit.push_back(2 * machine_epsilon<Scalar>() * std::abs(x[i * each + e]));
      }
      expect_within(weights.values(), want_weights, 2 * machine_epsilon<Scalar>(), 4);
      expect_within(output.values(), want, unit, 4);
      EXPECT_TRUE(weights.guards_intact());
      EXPECT_TRUE(output.guards_intact());
    }
  }
}

TYPED_TEST(TemporalWeight, leaves_the_centre_frame_out_by_default_and_behaves) {
  using Scalar = typename TypeParam::Scalar;
  using Exec   = typename TypeParam::Exec;
  TestArray<Scalar, 4, Kokkos::LayoutRight, Exec> const features({5, 1, 1, 1}, {1, 2, 3, 4, std::nan("")});
  TestArray<Scalar, 3, Kokkos::LayoutRight, Exec> const output({5, 1, 1});
  Exec const exec;
  auto const f = features.view();
  auto const o = output.view();
  expect_good_manners(record([&] { video::temporal_weight(exec, f, none, o); }));
  exec.fence();
  expect_within(output.values(), {1, 1, 0, 2, std::nan("")}, machine_epsilon<Scalar>(), 0.0);
}

TEST(TemporalWeight, names_what_does_not_fit) {
  HostTensor<float****> const even("even", 4, 2, 3, 5), one("one", 1, 2, 3, 5), features("features", 3, 2, 3, 5);
  HostTensor<float***> const output("output", 6, 3, 5), small("small", 3, 3, 5);
  HostTensor<float*> const weights("weights", 4);
  Kokkos::Serial const exec;
  std::string const name = "ocellus::video::temporal_weight: ";
  EXPECT_EQ(refusal([&] { video::temporal_weight(exec, even, none, output); }), name + "features.extent(0) is 4 but the number of frames must be odd");
  EXPECT_EQ(refusal([&] { video::temporal_weight(exec, one, none, output); }), name + "features.extent(0) is 1 but there must be at least 3 frames");
  EXPECT_EQ(refusal([&] { video::temporal_weight(exec, features, none, small); }),
            name + "output.extent(0) is 3 but features.extent(0) features.extent(1) is 6");
  EXPECT_EQ(refusal([&] { video::temporal_weight(exec, features, weights, output); }), name + "weights.extent(0) is 4 but features.extent(0) is 3");
  EXPECT_EQ(refusal([&] { video::temporal_weight(exec, features, none, output, {.level = 0}); }), name + "level is 0 but must be above 0");
  EXPECT_EQ(video::temporal_weight_cost(10, 4).bytes(), 80);
}

}  // namespace
}  // namespace ocellus::test
