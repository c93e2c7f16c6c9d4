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

TYPED_TEST(SimclrLoss, has_the_same_bits_over_tiles_of_products) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  // Both views together are as many rows as a tile has columns, and two more.
  constexpr std::int64_t width = 3;
  for (std::int64_t const pairs : {512, 513}) {
    auto const count = static_cast<std::size_t>(pairs * width);
    TestArray<Scalar, 2, Layout, Exec> const first({pairs, width}, random_values(count, 1)), second({pairs, width}, random_values(count, 2)),
        first_gradient({pairs, width}), second_gradient({pairs, width});
    Kokkos::View<Scalar, typename Exec::memory_space> const loss("loss");
    std::vector<double> bits, other_bits;
    double value = 0;
    with_thread_counts<Exec>([&](Exec const& exec) {
      ssl::simclr_loss(exec, first.view(), second.view(), loss);
      ssl::simclr_loss_backward(exec, first.view(), second.view(), first_gradient.view(), second_gradient.view());
      if (bits.empty()) bits = first_gradient.values(), other_bits = second_gradient.values(), value = number(loss);
      expect_same_bits(first_gradient.values(), bits);
      expect_same_bits(second_gradient.values(), other_bits);
      EXPECT_EQ(number(loss), value);
    });
    double const want = reference::simclr_loss<double>(first.values(), second.values(), width, 0.1, true);
    EXPECT_NEAR(value, want, 64 * machine_epsilon<Scalar>() * (1 + std::abs(want)));
    // The slope along some direction, by central differences.
    auto const x = first.values(), direction = random_values(count, 4);
    double along = 0, step = 1e-5;
    auto up = x, down = x;
    for (std::size_t n = 0; n < count; ++n) along += direction[n] * bits[n], up[n] += step * direction[n], down[n] -= step * direction[n];
    double const slope =
        (reference::simclr_loss<double>(up, second.values(), width, 0.1, true) - reference::simclr_loss<double>(down, second.values(), width, 0.1, true)) /
        (2 * step);
    EXPECT_NEAR(along, slope, 1e-6 + 1e3 * machine_epsilon<Scalar>());
  }
}

TYPED_TEST(SimclrLoss, passes_nan_on_and_is_0_of_one_pair) {
  using Scalar     = typename TypeParam::Scalar;
  using Layout     = typename TypeParam::Layout;
  using Exec       = typename TypeParam::Exec;
  double const nan = std::numeric_limits<double>::quiet_NaN();
  TestArray<Scalar, 2, Layout, Exec> const first({2, 2}, {1, 2, nan, 1}), second({2, 2}, {1, 1, 2, 1}), one({1, 2}, {1, 2}), other({1, 2}, {0.5, 3});
  Kokkos::View<Scalar, typename Exec::memory_space> const loss("loss");
  ssl::simclr_loss(Exec(), first.view(), second.view(), loss);
  EXPECT_TRUE(std::isnan(number(loss)));
  ssl::simclr_loss(Exec(), one.view(), other.view(), loss);
  EXPECT_EQ(number(loss), 0);
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
