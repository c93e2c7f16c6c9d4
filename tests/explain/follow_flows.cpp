// SPDX-License-Identifier: Apache-2.0

#include <ocellus/explain/follow_flows.hpp>

#include "discs.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

/// Smooth random flows and the pixels with a positive first component.
std::vector<double> smooth(std::size_t count, std::uint32_t sample) {
  auto values = random_values(count, sample);
  for (std::size_t i = 1; i < count; ++i) values[i] = static_cast<double>(static_cast<float>(0.8 * values[i - 1] + 0.6 * values[i]));
  return values;
}

template <class C>
class FollowFlows : public ::testing::Test {};
TYPED_TEST_SUITE(FollowFlows, Configurations);

TYPED_TEST(FollowFlows, agrees_with_the_reference_on_images_and_stacks_of_awkward_sizes) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  for (auto const& s : {std::array<std::int64_t, 3>{1, 1, 1}, {1, 9, 13}, {1, 1, 17}, {3, 5, 7}, {2, 1, 4}}) {
    for (std::int64_t const iterations : {0, 1, 7}) {
      SCOPED_TRACE(::testing::Message() << s[0] << " x " << s[1] << " x " << s[2] << ", " << iterations);
      bool const stack = s[0] > 1;
      auto const n     = stack ? reference::Extents{s[0], s[1], s[2]} : reference::Extents{s[1], s[2]};
      auto const axes = static_cast<std::int64_t>(n.size()), pixels = s[0] * s[1] * s[2];
      auto const f = smooth(static_cast<std::size_t>(axes * pixels), 1);
      std::vector<double> in;
      std::int64_t count = 0;
      for (std::int64_t i = 0; i < pixels; ++i) in.push_back(i % 5 != 3 ? 1 : 0), count += i % 5 != 3;
      TestArray<Scalar, 2, Layout, Exec> const positions({count, axes});
      explain::FollowFlowsOptions const options{.iterations = iterations};
      if (stack) {
        TestArray<Scalar, 4, Layout, Exec> const flow({axes, s[0], s[1], s[2]}, f);
        TestArray<bool, 3, Layout, Exec> const inside({s[0], s[1], s[2]}, in);
        explain::follow_flows(Exec(), flow.view(), inside.view(), positions.view(), options);
      } else {
        TestArray<Scalar, 3, Layout, Exec> const flow({axes, s[1], s[2]}, f);
        TestArray<bool, 2, Layout, Exec> const inside({s[1], s[2]}, in);
        explain::follow_flows(Exec(), flow.view(), inside.view(), positions.view(), options);
      }
      // Each step may multiply the error of the one before by the field's slope, here below 2.
      expect_within(positions.values(), reference::follow_flows(f, in, n, iterations), machine_epsilon<Scalar>() * 20,
                    32 * std::pow(2, static_cast<double>(iterations)));
      EXPECT_TRUE(positions.guards_intact());
    }
  }
}

TYPED_TEST(FollowFlows, pixels_of_a_disc_meet_at_its_centre_and_a_nan_stays_with_those_that_meet_it) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  auto const l = discs(17, 17, 1);
  auto f       = network_flow(l, 17, 17);
  std::vector<double> in;
  std::int64_t count = 0;
  for (double const label : l) in.push_back(label > 0 ? 1 : 0), count += label > 0;
  TestArray<bool, 2, Layout, Exec> const inside({17, 17}, in);
  TestArray<Scalar, 3, Layout, Exec> const flow({2, 17, 17}, f);
  TestArray<Scalar, 2, Layout, Exec> const positions({count, 2});
  explain::follow_flows(Exec(), flow.view(), inside.view(), positions.view());
  double top = 17, bottom = 0;
  auto const ends = positions.values();
  for (std::size_t i = 0; i < ends.size(); i += 2) top = std::min(top, ends[i]), bottom = std::max(bottom, ends[i]);
  EXPECT_LT(bottom - top, 4.0);
  std::size_t first = 0;
  while (in[first] == 0) ++first;
  f[first] = std::numeric_limits<double>::quiet_NaN();
  TestArray<Scalar, 3, Layout, Exec> const spoilt({2, 17, 17}, f);
  explain::follow_flows(Exec(), spoilt.view(), inside.view(), positions.view(), {.iterations = 1});
  std::size_t spoiled = 0;
  for (double const value : positions.values()) spoiled += std::isnan(value) ? 1 : 0;
  EXPECT_TRUE(std::isnan(positions.values()[0]));
  EXPECT_LE(spoiled, 9u);
}

TYPED_TEST(FollowFlows, same_bits_for_every_thread_count_and_behaves_but_for_the_fence_that_counts) {
  using Scalar = typename TypeParam::Scalar;
  using Exec   = typename TypeParam::Exec;
  TestArray<Scalar, 3, Kokkos::LayoutRight, Exec> const flow({2, 20, 31}, smooth(1240, 3));
  TestArray<bool, 2, Kokkos::LayoutRight, Exec> const inside({20, 31}, std::vector<double>(620, 1.0));
  TestArray<Scalar, 2, Kokkos::LayoutRight, Exec> const positions({620, 2});
  auto const f = flow.view();
  auto const i = inside.view();
  auto const p = positions.view();
  std::vector<double> first;
  with_thread_counts<Exec>([&](Exec const& exec) {
    WorkspaceFor<Exec> workspace(exec, explain::follow_flows_workspace_size(exec, f, i, p));
    auto const events = record([&] { explain::follow_flows(exec, f, i, p, {}, workspace); });
    exec.fence();
    expect_labels(events);
    EXPECT_TRUE(events.allocations.empty());
    EXPECT_EQ(workspace.used(), 0u);
    if (first.empty()) first = positions.values();
    expect_same_bits(positions.values(), first);
  });
}

TEST(FollowFlows, names_what_does_not_fit) {
  HostTensor<float***> const flow("flow", 2, 4, 5), three("flow", 3, 4, 5);
  HostTensor<bool**> const inside("inside", 4, 5), narrow("inside", 4, 4);
  HostTensor<float**> const positions("positions", 0, 2), many("positions", 3, 2), deep("positions", 0, 3);
  Kokkos::Serial const exec;
  auto const call = [&](auto const& f, auto const& i, auto const& p, std::int64_t iterations) {
    return refusal([&] { explain::follow_flows(exec, f, i, p, {.iterations = iterations}); });
  };
  EXPECT_EQ(call(flow, narrow, positions, 1), "ocellus::explain::follow_flows: inside.extent(1) is 4 but flow.extent(2) is 5");
  EXPECT_EQ(call(three, inside, positions, 1), "ocellus::explain::follow_flows: flow.extent(0) is 3 but inside has 2 axes");
  EXPECT_EQ(call(flow, inside, deep, 1), "ocellus::explain::follow_flows: positions.extent(1) is 3 but flow.extent(0) is 2");
  EXPECT_EQ(call(flow, inside, many, 1), "ocellus::explain::follow_flows: positions.extent(0) is 3 but inside holds 0 pixels");
  EXPECT_EQ(call(flow, inside, positions, -1), "ocellus::explain::follow_flows: iterations is -1 but must not be negative");
}

}  // namespace
}  // namespace ocellus::test
