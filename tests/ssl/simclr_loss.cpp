// SPDX-License-Identifier: Apache-2.0

#include <ocellus/ssl/simclr_loss.hpp>

#include "reference/self_supervised.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/gradients.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

template <class C>
class SimclrLoss : public ::testing::Test {};
TYPED_TEST_SUITE(SimclrLoss, Configurations);

template <class Loss>
double number(Loss const& loss) {
  return static_cast<double>(Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), loss)());
}

TYPED_TEST(SimclrLoss, agrees_with_plain_loops_and_its_backward_pass_is_the_transpose) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  for (std::int64_t const pairs : {1, 6}) {
    for (bool const normalize : {true, false}) {
      auto const count = static_cast<std::size_t>(pairs * 7);
      auto const x = random_values(count, 1), y = random_values(count, 2);
      auto const oracle = [&](auto const& inputs) {
        using Real = typename std::remove_cvref_t<decltype(inputs[0])>::value_type;
        return std::vector<Real>{reference::simclr_loss<Real>(inputs[0], inputs[1], 7, 0.5, normalize)};
      };
      TestArray<Scalar, 2, Layout, Exec> const first({pairs, 7}, x), second({pairs, 7}, y), first_gradient({pairs, 7}), second_gradient({pairs, 7});
      Kokkos::View<Scalar, typename Exec::memory_space> const loss("loss");
      ssl::SimclrLossOptions const options{.temperature = 0.5, .normalize = normalize};
      std::vector<double> bits;
      with_thread_counts<Exec>([&](Exec const& exec) {
        auto const a = first.view(), b = second.view(), g = first_gradient.view(), h = second_gradient.view();
        WorkspaceFor<Exec> workspace(
            exec, ssl::simclr_loss_workspace_size(exec, a, b, loss, options) + ssl::simclr_loss_backward_workspace_size(exec, a, b, g, h, options));
        expect_good_manners(record([&] { ssl::simclr_loss(exec, a, b, loss, options, workspace); }));
        expect_good_manners(record([&] { ssl::simclr_loss_backward(exec, a, b, g, h, options, workspace); }));
        exec.fence();
        if (bits.empty()) bits = first_gradient.values();
        expect_same_bits(first_gradient.values(), bits);
      });
      double const want = oracle(Arrays{x, y})[0];
      EXPECT_NEAR(number(loss), want, 32 * machine_epsilon<Scalar>() * (1 + std::abs(want)));
      expect_adjoint(oracle, {x, y}, {1.0}, {bits, second_gradient.values()}, adjoint_tolerance<Scalar>);
      EXPECT_TRUE(first_gradient.guards_intact() && second_gradient.guards_intact());
    }
  }
}

TEST(SimclrLoss, names_what_does_not_fit) {
  HostTensor<float**> const first("first", 3, 5), second("second", 2, 5);
  Kokkos::View<float, Kokkos::HostSpace> const loss("loss");
  Kokkos::Serial const exec;
  EXPECT_EQ(refusal([&] { ssl::simclr_loss(exec, first, second, loss); }), "ocellus::ssl::simclr_loss: second.extent(0) is 2 but first.extent(0) is 3");
  EXPECT_EQ(refusal([&] { ssl::simclr_loss(exec, first, first, loss, {.temperature = 0}); }),
            "ocellus::ssl::simclr_loss: temperature is 0 but must be positive");
  EXPECT_EQ(refusal([&] { ssl::simclr_loss_backward(exec, first, first, first, second); }),
            "ocellus::ssl::simclr_loss_backward: second_gradient.extent(0) is 2 but first.extent(0) is 3");
}

}  // namespace
}  // namespace ocellus::test
