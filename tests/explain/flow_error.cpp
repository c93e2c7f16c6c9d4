// SPDX-License-Identifier: Apache-2.0

#include <ocellus/explain/flow_error.hpp>

#include "discs.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

template <class C>
class FlowError : public ::testing::Test {};
TYPED_TEST_SUITE(FlowError, Configurations);

TYPED_TEST(FlowError, agrees_with_the_reference_is_zero_for_perfect_flows_and_the_same_for_every_thread_count) {
  using Scalar     = typename TypeParam::Scalar;
  using Layout     = typename TypeParam::Layout;
  using Exec       = typename TypeParam::Exec;
  auto const l     = discs(31, 37, 1);
  auto const count = static_cast<std::int64_t>(*std::max_element(l.begin(), l.end()));
  auto const good  = network_flow(l, 31, 37);
  auto bad         = good;
  for (std::size_t i = 0; i < bad.size(); ++i) bad[i] *= static_cast<double>(i % 3) - 1;
  TestArray<std::int32_t, 2, Layout, Exec> const labels({31, 37}, l);
  TestArray<Scalar, 3, Layout, Exec> const perfect({2, 31, 37}, good), other({2, 31, 37}, bad);
  TestArray<Scalar, 1, Layout, Exec> const none_wrong({count}), error({count + 1});
  with_thread_counts<Exec>([&](Exec const& exec) {
    explain::flow_error(exec, labels.view(), perfect.view(), none_wrong.view());
    explain::flow_error(exec, labels.view(), other.view(), error.view());
    for (double const value : none_wrong.values()) EXPECT_LT(value, 1e-12);
    expect_within(error.values(), reference::flow_error(l, bad, 31, 37, count + 1), machine_epsilon<Scalar>() + 1e-10, 8);  // NaN behind the last label
    EXPECT_TRUE(error.guards_intact());
  });
}

TYPED_TEST(FlowError, labels_what_it_does_and_gives_its_workspace_back) {
  using Exec = typename TypeParam::Exec;
  TestArray<std::int32_t, 2, Kokkos::LayoutRight, Exec> const labels({2, 3}, {1, 1, 0, 2, 0, 2});
  TestArray<float, 3, Kokkos::LayoutRight, Exec> const flow({2, 2, 3}, random_values(12));
  TestArray<float, 1, Kokkos::LayoutRight, Exec> const error({2});
  Exec const exec;
  auto const l = labels.view();
  auto const f = flow.view();
  auto const e = error.view();
  WorkspaceFor<Exec> workspace(exec, explain::flow_error_workspace_size(exec, l, f, e));
  auto const events = record([&] { explain::flow_error(exec, l, f, e, workspace); });
  expect_labels(events);
  EXPECT_TRUE(events.allocations.empty());
  EXPECT_EQ(workspace.used(), 0u);
  exec.fence();
}

TEST(FlowError, names_what_does_not_fit) {
  HostTensor<std::int32_t**> const labels("labels", 3, 4);
  HostTensor<float***> const three("flow", 3, 3, 4), wide("flow", 2, 3, 5);
  HostTensor<float*> const error("error", 1);
  Kokkos::Serial const exec;
  EXPECT_EQ(refusal([&] { explain::flow_error(exec, labels, three, error); }), "ocellus::explain::flow_error: flow.extent(0) is 3 but must be 2");
  EXPECT_EQ(refusal([&] { explain::flow_error(exec, labels, wide, error); }), "ocellus::explain::flow_error: flow.extent(2) is 5 but labels.extent(1) is 4");
}

}  // namespace
}  // namespace ocellus::test
