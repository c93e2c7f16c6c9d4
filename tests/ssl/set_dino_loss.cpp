// SPDX-License-Identifier: Apache-2.0

#include <ocellus/ssl/set_dino_loss.hpp>

#include "ssl/heads.hpp"
#include "support/arrays.hpp"
#include "support/configurations.hpp"
#include "support/gradients.hpp"
#include "support/manners.hpp"
#include "support/message.hpp"

namespace ocellus::test {
namespace {

template <class C>
class SetDinoLoss : public ::testing::Test {};
TYPED_TEST_SUITE(SetDinoLoss, Configurations);

template <class Loss>
double number(Loss const& loss) {
  return static_cast<double>(Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), loss)());
}

std::vector<double> const student_sets{2, 0, 2, 3, -1, 2, 0, 4}, teacher_sets{3, 3, 1, 2, 9, 0};  // 4 sets: 1 is empty for the student, -1, 4 and 9 are none

/// Logits of all views' sets.
template <class Real>
std::vector<Real> set_logits(ParameterTable const& table, std::vector<Real> const& line, std::vector<Real> const& cells, std::vector<double> const& set) {
  std::vector<Real> means;
  for (std::int64_t v = 0; v * 6 * static_cast<std::int64_t>(set.size()) < static_cast<std::int64_t>(cells.size()); ++v) {
    auto const mean = reference::set_mean(items(cells, v, v + 1, 6 * static_cast<std::int64_t>(set.size())), set, 4, 6);
    means.insert(means.end(), mean.begin(), mean.end());
  }
  return head_reference(table, line, means, 6);
}

TYPED_TEST(SetDinoLoss, agrees_with_plain_loops_and_its_backward_pass_is_the_transpose) {
  using Scalar      = typename TypeParam::Scalar;
  using Layout      = typename TypeParam::Layout;
  using Exec        = typename TypeParam::Exec;
  using Line        = TestArray<Scalar, 1, Kokkos::LayoutRight, Exec>;
  auto const table  = ssl::dino_head_parameter_table({.inputs = 6, .hidden = 11, .bottleneck = 5, .prototypes = 19});
  auto const length = static_cast<std::int64_t>(table.size());
  auto const own = random_values(table.size(), 7, 0.5), others = random_values(table.size(), 8, 0.5), c = random_values(19, 3, 0.1);
  for (std::int64_t const views : {2, 4}) {
    auto const s = random_values(static_cast<std::size_t>(views) * 8 * 6, 1), t = random_values(2 * 6 * 6, 2);
    auto const teacher_logits = set_logits(table, others, t, teacher_sets);
    auto const oracle         = [&](auto const& inputs) {
      using Real = typename std::remove_cvref_t<decltype(inputs[0])>::value_type;
      return std::vector<Real>{reference::dino_loss<Real>(set_logits(table, inputs[1], inputs[0], student_sets), teacher_logits, c, 4, 0.2, 0.1, true, true)};
    };
    TestArray<Scalar, 3, Layout, Exec> const student({views, 8, 6}, s), teacher({2, 6, 6}, t), gradient({views, 8, 6});
    TestArray<std::int64_t, 1, Layout, Exec> const student_set({8}, student_sets), teacher_set({6}, teacher_sets);
    TestArray<Scalar, 1, Layout, Exec> const center({19}, c);
    Line const own_line({length}, own), other_line({length}, others), line({length});
    Kokkos::View<Scalar, typename Exec::memory_space> const loss("loss");
    auto const weights = ssl::dino_head_weights(table, own_line.view()), teacher_weights = ssl::dino_head_weights(table, other_line.view());
    auto const gradients = ssl::dino_head_gradients(table, line.view());
    ssl::SetDinoLossOptions const options{.sets = 4, .student_temperature = 0.2, .teacher_temperature = 0.1};
    Arrays bits;
    with_thread_counts<Exec>([&](Exec const& exec) {
      auto const a = student.view(), b = teacher.view(), g = gradient.view();
      auto const i = student_set.view(), j = teacher_set.view();
      auto const m = center.view();
      WorkspaceFor<Exec> workspace(exec, ssl::set_dino_loss_workspace_size(exec, a, i, b, j, weights, teacher_weights, m, loss, options)),
          backward(exec, ssl::set_dino_loss_backward_workspace_size(exec, a, i, b, j, weights, teacher_weights, m, g, gradients, options));
      ssl::set_dino_loss_backward(exec, a, i, b, j, weights, teacher_weights, m, g, gradients, options, backward);  // packing blocks grow once
      expect_good_manners(record([&] { ssl::set_dino_loss(exec, a, i, b, j, weights, teacher_weights, m, loss, options, workspace); }));
      expect_good_manners(record([&] { ssl::set_dino_loss_backward(exec, a, i, b, j, weights, teacher_weights, m, g, gradients, options, backward); }));
      exec.fence();
      Arrays const now{gradient.values(), without_gaps(table, line.values()), {number(loss)}};
      if (bits.empty()) bits = now;
      for (std::size_t k = 0; k < 3; ++k) expect_same_bits(now[k], bits[k]);
    });
    double const want = oracle(Arrays{s, own})[0];
    EXPECT_NEAR(bits[2][0], want, 256 * machine_epsilon<Scalar>() * (1 + std::abs(want)));
    expect_adjoint(oracle, {s, own}, {1.0}, {bits[0], bits[1]}, 4 * adjoint_tolerance<Scalar>);
    if (sizeof(Scalar) == 8) expect_central_differences(oracle, {s, own}, {1.0}, {bits[0], bits[1]}, 1e-6);
    EXPECT_TRUE(gradient.guards_intact() && line.guards_intact());
    for (std::int64_t v = 0; v < views; ++v) {
      EXPECT_EQ(largest(items(bits[0], v * 8 + 4, v * 8 + 5, 6)), 0.0);  // of no set
      EXPECT_EQ(largest(items(bits[0], v * 8 + 7, v * 8 + 8, 6)), 0.0);
    }
  }
}

TYPED_TEST(SetDinoLoss, of_no_sets_is_nothing) {
  using Scalar     = typename TypeParam::Scalar;
  using Layout     = typename TypeParam::Layout;
  using Exec       = typename TypeParam::Exec;
  auto const table = ssl::dino_head_parameter_table({.inputs = 6, .hidden = 11, .bottleneck = 5, .prototypes = 19});
  TestArray<Scalar, 1, Kokkos::LayoutRight, Exec> const parameters({static_cast<std::int64_t>(table.size())}, random_values(table.size(), 7)),
      line({static_cast<std::int64_t>(table.size())});
  auto const weights   = ssl::dino_head_weights(table, parameters.view());
  auto const gradients = ssl::dino_head_gradients(table, line.view());
  TestArray<Scalar, 3, Layout, Exec> const cells({2, 3, 6}, random_values(36, 1)), gradient({2, 3, 6});
  TestArray<std::int64_t, 1, Layout, Exec> const set({3}, {0, 1, 2});
  TestArray<Scalar, 1, Layout, Exec> const center({19}, random_values(19, 2));
  Kokkos::View<Scalar, typename Exec::memory_space> const loss("loss");
  Exec const exec;
  ssl::set_dino_loss(exec, cells.view(), set.view(), cells.view(), set.view(), weights, weights, center.view(), loss, {.sets = 0});
  EXPECT_EQ(number(loss), 0.0);
  ssl::set_dino_loss_backward(exec, cells.view(), set.view(), cells.view(), set.view(), weights, weights, center.view(), gradient.view(), gradients,
                              {.sets = 0});
  EXPECT_EQ(largest(gradient.values()), 0.0);
  EXPECT_EQ(largest(without_gaps(table, line.values())), 0.0);
}

TEST(SetDinoLoss, names_what_does_not_fit) {
  auto const table = ssl::dino_head_parameter_table({.inputs = 6, .hidden = 5, .bottleneck = 4, .prototypes = 9}),
             more  = ssl::dino_head_parameter_table({.inputs = 6, .hidden = 5, .bottleneck = 4, .prototypes = 10});
  HostTensor<float*> const line("parameters", more.size()), center("center", 9), short_center("center", 8);
  auto const weights = ssl::dino_head_weights(table, line), other = ssl::dino_head_weights(more, line);
  auto const gradients = ssl::dino_head_gradients(table, line);
  HostTensor<float***> const student("student", 3, 7, 6), one("student", 1, 7, 6), wide("student", 3, 7, 8), teacher("teacher", 2, 5, 6);
  HostTensor<std::int64_t*> const set("set", 7), teacher_set("set", 5);
  Kokkos::View<float, Kokkos::HostSpace> const loss("loss");
  Kokkos::Serial const exec;
  auto const call = [&](auto const& a, auto const& i, auto const& own, auto const& others, auto const& m, ssl::SetDinoLossOptions const& options) {
    return refusal([&] { ssl::set_dino_loss(exec, a, i, teacher, teacher_set, own, others, m, loss, options); });
  };
  EXPECT_EQ(call(student, teacher_set, weights, weights, center, {.sets = 2}),
            "ocellus::ssl::set_dino_loss: student_set.extent(0) is 5 but student.extent(1) is 7");
  EXPECT_EQ(call(wide, set, weights, weights, center, {.sets = 2}),
            "ocellus::ssl::set_dino_loss: student.extent(2) is 8 but student_weights: mlp.0.weight.extent(1) is 6");
  EXPECT_EQ(call(one, set, weights, weights, center, {.sets = 2}),
            "ocellus::ssl::set_dino_loss: student.extent(0) is 1 but two views are global: at least 2 are needed");
  EXPECT_EQ(call(student, set, weights, other, center, {.sets = 2}),
            "ocellus::ssl::set_dino_loss: teacher_weights: last_layer.weight_v.extent(0) is 10 but student_weights: last_layer.weight_v.extent(0) is 9");
  EXPECT_EQ(call(student, set, weights, weights, short_center, {.sets = 2}),
            "ocellus::ssl::set_dino_loss: center.extent(0) is 8 but student_weights: last_layer.weight_v.extent(0) is 9");
  EXPECT_EQ(call(student, set, weights, weights, center, {.sets = -1}), "ocellus::ssl::set_dino_loss: sets is -1 but must not be negative");
  EXPECT_EQ(call(student, set, weights, weights, center, {.sets = 2, .student_temperature = 0}),
            "ocellus::ssl::set_dino_loss: student_temperature is 0 but must be positive");
  EXPECT_EQ(refusal([&] { ssl::set_dino_loss_backward(exec, student, set, teacher, teacher_set, weights, weights, center, wide, gradients, {.sets = 2}); }),
            "ocellus::ssl::set_dino_loss_backward: student_gradient.extent(2) is 8 but student.extent(2) is 6");
}

}  // namespace
}  // namespace ocellus::test
