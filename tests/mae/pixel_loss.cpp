// SPDX-License-Identifier: Apache-2.0

#include <ocellus/mae/pixel_loss.hpp>

#include "reference/masked_autoencoder.hpp"
#include "support/gradients.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

template <class C>
class PixelLoss : public ::testing::Test {};
TYPED_TEST_SUITE(PixelLoss, Configurations);

/// The single number of a loss.
template <class Loss>
double number(Loss const& loss) {
  return static_cast<double>(Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), loss)());
}

TYPED_TEST(PixelLoss, agrees_with_plain_loops_and_its_backward_pass_is_the_transpose) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  for (std::int64_t const width : {2, 17, 48}) {
    for (bool const normalize : {false, true}) {
      SCOPED_TRACE(::testing::Message() << "width " << width << (normalize ? ", normalised" : ""));
      auto const count = static_cast<std::size_t>(2 * 5 * width);
      std::vector<double> const hidden{1, 0, 1, 1, 0, 0, 0, 0, 1, 1};
      auto p = random_values(count, 1), t = random_values(count, 2, 3.0, 10.0);
      for (std::int64_t k = 0; k < width; ++k) t[static_cast<std::size_t>(2 * width + k)] = 4;  // a constant patch
      auto const oracle = [&](auto const& inputs) {
        using Real = typename std::remove_cvref_t<decltype(inputs[0])>::value_type;
        return std::vector<Real>{reference::pixel_loss<Real>(inputs[0], t, {hidden.begin(), hidden.end()}, width, normalize)};
      };
      double const want = oracle(Arrays{p})[0];
      auto p_nan = p, t_nan = t;
      p_nan[static_cast<std::size_t>(width)] = t_nan[static_cast<std::size_t>(4 * width)] = std::numeric_limits<double>::quiet_NaN();  // in visible tokens
      TestArray<Scalar, 3, Layout, Exec> const prediction({2, 5, width}, p_nan), target({2, 5, width}, t_nan), gradient({2, 5, width});
      TestArray<std::uint8_t, 2, Layout, Exec> const mask({2, 5}, hidden);
      Kokkos::View<Scalar, typename Exec::memory_space> const loss("loss");
      Exec const exec;
      mae::pixel_loss(exec, prediction.view(), target.view(), mask.view(), loss, {.normalize_target = normalize});
      mae::pixel_loss_backward(exec, prediction.view(), target.view(), mask.view(), gradient.view(), {.normalize_target = normalize});
      EXPECT_NEAR(number(loss), want, 6 * machine_epsilon<Scalar>() * want);
      expect_adjoint(oracle, {p}, {1.0}, {gradient.values()}, adjoint_tolerance<Scalar>);
      if (sizeof(Scalar) == 8) expect_central_differences(oracle, {p}, {1.0}, {gradient.values()});
      EXPECT_TRUE(gradient.guards_intact());
      // Weights and accumulation.
      mae::pixel_loss(exec, prediction.view(), target.view(), mask.view(), loss, {.normalize_target = normalize, .weight = 0.5, .accumulate = true});
      EXPECT_NEAR(number(loss), 1.5 * want, 12 * machine_epsilon<Scalar>() * want);
    }
  }
}

TYPED_TEST(PixelLoss, of_nothing_is_zero) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  for (std::int64_t const images : {0, 2}) {
    auto const count = static_cast<std::size_t>(images * 3);
    TestArray<Scalar, 3, Layout, Exec> const x({images, 3, 4}, random_values(count * 4)), gradient({images, 3, 4});
    TestArray<std::uint8_t, 2, Layout, Exec> const mask({images, 3}, std::vector<double>(count, 0.0));
    Kokkos::View<Scalar, typename Exec::memory_space> const loss("loss");
    Kokkos::deep_copy(loss, Scalar(7));
    mae::pixel_loss(Exec(), x.view(), gradient.view(), mask.view(), loss);
    EXPECT_EQ(number(loss), 0);
    mae::pixel_loss_backward(Exec(), x.view(), x.view(), mask.view(), gradient.view());
    expect_same_bits(gradient.values(), std::vector<double>(count * 4, 0.0));
  }
}

TYPED_TEST(PixelLoss, behaves_and_accumulates_parts_to_the_bits_of_the_whole) {
  using Scalar = typename TypeParam::Scalar;
  using Exec   = typename TypeParam::Exec;
  auto const p = random_values(64 * 300 * 3, 1), t = random_values(64 * 300 * 3, 2);
  std::vector<double> hidden(64 * 300);
  double count = 0;
  for (std::size_t i = 0; i < hidden.size(); ++i) count += hidden[i] = i % 7 < 4 ? 1 : 0;
  double whole = -1;
  with_thread_counts<Exec>([&](Exec const& exec) {
    for (std::int64_t const slice : {64, 16, 1}) {
      Kokkos::View<Scalar, typename Exec::memory_space> const loss("loss");
      mae::PixelLossOptions options{.divisor = count};
      for (std::int64_t first = 0; first < 64; first += slice, options.accumulate = true) {
        auto const part = [&](std::vector<double> const& x, std::int64_t size) {
          return std::vector<double>(x.begin() + first * size, x.begin() + (first + slice) * size);
        };
        TestArray<Scalar, 3, Kokkos::LayoutRight, Exec> const prediction({slice, 300, 3}, part(p, 900)), target({slice, 300, 3}, part(t, 900)),
            back({slice, 300, 3});
        TestArray<std::uint8_t, 2, Kokkos::LayoutRight, Exec> const mask({slice, 300}, part(hidden, 300));
        auto const a = prediction.view(), b = target.view(), g = back.view();
        auto const m = mask.view();
        WorkspaceFor<Exec> workspace(exec, mae::pixel_loss_workspace_size(exec, a, b, m, loss, options));
        expect_good_manners(record([&] { mae::pixel_loss(exec, a, b, m, loss, options, workspace); }));
        expect_good_manners(record([&] { mae::pixel_loss_backward(exec, a, b, m, g, {}, workspace); }));
        exec.fence();
      }
      if (whole < 0) whole = number(loss);
      EXPECT_EQ(number(loss), whole);
    }
  });
  double const want = reference::pixel_loss<double>(p, t, {hidden.begin(), hidden.end()}, 3, false);
  EXPECT_NEAR(whole, want, 66 * machine_epsilon<Scalar>() * want);
}

TEST(PixelLoss, names_what_does_not_fit) {
  HostTensor<float***> const prediction("prediction", 1, 4, 3), target("target", 1, 4, 2);
  HostTensor<std::uint8_t**> const mask("mask", 1, 5), good("mask", 1, 4);
  Kokkos::View<float, Kokkos::HostSpace> const loss("loss");
  Kokkos::Serial const exec;
  EXPECT_EQ(refusal([&] { mae::pixel_loss(exec, prediction, target, good, loss); }),
            "ocellus::mae::pixel_loss: target.extent(2) is 2 but prediction.extent(2) is 3");
  EXPECT_EQ(refusal([&] { mae::pixel_loss(exec, prediction, prediction, mask, loss); }),
            "ocellus::mae::pixel_loss: mask.extent(1) is 5 but prediction.extent(1) is 4");
  EXPECT_EQ(refusal([&] { mae::pixel_loss_backward(exec, prediction, prediction, good, target); }),
            "ocellus::mae::pixel_loss_backward: prediction_gradient.extent(2) is 2 but prediction.extent(2) is 3");
  EXPECT_EQ(refusal([&] { mae::pixel_loss(exec, prediction, prediction, good, loss, {.divisor = -1}); }),
            "ocellus::mae::pixel_loss: divisor is -1 but must not be negative");
}

}  // namespace
}  // namespace ocellus::test
