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

TYPED_TEST(KoleoLoss, has_the_same_bits_over_tiles_of_products_and_takes_the_first_of_equal_rows) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  // More rows than a tile has columns, of which the last repeat the first.
  constexpr std::int64_t rows = 1031, width = 5;
  auto x = random_values(static_cast<std::size_t>(rows * width), 3);
  for (std::int64_t d = 0; d < width; ++d) {
    x[static_cast<std::size_t>((rows - 1) * width + d)] = x[static_cast<std::size_t>(d)];
    x[static_cast<std::size_t>(40 * width + d)]         = x[static_cast<std::size_t>(d)];
  }
  TestArray<Scalar, 2, Layout, Exec> const input({rows, width}, x), gradient({rows, width});
  Kokkos::View<Scalar, typename Exec::memory_space> const loss("loss");
  std::vector<double> bits;
  double first = 0;
  with_thread_counts<Exec>([&](Exec const& exec) {
    ssl::koleo_loss(exec, input.view(), loss);
    ssl::koleo_loss_backward(exec, input.view(), gradient.view());
    if (bits.empty()) bits = gradient.values(), first = number(loss);
    expect_same_bits(gradient.values(), bits);
    EXPECT_EQ(number(loss), first);
  });
  auto const stored = input.values();
  double const want = reference::koleo_loss<double>(stored, width);
  EXPECT_NEAR(first, want, 1e3 * machine_epsilon<Scalar>() * (1 + std::abs(want)));
}

TYPED_TEST(KoleoLoss, tells_rows_apart_that_floats_would_confuse) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  // All rows but the last few lie within the rounding of products in float; more than a row remembers.
  constexpr std::int64_t rows = 150, width = 5;
  auto x = random_values(static_cast<std::size_t>(rows * width), 3);
  for (std::int64_t n = 0; n < rows - 3; ++n) {
    for (std::int64_t d = 0; d < width; ++d) {
      auto& v = x[static_cast<std::size_t>(n * width + d)];
      v       = static_cast<double>(d + 1) + 1e-4 * v;
    }
  }
  TestArray<Scalar, 2, Layout, Exec> const input({rows, width}, x);
  Kokkos::View<Scalar, typename Exec::memory_space> const loss("loss");
  ssl::koleo_loss(Exec(), input.view(), loss);
  double const want = reference::koleo_loss<double>(input.values(), width);
  EXPECT_NEAR(number(loss), want, 1e-6 + 16 * machine_epsilon<Scalar>() * std::abs(want));
}

TYPED_TEST(KoleoLoss, has_no_neighbour_where_all_others_are_nan) {
  using Scalar     = typename TypeParam::Scalar;
  using Layout     = typename TypeParam::Layout;
  using Exec       = typename TypeParam::Exec;
  double const nan = std::numeric_limits<double>::quiet_NaN();
  TestArray<Scalar, 2, Layout, Exec> const input({3, 2}, {1, 2, nan, 1, nan, nan}), gradient({3, 2});
  Kokkos::View<Scalar, typename Exec::memory_space> const loss("loss");
  ssl::koleo_loss(Exec(), input.view(), loss);
  ssl::koleo_loss_backward(Exec(), input.view(), gradient.view());
  EXPECT_TRUE(std::isnan(number(loss)));
  for (double const g : gradient.values()) EXPECT_TRUE(std::isnan(g));
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
