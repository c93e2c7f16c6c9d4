// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstdint>
#include <string>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/ssl/detail/cross_entropy_kernel.hpp>
#include <ocellus/ssl/dino_loss.hpp>

namespace ocellus::ssl {

/// A View of masks of patches: 1 = hidden from the student.
template <class T>
concept PatchMask = ViewOfRank<T, 3> && std::same_as<typename T::non_const_value_type, std::uint8_t>;

struct IbotLossOptions {
  double student_temperature       = 0.1;
  double teacher_temperature       = 0.04;  ///< of the class term
  double teacher_patch_temperature = 0.04;
  double class_weight              = 1;
  double patch_weight              = 1;
};

namespace detail {

/// weights of an image's patches: 1 / max(1, hidden patches) of a hidden one, 0 of the others. One image of a view a call.
template <class Member, class Mask>
struct PatchWeights {
  Mask mask;
  double* weights;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t image) const {
    std::int64_t const patches = extent(mask, 2), q = image / extent(mask, 1), n = image % extent(mask, 1);
    std::int64_t hidden = 0;
    Kokkos::parallel_reduce(
        Kokkos::ThreadVectorRange(member, patches), [&](std::int64_t const l, std::int64_t& count) { count += mask(q, n, l) != 0 ? 1 : 0; }, hidden);
    double const each = 1.0 / static_cast<double>(hidden < 1 ? 1 : hidden);
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, patches),
                         [&](std::int64_t const l) { weights[image * patches + l] = mask(q, n, l) != 0 ? each : 0.0; });
  }
};

template <class Member, class Loss, class ClassLoss, class PatchLoss>
struct JoinTerms {
  double const* class_term;
  double const* patch_term;
  Loss loss;
  ClassLoss class_loss;
  PatchLoss patch_loss;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t) const {
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      store(loss, *class_term + *patch_term);
      store(class_loss, *class_term);
      store(patch_loss, *patch_term);
    });
  }

 private:
  template <class Term>
  KOKKOS_FUNCTION static void store(Term const& to, double value) {
    if constexpr (!std::is_same_v<Term, None>) {
      if (to.data() != nullptr) to() = static_cast<element_t<Term>>(static_cast<accumulate_of_t<Term>>(value));
    }
  }
};

template <class StudentClass, class TeacherClass, class StudentPatch, class TeacherPatch, class Center, class PatchCenter, class Mask>
void check_ibot_loss(char const* function, StudentClass const& student_class, TeacherClass const& teacher_class, StudentPatch const& student_patch,
                     TeacherPatch const& teacher_patch, Center const& center, PatchCenter const& patch_center, Mask const& mask,
                     IbotLossOptions const& options) {
  std::int64_t const samples = extent(student_class, 1);
  auto const axis            = [](char const* name, int number) { return std::string(name) + ".extent(" + std::to_string(number) + ")"; };
  require(extent(student_class, 0) >= 2, function, "student_class.extent(0) is ", extent(student_class, 0), " but two views are global: at least 2 are needed");
  require_equal(function, {"teacher_class.extent(0)", extent(teacher_class, 0)}, {"the number of global views", 2});
  require_equal(function, {"teacher_class.extent(1)", extent(teacher_class, 1)}, {"student_class.extent(1)", samples});
  require_equal(function, {"teacher_class.extent(2)", extent(teacher_class, 2)}, {"student_class.extent(2)", extent(student_class, 2)});
  require_equal(function, {"center.extent(0)", extent(center, 0)}, {"student_class.extent(2)", extent(student_class, 2)});
  require_equal(function, {"student_patch.extent(0)", extent(student_patch, 0)}, {"the number of global views", 2});
  require_equal(function, {"student_patch.extent(1)", extent(student_patch, 1)}, {"student_class.extent(1)", samples});
  for (int number = 0; number < 4; ++number) {
    require_equal(function, {axis("teacher_patch", number), extent(teacher_patch, number)}, {axis("student_patch", number), extent(student_patch, number)});
    if (number < 3) require_equal(function, {axis("mask", number), extent(mask, number)}, {axis("student_patch", number), extent(student_patch, number)});
  }
  require_equal(function, {"patch_center.extent(0)", extent(patch_center, 0)}, {"student_patch.extent(3)", extent(student_patch, 3)});
  require(options.student_temperature > 0, function, "student_temperature is ", options.student_temperature, " but must be positive");
  require(options.teacher_temperature > 0, function, "teacher_temperature is ", options.teacher_temperature, " but must be positive");
  require(options.teacher_patch_temperature > 0, function, "teacher_patch_temperature is ", options.teacher_patch_temperature, " but must be positive");
}

/// The patch term's pairs: each hidden patch with itself.
[[nodiscard]] inline Pairing patch_pairing(std::int64_t samples, double const* row_weights, IbotLossOptions const& options) {
  return {.weight = samples > 0 ? options.patch_weight / static_cast<double>(2 * samples) : 0.0, .row_weights = row_weights};
}

template <ExecutionSpace Exec, class Mask>
[[nodiscard]] double const* take_patch_weights(Exec const& exec, char const* function, Mask const& mask, WorkspaceFor<Exec>& workspace) {
  double* const weights = workspace.template take<double*>(function, mask.size()).data();
  for_each_row(exec, "ocellus::ssl::ibot_loss::mask", extent(mask, 0) * extent(mask, 1), PatchWeights<TeamMember<Exec>, Mask>{mask, weights});
  return weights;
}

template <class StudentClass, class TeacherClass, class StudentPatch, class TeacherPatch, class Mask>
[[nodiscard]] std::size_t ibot_softmaxes_bytes(StudentClass const& student_class, TeacherClass const& teacher_class, StudentPatch const& student_patch,
                                               TeacherPatch const& teacher_patch, Mask const& mask) {
  return softmaxes_bytes(student_class) + softmaxes_bytes(teacher_class) + softmaxes_bytes(student_patch) + softmaxes_bytes(teacher_patch) +
         workspace_bytes<double>(element_count(mask));
}

}  // namespace detail

/// Bytes of workspace that `ibot_loss` takes.
template <ExecutionSpace Exec, RealView<3> StudentClass, RealView<3> TeacherClass, RealView<4> StudentPatch, RealView<4> TeacherPatch, RealView<1> Center,
          RealView<1> PatchCenter, PatchMask Mask, RealView<0> Loss, OptionalRealView<0> ClassLoss, OptionalRealView<0> PatchLoss>
[[nodiscard]] std::size_t ibot_loss_workspace_size(Exec const&, StudentClass const& student_class, TeacherClass const& teacher_class,
                                                   StudentPatch const& student_patch, TeacherPatch const& teacher_patch, Center const&, PatchCenter const&,
                                                   Mask const& mask, Loss const&, ClassLoss const&, PatchLoss const&, IbotLossOptions const& = {}) {
  return detail::ibot_softmaxes_bytes(student_class, teacher_class, student_patch, teacher_patch, mask) + 2 * workspace_bytes<double>(1) +
         detail::cross_entropy_bytes(student_class.extent(0) * student_class.extent(1)) + detail::cross_entropy_bytes(element_count(mask));
}

/// The loss of iBOT: DINO's loss of the class tokens, and the teacher's view of each patch that was hidden from the student.
///
///     class_loss = class_weight dino_loss(student_class, teacher_class, center)
///     t[q, n, l] = softmax((teacher_patch[q, n, l] - patch_center) / teacher_patch_temperature)
///     patch_loss = patch_weight mean_{q, n} sum_l mask[q, n, l] (-sum_k t[q, n, l, k] log softmax(student_patch[q, n, l] / student_temperature)[k])
///                  / max(1, sum_l mask[q, n, l]);   loss = class_loss + patch_loss
///
/// student_class (S, N, K), the first two views global, teacher_class (2, N, K), student_patch and teacher_patch (2, N, L, K2) of the global views, center (K),
/// patch_center (K2), all logits, mask (2, N, L), other than 0 = hidden -> loss (); class_loss and patch_loss (), each a View or none. No samples: 0. An image
/// without hidden patches adds 0 to the patch term. What is not hidden is not read. No softmax is stored.
///
/// Errors: `std::invalid_argument` when views, samples, patches or prototypes differ, or when a temperature is not positive.
/// Error bound: 8 + 2 max |logit / temperature| machine epsilons of the accumulation type, relative to the sum of absolute terms: exponentials are of that type or double,
/// sums of double.
/// Determinism: a row's bits depend on that row and on its image's mask alone; rows are summed by the tree of core/reduce.hpp.
/// Allocates: nothing. Synchronises: no.
/// Source: J. Zhou et al., "iBOT: image BERT pre-training with online tokenizer", arXiv 2111.07832.
template <ExecutionSpace Exec, RealView<3> StudentClass, RealView<3> TeacherClass, RealView<4> StudentPatch, RealView<4> TeacherPatch, RealView<1> Center,
          RealView<1> PatchCenter, PatchMask Mask, RealView<0> Loss, OptionalRealView<0> ClassLoss, OptionalRealView<0> PatchLoss>
  requires AccessibleFrom<Exec, StudentClass, TeacherClass, StudentPatch, TeacherPatch, Center, PatchCenter, Mask, Loss, ClassLoss, PatchLoss>
void ibot_loss(Exec const& exec, StudentClass const& student_class, TeacherClass const& teacher_class, StudentPatch const& student_patch,
               TeacherPatch const& teacher_patch, Center const& center, PatchCenter const& patch_center, Mask const& mask, Loss const& loss,
               ClassLoss const& class_loss, PatchLoss const& patch_loss, IbotLossOptions const& options, WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::ssl::ibot_loss";
  detail::check_ibot_loss(function, student_class, teacher_class, student_patch, teacher_patch, center, patch_center, mask, options);
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  auto const class_term = workspace.template take<double>(function);
  auto const patch_term = workspace.template take<double>(function);
  auto const s          = detail::take_softmaxes(exec, function, student_class, none, options.student_temperature, workspace);
  auto const t          = detail::take_softmaxes(exec, function, teacher_class, center, options.teacher_temperature, workspace);
  detail::cross_entropy(exec, function, s, t, detail::dino_pairing(student_class, {}, options.class_weight), false, class_term, workspace);
  double const* const hidden = detail::take_patch_weights(exec, function, mask, workspace);
  auto const sp              = detail::take_softmaxes(exec, function, student_patch, none, options.student_temperature, workspace, hidden);
  auto const tp              = detail::take_softmaxes(exec, function, teacher_patch, patch_center, options.teacher_patch_temperature, workspace, hidden);
  detail::cross_entropy(exec, function, sp, tp, detail::patch_pairing(extent(mask, 1), hidden, options), false, patch_term, workspace);
  for_each_row(exec, "ocellus::ssl::ibot_loss::join", 1,
               detail::JoinTerms<TeamMember<Exec>, Loss, ClassLoss, PatchLoss>{class_term.data(), patch_term.data(), loss, class_loss, patch_loss});
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, RealView<3> StudentClass, RealView<3> TeacherClass, RealView<4> StudentPatch, RealView<4> TeacherPatch, RealView<1> Center,
          RealView<1> PatchCenter, PatchMask Mask, RealView<0> Loss, OptionalRealView<0> ClassLoss, OptionalRealView<0> PatchLoss>
  requires AccessibleFrom<Exec, StudentClass, TeacherClass, StudentPatch, TeacherPatch, Center, PatchCenter, Mask, Loss, ClassLoss, PatchLoss>
void ibot_loss(Exec const& exec, StudentClass const& student_class, TeacherClass const& teacher_class, StudentPatch const& student_patch,
               TeacherPatch const& teacher_patch, Center const& center, PatchCenter const& patch_center, Mask const& mask, Loss const& loss,
               ClassLoss const& class_loss, PatchLoss const& patch_loss, IbotLossOptions const& options = {}) {
  WorkspaceFor<Exec> workspace(exec, ibot_loss_workspace_size(exec, student_class, teacher_class, student_patch, teacher_patch, center, patch_center, mask,
                                                              loss, class_loss, patch_loss, options));
  ibot_loss(exec, student_class, teacher_class, student_patch, teacher_patch, center, patch_center, mask, loss, class_loss, patch_loss, options, workspace);
  exec.fence("ocellus::ssl::ibot_loss");
}

/// Bytes of workspace that `ibot_loss_backward` takes.
template <ExecutionSpace Exec, RealView<3> StudentClass, RealView<3> TeacherClass, RealView<4> StudentPatch, RealView<4> TeacherPatch, RealView<1> Center,
          RealView<1> PatchCenter, PatchMask Mask, RealView<3> ClassGradient, RealView<4> PatchGradient>
[[nodiscard]] std::size_t ibot_loss_backward_workspace_size(Exec const&, StudentClass const& student_class, TeacherClass const& teacher_class,
                                                            StudentPatch const& student_patch, TeacherPatch const& teacher_patch, Center const&,
                                                            PatchCenter const&, Mask const& mask, ClassGradient const&, PatchGradient const&,
                                                            IbotLossOptions const& = {}) {
  return detail::ibot_softmaxes_bytes(student_class, teacher_class, student_patch, teacher_patch, mask);
}

/// The gradient of `ibot_loss`, of the sum of both terms; none flows into teachers and centers.
///
///     student_class_gradient as `dino_loss_backward`, times class_weight
///     student_patch_gradient[q, n, l] = patch_weight mask[q, n, l] (softmax(student_patch[q, n, l] / student_temperature) - t[q, n, l])
///                                       / (2 N student_temperature max(1, sum_l mask[q, n, l]))
///
/// All else as in the forward pass -> student_class_gradient (S, N, K), student_patch_gradient (2, N, L, K2), 0 where nothing was hidden.
///
/// Errors: as `ibot_loss`; when a gradient does not fit.
/// Error bound: 8 + 2 max |logit / temperature| machine epsilons of the accumulation type, relative to the sum of absolute terms.
/// Determinism: a row's bits depend on that row, its partners and its image's mask alone.
/// Allocates: nothing. Synchronises: no.
template <ExecutionSpace Exec, RealView<3> StudentClass, RealView<3> TeacherClass, RealView<4> StudentPatch, RealView<4> TeacherPatch, RealView<1> Center,
          RealView<1> PatchCenter, PatchMask Mask, RealView<3> ClassGradient, RealView<4> PatchGradient>
  requires AccessibleFrom<Exec, StudentClass, TeacherClass, StudentPatch, TeacherPatch, Center, PatchCenter, Mask, ClassGradient, PatchGradient>
void ibot_loss_backward(Exec const& exec, StudentClass const& student_class, TeacherClass const& teacher_class, StudentPatch const& student_patch,
                        TeacherPatch const& teacher_patch, Center const& center, PatchCenter const& patch_center, Mask const& mask,
                        ClassGradient const& student_class_gradient, PatchGradient const& student_patch_gradient, IbotLossOptions const& options,
                        WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::ssl::ibot_loss_backward";
  detail::check_ibot_loss(function, student_class, teacher_class, student_patch, teacher_patch, center, patch_center, mask, options);
  auto const check = [&](std::string const& name, auto const& gradient, auto const& of, int axes) {
    for (int axis = 0; axis < axes; ++axis) {
      std::string const at = ".extent(" + std::to_string(axis) + ")";
      require_equal(function, {name + "_gradient" + at, extent(gradient, axis)}, {name + at, extent(of, axis)});
    }
  };
  check("student_class", student_class_gradient, student_class, 3);
  check("student_patch", student_patch_gradient, student_patch, 4);
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  auto const s = detail::take_softmaxes(exec, function, student_class, none, options.student_temperature, workspace);
  auto const t = detail::take_softmaxes(exec, function, teacher_class, center, options.teacher_temperature, workspace);
  detail::cross_entropy_gradient(exec, function, s, t, detail::dino_pairing(student_class, {}, options.class_weight), student_class_gradient);
  double const* const hidden = detail::take_patch_weights(exec, function, mask, workspace);
  auto const sp              = detail::take_softmaxes(exec, function, student_patch, none, options.student_temperature, workspace, hidden);
  auto const tp              = detail::take_softmaxes(exec, function, teacher_patch, patch_center, options.teacher_patch_temperature, workspace, hidden);
  detail::cross_entropy_gradient(exec, function, sp, tp, detail::patch_pairing(extent(mask, 1), hidden, options), student_patch_gradient);
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, RealView<3> StudentClass, RealView<3> TeacherClass, RealView<4> StudentPatch, RealView<4> TeacherPatch, RealView<1> Center,
          RealView<1> PatchCenter, PatchMask Mask, RealView<3> ClassGradient, RealView<4> PatchGradient>
  requires AccessibleFrom<Exec, StudentClass, TeacherClass, StudentPatch, TeacherPatch, Center, PatchCenter, Mask, ClassGradient, PatchGradient>
void ibot_loss_backward(Exec const& exec, StudentClass const& student_class, TeacherClass const& teacher_class, StudentPatch const& student_patch,
                        TeacherPatch const& teacher_patch, Center const& center, PatchCenter const& patch_center, Mask const& mask,
                        ClassGradient const& student_class_gradient, PatchGradient const& student_patch_gradient, IbotLossOptions const& options = {}) {
  WorkspaceFor<Exec> workspace(exec, ibot_loss_backward_workspace_size(exec, student_class, teacher_class, student_patch, teacher_patch, center, patch_center,
                                                                       mask, student_class_gradient, student_patch_gradient, options));
  ibot_loss_backward(exec, student_class, teacher_class, student_patch, teacher_patch, center, patch_center, mask, student_class_gradient,
                     student_patch_gradient, options, workspace);
  exec.fence("ocellus::ssl::ibot_loss_backward");
}

/// Work of `ibot_loss` on `views` views of `samples` samples, with `hidden` hidden patches of all in all.
[[nodiscard]] constexpr Cost ibot_loss_cost(double views, double samples, double prototypes, double hidden, double patch_prototypes, double bytes_per_element) {
  double const patches = hidden * patch_prototypes;
  return dino_loss_cost(views, samples, prototypes, bytes_per_element) +
         Cost{.flops = 12 * patches, .special = 3 * patches, .bytes_read = 2 * patches * bytes_per_element, .bytes_written = 0};
}

/// Work of `ibot_loss_backward`, which writes a gradient for all `patches` patches of both views.
[[nodiscard]] constexpr Cost ibot_loss_backward_cost(double views, double samples, double prototypes, double hidden, double patches, double patch_prototypes,
                                                     double bytes_per_element) {
  Cost cost          = ibot_loss_cost(views, samples, prototypes, hidden, patch_prototypes, bytes_per_element);
  cost.bytes_written = (views * samples * prototypes + patches * patch_prototypes) * bytes_per_element;
  return cost;
}

}  // namespace ocellus::ssl
