// SPDX-License-Identifier: Apache-2.0

#include <ocellus/explain/grad_camo_labels.hpp>

#include <ocellus/explain/grad_camo.hpp>

#include "reference/grad_camo.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

/// Squares of side 1 to 20 at reproducible places, later ones above; some labels may stay covered.
std::vector<double> squares(std::int64_t height, std::int64_t width, std::int64_t count) {
  std::vector<double> labels(static_cast<std::size_t>(height * width), 0.0);
  auto const place = random_values(static_cast<std::size_t>(3 * count), 77, 1000.0);
  if (labels.empty()) return labels;
  for (std::int64_t k = 0; k < count; ++k) {
    auto const pick = [&](int which, std::int64_t range) {
      return std::abs(static_cast<std::int64_t>(place[static_cast<std::size_t>(3 * k + which)])) % range;
    };
    std::int64_t const top = pick(0, height), left = pick(1, width), side = 1 + pick(2, 20);
    for (std::int64_t y = top; y < top + side && y < height; ++y) {
      for (std::int64_t x = left; x < left + side && x < width; ++x) labels[static_cast<std::size_t>(y * width + x)] = static_cast<double>(k + 1);
    }
  }
  return labels;
}

struct Got {
  std::vector<double> score, neighbour;
  double background = 0;
  bool valid        = false;
};

template <class Scalar, class Label, class Layout, class Exec>
Got shares(Exec const& exec, std::vector<double> const& x, std::vector<double> const& l, std::int64_t height, std::int64_t width, std::int64_t count) {
  TestArray<Scalar, 2, Layout, Exec> const map({height, width}, x);
  TestArray<Label, 2, Layout, Exec> const labels({height, width}, l);
  TestArray<Scalar, 1, Layout, Exec> const score({count}), neighbour({count});
  TestArray<Scalar, 0, Layout, Exec> const background({});
  TestArray<bool, 0, Layout, Exec> const valid({});
  explain::grad_camo_labels(exec, map.view(), labels.view(), score.view(), neighbour.view(), background.view(), valid.view());
  EXPECT_TRUE(score.guards_intact());
  EXPECT_TRUE(neighbour.guards_intact());
  return {score.values(), neighbour.values(), background.values()[0], valid.values()[0] != 0};
}

template <class C>
class GradCamoLabels : public ::testing::Test {};
TYPED_TEST_SUITE(GradCamoLabels, Configurations);

TYPED_TEST(GradCamoLabels, agrees_with_the_reference_at_awkward_sizes) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  for (auto const& s : {std::array<std::int64_t, 3>{1, 1, 1}, {0, 4, 2}, {3, 15, 2}, {5, 16, 3}, {7, 17, 0}, {97, 101, 40}, {300, 64, 7}, {2, 1, 90}}) {
    SCOPED_TRACE(::testing::Message() << s[0] << " x " << s[1] << ", " << s[2] << " labels");
    auto const x = random_values(static_cast<std::size_t>(s[0] * s[1]), 1), l = squares(s[0], s[1], s[2]);
    auto const got       = shares<Scalar, std::int32_t, Layout, Exec>(Exec(), x, l, s[0], s[1], s[2]);
    auto const want      = reference::grad_camo_labels(x, l, s[2]);
    double const epsilon = machine_epsilon<Scalar>();
    expect_within(got.score, want.score, epsilon, 4);
    expect_within(got.neighbour, want.neighbour, epsilon, 4);
    EXPECT_NEAR(got.background, want.background, 4 * epsilon);
    EXPECT_EQ(got.valid, want.valid);
  }
}

TYPED_TEST(GradCamoLabels, every_border_of_runs_of_three_labels_lands_in_its_own_slot) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  // All pairs of borders in a line of 35 pixels: runs of sixteen that are pure, that hold one border, and that hold two.
  std::vector<double> x, l;
  for (int first = 0; first <= 35; ++first) {
    for (int second = first; second <= 35; ++second) {
      for (int i = 0; i < 35; ++i) x.push_back(1 + (i * 7 + first) % 5), l.push_back(i < first ? 2 : i < second ? 0 : 3);
    }
  }
  auto const lines = static_cast<std::int64_t>(x.size() / 35);
  auto const got   = shares<Scalar, std::int64_t, Layout, Exec>(Exec(), x, l, lines, 35, 3);
  auto const want  = reference::grad_camo_labels(x, l, 3);
  expect_within(got.score, want.score, machine_epsilon<Scalar>(), 2);
  EXPECT_EQ(got.score[0], 0.0);
}

TYPED_TEST(GradCamoLabels, shares_of_each_cell_add_to_one_and_follow_a_permutation_of_labels) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  auto const x = random_values(60 * 70, 2), l = squares(60, 70, 12);
  std::vector<double> turned;
  for (double const label : l) turned.push_back(label == 0 ? 0.0 : std::fmod(label * 5, 13));  // 5 and 13 have no common factor
  auto const got   = shares<Scalar, std::uint16_t, Layout, Exec>(Exec(), x, l, 60, 70, 12);
  auto const other = shares<Scalar, std::uint16_t, Layout, Exec>(Exec(), x, turned, 60, 70, 12);
  for (std::size_t k = 1; k <= 12; ++k) {
    EXPECT_NEAR(got.score[k - 1] + got.neighbour[k - 1] + got.background, 1.0, 4 * machine_epsilon<Scalar>());
    EXPECT_EQ(other.score[(k * 5) % 13 - 1], got.score[k - 1]);
  }
  // One label by itself is what grad_camo says of its mask.
  std::vector<double> m;
  for (double const label : l) m.push_back(label == 3 ? 1 : 0);
  TestArray<Scalar, 3, Layout, Exec> const map({1, 60, 70}, x), mask({1, 60, 70}, m);
  TestArray<Scalar, 1, Layout, Exec> const score({1});
  explain::grad_camo(Exec(), map.view(), mask.view(), score.view(), none);
  EXPECT_NEAR(score.values()[0], got.score[2], 2 * machine_epsilon<Scalar>());
}

TYPED_TEST(GradCamoLabels, a_label_out_of_range_is_a_neighbour_without_score_and_no_mass_is_not_valid) {
  using Scalar     = typename TypeParam::Scalar;
  using Layout     = typename TypeParam::Layout;
  using Exec       = typename TypeParam::Exec;
  double const nan = std::numeric_limits<double>::quiet_NaN();
  auto const got   = shares<Scalar, std::int32_t, Layout, Exec>(Exec(), {1, 2, 3, 4, -5, 6}, {1, -7, 0, 3, 1, 99}, 1, 6, 2);
  expect_within(got.score, {1.0 / 16, 0}, machine_epsilon<Scalar>(), 1);
  expect_within(got.neighbour, {12.0 / 16, 13.0 / 16}, machine_epsilon<Scalar>(), 1);
  EXPECT_NEAR(got.background, 3.0 / 16, machine_epsilon<Scalar>());
  for (double const value : {-1.0, 0.0, nan}) {
    auto const empty = shares<Scalar, std::int32_t, Layout, Exec>(Exec(), {value, value, value}, {0, 1, 1}, 1, 3, 1);
    EXPECT_EQ(empty.score, (std::vector<double>{0}));
    EXPECT_EQ(empty.neighbour, (std::vector<double>{0}));
    EXPECT_EQ(empty.background, 0.0);
    EXPECT_FALSE(empty.valid);
  }
}

/// A bright corner outside every cell, and attention inside them.
TYPED_TEST(GradCamoLabels, flags_a_confounder_and_tells_the_cell_it_looks_at_from_its_neighbours) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  std::vector<double> l(32 * 32, 0.0), corner(32 * 32, 0.01), cell(32 * 32, 0.01);
  for (std::size_t y = 0; y < 32; ++y) {
    for (std::size_t x = 0; x < 32; ++x) {
      std::size_t const i = y * 32 + x;
      if (y >= 12 && y < 20) l[i] = x >= 4 && x < 12 ? 1 : x >= 18 && x < 26 ? 2 : 0;
      if (y < 4 && x > 27) corner[i] = 5;
      if (l[i] == 2) cell[i] = 1;
    }
  }
  auto const flagged = shares<Scalar, std::int32_t, Layout, Exec>(Exec(), corner, l, 32, 32, 2);
  auto const clean   = shares<Scalar, std::int32_t, Layout, Exec>(Exec(), cell, l, 32, 32, 2);
  EXPECT_LT(flagged.score[0] + flagged.score[1], 0.05);
  EXPECT_GT(flagged.background, 0.95);
  EXPECT_GT(clean.score[1], 0.8);
  EXPECT_GT(clean.neighbour[0], 0.8);
  EXPECT_LT(clean.background, 0.2);
}

TYPED_TEST(GradCamoLabels, takes_stacks_and_gives_the_same_bits_for_every_thread_count_and_stride) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  auto const x = random_values(5 * 61 * 67, 3), l = squares(5 * 61, 67, 30);
  std::vector<double> first;
  with_thread_counts<Exec>([&](Exec const& exec) {
    TestArray<Scalar, 3, Layout, Exec> const map({5, 61, 67}, x);
    TestArray<Scalar, 3, Kokkos::LayoutRight, Exec> const dense({5, 61, 67}, x);
    TestArray<std::int32_t, 3, Layout, Exec> const labels({5, 61, 67}, l);
    TestArray<Scalar, 1, Layout, Exec> const score({30}), neighbour({30}), dense_score({30});
    TestArray<Scalar, 0, Layout, Exec> const background({});
    TestArray<bool, 0, Layout, Exec> const valid({});
    explain::grad_camo_labels(exec, map.view(), labels.view(), score.view(), neighbour.view(), background.view(), valid.view());
    explain::grad_camo_labels(exec, dense.view(), labels.view(), dense_score.view(), neighbour.view(), background.view(), valid.view());
    if (first.empty()) first = score.values();
    expect_same_bits(score.values(), first);
    expect_same_bits(dense_score.values(), first);
  });
  expect_within(first, reference::grad_camo_labels(x, l, 30).score, machine_epsilon<Scalar>(), 4);
}

TYPED_TEST(GradCamoLabels, behaves) {
  using Exec = typename TypeParam::Exec;
  TestArray<float, 2, Kokkos::LayoutRight, Exec> const map({40, 50}, random_values(2000));
  TestArray<std::int32_t, 2, Kokkos::LayoutRight, Exec> const labels({40, 50}, squares(40, 50, 5));
  TestArray<float, 1, Kokkos::LayoutRight, Exec> const score({5}), neighbour({5});
  TestArray<float, 0, Kokkos::LayoutRight, Exec> const background({});
  TestArray<bool, 0, Kokkos::LayoutRight, Exec> const valid({});
  Exec const exec;
  auto const m = map.view();
  auto const l = labels.view();
  auto const s = score.view(), n = neighbour.view();
  auto const b            = background.view();
  auto const v            = valid.view();
  std::size_t const bytes = explain::grad_camo_labels_workspace_size(exec, m, l, s, n, b, v);
  EXPECT_LE(bytes, 2000u + 3 * 128u + 2 * 8 * 7u);
  WorkspaceFor<Exec> workspace(exec, bytes);
  expect_good_manners(record([&] { explain::grad_camo_labels(exec, m, l, s, n, b, v, workspace); }));
  EXPECT_EQ(workspace.used(), 0u);
  exec.fence();
}

TEST(GradCamoLabels, names_what_does_not_fit) {
  HostTensor<float**> const map("map", 3, 4);
  HostTensor<std::int32_t**> const labels("labels", 3, 4), tall("labels", 4, 4);
  HostTensor<float*> const score("score", 2), longer("neighbour", 3);
  HostTensor<float> const background("background");
  HostTensor<bool> const valid("valid");
  Kokkos::Serial const exec;
  EXPECT_EQ(refusal([&] { explain::grad_camo_labels(exec, map, tall, score, score, background, valid); }),
            "ocellus::explain::grad_camo_labels: labels.extent(0) is 4 but map.extent(0) is 3");
  EXPECT_EQ(refusal([&] { explain::grad_camo_labels(exec, map, labels, score, longer, background, valid); }),
            "ocellus::explain::grad_camo_labels: neighbour.extent(0) is 3 but score.extent(0) is 2");
}

}  // namespace
}  // namespace ocellus::test
