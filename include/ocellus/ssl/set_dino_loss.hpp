// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/ssl/dino_head.hpp>
#include <ocellus/ssl/dino_loss.hpp>
#include <ocellus/ssl/set_mean.hpp>

namespace ocellus::ssl {

struct SetDinoLossOptions {
  std::int64_t sets          = 1;  ///< G
  double student_temperature = 0.1;
  double teacher_temperature = 0.04;
  bool accumulate            = false;  ///< backward only: adds to the gradients of the weights
};

namespace detail {

[[nodiscard]] inline DinoLossOptions set_loss_options(SetDinoLossOptions const& options) {
  return {.student_temperature = options.student_temperature, .teacher_temperature = options.teacher_temperature};
}

template <class Student, class StudentSet, class Teacher, class TeacherSet, class StudentWeights, class TeacherWeights>
void check_set_dino_loss(char const* function, Student const& student, StudentSet const& student_set, Teacher const& teacher, TeacherSet const& teacher_set,
                         StudentWeights const& student_weights, TeacherWeights const& teacher_weights, SetDinoLossOptions const& options) {
  require(options.sets > 0, function, "sets is ", options.sets, " but must be positive");
  require_equal(function, {"teacher.extent(0)", extent(teacher, 0)}, {"the number of global views", 2});
  require(extent(student, 0) >= 2, function, "student.extent(0) is ", extent(student, 0), " but two views are global: at least 2 are needed");
  require_equal(function, {"student_set.extent(0)", extent(student_set, 0)}, {"student.extent(1)", extent(student, 1)});
  require_equal(function, {"teacher_set.extent(0)", extent(teacher_set, 0)}, {"teacher.extent(1)", extent(teacher, 1)});
  require_equal(function, {"the teacher's weight_v.extent(0)", teacher_weights.prototypes()}, {"the student's", student_weights.prototypes()});
}

/// The means of the sets of some views and what the head makes of them; rows are views by sets.
template <class Real, class Space>
struct SetLogits {
  UnmanagedTensor<Real**, Space> means, logits;
  std::int64_t views = 0, sets = 0;

  [[nodiscard]] UnmanagedTensor<Real***, Space> by_view(UnmanagedTensor<Real**, Space> const& rows) const {
    return UnmanagedTensor<Real***, Space>(rows.data(), static_cast<std::size_t>(views), static_cast<std::size_t>(sets), rows.extent(1));
  }
};

template <class Real, class Space, class Weights>
[[nodiscard]] std::size_t set_logits_bytes(std::size_t views, std::size_t sets, std::size_t width, Weights const& weights) {
  return workspace_bytes<Real>(views * sets * width) + workspace_bytes<Real>(views * sets * weights.weight_v.extent(0));
}

/// An array without memory, for questions about sizes.
template <class Data, class Space, class... Extents>
[[nodiscard]] UnmanagedTensor<Data, Space> shape_of(Extents... extents) {
  return UnmanagedTensor<Data, Space>(nullptr, static_cast<std::size_t>(extents)...);
}

template <class Real, ExecutionSpace Exec, class Cells, class Set, class Weights>
[[nodiscard]] auto take_set_logits(Exec const& exec, char const* function, Cells const& cells, Set const& set, Weights const& weights, std::int64_t sets,
                                   WorkspaceFor<Exec>& workspace) {
  SetLogits<Real, typename Exec::memory_space> result;
  result.views  = extent(cells, 0);
  result.sets   = sets;
  result.means  = workspace.template take<Real**>(function, result.views * sets, extent(cells, 2));
  result.logits = workspace.template take<Real**>(function, result.views * sets, weights.prototypes());
  for (std::int64_t v = 0; v < result.views; ++v) {
    auto const rows = Kokkos::make_pair(static_cast<std::size_t>(v * sets), static_cast<std::size_t>((v + 1) * sets));
    set_mean(exec, Kokkos::subview(cells, static_cast<std::size_t>(v), Kokkos::ALL, Kokkos::ALL), set, Kokkos::subview(result.means, rows, Kokkos::ALL));
  }
  dino_head(exec, result.means, weights, result.logits, workspace);
  return result;
}

}  // namespace detail

/// Bytes of workspace that `set_dino_loss` takes: the sets' means and logits of all views, and what the head and the loss take.
template <ExecutionSpace Exec, RealView<3> Student, RealView<3> Teacher, class StudentScalar, class TeacherScalar, class Space>
[[nodiscard]] std::size_t set_dino_loss_workspace_size(Exec const& exec, Student const& student, Teacher const& teacher,
                                                       DinoHeadWeights<StudentScalar, Space> const& student_weights,
                                                       DinoHeadWeights<TeacherScalar, Space> const& teacher_weights, SetDinoLossOptions const& options = {}) {
  using Real             = accumulate_of_t<Student>;
  using Memory           = typename Exec::memory_space;
  std::size_t const sets = static_cast<std::size_t>(options.sets), views = student.extent(0), prototypes = student_weights.weight_v.extent(0);
  auto const student_means = detail::shape_of<Real**, Memory>(views * sets, student.extent(2)),
             student_rows  = detail::shape_of<Real**, Memory>(views * sets, prototypes);
  auto const teacher_means = detail::shape_of<Real**, Memory>(2 * sets, teacher.extent(2)),
             teacher_rows  = detail::shape_of<Real**, Memory>(2 * sets, prototypes);
  auto const s = detail::shape_of<Real***, Memory>(views, sets, prototypes), t = detail::shape_of<Real***, Memory>(2, sets, prototypes);
  return detail::set_logits_bytes<Real, Memory>(views, sets, student.extent(2), student_weights) +
         detail::set_logits_bytes<Real, Memory>(2, sets, teacher.extent(2), teacher_weights) +
         std::max({dino_head_workspace_size(exec, student_means, student_weights, student_rows),
                   dino_head_workspace_size(exec, teacher_means, teacher_weights, teacher_rows),
                   dino_loss_workspace_size(exec, s, t, detail::shape_of<Real*, Memory>(prototypes), detail::shape_of<Real, Memory>(),
                                            detail::set_loss_options(options))});
}

/// The loss of Set-DINO: DINO on sets of cells with one perturbation.
///
///     e_g = mean over the cells of set g, in each view;   logits = dino_head(e) with the student's or the teacher's weights
///     loss = dino_loss with the sets as samples
///
/// student (S, n, D), the first two views global, student_set (n) with numbers 0 .. G - 1, teacher (2, m, D) and teacher_set (m), cells of another batch,
/// student_weights, teacher_weights, center (K) -> loss (). A set without cells has mean 0.
///
/// Errors: `std::invalid_argument` when a shape does not fit another or the weights, when sets is not positive, or a temperature is not.
/// Error bound: that of `set_mean`, `dino_head` and `dino_loss` in turn.
/// Determinism: cells enter a mean in their order; a set's logits do not depend on the other sets.
/// Allocates: nothing. Synchronises: no.
/// Source: "Set-DINO", arXiv 2406.05308.
template <ExecutionSpace Exec, RealView<3> Student, IndexView<1> StudentSet, RealView<3> Teacher, IndexView<1> TeacherSet, class StudentScalar,
          class TeacherScalar, class Space, RealView<1> Center, RealView<0> Loss>
  requires AccessibleFrom<Exec, Student, StudentSet, Teacher, TeacherSet, Center, Loss>
void set_dino_loss(Exec const& exec, Student const& student, StudentSet const& student_set, Teacher const& teacher, TeacherSet const& teacher_set,
                   DinoHeadWeights<StudentScalar, Space> const& student_weights, DinoHeadWeights<TeacherScalar, Space> const& teacher_weights,
                   Center const& center, Loss const& loss, SetDinoLossOptions const& options, WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::ssl::set_dino_loss";
  using Real              = accumulate_of_t<Student>;
  detail::check_set_dino_loss(function, student, student_set, teacher, teacher_set, student_weights, teacher_weights, options);
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  auto const s = detail::take_set_logits<Real>(exec, function, student, student_set, student_weights, options.sets, workspace);
  auto const t = detail::take_set_logits<Real>(exec, function, teacher, teacher_set, teacher_weights, options.sets, workspace);
  dino_loss(exec, s.by_view(s.logits), t.by_view(t.logits), center, loss, detail::set_loss_options(options), workspace);
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, RealView<3> Student, IndexView<1> StudentSet, RealView<3> Teacher, IndexView<1> TeacherSet, class StudentScalar,
          class TeacherScalar, class Space, RealView<1> Center, RealView<0> Loss>
  requires AccessibleFrom<Exec, Student, StudentSet, Teacher, TeacherSet, Center, Loss>
void set_dino_loss(Exec const& exec, Student const& student, StudentSet const& student_set, Teacher const& teacher, TeacherSet const& teacher_set,
                   DinoHeadWeights<StudentScalar, Space> const& student_weights, DinoHeadWeights<TeacherScalar, Space> const& teacher_weights,
                   Center const& center, Loss const& loss, SetDinoLossOptions const& options = {}) {
  detail::check_set_dino_loss("ocellus::ssl::set_dino_loss", student, student_set, teacher, teacher_set, student_weights, teacher_weights, options);
  WorkspaceFor<Exec> workspace(exec, set_dino_loss_workspace_size(exec, student, teacher, student_weights, teacher_weights, options));
  set_dino_loss(exec, student, student_set, teacher, teacher_set, student_weights, teacher_weights, center, loss, options, workspace);
  exec.fence("ocellus::ssl::set_dino_loss");
}

/// Bytes of workspace that `set_dino_loss_backward` takes: as the forward pass, and gradients of the student's means and logits.
template <ExecutionSpace Exec, RealView<3> Student, RealView<3> Teacher, class StudentScalar, class TeacherScalar, class Space, class GradientScalar>
[[nodiscard]] std::size_t set_dino_loss_backward_workspace_size(Exec const& exec, Student const& student, Teacher const& teacher,
                                                                DinoHeadWeights<StudentScalar, Space> const& student_weights,
                                                                DinoHeadWeights<TeacherScalar, Space> const& teacher_weights,
                                                                DinoHeadWeights<GradientScalar, Space> const& gradients,
                                                                SetDinoLossOptions const& options = {}) {
  using Real             = accumulate_of_t<Student>;
  using Memory           = typename Exec::memory_space;
  std::size_t const sets = static_cast<std::size_t>(options.sets), views = student.extent(0), prototypes = student_weights.weight_v.extent(0);
  auto const means = detail::shape_of<Real**, Memory>(views * sets, student.extent(2)), logits = detail::shape_of<Real**, Memory>(views * sets, prototypes);
  auto const s = detail::shape_of<Real***, Memory>(views, sets, prototypes), t = detail::shape_of<Real***, Memory>(2, sets, prototypes);
  std::size_t const forward = set_dino_loss_workspace_size(exec, student, teacher, student_weights, teacher_weights, options);
  return forward + detail::set_logits_bytes<Real, Memory>(views, sets, student.extent(2), student_weights) +
         std::max({dino_head_backward_workspace_size(exec, logits, means, student_weights, means, gradients),
                   dino_loss_backward_workspace_size(exec, s, t, detail::shape_of<Real*, Memory>(prototypes), s, detail::set_loss_options(options)),
                   workspace_bytes<std::int64_t>(sets)});
}

/// The gradient of `set_dino_loss`; none flows into the teacher, its weights and the centre.
///
/// Inputs as in the forward pass -> student_gradient (S, n, D), gradients of student_weights.
///
/// Errors: as `set_dino_loss`; when a gradient does not fit.
/// Error bound: that of `dino_loss_backward`, `dino_head_backward` and `set_mean_backward` in turn.
/// Determinism: as `dino_head_backward`.
/// Allocates: nothing. Synchronises: no.
/// Source: as `set_dino_loss`.
template <ExecutionSpace Exec, RealView<3> Student, IndexView<1> StudentSet, RealView<3> Teacher, IndexView<1> TeacherSet, class StudentScalar,
          class TeacherScalar, class Space, RealView<1> Center, RealView<3> StudentGradient, class GradientScalar>
  requires AccessibleFrom<Exec, Student, StudentSet, Teacher, TeacherSet, Center, StudentGradient>
void set_dino_loss_backward(Exec const& exec, Student const& student, StudentSet const& student_set, Teacher const& teacher, TeacherSet const& teacher_set,
                            DinoHeadWeights<StudentScalar, Space> const& student_weights, DinoHeadWeights<TeacherScalar, Space> const& teacher_weights,
                            Center const& center, StudentGradient const& student_gradient, DinoHeadWeights<GradientScalar, Space> const& gradients,
                            SetDinoLossOptions const& options, WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::ssl::set_dino_loss_backward";
  using Real              = accumulate_of_t<Student>;
  detail::check_set_dino_loss(function, student, student_set, teacher, teacher_set, student_weights, teacher_weights, options);
  for (int axis = 0; axis < 3; ++axis) {
    std::string const at = ".extent(" + std::to_string(axis) + ")";
    require_equal(function, {"student_gradient" + at, extent(student_gradient, axis)}, {"student" + at, extent(student, axis)});
  }
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  auto const s = detail::take_set_logits<Real>(exec, function, student, student_set, student_weights, options.sets, workspace);
  auto const t = detail::take_set_logits<Real>(exec, function, teacher, teacher_set, teacher_weights, options.sets, workspace);
  auto slope   = s;
  slope.means  = workspace.template take<Real**>(function, extent(s.means, 0), extent(s.means, 1));
  slope.logits = workspace.template take<Real**>(function, extent(s.logits, 0), extent(s.logits, 1));
  dino_loss_backward(exec, s.by_view(s.logits), t.by_view(t.logits), center, slope.by_view(slope.logits), detail::set_loss_options(options), workspace);
  dino_head_backward(exec, slope.logits, s.means, student_weights, slope.means, gradients, {.accumulate = options.accumulate}, workspace);
  for (std::int64_t v = 0; v < s.views; ++v) {
    auto const rows = Kokkos::make_pair(static_cast<std::size_t>(v * options.sets), static_cast<std::size_t>((v + 1) * options.sets));
    set_mean_backward(exec, Kokkos::subview(slope.means, rows, Kokkos::ALL), student_set,
                      Kokkos::subview(student_gradient, static_cast<std::size_t>(v), Kokkos::ALL, Kokkos::ALL), workspace);
  }
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, RealView<3> Student, IndexView<1> StudentSet, RealView<3> Teacher, IndexView<1> TeacherSet, class StudentScalar,
          class TeacherScalar, class Space, RealView<1> Center, RealView<3> StudentGradient, class GradientScalar>
  requires AccessibleFrom<Exec, Student, StudentSet, Teacher, TeacherSet, Center, StudentGradient>
void set_dino_loss_backward(Exec const& exec, Student const& student, StudentSet const& student_set, Teacher const& teacher, TeacherSet const& teacher_set,
                            DinoHeadWeights<StudentScalar, Space> const& student_weights, DinoHeadWeights<TeacherScalar, Space> const& teacher_weights,
                            Center const& center, StudentGradient const& student_gradient, DinoHeadWeights<GradientScalar, Space> const& gradients,
                            SetDinoLossOptions const& options = {}) {
  detail::check_set_dino_loss("ocellus::ssl::set_dino_loss_backward", student, student_set, teacher, teacher_set, student_weights, teacher_weights, options);
  WorkspaceFor<Exec> workspace(exec, set_dino_loss_backward_workspace_size(exec, student, teacher, student_weights, teacher_weights, gradients, options));
  set_dino_loss_backward(exec, student, student_set, teacher, teacher_set, student_weights, teacher_weights, center, student_gradient, gradients, options,
                         workspace);
  exec.fence("ocellus::ssl::set_dino_loss_backward");
}

/// Work of `set_dino_loss` on `views` views of `cells` cells in `sets` sets, with a head of `parameters` numbers and `prototypes` of `width`.
[[nodiscard]] constexpr Cost set_dino_loss_cost(double views, double cells, double sets, double features, double parameters, double width, double prototypes,
                                                double bytes_per_element) {
  return Cost{.flops = (views + 2) * cells * features, .special = 0, .bytes_read = (views + 2) * cells * features * bytes_per_element, .bytes_written = 0} +
         dino_head_cost((views + 2) * sets, parameters, width, prototypes, bytes_per_element) + dino_loss_cost(views, sets, prototypes, bytes_per_element);
}

}  // namespace ocellus::ssl
