// SPDX-License-Identifier: Apache-2.0

#include <ocellus/explain/grad_camo.hpp>

#include <ocellus/explain/grad_cam.hpp>

#include "dual.hpp"
#include "reference/grad_camo.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

std::vector<double> image_of(std::vector<double> const& values, std::int64_t image, std::int64_t size) {
  return {values.begin() + image * size, values.begin() + (image + 1) * size};
}

std::vector<double> soft_mask(std::size_t count, std::uint32_t sample) {
  auto mask = random_values(count, sample, 0.5, 0.5);
  for (double& m : mask) m = m < 0 ? 0 : m > 1 ? 1 : m;
  return mask;
}

template <class C>
class GradCamo : public ::testing::Test {};
TYPED_TEST_SUITE(GradCamo, Configurations);

TYPED_TEST(GradCamo, agrees_with_the_reference_at_awkward_sizes) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  for (auto const& s : {std::array<std::int64_t, 4>{1, 1, 1, 1}, {3, 1, 6, 7}, {2, 3, 4, 5}, {1, 1, 2, 1023}, {1, 1, 2, 1025}, {0, 1, 2, 2}, {2, 1, 31, 8}}) {
    SCOPED_TRACE(::testing::Message() << s[0] << " x " << s[1] << " x " << s[2] << " x " << s[3]);
    std::int64_t const pixels = s[1] * s[2] * s[3];
    auto const x = random_values(static_cast<std::size_t>(s[0] * pixels), 1), m = rounded<Scalar>(soft_mask(x.size(), 2));
    for (bool const subtract : {false, true}) {
      TestArray<Scalar, 4, Layout, Exec> const map(s, x), mask(s, m);
      TestArray<Scalar, 1, Layout, Exec> const score({s[0]});
      TestArray<bool, 1, Layout, Exec> const valid({s[0]});
      explain::grad_camo(Exec(), map.view(), mask.view(), score.view(), valid.view(), {.subtract_minimum = subtract});
      std::vector<double> want;
      for (std::int64_t b = 0; b < s[0]; ++b) want.push_back(reference::grad_camo(image_of(x, b, pixels), image_of(m, b, pixels), subtract));
      expect_within(score.values(), want, machine_epsilon<Scalar>(), 32);
      EXPECT_TRUE(score.guards_intact());
      EXPECT_TRUE(valid.guards_intact());
    }
  }
}

TYPED_TEST(GradCamo, is_one_under_a_mask_that_covers_the_image_and_zero_without_mask_mass_or_numbers) {
  using Scalar     = typename TypeParam::Scalar;
  using Layout     = typename TypeParam::Layout;
  using Exec       = typename TypeParam::Exec;
  double const nan = std::numeric_limits<double>::quiet_NaN();
  auto x           = random_values(5 * 33, 3);
  for (std::size_t i = 0; i < 33; ++i) x[2 * 33 + i] = -std::abs(x[2 * 33 + i]);
  for (std::size_t i = 0; i < 33; ++i) x[3 * 33 + i] = 0;
  x[4 * 33 + 5] = nan;
  std::vector<double> m(5 * 33, 1.0);
  for (std::size_t i = 0; i < 33; ++i) m[33 + i] = 0;
  TestArray<Scalar, 3, Layout, Exec> const map({5, 3, 11}, x), mask({5, 3, 11}, m);
  TestArray<Scalar, 1, Layout, Exec> const score({5});
  TestArray<bool, 1, Layout, Exec> const valid({5});
  explain::grad_camo(Exec(), map.view(), mask.view(), score.view(), valid.view());
  expect_same_bits(score.values(), {1, 0, 0, 0, 0});
  EXPECT_EQ(valid.values(), (std::vector<double>{1, 1, 0, 0, 0}));
}

TYPED_TEST(GradCamo, a_mask_and_its_complement_share_the_mass_and_joint_permutations_of_pixels_change_nothing) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  auto const x = random_values(7 * 9, 4);
  auto const m = rounded<Scalar>(soft_mask(63, 5));
  std::vector<double> opposite, turned_x(63), turned_m(63);
  for (double const value : m) opposite.push_back(1 - value);
  for (std::size_t i = 0; i < 63; ++i) turned_x[i] = x[(i * 20) % 63], turned_m[i] = m[(i * 20) % 63];  // 20 and 63 have no common factor
  auto const score_of = [](std::vector<double> const& values, std::vector<double> const& masks) {
    TestArray<Scalar, 3, Layout, Exec> const map({1, 7, 9}, values), mask({1, 7, 9}, masks);
    TestArray<Scalar, 1, Layout, Exec> const score({1});
    explain::grad_camo(Exec(), map.view(), mask.view(), score.view(), none);
    return score.values()[0];
  };
  EXPECT_NEAR(score_of(x, m) + score_of(x, opposite), 1.0, 8 * machine_epsilon<Scalar>());
  EXPECT_NEAR(score_of(turned_x, turned_m), score_of(x, m), 8 * machine_epsilon<Scalar>());
  EXPECT_GT(score_of(x, m), 0.2);
}

/// A classifier that reads the label off a bright corner, and one that reads it off the cell: the first has to be flagged.
TYPED_TEST(GradCamo, flags_a_confounder_in_the_corner_and_does_not_flag_attention_on_the_cell) {
  using Scalar                = typename TypeParam::Scalar;
  using Layout                = typename TypeParam::Layout;
  using Exec                  = typename TypeParam::Exec;
  constexpr std::int64_t side = 24;
  auto const at               = [](std::int64_t y, std::int64_t x) { return static_cast<std::size_t>(y * side + x); };
  std::vector<double> corner(side * side, 0.0), cell(side * side, 0.0), covers(side * side, 0.0);
  for (std::int64_t y = 0; y < side; ++y) {
    for (std::int64_t x = 0; x < side; ++x) {
      corner[at(y, x)] = y < 4 && x < 4 ? 3.0 : 0.1;
      double const r   = std::hypot(static_cast<double>(y) - 13, static_cast<double>(x) - 12);
      cell[at(y, x)]   = r < 7 ? 2.0 - r / 7 : 0.02;
      covers[at(y, x)] = r < 8 ? 1 : 0;
    }
  }
  // Two channels, the corner's and the cell's; each classifier's score is the mean of its channel, so the gradient is constant there.
  std::vector<double> a, g;
  for (int const image : {0, 1}) {
    a.insert(a.end(), corner.begin(), corner.end());
    a.insert(a.end(), cell.begin(), cell.end());
    for (int const channel : {0, 1}) g.insert(g.end(), side * side, channel == image ? 1.0 / (side * side) : 0.0);
  }
  std::vector<double> both(covers);
  both.insert(both.end(), covers.begin(), covers.end());
  TestArray<Scalar, 4, Layout, Exec> const activations({2, 2, side, side}, a), gradients({2, 2, side, side}, g);
  TestArray<Scalar, 3, Layout, Exec> const map({2, side, side}), mask({2, side, side}, both);
  TestArray<Scalar, 1, Layout, Exec> const score({2});
  TestArray<bool, 1, Layout, Exec> const valid({2});
  explain::grad_cam(Exec(), activations.view(), gradients.view(), map.view());
  explain::grad_camo(Exec(), map.view(), mask.view(), score.view(), valid.view());
  EXPECT_LT(score.values()[0], 0.25);
  EXPECT_GT(score.values()[1], 0.9);
  EXPECT_EQ(valid.values(), (std::vector<double>{1, 1}));
}

TYPED_TEST(GradCamo, backward_is_the_adjoint_of_the_oracle_and_adds_when_told) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  auto const x = rounded<Scalar>(random_values(2 * 35, 6)), m = rounded<Scalar>(soft_mask(70, 7)), w = std::vector<double>{0.75, -2.0};
  TestArray<Scalar, 3, Layout, Exec> const map({2, 5, 7}, x), mask({2, 5, 7}, m), gradient({2, 5, 7}), added({2, 5, 7}, std::vector<double>(70, 3.0));
  TestArray<Scalar, 1, Layout, Exec> const score_gradient({2}, w);
  explain::grad_camo_backward(Exec(), map.view(), mask.view(), score_gradient.view(), gradient.view());
  explain::grad_camo_backward(Exec(), map.view(), mask.view(), score_gradient.view(), added.view(), {.accumulate = true});
  EXPECT_TRUE(gradient.guards_intact());
  auto const forward = [&](auto const& values) {
    using Real = typename std::decay_t<decltype(values)>::value_type;
    std::vector<Real> scores;
    for (std::int64_t b = 0; b < 2; ++b)
      scores.push_back(reference::grad_camo(std::vector<Real>(values.begin() + b * 35, values.begin() + (b + 1) * 35), image_of(m, b, 35)));
    return scores;
  };
  expect_adjoint(forward, x, random_values(70, 8), w, gradient.values(), 32 * machine_epsilon<Scalar>());
  auto sum = gradient.values();
  for (double& value : sum) value += 3;
  expect_within(added.values(), sum, 4 * machine_epsilon<Scalar>(), 2);
}

TYPED_TEST(GradCamo, backward_of_a_map_without_mass_is_zero_and_of_a_full_mask_too) {
  using Scalar     = typename TypeParam::Scalar;
  using Layout     = typename TypeParam::Layout;
  using Exec       = typename TypeParam::Exec;
  double const nan = std::numeric_limits<double>::quiet_NaN();
  TestArray<Scalar, 3, Layout, Exec> const map({3, 1, 3}, {1, 2, 3, -1, 0, -2, nan, 1, 2}), mask({3, 1, 3}, {1, 1, 1, 1, 0, 1, 1, 0, 1}), gradient({3, 1, 3});
  TestArray<Scalar, 1, Layout, Exec> const score_gradient({3}, {1, 1, 1});
  explain::grad_camo_backward(Exec(), map.view(), mask.view(), score_gradient.view(), gradient.view());
  for (double const value : gradient.values()) EXPECT_EQ(value, 0.0);
}

TYPED_TEST(GradCamo, same_bits_whatever_the_batch_and_the_thread_count) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  auto const x = random_values(64 * 3 * 1500, 9), m = soft_mask(x.size(), 10);
  std::vector<double> first;
  with_thread_counts<Exec>([&](Exec const& exec) {
    for (std::int64_t const batch : {64, 7, 2, 1}) {
      TestArray<Scalar, 3, Layout, Exec> const map({batch, 3, 1500}, image_of(x, 0, batch * 4500)), mask({batch, 3, 1500}, image_of(m, 0, batch * 4500));
      TestArray<Scalar, 1, Layout, Exec> const score({batch});
      explain::grad_camo(exec, map.view(), mask.view(), score.view(), none);
      auto const got = score.values();
      if (first.empty()) first = got;
      expect_same_bits(got, image_of(first, 0, batch));
    }
  });
}

TYPED_TEST(GradCamo, behaves) {
  using Exec = typename TypeParam::Exec;
  TestArray<float, 3, Kokkos::LayoutRight, Exec> const map({2, 4, 5}, random_values(40)), mask({2, 4, 5}, soft_mask(40, 1)), gradient({2, 4, 5});
  TestArray<float, 1, Kokkos::LayoutRight, Exec> const score({2});
  TestArray<bool, 1, Kokkos::LayoutRight, Exec> const valid({2});
  Exec const exec;
  auto const x = map.view(), m = mask.view(), g = gradient.view();
  auto const s = score.view();
  auto const v = valid.view();
  WorkspaceFor<Exec> workspace(exec, explain::grad_camo_workspace_size(exec, x, m, s, v, {.subtract_minimum = true}));
  expect_good_manners(record([&] { explain::grad_camo(exec, x, m, s, v, {.subtract_minimum = true}, workspace); }));
  WorkspaceFor<Exec> backward(exec, explain::grad_camo_backward_workspace_size(exec, x, m, s, g));
  expect_good_manners(record([&] { explain::grad_camo_backward(exec, x, m, s, g, {}, backward); }));
  EXPECT_EQ(workspace.used() + backward.used(), 0u);
  exec.fence();
}

TEST(GradCamo, names_what_does_not_fit) {
  HostTensor<float***> const map("map", 2, 3, 4), tall("mask", 2, 4, 3);
  HostTensor<float*> const score("score", 2), long_score("score", 3);
  HostTensor<bool*> const valid("valid", 2), long_valid("valid", 3);
  Kokkos::Serial const exec;
  EXPECT_EQ(refusal([&] { explain::grad_camo(exec, map, tall, score, valid); }), "ocellus::explain::grad_camo: mask.extent(1) is 4 but map.extent(1) is 3");
  EXPECT_EQ(refusal([&] { explain::grad_camo(exec, map, map, long_score, valid); }),
            "ocellus::explain::grad_camo: score.extent(0) is 3 but map.extent(0) is 2");
  EXPECT_EQ(refusal([&] { explain::grad_camo(exec, map, map, score, long_valid); }),
            "ocellus::explain::grad_camo: valid.extent(0) is 3 but map.extent(0) is 2");
  EXPECT_EQ(refusal([&] { explain::grad_camo_backward(exec, map, map, score, tall); }),
            "ocellus::explain::grad_camo_backward: map_gradient.extent(1) is 4 but map.extent(1) is 3");
  EXPECT_EQ(refusal([&] { explain::grad_camo_backward(exec, map, map, long_score, map); }),
            "ocellus::explain::grad_camo_backward: score_gradient.extent(0) is 3 but map.extent(0) is 2");
  EXPECT_EQ(refusal([&] { explain::grad_camo_backward(exec, map, map, score, map, {.subtract_minimum = true}); }),
            "ocellus::explain::grad_camo_backward: subtract_minimum is set, but the backward pass is that of L = max(map, 0)");
}

}  // namespace
}  // namespace ocellus::test
