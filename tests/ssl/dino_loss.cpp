// SPDX-License-Identifier: Apache-2.0

#include <ocellus/ssl/dino_loss.hpp>

#include "reference/self_supervised.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/gradients.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

template <class C>
class DinoLoss : public ::testing::Test {};
TYPED_TEST_SUITE(DinoLoss, Configurations);

template <class Loss>
double number(Loss const& loss) {
  return static_cast<double>(Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), loss)());
}

TYPED_TEST(DinoLoss, agrees_with_plain_loops_and_its_backward_pass_is_the_transpose) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  for (std::int64_t const width : {1, 17, 300}) {
    for (std::int64_t const views : {2, 5}) {
      for (bool const skip : {true, false}) {
        auto const k = static_cast<std::size_t>(width);
        auto const s = random_values(static_cast<std::size_t>(views) * 3 * k, 1), t = random_values(2 * 3 * k, 2), c = random_values(k, 3, 0.3);
        auto const oracle = [&](auto const& inputs) {
          using Real = typename std::remove_cvref_t<decltype(inputs[0])>::value_type;
          return std::vector<Real>{reference::dino_loss<Real>(inputs[0], t, c, 3, 0.1, 0.04, skip, skip)};
        };
        TestArray<Scalar, 3, Layout, Exec> const student({views, 3, width}, s), teacher({2, 3, width}, t), gradient({views, 3, width});
        TestArray<Scalar, 1, Layout, Exec> const center({width}, c);
        Kokkos::View<Scalar, typename Exec::memory_space> const loss("loss");
        ssl::DinoLossOptions const options{.skip_same_view = skip, .reduction = skip ? ssl::PairReduction::mean : ssl::PairReduction::sum};
        double first = 0;
        std::vector<double> bits;
        with_thread_counts<Exec>([&](Exec const& exec) {
          auto const a = student.view(), b = teacher.view(), g = gradient.view();
          auto const m = center.view();
          WorkspaceFor<Exec> workspace(exec, ssl::dino_loss_workspace_size(exec, a, b, m, loss, options));
          expect_good_manners(record([&] { ssl::dino_loss(exec, a, b, m, loss, options, workspace); }));
          expect_good_manners(record([&] { ssl::dino_loss_backward(exec, a, b, m, g, options, workspace); }));
          exec.fence();
          if (bits.empty()) bits = gradient.values(), first = number(loss);
          expect_same_bits(gradient.values(), bits);
          EXPECT_EQ(number(loss), first);
        });
        double const want = oracle(Arrays{s})[0];
        EXPECT_NEAR(first, want, 64 * machine_epsilon<Scalar>() * (1 + std::abs(want)));
        expect_adjoint(oracle, {s}, {1.0}, {bits}, adjoint_tolerance<Scalar>);
        if (sizeof(Scalar) == 8) expect_central_differences(oracle, {s}, {1.0}, {bits}, 1e-6);
        EXPECT_TRUE(gradient.guards_intact());
      }
    }
  }
}

TYPED_TEST(DinoLoss, writes_the_gradient_over_the_student) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  TestArray<Scalar, 3, Layout, Exec> const student({3, 4, 17}, random_values(3 * 4 * 17, 1)), teacher({2, 4, 17}, random_values(2 * 4 * 17, 2)),
      gradient({3, 4, 17});
  TestArray<Scalar, 1, Layout, Exec> const center({17}, random_values(17, 3));
  ssl::dino_loss_backward(Exec(), student.view(), teacher.view(), center.view(), gradient.view());
  ssl::dino_loss_backward(Exec(), student.view(), teacher.view(), center.view(), student.view());
  expect_same_bits(student.values(), gradient.values());
}

TYPED_TEST(DinoLoss, stands_large_logits) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  TestArray<Scalar, 3, Layout, Exec> const student({2, 1, 2}, {1000, -1000, 0, 0}), teacher({2, 1, 2}, {1000, -1000, 1000, -1000});
  TestArray<Scalar, 1, Layout, Exec> const center({2}, {0, 0});
  Kokkos::View<Scalar, typename Exec::memory_space> const loss("loss");
  ssl::dino_loss(Exec(), student.view(), teacher.view(), center.view(), loss);
  EXPECT_NEAR(number(loss), 0.5 * std::log(2.0), 1e-6);  // view 1 is undecided, view 0 is right
}

TYPED_TEST(DinoLoss, leaves_out_logits_of_minus_infinity_and_passes_nan) {
  using Scalar          = typename TypeParam::Scalar;
  using Layout          = typename TypeParam::Layout;
  using Exec            = typename TypeParam::Exec;
  double const infinity = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
  // Column 17 is behind the last whole vector.
  std::vector<double> student_values(2 * 2 * 18, 0.25), teacher_values(2 * 2 * 18, 0.5);
  for (std::size_t row = 0; row < 4; ++row) student_values[row * 18 + 17] = teacher_values[row * 18 + 17] = -infinity;
  TestArray<Scalar, 3, Layout, Exec> const student({2, 2, 18}, student_values), teacher({2, 2, 18}, teacher_values), gradient({2, 2, 18});
  student_values[2 * 18 + 17] = nan;  // view 1, sample 0
  TestArray<Scalar, 3, Layout, Exec> const spoilt({2, 2, 18}, student_values), spoilt_gradient({2, 2, 18});
  TestArray<Scalar, 1, Layout, Exec> const center({18}, std::vector<double>(18, 0.0));
  Kokkos::View<Scalar, typename Exec::memory_space> const loss("loss");
  ssl::dino_loss(Exec(), student.view(), teacher.view(), center.view(), loss);
  ssl::dino_loss_backward(Exec(), student.view(), teacher.view(), center.view(), gradient.view());
  EXPECT_NEAR(number(loss), std::log(17.0), 1e-6);
  for (double const g : gradient.values()) EXPECT_NEAR(g, 0, 1e-6);
  ssl::dino_loss(Exec(), spoilt.view(), teacher.view(), center.view(), loss);
  ssl::dino_loss_backward(Exec(), spoilt.view(), teacher.view(), center.view(), spoilt_gradient.view());
  EXPECT_TRUE(std::isnan(number(loss)));
  auto const values = spoilt_gradient.values();
  for (std::size_t n = 0; n < values.size(); ++n) EXPECT_EQ(std::isnan(values[n]), n / 18 == 2) << n;
}

TEST(DinoLoss, names_what_does_not_fit) {
  HostTensor<float***> const student("student", 3, 2, 5), one("student", 1, 2, 5), teacher("teacher", 2, 2, 5), other("teacher", 2, 2, 4);
  HostTensor<float*> const center("center", 5), short_center("center", 4);
  Kokkos::View<float, Kokkos::HostSpace> const loss("loss");
  Kokkos::Serial const exec;
  EXPECT_EQ(refusal([&] { ssl::dino_loss(exec, student, other, center, loss); }), "ocellus::ssl::dino_loss: teacher.extent(2) is 4 but student.extent(2) is 5");
  EXPECT_EQ(refusal([&] { ssl::dino_loss(exec, student, teacher, short_center, loss); }),
            "ocellus::ssl::dino_loss: center.extent(0) is 4 but student.extent(2) is 5");
  EXPECT_EQ(refusal([&] { ssl::dino_loss(exec, one, teacher, center, loss); }),
            "ocellus::ssl::dino_loss: student.extent(0) is 1 but two views are global: at least 2 are needed");
  EXPECT_EQ(refusal([&] { ssl::dino_loss(exec, student, teacher, center, loss, {.teacher_temperature = 0}); }),
            "ocellus::ssl::dino_loss: teacher_temperature is 0 but must be positive");
  EXPECT_EQ(refusal([&] { ssl::dino_loss_backward(exec, student, teacher, center, teacher); }),
            "ocellus::ssl::dino_loss_backward: student_gradient.extent(0) is 2 but student.extent(0) is 3");
}

}  // namespace
}  // namespace ocellus::test
