// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/ssl/detail/dino_head_passes.hpp>
#include <ocellus/ssl/dino_head.hpp>
#include <ocellus/ssl/dino_loss.hpp>
#include <ocellus/ssl/set_mean.hpp>
#include <ocellus/ssl/weights.hpp>

namespace ocellus::ssl {

struct SetDinoLossOptions {
  std::int64_t sets          = 0;  ///< G
  double student_temperature = 0.1;
  double teacher_temperature = 0.04;
};

namespace detail {

[[nodiscard]] inline DinoLossOptions dino_options_of(SetDinoLossOptions const& options) {
  return {.student_temperature = options.student_temperature, .teacher_temperature = options.teacher_temperature};
}
inline constexpr DinoHeadOptions set_head_options{};

template <class Student, class StudentSet, class Teacher, class TeacherSet, class Element, class Space, class Center>
void check_set_dino_loss(char const* function, Student const& student, StudentSet const& student_set, Teacher const& teacher, TeacherSet const& teacher_set,
                         DinoHeadWeights<Element, Space> const& student_weights, DinoHeadWeights<Element, Space> const& teacher_weights, Center const& center,
                         SetDinoLossOptions const& options) {
  require(options.sets >= 0, function, "sets is ", options.sets, " but must not be negative");
  require(extent(student, 0) >= 2, function, "student.extent(0) is ", extent(student, 0), " but two views are global: at least 2 are needed");
  require_equal(function, {"teacher.extent(0)", extent(teacher, 0)}, {"the number of global views", 2});
  require_equal(function, {"student_set.extent(0)", extent(student_set, 0)}, {"student.extent(1)", extent(student, 1)});
  require_equal(function, {"teacher_set.extent(0)", extent(teacher_set, 0)}, {"teacher.extent(1)", extent(teacher, 1)});
  check_dino_head(function, "student_weights: ", student_weights, "student.extent(2)", extent(student, 2));
  check_dino_head(function, "teacher_weights: ", teacher_weights, "teacher.extent(2)", extent(teacher, 2));
  require_equal(function, {"teacher_weights: last_layer.weight_v.extent(0)", teacher_weights.prototypes()},
                {"student_weights: last_layer.weight_v.extent(0)", student_weights.prototypes()});
  require_equal(function, {"center.extent(0)", extent(center, 0)}, {"student_weights: last_layer.weight_v.extent(0)", student_weights.prototypes()});
  require(options.student_temperature > 0, function, "student_temperature is ", options.student_temperature, " but must be positive");
  require(options.teacher_temperature > 0, function, "teacher_temperature is ", options.teacher_temperature, " but must be positive");
}

/// The embeddings of all views' sets as rows, and their logits as rows and by view.
template <class Real, class Space>
struct SetLogits {
  UnmanagedTensor<Real**, Space> means, rows;
  UnmanagedTensor<Real***, Space> logits;
};

template <class Cells>
[[nodiscard]] std::size_t set_logits_bytes(Cells const& cells, std::int64_t sets, std::int64_t prototypes) {
  using Real             = accumulate_of_t<Cells>;
  std::size_t const rows = cells.extent(0) * static_cast<std::size_t>(sets);
  return workspace_bytes<Real>(rows * cells.extent(2)) + workspace_bytes<Real>(rows * static_cast<std::size_t>(prototypes));
}

/// Rows [view sets, (view + 1) sets).
template <class Rows>
[[nodiscard]] auto sets_of_view(Rows const& rows, std::int64_t view, std::int64_t sets) {
  return Kokkos::subview(rows, std::make_pair(static_cast<std::size_t>(view * sets), static_cast<std::size_t>((view + 1) * sets)), Kokkos::ALL);
}

/// set_mean of each view, and the head on all of them.
template <ExecutionSpace Exec, class Cells, class Set, class Element, class Space>
[[nodiscard]] auto take_set_logits(Exec const& exec, char const* function, Cells const& cells, Set const& set, DinoHeadWeights<Element, Space> const& weights,
                                   std::int64_t sets, WorkspaceFor<Exec>& workspace) {
  using Real               = accumulate_of_t<Cells>;
  std::int64_t const views = extent(cells, 0);
  SetLogits<Real, typename Exec::memory_space> result;
  result.means  = workspace.template take<Real**>(function, views * sets, extent(cells, 2));
  result.logits = workspace.template take<Real***>(function, views, sets, weights.prototypes());
  result.rows   = as_rows(result.logits);
  for (std::int64_t v = 0; v < views; ++v)
    set_mean(exec, Kokkos::subview(cells, static_cast<std::size_t>(v), Kokkos::ALL, Kokkos::ALL), set, sets_of_view(result.means, v, sets));
  dino_head(exec, result.means, weights, result.rows, set_head_options, workspace);
  return result;
}

}  // namespace detail

/// Bytes of workspace that `set_dino_loss` takes: embeddings and logits of all views' sets among it.
template <ExecutionSpace Exec, RealView<3> Student, IndexView<1> StudentSet, RealView<3> Teacher, IndexView<1> TeacherSet, class Element, MemorySpace Space,
          RealView<1> Center, RealView<0> Loss>
[[nodiscard]] std::size_t set_dino_loss_workspace_size(Exec const&, Student const& student, StudentSet const&, Teacher const& teacher, TeacherSet const&,
                                                       DinoHeadWeights<Element, Space> const& student_weights,
                                                       DinoHeadWeights<Element, Space> const& teacher_weights, Center const&, Loss const&,
                                                       SetDinoLossOptions const& options) {
  std::int64_t const sets = options.sets < 0 ? 0 : options.sets, rows = extent(student, 0) * sets;
  std::size_t const heads = std::max(detail::dino_head_bytes<accumulate_of_t<Student>>(student_weights, rows),
                                     detail::dino_head_bytes<accumulate_of_t<Teacher>>(teacher_weights, 2 * sets));
  std::size_t const loss  = workspace_bytes<double>(static_cast<std::size_t>(2 * rows)) + workspace_bytes<double>(static_cast<std::size_t>(4 * sets)) +
                           detail::cross_entropy_bytes(static_cast<std::size_t>(rows));
  return detail::set_logits_bytes(student, sets, student_weights.prototypes()) + detail::set_logits_bytes(teacher, sets, teacher_weights.prototypes()) +
         std::max(heads, loss);
}

/// The loss of Set-DINO: DINO's loss of sets of cells, each set known by the mean of its cells' embeddings.
///
///     e_v[g] = mean of student_v[i] over student_set[i] = g, and of the teacher's cells likewise
///     loss = dino_loss(dino_head(e, student_weights), dino_head(teacher's e, teacher_weights), center), the sets as samples
///
/// student (S, n, D), the first two views global, with student_set (n), teacher (2, m, D) with teacher_set (m): cells of another batch, sets in 0..G-1 in any
/// order, both heads' weights, center (K) -> loss (). A cell whose set is out of range belongs to none; a set without cells has the mean 0 and takes part. No sets: 0.
///
/// Errors: `std::invalid_argument` when views, cells, widths or prototypes do not fit, sets is negative, or a temperature is not positive.
/// Error bound: that of `set_mean`, `dino_head` and `dino_loss` in turn; 1e-5 relative in float for the sizes in use.
/// Determinism: a set's bits depend on its cells, in their order, and the weights alone; sets are summed by the tree of core/reduce.hpp.
/// Allocates: nothing. Synchronises: no.
/// Source: set-level aggregation of Set-DINO, arXiv 2406.05308; M. Caron et al., arXiv 2104.14294.
template <ExecutionSpace Exec, RealView<3> Student, IndexView<1> StudentSet, RealView<3> Teacher, IndexView<1> TeacherSet, class Element, MemorySpace Space,
          RealView<1> Center, RealView<0> Loss>
  requires AccessibleFrom<Exec, Student, StudentSet, Teacher, TeacherSet, typename DinoHeadWeights<Element, Space>::Matrix, Center, Loss>
void set_dino_loss(Exec const& exec, Student const& student, StudentSet const& student_set, Teacher const& teacher, TeacherSet const& teacher_set,
                   DinoHeadWeights<Element, Space> const& student_weights, DinoHeadWeights<Element, Space> const& teacher_weights, Center const& center,
                   Loss const& loss, SetDinoLossOptions const& options, WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::ssl::set_dino_loss";
  detail::check_set_dino_loss(function, student, student_set, teacher, teacher_set, student_weights, teacher_weights, center, options);
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  auto const s = detail::take_set_logits(exec, function, student, student_set, student_weights, options.sets, workspace);
  auto const t = detail::take_set_logits(exec, function, teacher, teacher_set, teacher_weights, options.sets, workspace);
  dino_loss(exec, s.logits, t.logits, center, loss, detail::dino_options_of(options), workspace);
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, RealView<3> Student, IndexView<1> StudentSet, RealView<3> Teacher, IndexView<1> TeacherSet, class Element, MemorySpace Space,
          RealView<1> Center, RealView<0> Loss>
  requires AccessibleFrom<Exec, Student, StudentSet, Teacher, TeacherSet, typename DinoHeadWeights<Element, Space>::Matrix, Center, Loss>
void set_dino_loss(Exec const& exec, Student const& student, StudentSet const& student_set, Teacher const& teacher, TeacherSet const& teacher_set,
                   DinoHeadWeights<Element, Space> const& student_weights, DinoHeadWeights<Element, Space> const& teacher_weights, Center const& center,
                   Loss const& loss, SetDinoLossOptions const& options) {
  WorkspaceFor<Exec> workspace(
      exec, set_dino_loss_workspace_size(exec, student, student_set, teacher, teacher_set, student_weights, teacher_weights, center, loss, options));
  set_dino_loss(exec, student, student_set, teacher, teacher_set, student_weights, teacher_weights, center, loss, options, workspace);
  exec.fence("ocellus::ssl::set_dino_loss");
}

/// Bytes of workspace that `set_dino_loss_backward` takes.
template <ExecutionSpace Exec, RealView<3> Student, IndexView<1> StudentSet, RealView<3> Teacher, IndexView<1> TeacherSet, class Element, MemorySpace Space,
          RealView<1> Center, RealView<3> StudentGradient, class GradientElement>
[[nodiscard]] std::size_t set_dino_loss_backward_workspace_size(Exec const&, Student const& student, StudentSet const&, Teacher const& teacher,
                                                                TeacherSet const&, DinoHeadWeights<Element, Space> const& student_weights,
                                                                DinoHeadWeights<Element, Space> const& teacher_weights, Center const&, StudentGradient const&,
                                                                DinoHeadWeights<GradientElement, Space> const&, SetDinoLossOptions const& options) {
  using Real              = accumulate_of_t<Student>;
  std::int64_t const sets = options.sets < 0 ? 0 : options.sets, rows = extent(student, 0) * sets;
  std::size_t const heads =
      std::max(detail::dino_head_bytes<Real>(student_weights, rows), detail::dino_head_bytes<accumulate_of_t<Teacher>>(teacher_weights, 2 * sets));
  std::size_t const loss          = workspace_bytes<double>(static_cast<std::size_t>(2 * rows)) + workspace_bytes<double>(static_cast<std::size_t>(4 * sets));
  std::size_t const head_backward = detail::dino_head_backward_bytes<Real>(student_weights, rows);
  std::size_t const counts        = workspace_bytes<std::int64_t>(static_cast<std::size_t>(sets));
  return detail::set_logits_bytes(student, sets, student_weights.prototypes()) + detail::set_logits_bytes(teacher, sets, teacher_weights.prototypes()) +
         workspace_bytes<Real>(static_cast<std::size_t>(rows) * student.extent(2)) + std::max({heads, loss, head_backward, counts});
}

/// The gradient of `set_dino_loss` with respect to the student's cells and head; none flows into the teacher and the center.
///
/// All as in the forward pass -> student_gradient (S, n, D), zero where a cell belongs to no set, and student_weights_gradient, whose null Views are left out.
///
/// Errors: as `set_dino_loss`; when a gradient does not fit.
/// Error bound: that of `set_mean`, `dino_head`, `dino_loss` and their backward passes in turn; 1e-5 of the largest gradient in float for the sizes in use.
/// Determinism: rows of sets enter every weight's gradient in the order of views, then sets.
/// Allocates: nothing but a list in host memory. Synchronises: no.
template <ExecutionSpace Exec, RealView<3> Student, IndexView<1> StudentSet, RealView<3> Teacher, IndexView<1> TeacherSet, class Element, MemorySpace Space,
          RealView<1> Center, RealView<3> StudentGradient, class GradientElement>
  requires AccessibleFrom<Exec, Student, StudentSet, Teacher, TeacherSet, typename DinoHeadWeights<Element, Space>::Matrix, Center, StudentGradient>
void set_dino_loss_backward(Exec const& exec, Student const& student, StudentSet const& student_set, Teacher const& teacher, TeacherSet const& teacher_set,
                            DinoHeadWeights<Element, Space> const& student_weights, DinoHeadWeights<Element, Space> const& teacher_weights,
                            Center const& center, StudentGradient const& student_gradient,
                            DinoHeadWeights<GradientElement, Space> const& student_weights_gradient, SetDinoLossOptions const& options,
                            WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::ssl::set_dino_loss_backward";
  detail::check_set_dino_loss(function, student, student_set, teacher, teacher_set, student_weights, teacher_weights, center, options);
  detail::check_dino_head_gradients(function, student_weights, student_weights_gradient);
  for (int axis = 0; axis < 3; ++axis) {
    std::string const at = ".extent(" + std::to_string(axis) + ")";
    require_equal(function, {"student_gradient" + at, extent(student_gradient, axis)}, {"student" + at, extent(student, axis)});
  }
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  auto const s              = detail::take_set_logits(exec, function, student, student_set, student_weights, options.sets, workspace);
  auto const t              = detail::take_set_logits(exec, function, teacher, teacher_set, teacher_weights, options.sets, workspace);
  auto const means_gradient = workspace.template take<accumulate_of_t<Student>**>(function, extent(s.means, 0), extent(s.means, 1));
  dino_loss_backward(exec, s.logits, t.logits, center, s.logits, detail::dino_options_of(options), workspace);
  dino_head_backward(exec, s.means, student_weights, s.rows, means_gradient, student_weights_gradient, detail::set_head_options, workspace);
  for (std::int64_t v = 0; v < extent(student, 0); ++v)
    set_mean_backward(exec, detail::sets_of_view(means_gradient, v, options.sets), student_set,
                      Kokkos::subview(student_gradient, static_cast<std::size_t>(v), Kokkos::ALL, Kokkos::ALL), workspace);
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, RealView<3> Student, IndexView<1> StudentSet, RealView<3> Teacher, IndexView<1> TeacherSet, class Element, MemorySpace Space,
          RealView<1> Center, RealView<3> StudentGradient, class GradientElement>
  requires AccessibleFrom<Exec, Student, StudentSet, Teacher, TeacherSet, typename DinoHeadWeights<Element, Space>::Matrix, Center, StudentGradient>
void set_dino_loss_backward(Exec const& exec, Student const& student, StudentSet const& student_set, Teacher const& teacher, TeacherSet const& teacher_set,
                            DinoHeadWeights<Element, Space> const& student_weights, DinoHeadWeights<Element, Space> const& teacher_weights,
                            Center const& center, StudentGradient const& student_gradient,
                            DinoHeadWeights<GradientElement, Space> const& student_weights_gradient, SetDinoLossOptions const& options) {
  WorkspaceFor<Exec> workspace(exec, set_dino_loss_backward_workspace_size(exec, student, student_set, teacher, teacher_set, student_weights, teacher_weights,
                                                                           center, student_gradient, student_weights_gradient, options));
  set_dino_loss_backward(exec, student, student_set, teacher, teacher_set, student_weights, teacher_weights, center, student_gradient, student_weights_gradient,
                         options, workspace);
  exec.fence("ocellus::ssl::set_dino_loss_backward");
}

/// Work of `set_dino_loss` on `cells` cells in each of `views` views and `teacher_cells` in each of the teacher's two; `widths` are those of `dino_head_cost`.
[[nodiscard]] constexpr Cost set_dino_loss_cost(double views, double cells, double teacher_cells, double sets, std::span<double const> widths,
                                                double prototypes, double bytes_per_element) {
  double const width = widths.empty() ? 0 : widths.front();
  return views * set_mean_cost(cells, sets, width, bytes_per_element) + 2.0 * set_mean_cost(teacher_cells, sets, width, bytes_per_element) +
         dino_head_cost(views * sets, widths, prototypes, bytes_per_element) + dino_head_cost(2 * sets, widths, prototypes, bytes_per_element) +
         dino_loss_cost(views, sets, prototypes, bytes_per_element);
}

/// Work of `set_dino_loss_backward`, the forward pass that it repeats among it.
[[nodiscard]] constexpr Cost set_dino_loss_backward_cost(double views, double cells, double teacher_cells, double sets, std::span<double const> widths,
                                                         double prototypes, double bytes_per_element) {
  double const width = widths.empty() ? 0 : widths.front();
  return set_dino_loss_cost(views, cells, teacher_cells, sets, widths, prototypes, bytes_per_element) +
         dino_head_backward_cost(views * sets, widths, prototypes, bytes_per_element) +
         Cost{.flops         = views * sets * prototypes * 4,
              .special       = views * cells * width,
              .bytes_read    = 0,
              .bytes_written = views * cells * width * bytes_per_element};
}

}  // namespace ocellus::ssl
