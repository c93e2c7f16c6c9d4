// SPDX-License-Identifier: Apache-2.0

#include <ocellus/explain/flow_to_masks.hpp>

#include "discs.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

/// 1 inside objects, -1 outside.
std::vector<double> certain(std::vector<double> const& labels) {
  std::vector<double> probability;
  for (double const label : labels) probability.push_back(label > 0 ? 1 : -1);
  return probability;
}

template <class C>
class FlowToMasks : public ::testing::Test {};
TYPED_TEST_SUITE(FlowToMasks, Configurations);

TYPED_TEST(FlowToMasks, finds_the_objects_again_and_agrees_with_the_reference) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  auto const l = discs(40, 47, 3);
  auto const p = certain(l);
  auto f       = network_flow(l, 40, 47);
  for (std::size_t i = 0; i < l.size(); ++i) {
    if (l[i] == 2) std::swap(f[i], f[l.size() + i]);  // the second object's flow contradicts its shape
  }
  TestArray<Scalar, 2, Layout, Exec> const probability({40, 47}, p);
  TestArray<Scalar, 3, Layout, Exec> const flow({2, 40, 47}, f);
  std::size_t objects = 0;
  for (auto const& option : {std::array<double, 3>{0.4, 0.4, 0}, {0, 0.4, 0}, {0.4, 0.05, 0}, {0.4, 0.4, 2}}) {
    SCOPED_TRACE(::testing::Message() << option[0] << ", " << option[1] << ", " << option[2]);
    TestArray<std::int32_t, 2, Layout, Exec> const masks({40, 47});
    auto const count = explain::flow_to_masks(Exec(), flow.view(), probability.view(), masks.view(),
                                              {.probability_threshold = option[2], .flow_threshold = option[0], .max_size_fraction = option[1]});
    auto const got   = masks.values();
    EXPECT_EQ(got, reference::flow_to_masks(f, p, {40, 47}, 200, option[2], option[0], option[1]));
    EXPECT_EQ(static_cast<double>(count), *std::max_element(got.begin(), got.end()));
    EXPECT_TRUE(masks.guards_intact());
    objects = std::max(objects, static_cast<std::size_t>(count));
  }
  EXPECT_GE(objects, 5u);
}

TYPED_TEST(FlowToMasks, takes_stacks_and_other_numbers_of_steps) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  // Flows to the middle of two balls.
  std::vector<double> p, f(3 * 9 * 10 * 21, 0.0);
  for (std::int64_t z = 0; z < 9; ++z) {
    for (std::int64_t y = 0; y < 10; ++y) {
      for (std::int64_t x = 0; x < 21; ++x) {
        double const dz = 4 - static_cast<double>(z), dy = 5 - static_cast<double>(y), dx = (x < 11 ? 5 : 15) - static_cast<double>(x);
        double const r      = std::sqrt(dz * dz + dy * dy + dx * dx);
        std::size_t const i = p.size();
        p.push_back(r < 4.2 ? 1 : -1);
        f[i] = r > 0 ? 5 * dz / r : 0, f[i + 1890] = r > 0 ? 5 * dy / r : 0, f[i + 3780] = r > 0 ? 5 * dx / r : 0;
        for (std::size_t const c : {i, i + 1890, i + 3780}) f[c] = static_cast<double>(static_cast<float>(f[c]));
      }
    }
  }
  TestArray<Scalar, 3, Layout, Exec> const probability({9, 10, 21}, p);
  TestArray<Scalar, 4, Layout, Exec> const flow({3, 9, 10, 21}, f);
  for (std::int64_t const iterations : {0, 3, 20}) {
    TestArray<std::int64_t, 3, Layout, Exec> const masks({9, 10, 21});
    auto const count = explain::flow_to_masks(Exec(), flow.view(), probability.view(), masks.view(), {.iterations = iterations});
    EXPECT_EQ(masks.values(), reference::flow_to_masks(f, p, {9, 10, 21}, iterations, 0, 0.4, 0.4));
    EXPECT_EQ(count, iterations == 20 ? 2 : count);
    EXPECT_TRUE(masks.guards_intact());
  }
}

TYPED_TEST(FlowToMasks, gives_zeros_where_nothing_is_inside_and_does_not_read_nan) {
  using Scalar     = typename TypeParam::Scalar;
  using Layout     = typename TypeParam::Layout;
  using Exec       = typename TypeParam::Exec;
  double const nan = std::numeric_limits<double>::quiet_NaN();
  TestArray<std::int32_t, 2, Layout, Exec> const masks({5, 6});
  TestArray<Scalar, 3, Layout, Exec> const flow({2, 5, 6}, std::vector<double>(60, nan));
  for (double const value : {-1.0, nan, 1.0}) {
    TestArray<Scalar, 2, Layout, Exec> const probability({5, 6}, std::vector<double>(30, value));
    EXPECT_EQ(explain::flow_to_masks(Exec(), flow.view(), probability.view(), masks.view()), 0);
    EXPECT_EQ(masks.values(), std::vector<double>(30, 0.0));
  }
}

TYPED_TEST(FlowToMasks, is_the_same_for_every_thread_count_labels_what_it_does_and_gives_its_workspace_back) {
  using Scalar = typename TypeParam::Scalar;
  using Exec   = typename TypeParam::Exec;
  auto const l = discs(33, 60, 4);
  TestArray<Scalar, 2, Kokkos::LayoutRight, Exec> const probability({33, 60}, certain(l));
  TestArray<Scalar, 3, Kokkos::LayoutRight, Exec> const flow({2, 33, 60}, network_flow(l, 33, 60));
  TestArray<std::int32_t, 2, Kokkos::LayoutRight, Exec> const masks({33, 60});
  auto const p = probability.view();
  auto const f = flow.view();
  auto const m = masks.view();
  std::vector<double> first;
  with_thread_counts<Exec>([&](Exec const& exec) {
    WorkspaceFor<Exec> workspace(exec, explain::flow_to_masks_workspace_size(exec, f, p, m));
    auto const events = record([&] { explain::flow_to_masks(exec, f, p, m, {}, workspace); });
    expect_labels(events);
    EXPECT_TRUE(events.allocations.empty());
    EXPECT_EQ(workspace.used(), 0u);
    if (first.empty()) first = masks.values();
    EXPECT_EQ(masks.values(), first);
  });
}

TEST(FlowToMasks, names_what_does_not_fit) {
  HostTensor<float***> const flow("flow", 2, 4, 5), three("flow", 3, 4, 5);
  HostTensor<float**> const probability("probability", 4, 5), tall("probability", 5, 5);
  HostTensor<std::int32_t**> const masks("masks", 4, 5), wide("masks", 4, 6);
  Kokkos::Serial const exec;
  EXPECT_EQ(refusal([&] { explain::flow_to_masks(exec, three, probability, masks); }),
            "ocellus::explain::flow_to_masks: flow.extent(0) is 3 but probability has 2 axes");
  EXPECT_EQ(refusal([&] { explain::flow_to_masks(exec, flow, tall, masks); }),
            "ocellus::explain::flow_to_masks: probability.extent(0) is 5 but flow.extent(1) is 4");
  EXPECT_EQ(refusal([&] { explain::flow_to_masks(exec, flow, probability, wide); }),
            "ocellus::explain::flow_to_masks: masks.extent(1) is 6 but probability.extent(1) is 5");
  EXPECT_EQ(refusal([&] { explain::flow_to_masks(exec, flow, probability, masks, {.iterations = -1}); }),
            "ocellus::explain::flow_to_masks: iterations is -1 but must not be negative");
}

}  // namespace
}  // namespace ocellus::test
