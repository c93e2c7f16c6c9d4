// SPDX-License-Identifier: Apache-2.0

#include <ocellus/ssl/distillation_loss.hpp>

#include "reference/self_supervised.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/gradients.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

template <class C>
class DistillationLoss : public ::testing::Test {};
TYPED_TEST_SUITE(DistillationLoss, Configurations);

template <class Loss>
double number(Loss const& loss) {
  return static_cast<double>(Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), loss)());
}

TYPED_TEST(DistillationLoss, agrees_with_plain_loops_and_its_backward_pass_is_the_transpose) {
  using Scalar = typename TypeParam::Scalar;
  using Layout = typename TypeParam::Layout;
  using Exec   = typename TypeParam::Exec;
  for (std::int64_t const width : {1, 17}) {
    for (bool const divergence : {false, true}) {
      auto const k = static_cast<std::size_t>(width);
      auto const s = random_values(5 * k, 1), t = random_values(5 * k, 2);
      auto const oracle = [&](auto const& inputs) {
        using Real = typename std::remove_cvref_t<decltype(inputs[0])>::value_type;
        return std::vector<Real>{reference::distillation_loss<Real>(inputs[0], t, k, 0.5, 2.0, 3.0, divergence)};
      };
      TestArray<Scalar, 2, Layout, Exec> const student({5, width}, s), teacher({5, width}, t), gradient({5, width});
      Kokkos::View<Scalar, typename Exec::memory_space> const loss("loss");
      ssl::DistillationLossOptions const options{.student_temperature = 0.5,
                                                 .teacher_temperature = 2,
                                                 .scale               = 3,
                                                 .kind = divergence ? ssl::DistillationKind::kl_divergence : ssl::DistillationKind::cross_entropy};
      std::vector<double> bits;
      with_thread_counts<Exec>([&](Exec const& exec) {
        auto const a = student.view(), b = teacher.view(), g = gradient.view();
        WorkspaceFor<Exec> workspace(exec, ssl::distillation_loss_workspace_size(exec, a, b, loss, options));
        expect_good_manners(record([&] { ssl::distillation_loss(exec, a, b, loss, options, workspace); }));
        expect_good_manners(record([&] { ssl::distillation_loss_backward(exec, a, b, g, options, workspace); }));
        exec.fence();
        if (bits.empty()) bits = gradient.values();
        expect_same_bits(gradient.values(), bits);
      });
      EXPECT_NEAR(number(loss), oracle(Arrays{s})[0], 64 * machine_epsilon<Scalar>() * (1 + oracle(Arrays{s})[0]));
      expect_adjoint(oracle, {s}, {1.0}, {bits}, adjoint_tolerance<Scalar>);
      EXPECT_TRUE(gradient.guards_intact());
    }
  }
}

TEST(DistillationLoss, names_what_does_not_fit) {
  HostTensor<float**> const student("student", 3, 5), teacher("teacher", 3, 4);
  Kokkos::View<float, Kokkos::HostSpace> const loss("loss");
  Kokkos::Serial const exec;
  EXPECT_EQ(refusal([&] { ssl::distillation_loss(exec, student, teacher, loss); }),
            "ocellus::ssl::distillation_loss: teacher.extent(1) is 4 but student.extent(1) is 5");
  EXPECT_EQ(refusal([&] { ssl::distillation_loss_backward(exec, student, student, teacher); }),
            "ocellus::ssl::distillation_loss_backward: student_gradient.extent(1) is 4 but student.extent(1) is 5");
  EXPECT_EQ(refusal([&] { ssl::distillation_loss(exec, student, student, loss, {.student_temperature = -1}); }),
            "ocellus::ssl::distillation_loss: student_temperature is -1 but must be positive");
}

}  // namespace
}  // namespace ocellus::test
