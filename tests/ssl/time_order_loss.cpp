// SPDX-License-Identifier: Apache-2.0

#include <ocellus/ssl/time_order_loss.hpp>

#include "reference/self_supervised.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/gradients.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

template <class C>
class TimeOrderLoss : public ::testing::Test {};
TYPED_TEST_SUITE(TimeOrderLoss, Configurations);

template <class Loss>
double number(Loss const& loss) {
  return static_cast<double>(Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), loss)());
}

TYPED_TEST(TimeOrderLoss, agrees_with_a_softmax_and_its_backward_pass_is_the_transpose) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  auto const x = random_values(18, 1, 3.0);
  std::vector<double> const labels{0, 1, 1, 0, 0, 1, 0, 1, 1};
  auto const oracle = [&](auto const& inputs) {
    using Real   = typename std::remove_cvref_t<decltype(inputs[0])>::value_type;
    auto const s = reference::log_softmax(inputs[0], 2, 1.0);
    Real loss    = 0;
    for (std::size_t n = 0; n < 9; ++n) loss -= s[2 * n + static_cast<std::size_t>(labels[n])] / 9.0;
    return std::vector<Real>{loss};
  };
  TestArray<Scalar, 2, Layout, Exec> const logits({9, 2}, x), gradient({9, 2});
  TestArray<std::int64_t, 1, Layout, Exec> const label({9}, labels);
  Kokkos::View<Scalar, typename Exec::memory_space> const loss("loss");
  with_thread_counts<Exec>([&](Exec const& exec) {
    auto const l = logits.view(), g = gradient.view();
    auto const k = label.view();
    WorkspaceFor<Exec> workspace(exec, ssl::time_order_loss_workspace_size(exec, l, k, loss));
    expect_good_manners(record([&] { ssl::time_order_loss(exec, l, k, loss, workspace); }));
    expect_good_manners(record([&] { ssl::time_order_loss_backward(exec, l, k, g); }));
    exec.fence();
    EXPECT_NEAR(number(loss), oracle(Arrays{x})[0], 4 * machine_epsilon<Scalar>());
    expect_adjoint(oracle, {x}, {1.0}, {gradient.values()}, adjoint_tolerance<Scalar>);
  });
  EXPECT_TRUE(gradient.guards_intact());
}

TYPED_TEST(TimeOrderLoss, shows_a_label_that_does_not_exist) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  TestArray<Scalar, 2, Layout, Exec> const logits({1, 2}, {1, 2}), gradient({1, 2});
  TestArray<std::int64_t, 1, Layout, Exec> const label({1}, {2});
  Kokkos::View<Scalar, typename Exec::memory_space> const loss("loss");
  ssl::time_order_loss(Exec(), logits.view(), label.view(), loss);
  EXPECT_TRUE(std::isnan(number(loss)));
}

TEST(TimeOrderLoss, names_what_does_not_fit) {
  HostTensor<float**> const logits("logits", 3, 2), wide("logits", 3, 3);
  HostTensor<std::int64_t*> const label("label", 3), longer("label", 4);
  Kokkos::View<float, Kokkos::HostSpace> const loss("loss");
  Kokkos::Serial const exec;
  EXPECT_EQ(refusal([&] { ssl::time_order_loss(exec, wide, label, loss); }),
            "ocellus::ssl::time_order_loss: logits.extent(1) is 3 but must be 2: in order, swapped");
  EXPECT_EQ(refusal([&] { ssl::time_order_loss(exec, logits, longer, loss); }),
            "ocellus::ssl::time_order_loss: label.extent(0) is 4 but logits.extent(0) is 3");
}

}  // namespace
}  // namespace ocellus::test
