// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/ssl/detail/cross_entropy_kernel.hpp>

namespace ocellus::ssl {

enum class PairReduction {
  mean,  ///< over the pairs of views
  sum,   ///< as dinov2 does
};

struct DinoLossOptions {
  double student_temperature = 0.1;
  double teacher_temperature = 0.04;
  bool skip_same_view        = true;  ///< leave out pairs of a view with itself
  PairReduction reduction    = PairReduction::mean;
};

namespace detail {

template <class Student, class Teacher, class Center>
void check_dino_loss(char const* function, Student const& student, Teacher const& teacher, Center const& center, DinoLossOptions const& options) {
  require_equal(function, {"teacher.extent(0)", extent(teacher, 0)}, {"the number of global views", 2});
  require(extent(student, 0) >= 2, function, "student.extent(0) is ", extent(student, 0), " but two views are global: at least 2 are needed");
  require_equal(function, {"teacher.extent(1)", extent(teacher, 1)}, {"student.extent(1)", extent(student, 1)});
  require_equal(function, {"teacher.extent(2)", extent(teacher, 2)}, {"student.extent(2)", extent(student, 2)});
  require_equal(function, {"center.extent(0)", extent(center, 0)}, {"student.extent(2)", extent(student, 2)});
  require(options.student_temperature > 0, function, "student_temperature is ", options.student_temperature, " but must be positive");
  require(options.teacher_temperature > 0, function, "teacher_temperature is ", options.teacher_temperature, " but must be positive");
}

template <class Student>
[[nodiscard]] Pairing dino_pairing(Student const& student, DinoLossOptions const& options, double weight = 1) {
  std::int64_t const views = extent(student, 0), samples = extent(student, 1), pairs = 2 * views - (options.skip_same_view ? 2 : 0);
  double const divisor = static_cast<double>(samples) * (options.reduction == PairReduction::mean ? static_cast<double>(pairs) : 1.0);
  return {.views = 2, .samples = samples, .skip_same_view = options.skip_same_view, .weight = samples > 0 ? weight / divisor : 0.0};
}

}  // namespace detail

/// Bytes of workspace that `dino_loss` takes.
template <ExecutionSpace Exec, RealView<3> Student, RealView<3> Teacher, RealView<1> Center, RealView<0> Loss>
[[nodiscard]] std::size_t dino_loss_workspace_size(Exec const&, Student const& student, Teacher const& teacher, Center const&, Loss const&,
                                                   DinoLossOptions const& = {}) {
  return detail::softmaxes_bytes(student) + detail::softmaxes_bytes(teacher) + detail::cross_entropy_bytes(student.extent(0) * student.extent(1));
}

/// The loss of DINO: each view of the student against the teacher's two global views.
///
///     t_q = softmax((teacher_q - center) / teacher_temperature)
///     loss = mean (or sum) over pairs (q, v), v != q, of mean_n -sum_k t_q[n, k] log softmax(student_v[n] / student_temperature)[k]
///
/// student (S, N, K), the first two views global, teacher (2, N, K), center (K), all logits -> loss (). No samples: 0. No softmax is stored.
///
/// Errors: `std::invalid_argument` when samples or prototypes differ, when the teacher has not two views, or when a temperature is not positive.
/// Error bound: 8 + 2 max |logit / temperature| machine epsilons of the accumulation type, relative to the sum of absolute terms: exponentials are of that type or double,
/// sums of double.
/// Determinism: a row's bits depend on that row alone; rows are summed by the tree of core/reduce.hpp.
/// Allocates: nothing. Synchronises: no.
/// Source: M. Caron et al., "Emerging properties in self-supervised vision transformers", arXiv 2104.14294.
template <ExecutionSpace Exec, RealView<3> Student, RealView<3> Teacher, RealView<1> Center, RealView<0> Loss>
  requires AccessibleFrom<Exec, Student, Teacher, Center, Loss>
void dino_loss(Exec const& exec, Student const& student, Teacher const& teacher, Center const& center, Loss const& loss, DinoLossOptions const& options,
               WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::ssl::dino_loss";
  detail::check_dino_loss(function, student, teacher, center, options);
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  auto const s = detail::take_softmaxes(exec, function, student, none, options.student_temperature, workspace);
  auto const t = detail::take_softmaxes(exec, function, teacher, center, options.teacher_temperature, workspace);
  detail::cross_entropy(exec, function, s, t, detail::dino_pairing(student, options), false, loss, workspace);
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, RealView<3> Student, RealView<3> Teacher, RealView<1> Center, RealView<0> Loss>
  requires AccessibleFrom<Exec, Student, Teacher, Center, Loss>
void dino_loss(Exec const& exec, Student const& student, Teacher const& teacher, Center const& center, Loss const& loss, DinoLossOptions const& options = {}) {
  WorkspaceFor<Exec> workspace(exec, dino_loss_workspace_size(exec, student, teacher, center, loss, options));
  dino_loss(exec, student, teacher, center, loss, options, workspace);
  exec.fence("ocellus::ssl::dino_loss");
}

/// Bytes of workspace that `dino_loss_backward` takes.
template <ExecutionSpace Exec, RealView<3> Student, RealView<3> Teacher, RealView<1> Center, RealView<3> StudentGradient>
[[nodiscard]] std::size_t dino_loss_backward_workspace_size(Exec const&, Student const& student, Teacher const& teacher, Center const&, StudentGradient const&,
                                                            DinoLossOptions const& = {}) {
  return detail::softmaxes_bytes(student) + detail::softmaxes_bytes(teacher);
}

/// The gradient of `dino_loss`; none flows into teacher and center.
///
///     student_gradient_v = sum over q of (softmax(student_v / student_temperature) - t_q) / (student_temperature N pairs)
///
/// student, teacher, center as in the forward pass -> student_gradient (S, N, K), which may be `student`.
///
/// Errors: as `dino_loss`; when the gradient does not fit.
/// Error bound: 8 + 2 max |logit / temperature| machine epsilons of the accumulation type, relative to the sum of absolute terms.
/// Determinism: a row's bits depend on that row and its partners alone.
/// Allocates: nothing. Synchronises: no.
template <ExecutionSpace Exec, RealView<3> Student, RealView<3> Teacher, RealView<1> Center, RealView<3> StudentGradient>
  requires AccessibleFrom<Exec, Student, Teacher, Center, StudentGradient>
void dino_loss_backward(Exec const& exec, Student const& student, Teacher const& teacher, Center const& center, StudentGradient const& student_gradient,
                        DinoLossOptions const& options, WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::ssl::dino_loss_backward";
  detail::check_dino_loss(function, student, teacher, center, options);
  for (int axis = 0; axis < 3; ++axis) {
    std::string const at = ".extent(" + std::to_string(axis) + ")";
    require_equal(function, {"student_gradient" + at, extent(student_gradient, axis)}, {"student" + at, extent(student, axis)});
  }
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  auto const s = detail::take_softmaxes(exec, function, student, none, options.student_temperature, workspace);
  auto const t = detail::take_softmaxes(exec, function, teacher, center, options.teacher_temperature, workspace);
  detail::cross_entropy_gradient(exec, function, s, t, detail::dino_pairing(student, options), student_gradient);
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, RealView<3> Student, RealView<3> Teacher, RealView<1> Center, RealView<3> StudentGradient>
  requires AccessibleFrom<Exec, Student, Teacher, Center, StudentGradient>
void dino_loss_backward(Exec const& exec, Student const& student, Teacher const& teacher, Center const& center, StudentGradient const& student_gradient,
                        DinoLossOptions const& options = {}) {
  WorkspaceFor<Exec> workspace(exec, dino_loss_backward_workspace_size(exec, student, teacher, center, student_gradient, options));
  dino_loss_backward(exec, student, teacher, center, student_gradient, options, workspace);
  exec.fence("ocellus::ssl::dino_loss_backward");
}

/// Work of `dino_loss` on `views` views of `samples` samples and `prototypes` prototypes.
[[nodiscard]] constexpr Cost dino_loss_cost(double views, double samples, double prototypes, double bytes_per_element) {
  double const logits = (views + 2) * samples * prototypes;
  return {.flops         = 4 * logits + 4 * (2 * views - 2) * samples * prototypes,
          .special       = logits + (2 * views - 2) * samples * prototypes,
          .bytes_read    = logits * bytes_per_element,
          .bytes_written = bytes_per_element};
}

/// Work of `dino_loss_backward`.
[[nodiscard]] constexpr Cost dino_loss_backward_cost(double views, double samples, double prototypes, double bytes_per_element) {
  Cost cost          = dino_loss_cost(views, samples, prototypes, bytes_per_element);
  cost.bytes_written = views * samples * prototypes * bytes_per_element;
  return cost;
}

}  // namespace ocellus::ssl
