// SPDX-License-Identifier: Apache-2.0

#include <ocellus/explain/masks_to_flows.hpp>

#include "discs.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

/// A ring (its centre is not its own), an L, a line, a point, and two that touch.
std::vector<double> shapes() {
  std::vector<double> labels(12 * 19, 0.0);
  auto const put = [&](std::int64_t y, std::int64_t x, double label) { labels[static_cast<std::size_t>(y * 19 + x)] = label; };
  for (std::int64_t y = 0; y < 5; ++y) {
    for (std::int64_t x = 0; x < 6; ++x) {
      if (y == 0 || y == 4 || x == 0 || x == 5) put(y, x, 1);
    }
  }
  for (std::int64_t i = 0; i < 6; ++i) put(i, 8, 2), put(5, 8 + i, 2), put(11, 3 + i, 3);
  put(0, 18, 4);
  for (std::int64_t y = 6; y < 10; ++y) {
    for (std::int64_t x = 11; x < 19; ++x) put(y, x, x < 15 ? 5 : 6);
  }
  return labels;
}

template <class C>
class MasksToFlows : public ::testing::Test {};
TYPED_TEST_SUITE(MasksToFlows, Configurations);

TYPED_TEST(MasksToFlows, agrees_with_the_reference_on_round_and_on_odd_shapes) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  struct Image {
    std::int64_t height, width;
    std::vector<double> labels;
  };
  for (Image const& image : {Image{12, 19, shapes()}, Image{31, 37, discs(31, 37, 1)}, Image{1, 1, {1}}, Image{2, 3, {0, 0, 0, 0, 0, 0}}, Image{0, 4, {}}}) {
    for (std::int64_t const iterations : {0, 5}) {
      SCOPED_TRACE(::testing::Message() << image.height << " x " << image.width << ", " << iterations);
      TestArray<std::int32_t, 2, Layout, Exec> const labels({image.height, image.width}, image.labels);
      TestArray<Scalar, 3, Layout, Exec> const flow({2, image.height, image.width});
      explain::masks_to_flows(Exec(), labels.view(), flow.view(), {.iterations = iterations});
      auto const want = image.labels.empty() ? std::vector<double>{} : reference::masks_to_flows(image.labels, image.height, image.width, iterations);
      // Where heats of two sides cancel, the direction follows their rounding: both add neighbours in one order.
      expect_within(flow.values(), want, machine_epsilon<Scalar>() + 1e-10, 4);
      EXPECT_TRUE(flow.guards_intact());
    }
  }
}

TYPED_TEST(MasksToFlows, gives_unit_vectors_to_the_centre_for_every_thread_count_and_label_type) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  auto const l = discs(40, 47, 2);
  std::vector<double> first;
  with_thread_counts<Exec>([&](Exec const& exec) {
    TestArray<std::uint16_t, 2, Layout, Exec> const labels({40, 47}, l);
    TestArray<Scalar, 3, Layout, Exec> const flow({2, 40, 47});
    explain::masks_to_flows(exec, labels.view(), flow.view());
    if (first.empty()) first = flow.values();
    expect_same_bits(flow.values(), first);
  });
  for (std::size_t i = 0; i < l.size(); ++i) {
    double const norm = std::hypot(first[i], first[l.size() + i]);
    EXPECT_TRUE(l[i] > 0 ? norm < 1 + 1e-5 : norm == 0) << i;
  }
}

TYPED_TEST(MasksToFlows, labels_what_it_does_and_gives_its_workspace_back) {
  using Exec = typename TypeParam::Exec;
  TestArray<std::int32_t, 2, Kokkos::LayoutRight, Exec> const labels({12, 19}, shapes());
  TestArray<float, 3, Kokkos::LayoutRight, Exec> const flow({2, 12, 19});
  Exec const exec;
  auto const l = labels.view();
  auto const f = flow.view();
  WorkspaceFor<Exec> workspace(exec, explain::masks_to_flows_workspace_size(exec, l, f));
  auto const events = record([&] { explain::masks_to_flows(exec, l, f, {}, workspace); });
  expect_labels(events);
  EXPECT_TRUE(events.allocations.empty());
  EXPECT_FALSE(events.kernels.empty());
  EXPECT_EQ(workspace.used(), 0u);
  exec.fence();
}

TEST(MasksToFlows, names_what_does_not_fit) {
  HostTensor<std::int32_t**> const labels("labels", 3, 4);
  HostTensor<float***> const flow("flow", 2, 3, 4), three("flow", 3, 3, 4), wide("flow", 2, 3, 5);
  Kokkos::Serial const exec;
  EXPECT_EQ(refusal([&] { explain::masks_to_flows(exec, labels, three); }), "ocellus::explain::masks_to_flows: flow.extent(0) is 3 but must be 2");
  EXPECT_EQ(refusal([&] { explain::masks_to_flows(exec, labels, wide); }), "ocellus::explain::masks_to_flows: flow.extent(2) is 5 but labels.extent(1) is 4");
  EXPECT_EQ(refusal([&] { explain::masks_to_flows(exec, labels, flow, {.iterations = -1}); }),
            "ocellus::explain::masks_to_flows: iterations is -1 but must not be negative");
}

}  // namespace
}  // namespace ocellus::test
