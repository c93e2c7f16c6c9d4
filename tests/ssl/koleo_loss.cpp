// SPDX-License-Identifier: Apache-2.0

#include <ocellus/ssl/koleo_loss.hpp>

#include "reference/self_supervised.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/gradients.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

template <class C>
class KoleoLoss : public ::testing::Test {};
TYPED_TEST_SUITE(KoleoLoss, Configurations);

template <class Loss>
double number(Loss const& loss) {
  return static_cast<double>(Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), loss)());
}

TYPED_TEST(KoleoLoss, agrees_with_plain_loops_and_its_backward_pass_is_the_transpose) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  for (std::int64_t const rows : {2, 13}) {
    auto const x      = random_values(static_cast<std::size_t>(rows * 7), 1);
    auto const oracle = [](auto const& inputs) {
      using Real = typename std::remove_cvref_t<decltype(inputs[0])>::value_type;
      return std::vector<Real>{reference::koleo_loss<Real>(inputs[0], 7)};
    };
    TestArray<Scalar, 2, Layout, Exec> const input({rows, 7}, x), gradient({rows, 7});
    Kokkos::View<Scalar, typename Exec::memory_space> const loss("loss");
    std::vector<double> bits;
    with_thread_counts<Exec>([&](Exec const& exec) {
      auto const i = input.view(), g = gradient.view();
      WorkspaceFor<Exec> workspace(exec, ssl::koleo_loss_workspace_size(exec, i, loss) + ssl::koleo_loss_backward_workspace_size(exec, i, g));
      expect_good_manners(record([&] { ssl::koleo_loss(exec, i, loss, workspace); }));
      expect_good_manners(record([&] { ssl::koleo_loss_backward(exec, i, g, workspace); }));
      exec.fence();
      if (bits.empty()) bits = gradient.values();
      expect_same_bits(gradient.values(), bits);
    });
    double const want = oracle(Arrays{x})[0];
    EXPECT_NEAR(number(loss), want, 16 * machine_epsilon<Scalar>() * (1 + std::abs(want)));
    expect_adjoint(oracle, {x}, {1.0}, {bits}, adjoint_tolerance<Scalar>);
    if (sizeof(Scalar) == 8) expect_central_differences(oracle, {x}, {1.0}, {bits}, 1e-6);
    EXPECT_TRUE(gradient.guards_intact());
  }
}

TEST(KoleoLoss, names_what_does_not_fit) {
  HostTensor<float**> const one("input", 1, 5), input("input", 3, 5), other("input_gradient", 3, 4);
  Kokkos::View<float, Kokkos::HostSpace> const loss("loss");
  Kokkos::Serial const exec;
  EXPECT_EQ(refusal([&] { ssl::koleo_loss(exec, one, loss); }), "ocellus::ssl::koleo_loss: input.extent(0) is 1 but a neighbour needs 2 rows");
  EXPECT_EQ(refusal([&] { ssl::koleo_loss_backward(exec, input, other); }),
            "ocellus::ssl::koleo_loss_backward: input_gradient.extent(1) is 4 but input.extent(1) is 5");
}

}  // namespace
}  // namespace ocellus::test
