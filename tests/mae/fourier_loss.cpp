// SPDX-License-Identifier: Apache-2.0

#include <ocellus/mae/fourier_loss.hpp>

#include "reference/masked_autoencoder.hpp"
#include "support/gradients.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

template <class C>
class FourierLoss : public ::testing::Test {};
TYPED_TEST_SUITE(FourierLoss, Configurations);

template <class Loss>
double number(Loss const& loss) {
  return static_cast<double>(Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), loss)());
}

TYPED_TEST(FourierLoss, agrees_with_the_double_sum_at_every_kind_of_size) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  for (std::int64_t const height : {1, 2, 3, 4, 6, 7, 8, 15, 16}) {
    for (std::int64_t const width : {1, 2, 4, 5, 9, 13, 32}) {
      SCOPED_TRACE(::testing::Message() << height << " x " << width);
      auto const count = static_cast<std::size_t>(6 * height * width);
      auto const p = random_values(count, 1), t = random_values(count, 2);
      std::vector<double> const part{1, 0, 1, 0, 0, 1};
      for (bool const squared : {false, true}) {
        auto const kind   = squared ? mae::FourierLossKind::l2 : mae::FourierLossKind::l1;
        double const want = reference::fourier_loss<double>(p, t, {part.begin(), part.end()}, height, width, squared);
        double const all  = reference::fourier_loss<double>(p, t, {1, 1, 1, 1, 1, 1}, height, width, squared);
        double const unit = machine_epsilon<Scalar>() * std::sqrt(static_cast<double>(height * width)) * (squared ? std::sqrt(want) * 2 + 1 : 1);
        TestArray<Scalar, 4, Layout, Exec> const prediction({2, 3, height, width}, p), target({2, 3, height, width}, t);
        TestArray<std::uint8_t, 2, Layout, Exec> const mask({2, 3}, part);
        Kokkos::View<Scalar, typename Exec::memory_space> const loss("loss");
        mae::fourier_loss(Exec(), prediction.view(), target.view(), mask.view(), loss, {.kind = kind});
        EXPECT_NEAR(number(loss), want, 40 * unit);
        mae::fourier_loss(Exec(), prediction.view(), target.view(), none, loss, {.kind = kind, .weight = 2});
        EXPECT_NEAR(number(loss), 2 * all, 80 * unit);
      }
    }
  }
}

TYPED_TEST(FourierLoss, backward_pass_is_the_transpose) {
  using Scalar                   = typename TypeParam::Scalar;
  using Layout                   = typename TypeParam::Layout;
  using Exec                     = typename TypeParam::Exec;
  std::int64_t const shapes[][2] = {{1, 1}, {4, 4}, {5, 6}, {6, 5}, {7, 3}, {8, 2}};
  for (auto const& shape : shapes) {
    for (bool const squared : {false, true}) {
      std::int64_t const height = shape[0], width = shape[1];
      SCOPED_TRACE(::testing::Message() << height << " x " << width << (squared ? ", squared" : ""));
      auto const count = static_cast<std::size_t>(4 * height * width);
      auto p = random_values(count, 1), t = random_values(count, 2);
      for (std::size_t i = 0; i < count / 4; ++i) p[i] = 0;  // an image whose transform is 0 everywhere: its gradient is 0
      std::vector<double> const part{1, 1, 0, 1};
      auto const oracle = [&](auto const& inputs) {
        using Real = typename std::remove_cvref_t<decltype(inputs[0])>::value_type;
        return std::vector<Real>{reference::fourier_loss<Real>(inputs[0], t, {part.begin(), part.end()}, height, width, squared)};
      };
      TestArray<Scalar, 4, Layout, Exec> const prediction({2, 2, height, width}, p), target({2, 2, height, width}, t), gradient({2, 2, height, width});
      TestArray<std::uint8_t, 2, Layout, Exec> const mask({2, 2}, part);
      mae::FourierLossOptions const options{.kind = squared ? mae::FourierLossKind::l2 : mae::FourierLossKind::l1};
      mae::fourier_loss_backward(Exec(), prediction.view(), target.view(), mask.view(), gradient.view(), options);
      auto const got = gradient.values();
      expect_adjoint(oracle, {p}, {1.0}, {got}, adjoint_tolerance<Scalar>);
      for (std::size_t i = 0; i < count / 4; ++i) EXPECT_EQ(got[i], 0);
      EXPECT_TRUE(gradient.guards_intact());
      // Away from the kink at 0 differences agree too.
      if (sizeof(Scalar) == 8) {
        auto const moved = random_values(count, 9);
        TestArray<Scalar, 4, Layout, Exec> const other({2, 2, height, width}, moved);
        mae::fourier_loss_backward(Exec(), other.view(), target.view(), mask.view(), gradient.view(), options);
        expect_central_differences(oracle, {moved}, {1.0}, {gradient.values()}, 1e-6);
      }
    }
  }
}

TYPED_TEST(FourierLoss, behaves_and_accumulates_parts_to_the_bits_of_the_whole) {
  using Scalar = typename TypeParam::Scalar;
  using Exec   = typename TypeParam::Exec;
  auto const p = random_values(64 * 5 * 12, 1), t = random_values(64 * 5 * 12, 2);
  std::vector<double> whole_gradient;
  double whole = -1;
  with_thread_counts<Exec>([&](Exec const& exec) {
    for (std::int64_t const slice : {64, 16, 1}) {
      Kokkos::View<Scalar, typename Exec::memory_space> const loss("loss");
      std::vector<double> gradients;
      mae::FourierLossOptions options{.divisor = 64 * 5};
      for (std::int64_t first = 0; first < 64; first += slice, options.accumulate = true) {
        auto const part = [&](std::vector<double> const& x) { return std::vector<double>(x.begin() + first * 60, x.begin() + (first + slice) * 60); };
        TestArray<Scalar, 4, Kokkos::LayoutRight, Exec> const prediction({slice, 5, 3, 4}, part(p)), target({slice, 5, 3, 4}, part(t)), back({slice, 5, 3, 4});
        auto const a = prediction.view(), b = target.view(), g = back.view();
        WorkspaceFor<Exec> workspace(exec, std::max(mae::fourier_loss_workspace_size(exec, a, b, none, loss, options),
                                                    mae::fourier_loss_backward_workspace_size(exec, a, b, none, g, options)));
        expect_good_manners(record([&] { mae::fourier_loss(exec, a, b, none, loss, options, workspace); }));
        expect_good_manners(record([&] { mae::fourier_loss_backward(exec, a, b, none, g, {.divisor = 64 * 5}, workspace); }));
        exec.fence();
        auto const got = back.values();
        gradients.insert(gradients.end(), got.begin(), got.end());
      }
      if (whole < 0) whole = number(loss), whole_gradient = gradients;
      EXPECT_EQ(number(loss), whole);
      expect_same_bits(gradients, whole_gradient);
    }
  });
}

TYPED_TEST(FourierLoss, transforms_long_lines) {
  using Scalar = typename TypeParam::Scalar;
  using Exec   = typename TypeParam::Exec;
  // A wave of k periods has |F| = length / 2 at k and length - k alone; the target is nothing.
  for (std::int64_t const length : {512, 509, 511, 360}) {
    std::vector<double> wave;
    for (std::int64_t x = 0; x < length; ++x)
      wave.push_back(std::cos(2 * 3.14159265358979323846 * static_cast<double>(7 * x % length) / static_cast<double>(length)));
    TestArray<Scalar, 4, Kokkos::LayoutRight, Exec> const line({1, 1, 1, length}, wave), column({1, 1, length, 1}, wave),
        zero({1, 1, 1, length}, std::vector<double>(wave.size(), 0.0)), zeros({1, 1, length, 1}, std::vector<double>(wave.size(), 0.0));
    Kokkos::View<Scalar, typename Exec::memory_space> const loss("loss");
    for (bool const down : {false, true}) {
      auto const& image = down ? column : line;
      auto const& empty = down ? zeros : zero;
      mae::fourier_loss(Exec(), image.view(), empty.view(), none, loss, {.kind = mae::FourierLossKind::l2});
      EXPECT_NEAR(number(loss), static_cast<double>(length) / 2, 40 * machine_epsilon<Scalar>() * static_cast<double>(length)) << length;
    }
  }
}

TYPED_TEST(FourierLoss, of_nothing_is_zero) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  Kokkos::View<Scalar, typename Exec::memory_space> const loss("loss");
  TestArray<Scalar, 4, Layout, Exec> const image({1, 2, 3, 3}, random_values(18)), none_of_it({0, 2, 3, 3}), flat({1, 2, 0, 3}), gradient({1, 2, 3, 3});
  TestArray<std::uint8_t, 2, Layout, Exec> const mask({1, 2}, {0, 0});
  Kokkos::deep_copy(loss, Scalar(7));
  mae::fourier_loss(Exec(), image.view(), gradient.view(), mask.view(), loss);
  EXPECT_EQ(number(loss), 0);
  mae::fourier_loss_backward(Exec(), image.view(), image.view(), mask.view(), gradient.view());
  expect_same_bits(gradient.values(), std::vector<double>(18, 0.0));
  for (auto const* const empty : {&none_of_it, &flat}) {
    Kokkos::deep_copy(loss, Scalar(7));
    mae::fourier_loss(Exec(), empty->view(), empty->view(), none, loss);
    mae::fourier_loss_backward(Exec(), empty->view(), empty->view(), none, empty->view());
    EXPECT_EQ(number(loss), 0);
  }
}

TEST(FourierLoss, names_what_does_not_fit) {
  HostTensor<float****> const prediction("prediction", 1, 2, 4, 4), target("target", 1, 2, 4, 5);
  HostTensor<std::uint8_t**> const mask("mask", 1, 3);
  Kokkos::View<float, Kokkos::HostSpace> const loss("loss");
  Kokkos::Serial const exec;
  EXPECT_EQ(refusal([&] { mae::fourier_loss(exec, prediction, target, none, loss); }),
            "ocellus::mae::fourier_loss: target.extent(3) is 5 but prediction.extent(3) is 4");
  EXPECT_EQ(refusal([&] { mae::fourier_loss(exec, prediction, prediction, mask, loss); }),
            "ocellus::mae::fourier_loss: mask.extent(1) is 3 but prediction.extent(1) is 2");
  EXPECT_EQ(refusal([&] { mae::fourier_loss_backward(exec, prediction, prediction, none, target); }),
            "ocellus::mae::fourier_loss_backward: prediction_gradient.extent(3) is 5 but prediction.extent(3) is 4");
}

}  // namespace
}  // namespace ocellus::test
