// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/ssl/detail/cross_entropy_kernel.hpp>

namespace ocellus::ssl {

enum class DistillationKind {
  cross_entropy,
  kl_divergence,  ///< less the teacher's entropy: 0 where both agree; the same gradient
};

struct DistillationLossOptions {
  double student_temperature = 1;
  double teacher_temperature = 1;
  double scale               = 1;  ///< the squared temperature in Hinton's form
  DistillationKind kind      = DistillationKind::cross_entropy;
};

namespace detail {

template <class Student, class Teacher>
void check_distillation(char const* function, Student const& student, Teacher const& teacher, DistillationLossOptions const& options) {
  require_equal(function, {"teacher.extent(0)", extent(teacher, 0)}, {"student.extent(0)", extent(student, 0)});
  require_equal(function, {"teacher.extent(1)", extent(teacher, 1)}, {"student.extent(1)", extent(student, 1)});
  require(options.student_temperature > 0, function, "student_temperature is ", options.student_temperature, " but must be positive");
  require(options.teacher_temperature > 0, function, "teacher_temperature is ", options.teacher_temperature, " but must be positive");
}

[[nodiscard]] inline Pairing row_pairing(std::int64_t rows, double scale) { return {.weight = rows > 0 ? scale / static_cast<double>(rows) : 0.0}; }

}  // namespace detail

/// Bytes of workspace that `distillation_loss` takes.
template <ExecutionSpace Exec, RealView<2> Student, RealView<2> Teacher, RealView<0> Loss>
[[nodiscard]] std::size_t distillation_loss_workspace_size(Exec const&, Student const& student, Teacher const& teacher, Loss const&,
                                                           DistillationLossOptions const& = {}) {
  return detail::softmaxes_bytes(student) + detail::softmaxes_bytes(teacher) + detail::cross_entropy_bytes(student.extent(0));
}

/// A small model learns from a large one's logits.
///
///     loss = scale mean_n -sum_k softmax(teacher[n] / teacher_temperature)[k] log softmax(student[n] / student_temperature)[k]
///     kl_divergence:  less the teacher's entropy
///
/// student, teacher (N, K) -> loss (). No rows: 0. No softmax is stored.
///
/// Errors: `std::invalid_argument` when the shapes differ or a temperature is not positive.
/// Error bound: 8 + 2 max |logit / temperature| machine epsilons of the accumulation type, relative to the sum of absolute terms.
/// Determinism: a row's bits depend on that row alone; rows are summed by the tree of core/reduce.hpp.
/// Allocates: nothing. Synchronises: no.
/// Source: G. Hinton, O. Vinyals, J. Dean, "Distilling the knowledge in a neural network", arXiv 1503.02531.
template <ExecutionSpace Exec, RealView<2> Student, RealView<2> Teacher, RealView<0> Loss>
  requires AccessibleFrom<Exec, Student, Teacher, Loss>
void distillation_loss(Exec const& exec, Student const& student, Teacher const& teacher, Loss const& loss, DistillationLossOptions const& options,
                       WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::ssl::distillation_loss";
  detail::check_distillation(function, student, teacher, options);
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  auto const s = detail::take_softmaxes(exec, function, student, none, options.student_temperature, workspace);
  auto const t = detail::take_softmaxes(exec, function, teacher, none, options.teacher_temperature, workspace);
  detail::cross_entropy(exec, function, s, t, detail::row_pairing(extent(student, 0), options.scale), options.kind == DistillationKind::kl_divergence, loss,
                        workspace);
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, RealView<2> Student, RealView<2> Teacher, RealView<0> Loss>
  requires AccessibleFrom<Exec, Student, Teacher, Loss>
void distillation_loss(Exec const& exec, Student const& student, Teacher const& teacher, Loss const& loss, DistillationLossOptions const& options = {}) {
  WorkspaceFor<Exec> workspace(exec, distillation_loss_workspace_size(exec, student, teacher, loss, options));
  distillation_loss(exec, student, teacher, loss, options, workspace);
  exec.fence("ocellus::ssl::distillation_loss");
}

/// Bytes of workspace that `distillation_loss_backward` takes.
template <ExecutionSpace Exec, RealView<2> Student, RealView<2> Teacher, RealView<2> StudentGradient>
[[nodiscard]] std::size_t distillation_loss_backward_workspace_size(Exec const&, Student const& student, Teacher const& teacher, StudentGradient const&,
                                                                    DistillationLossOptions const& = {}) {
  return detail::softmaxes_bytes(student) + detail::softmaxes_bytes(teacher);
}

/// The gradient of `distillation_loss`; none flows into the teacher.
///
///     student_gradient = scale (softmax(student / student_temperature) - softmax(teacher / teacher_temperature)) / (student_temperature N)
///
/// student, teacher (N, K) -> student_gradient (N, K).
///
/// Errors: as `distillation_loss`; when the gradient does not fit.
/// Error bound: 8 + 2 max |logit / temperature| machine epsilons of the accumulation type, relative to the sum of absolute terms.
/// Determinism: a row's bits depend on that row alone.
/// Allocates: nothing. Synchronises: no.
template <ExecutionSpace Exec, RealView<2> Student, RealView<2> Teacher, RealView<2> StudentGradient>
  requires AccessibleFrom<Exec, Student, Teacher, StudentGradient>
void distillation_loss_backward(Exec const& exec, Student const& student, Teacher const& teacher, StudentGradient const& student_gradient,
                                DistillationLossOptions const& options, WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::ssl::distillation_loss_backward";
  detail::check_distillation(function, student, teacher, options);
  require_equal(function, {"student_gradient.extent(0)", extent(student_gradient, 0)}, {"student.extent(0)", extent(student, 0)});
  require_equal(function, {"student_gradient.extent(1)", extent(student_gradient, 1)}, {"student.extent(1)", extent(student, 1)});
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  auto const s = detail::take_softmaxes(exec, function, student, none, options.student_temperature, workspace);
  auto const t = detail::take_softmaxes(exec, function, teacher, none, options.teacher_temperature, workspace);
  detail::cross_entropy_gradient(exec, function, s, t, detail::row_pairing(extent(student, 0), options.scale), student_gradient);
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, RealView<2> Student, RealView<2> Teacher, RealView<2> StudentGradient>
  requires AccessibleFrom<Exec, Student, Teacher, StudentGradient>
void distillation_loss_backward(Exec const& exec, Student const& student, Teacher const& teacher, StudentGradient const& student_gradient,
                                DistillationLossOptions const& options = {}) {
  WorkspaceFor<Exec> workspace(exec, distillation_loss_backward_workspace_size(exec, student, teacher, student_gradient, options));
  distillation_loss_backward(exec, student, teacher, student_gradient, options, workspace);
  exec.fence("ocellus::ssl::distillation_loss_backward");
}

/// Work of `distillation_loss` on `rows` rows of `classes` logits.
[[nodiscard]] constexpr Cost distillation_loss_cost(double rows, double classes, double bytes_per_element) {
  return {.flops = 8 * rows * classes, .special = 3 * rows * classes, .bytes_read = 2 * rows * classes * bytes_per_element, .bytes_written = bytes_per_element};
}

/// Work of `distillation_loss_backward`.
[[nodiscard]] constexpr Cost distillation_loss_backward_cost(double rows, double classes, double bytes_per_element) {
  Cost cost          = distillation_loss_cost(rows, classes, bytes_per_element);
  cost.bytes_written = rows * classes * bytes_per_element;
  return cost;
}

}  // namespace ocellus::ssl
