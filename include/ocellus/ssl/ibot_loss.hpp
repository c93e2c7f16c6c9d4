// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <type_traits>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>
#include <ocellus/ssl/detail/cross_entropy_kernel.hpp>
#include <ocellus/ssl/dino_loss.hpp>

namespace ocellus::ssl {

struct IbotLossOptions {
  double student_temperature       = 0.1;
  double teacher_temperature       = 0.04;  ///< of the class tokens
  double teacher_patch_temperature = 0.04;
  double class_weight              = 1;
  double patch_weight              = 1;
};

namespace detail {

/// weights(row, l) = 1 / max(1, masked patches of the row) where patch l is masked, else 0; a row is an image of a view.
template <class Member, class Mask>
struct MaskWeights {
  Mask mask;
  double* weights;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t row) const {
    std::int64_t const patches = extent(mask, 2), view = row / extent(mask, 1), image = row % extent(mask, 1);
    std::int64_t masked = 0;
    Kokkos::parallel_reduce(
        Kokkos::ThreadVectorRange(member, patches), [&](std::int64_t const l, std::int64_t& count) { count += mask(view, image, l) != 0; }, masked);
    double const share = 1.0 / static_cast<double>(masked > 1 ? masked : 1);
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, patches),
                         [&](std::int64_t const l) { weights[row * patches + l] = mask(view, image, l) != 0 ? share : 0.0; });
  }
};

/// The two terms and their sum, where they are asked for.
template <class Member, class Loss, class ClassLoss, class PatchLoss>
struct AddIbotTerms {
  double const* class_term;
  double const* patch_term;
  Loss loss;
  ClassLoss class_loss;
  PatchLoss patch_loss;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t) const {
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      loss() = static_cast<typename Loss::value_type>(static_cast<accumulate_of_t<Loss>>(*class_term + *patch_term));
      if constexpr (!std::is_same_v<ClassLoss, None>)
        class_loss() = static_cast<typename ClassLoss::value_type>(static_cast<accumulate_of_t<ClassLoss>>(*class_term));
      if constexpr (!std::is_same_v<PatchLoss, None>)
        patch_loss() = static_cast<typename PatchLoss::value_type>(static_cast<accumulate_of_t<PatchLoss>>(*patch_term));
    });
  }
};

[[nodiscard]] inline DinoLossOptions ibot_class_options(IbotLossOptions const& options) {
  return {.student_temperature = options.student_temperature, .teacher_temperature = options.teacher_temperature};
}

template <class StudentClass, class StudentPatch, class TeacherClass, class TeacherPatch, class Center, class PatchCenter, class Mask>
void check_ibot_loss(char const* function, StudentClass const& student_class, StudentPatch const& student_patch, TeacherClass const& teacher_class,
                     TeacherPatch const& teacher_patch, Center const& center, PatchCenter const& patch_center, Mask const& mask,
                     IbotLossOptions const& options) {
  check_dino_loss(function, student_class, teacher_class, center, ibot_class_options(options));
  require_equal(function, {"student_patch.extent(0)", extent(student_patch, 0)}, {"the number of global views", 2});
  require_equal(function, {"student_patch.extent(1)", extent(student_patch, 1)}, {"student_class.extent(1)", extent(student_class, 1)});
  for (int axis = 0; axis < 4; ++axis) {
    std::string const at = ".extent(" + std::to_string(axis) + ")";
    require_equal(function, {"teacher_patch" + at, extent(teacher_patch, axis)}, {"student_patch" + at, extent(student_patch, axis)});
  }
  for (int axis = 0; axis < 3; ++axis) {
    std::string const at = ".extent(" + std::to_string(axis) + ")";
    require_equal(function, {"mask" + at, extent(mask, axis)}, {"student_patch" + at, extent(student_patch, axis)});
  }
  require_equal(function, {"patch_center.extent(0)", extent(patch_center, 0)}, {"student_patch.extent(3)", extent(student_patch, 3)});
  require(options.teacher_patch_temperature > 0, function, "teacher_patch_temperature is ", options.teacher_patch_temperature, " but must be positive");
}

/// Each masked patch of the student against the same patch of the teacher.
template <ExecutionSpace Exec, class Mask>
[[nodiscard]] Pairing ibot_pairing(Exec const& exec, char const* function, Mask const& mask, IbotLossOptions const& options, WorkspaceFor<Exec>& workspace) {
  std::int64_t const images = extent(mask, 0) * extent(mask, 1);
  auto const weights        = workspace.template take<double*>(function, images * extent(mask, 2));
  for_each_row(exec, "ocellus::ssl::ibot_loss::mask", images, MaskWeights<TeamMember<Exec>, Mask>{mask, weights.data()});
  return {.weight = images > 0 ? options.patch_weight / static_cast<double>(images) : 0.0, .row_weights = weights.data()};
}

template <class StudentClass, class StudentPatch, class TeacherClass, class TeacherPatch, class Mask>
[[nodiscard]] std::size_t ibot_softmaxes_bytes(StudentClass const& student_class, StudentPatch const& student_patch, TeacherClass const& teacher_class,
                                               TeacherPatch const& teacher_patch, Mask const& mask) {
  return softmaxes_bytes(student_class) + softmaxes_bytes(teacher_class) + softmaxes_bytes(student_patch) + softmaxes_bytes(teacher_patch) +
         workspace_bytes<double>(mask.size());
}

}  // namespace detail

/// Bytes of workspace that `ibot_loss` takes.
template <ExecutionSpace Exec, RealView<3> StudentClass, RealView<4> StudentPatch, RealView<3> TeacherClass, RealView<4> TeacherPatch, LabelView<3> Mask>
[[nodiscard]] std::size_t ibot_loss_workspace_size(Exec const&, StudentClass const& student_class, StudentPatch const& student_patch,
                                                   TeacherClass const& teacher_class, TeacherPatch const& teacher_patch, Mask const& mask,
                                                   IbotLossOptions const& = {}) {
  return detail::ibot_softmaxes_bytes(student_class, student_patch, teacher_class, teacher_patch, mask) +
         detail::cross_entropy_bytes(student_class.extent(0) * student_class.extent(1)) + detail::cross_entropy_bytes(mask.size()) +
         2 * workspace_bytes<double>(1);
}

/// The loss of iBOT: class tokens as in DINO, and masked patches against what the teacher, who sees them, makes of them.
///
///     class_loss = class_weight dino_loss(student_class, teacher_class, center)
///     t = softmax((teacher_patch - patch_center) / teacher_patch_temperature),   c = -sum_k t_k log softmax(student_patch / student_temperature)_k
///     patch_loss = patch_weight mean over views and images of (sum over masked patches of c) / max(1, number of masked patches)
///     loss = class_loss + patch_loss
///
/// student_class (S, N, K), the first two views global, student_patch (2, N, L, K2), teacher_class (2, N, K), teacher_patch (2, N, L, K2), all logits, center
/// (K), patch_center (K2), mask (2, N, L), not 0 where the student did not see the patch -> loss (), class_loss () and patch_loss (), or none. No images: 0. No
/// softmax is stored.
///
/// Errors: `std::invalid_argument` when images, patches or prototypes differ, when there are not two global views, or when a temperature is not positive.
/// Error bound: 8 + 2 max |logit / temperature| machine epsilons of the accumulation type, relative to the sum of absolute terms: exponentials are of that type,
/// sums of double.
/// Determinism: a patch's bits depend on that patch and on its image's mask alone; rows are summed by the tree of core/reduce.hpp.
/// Allocates: nothing. Synchronises: no.
/// Source: J. Zhou et al., "iBOT: image BERT pre-training with online tokenizer", arXiv 2111.07832.
template <ExecutionSpace Exec, RealView<3> StudentClass, RealView<4> StudentPatch, RealView<3> TeacherClass, RealView<4> TeacherPatch, RealView<1> Center,
          RealView<1> PatchCenter, LabelView<3> Mask, RealView<0> Loss, OptionalRealView<0> ClassLoss, OptionalRealView<0> PatchLoss>
  requires AccessibleFrom<Exec, StudentClass, StudentPatch, TeacherClass, TeacherPatch, Center, PatchCenter, Mask, Loss, ClassLoss, PatchLoss>
void ibot_loss(Exec const& exec, StudentClass const& student_class, StudentPatch const& student_patch, TeacherClass const& teacher_class,
               TeacherPatch const& teacher_patch, Center const& center, PatchCenter const& patch_center, Mask const& mask, Loss const& loss,
               ClassLoss const& class_loss, PatchLoss const& patch_loss, IbotLossOptions const& options, WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::ssl::ibot_loss";
  detail::check_ibot_loss(function, student_class, student_patch, teacher_class, teacher_patch, center, patch_center, mask, options);
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  auto const class_term = workspace.template take<double>(function);
  auto const patch_term = workspace.template take<double>(function);
  {
    auto const s = detail::take_softmaxes(exec, function, student_class, none, options.student_temperature, workspace);
    auto const t = detail::take_softmaxes(exec, function, teacher_class, center, options.teacher_temperature, workspace);
    detail::cross_entropy(exec, function, s, t, detail::dino_pairing(student_class, detail::ibot_class_options(options), options.class_weight), false,
                          class_term, workspace);
  }
  auto const pairing = detail::ibot_pairing(exec, function, mask, options, workspace);
  auto const s       = detail::take_softmaxes(exec, function, student_patch, none, options.student_temperature, workspace);
  auto const t       = detail::take_softmaxes(exec, function, teacher_patch, patch_center, options.teacher_patch_temperature, workspace);
  detail::cross_entropy(exec, function, s, t, pairing, false, patch_term, workspace);
  for_each_row(exec, "ocellus::ssl::ibot_loss::add", 1,
               detail::AddIbotTerms<TeamMember<Exec>, Loss, ClassLoss, PatchLoss>{class_term.data(), patch_term.data(), loss, class_loss, patch_loss});
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, RealView<3> StudentClass, RealView<4> StudentPatch, RealView<3> TeacherClass, RealView<4> TeacherPatch, RealView<1> Center,
          RealView<1> PatchCenter, LabelView<3> Mask, RealView<0> Loss, OptionalRealView<0> ClassLoss, OptionalRealView<0> PatchLoss>
  requires AccessibleFrom<Exec, StudentClass, StudentPatch, TeacherClass, TeacherPatch, Center, PatchCenter, Mask, Loss, ClassLoss, PatchLoss>
void ibot_loss(Exec const& exec, StudentClass const& student_class, StudentPatch const& student_patch, TeacherClass const& teacher_class,
               TeacherPatch const& teacher_patch, Center const& center, PatchCenter const& patch_center, Mask const& mask, Loss const& loss,
               ClassLoss const& class_loss, PatchLoss const& patch_loss, IbotLossOptions const& options = {}) {
  WorkspaceFor<Exec> workspace(exec, ibot_loss_workspace_size(exec, student_class, student_patch, teacher_class, teacher_patch, mask, options));
  ibot_loss(exec, student_class, student_patch, teacher_class, teacher_patch, center, patch_center, mask, loss, class_loss, patch_loss, options, workspace);
  exec.fence("ocellus::ssl::ibot_loss");
}

/// Bytes of workspace that `ibot_loss_backward` takes.
template <ExecutionSpace Exec, RealView<3> StudentClass, RealView<4> StudentPatch, RealView<3> TeacherClass, RealView<4> TeacherPatch, LabelView<3> Mask>
[[nodiscard]] std::size_t ibot_loss_backward_workspace_size(Exec const&, StudentClass const& student_class, StudentPatch const& student_patch,
                                                            TeacherClass const& teacher_class, TeacherPatch const& teacher_patch, Mask const& mask,
                                                            IbotLossOptions const& = {}) {
  return detail::ibot_softmaxes_bytes(student_class, student_patch, teacher_class, teacher_patch, mask);
}

/// The gradient of `ibot_loss`; none flows into teachers and centres.
///
/// Inputs as in the forward pass -> student_class_gradient (S, N, K), student_patch_gradient (2, N, L, K2), 0 where a patch is not masked.
///
/// Errors: as `ibot_loss`; when a gradient does not fit.
/// Error bound: 8 + 2 max |logit / temperature| machine epsilons of the accumulation type, relative to the sum of absolute terms.
/// Determinism: a row's bits depend on that row, its partners and its image's mask alone.
/// Allocates: nothing. Synchronises: no.
/// Source: as `ibot_loss`.
template <ExecutionSpace Exec, RealView<3> StudentClass, RealView<4> StudentPatch, RealView<3> TeacherClass, RealView<4> TeacherPatch, RealView<1> Center,
          RealView<1> PatchCenter, LabelView<3> Mask, RealView<3> StudentClassGradient, RealView<4> StudentPatchGradient>
  requires AccessibleFrom<Exec, StudentClass, StudentPatch, TeacherClass, TeacherPatch, Center, PatchCenter, Mask, StudentClassGradient, StudentPatchGradient>
void ibot_loss_backward(Exec const& exec, StudentClass const& student_class, StudentPatch const& student_patch, TeacherClass const& teacher_class,
                        TeacherPatch const& teacher_patch, Center const& center, PatchCenter const& patch_center, Mask const& mask,
                        StudentClassGradient const& student_class_gradient, StudentPatchGradient const& student_patch_gradient, IbotLossOptions const& options,
                        WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::ssl::ibot_loss_backward";
  detail::check_ibot_loss(function, student_class, student_patch, teacher_class, teacher_patch, center, patch_center, mask, options);
  for (int axis = 0; axis < 4; ++axis) {
    std::string const at = ".extent(" + std::to_string(axis) + ")";
    if (axis < 3)
      require_equal(function, {"student_class_gradient" + at, extent(student_class_gradient, axis)}, {"student_class" + at, extent(student_class, axis)});
    require_equal(function, {"student_patch_gradient" + at, extent(student_patch_gradient, axis)}, {"student_patch" + at, extent(student_patch, axis)});
  }
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  {
    auto const s = detail::take_softmaxes(exec, function, student_class, none, options.student_temperature, workspace);
    auto const t = detail::take_softmaxes(exec, function, teacher_class, center, options.teacher_temperature, workspace);
    detail::cross_entropy_gradient(exec, function, s, t, detail::dino_pairing(student_class, detail::ibot_class_options(options), options.class_weight),
                                   student_class_gradient);
  }
  auto const pairing = detail::ibot_pairing(exec, function, mask, options, workspace);
  auto const s       = detail::take_softmaxes(exec, function, student_patch, none, options.student_temperature, workspace);
  auto const t       = detail::take_softmaxes(exec, function, teacher_patch, patch_center, options.teacher_patch_temperature, workspace);
  detail::cross_entropy_gradient(exec, function, s, t, pairing, student_patch_gradient);
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, RealView<3> StudentClass, RealView<4> StudentPatch, RealView<3> TeacherClass, RealView<4> TeacherPatch, RealView<1> Center,
          RealView<1> PatchCenter, LabelView<3> Mask, RealView<3> StudentClassGradient, RealView<4> StudentPatchGradient>
  requires AccessibleFrom<Exec, StudentClass, StudentPatch, TeacherClass, TeacherPatch, Center, PatchCenter, Mask, StudentClassGradient, StudentPatchGradient>
void ibot_loss_backward(Exec const& exec, StudentClass const& student_class, StudentPatch const& student_patch, TeacherClass const& teacher_class,
                        TeacherPatch const& teacher_patch, Center const& center, PatchCenter const& patch_center, Mask const& mask,
                        StudentClassGradient const& student_class_gradient, StudentPatchGradient const& student_patch_gradient,
                        IbotLossOptions const& options = {}) {
  WorkspaceFor<Exec> workspace(exec, ibot_loss_backward_workspace_size(exec, student_class, student_patch, teacher_class, teacher_patch, mask, options));
  ibot_loss_backward(exec, student_class, student_patch, teacher_class, teacher_patch, center, patch_center, mask, student_class_gradient,
                     student_patch_gradient, options, workspace);
  exec.fence("ocellus::ssl::ibot_loss_backward");
}

/// Work of `ibot_loss`: `views` views of `images` images with `prototypes`, and `patches` masked patches in all with `patch_prototypes`.
[[nodiscard]] constexpr Cost ibot_loss_cost(double views, double images, double prototypes, double patches, double patch_prototypes, double bytes_per_element) {
  double const logits = 2 * patches * patch_prototypes;
  return dino_loss_cost(views, images, prototypes, bytes_per_element) +
         Cost{.flops = 6 * logits, .special = 1.5 * logits, .bytes_read = logits * bytes_per_element, .bytes_written = 2 * bytes_per_element};
}

/// Work of `ibot_loss_backward`.
[[nodiscard]] constexpr Cost ibot_loss_backward_cost(double views, double images, double prototypes, double patches, double patch_prototypes,
                                                     double bytes_per_element) {
  Cost cost          = ibot_loss_cost(views, images, prototypes, patches, patch_prototypes, bytes_per_element);
  cost.bytes_written = (views * images * prototypes + patches * patch_prototypes) * bytes_per_element;
  return cost;
}

}  // namespace ocellus::ssl
