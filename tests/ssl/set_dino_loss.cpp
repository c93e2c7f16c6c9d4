// SPDX-License-Identifier: Apache-2.0

#include <ocellus/ssl/set_dino_loss.hpp>

#include "reference/self_supervised.hpp"
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

/// Means of the sets of each view: cells (views, n, D) -> (views, G, D).
template <class Real>
std::vector<Real> set_means(std::vector<Real> const& cells, std::vector<double> const& set, std::size_t sets, std::size_t width) {
  std::size_t const views = cells.size() / (set.size() * width);
  std::vector<Real> means(views * sets * width, Real(0));
  for (std::size_t g = 0; g < sets; ++g) {
    double count = 0;
    for (double const s : set) count += s == static_cast<double>(g);
    for (std::size_t v = 0; v < views; ++v) {
      for (std::size_t i = 0; i < set.size(); ++i) {
        for (std::size_t d = 0; d < width && set[i] == static_cast<double>(g); ++d)
          means[(v * sets + g) * width + d] += cells[(v * set.size() + i) * width + d] / count;
      }
    }
  }
  return means;
}

TYPED_TEST(SetDinoLoss, agrees_with_plain_loops_and_its_backward_pass_is_the_transpose) {
  using Scalar                 = typename TypeParam::Scalar;
  using Layout                 = typename TypeParam::Layout;
  using Exec                   = typename TypeParam::Exec;
  constexpr std::int64_t views = 3, cells = 11, others = 8, width = 5, sets = 4, prototypes = 9;
  auto const table = head_table({width, 7, 6}, prototypes);
  // Set 2 has no cell among the student's, set 0 none among the teacher's.
  std::vector<double> const student_set = {3, 0, 1, 3, 3, 0, 1, 1, 0, 3, 1}, teacher_set = {1, 2, 3, 3, 2, 1, 1, 3};
  auto const x = random_values(views * cells * width, 1), y = random_values(2 * others * width, 2), w = random_values(table.size(), 3, 0.5),
             u = random_values(table.size(), 4, 0.5), c = random_values(prototypes, 5, 0.3);
  auto const targets = reference::dino_head<double>(set_means(y, teacher_set, sets, width), width, tensors_of(table, u));
  auto const oracle  = [&](auto const& inputs) {
    using Real        = typename std::remove_cvref_t<decltype(inputs[0])>::value_type;
    auto const logits = reference::dino_head<Real>(set_means<Real>(inputs[0], student_set, sets, width), width, {inputs.begin() + 1, inputs.end()});
    return std::vector<Real>{reference::dino_loss<Real>(logits, targets, c, sets, 0.2, 0.05, true, true)};
  };
  TestArray<Scalar, 3, Layout, Exec> const student({views, cells, width}, x), teacher({2, others, width}, y), student_gradient({views, cells, width});
  TestArray<std::int64_t, 1, Layout, Exec> const student_sets({cells}, student_set), teacher_sets({others}, teacher_set);
  TestArray<Scalar, 1, Layout, Exec> const center({prototypes}, c);
  auto const student_flat = flat_of<Scalar, Exec>(w), teacher_flat = flat_of<Scalar, Exec>(u),
             flat_gradients  = flat_of<Scalar, Exec>(std::vector<double>(table.size(), 0.0));
  auto const student_weights = ssl::dino_head_weights(table, student_flat), teacher_weights = ssl::dino_head_weights(table, teacher_flat),
             gradients = ssl::dino_head_weights(table, flat_gradients);
  Kokkos::View<Scalar, typename Exec::memory_space> const loss("loss");
  ssl::SetDinoLossOptions const options{.sets = sets, .student_temperature = 0.2, .teacher_temperature = 0.05};
  auto const number = [&] { return static_cast<double>(Kokkos::create_mirror_view_and_copy(Kokkos::HostSpace(), loss)()); };
  double first      = 0;
  std::vector<double> bits, weight_bits;
  with_thread_counts<Exec>([&](Exec const& exec) {
    auto const a = student.view(), b = teacher.view(), g = student_gradient.view();
    auto const in_a = student_sets.view(), in_b = teacher_sets.view();
    auto const m = center.view();
    WorkspaceFor<Exec> workspace(exec, ssl::set_dino_loss_workspace_size(exec, a, b, student_weights, teacher_weights, options));
    expect_good_manners(record([&] { ssl::set_dino_loss(exec, a, in_a, b, in_b, student_weights, teacher_weights, m, loss, options, workspace); }));
    WorkspaceFor<Exec> other(exec, ssl::set_dino_loss_backward_workspace_size(exec, a, b, student_weights, teacher_weights, gradients, options));
    expect_good_manners(
        record([&] { ssl::set_dino_loss_backward(exec, a, in_a, b, in_b, student_weights, teacher_weights, m, g, gradients, options, other); }));
    exec.fence();
    if (bits.empty()) first = number(), bits = student_gradient.values(), weight_bits = flat_values(flat_gradients);
    EXPECT_EQ(number(), first);
    expect_same_bits(student_gradient.values(), bits);
    expect_same_bits(flat_values(flat_gradients), weight_bits);
  });
  Arrays inputs = tensors_of(table, w), got = tensors_of(table, weight_bits);
  inputs.insert(inputs.begin(), x);
  got.insert(got.begin(), bits);
  double const want = oracle(inputs)[0];
  EXPECT_NEAR(first, want, 512 * machine_epsilon<Scalar>() * (1 + std::abs(want)));
  expect_adjoint(oracle, inputs, {1.0}, got, sizeof(Scalar) == 4 ? 1e-4 : 1e-11);
  if (sizeof(Scalar) == 8) expect_central_differences(oracle, inputs, {1.0}, got, 1e-6);
  EXPECT_TRUE(student_gradient.guards_intact());
}

TEST(SetDinoLoss, names_what_does_not_fit) {
  using Exec       = Kokkos::Serial;
  auto const table = head_table({3, 2}, 5), other = head_table({3, 2}, 4);
  HostTensor<float*> const flat("flat", table.size()), center("center", 5);
  auto const weights = ssl::dino_head_weights(table, flat), fewer = ssl::dino_head_weights(other, flat);
  HostTensor<float***> const student("student", 2, 6, 3), one("student", 1, 6, 3);
  HostTensor<std::int64_t*> const set("set", 6), short_set("set", 5);
  Kokkos::View<float, Kokkos::HostSpace> const loss("loss");
  std::string const name = "ocellus::ssl::set_dino_loss: ";
  EXPECT_EQ(refusal([&] { ssl::set_dino_loss(Exec(), student, short_set, student, set, weights, weights, center, loss, {.sets = 2}); }),
            name + "student_set.extent(0) is 5 but student.extent(1) is 6");
  EXPECT_EQ(refusal([&] { ssl::set_dino_loss(Exec(), one, set, student, set, weights, weights, center, loss, {.sets = 2}); }),
            name + "student.extent(0) is 1 but two views are global: at least 2 are needed");
  EXPECT_EQ(refusal([&] { ssl::set_dino_loss(Exec(), student, set, student, set, weights, fewer, center, loss, {.sets = 2}); }),
            name + "the teacher's weight_v.extent(0) is 4 but the student's is 5");
  EXPECT_EQ(refusal([&] { ssl::set_dino_loss(Exec(), student, set, student, set, weights, weights, center, loss, {.sets = 0}); }),
            name + "sets is 0 but must be positive");
}

}  // namespace
}  // namespace ocellus::test
