// SPDX-License-Identifier: Apache-2.0

// Shapes are VIEWSxSAMPLESxPROTOTYPES:PATCHESxPATCH_PROTOTYPES, a third of the patches hidden, with the backward pass.

#include <ocellus/ssl/ibot_loss.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void loss_and_gradient(benchmark::State& state, std::int64_t views, std::int64_t samples, std::int64_t prototypes, std::int64_t patches,
                       std::int64_t patch_prototypes) {
  auto const student = random_tensor<float***>(1, views, samples, prototypes), teacher = random_tensor<float***>(2, 2, samples, prototypes),
             class_gradient = random_tensor<float***>(3, views, samples, prototypes);
  auto const student_patch  = random_tensor<float****>(4, 2, samples, patches, patch_prototypes),
             teacher_patch  = random_tensor<float****>(5, 2, samples, patches, patch_prototypes),
             patch_gradient = random_tensor<float****>(6, 2, samples, patches, patch_prototypes);
  auto const center = random_tensor<float*>(7, prototypes), patch_center = random_tensor<float*>(8, patch_prototypes);
  auto const mask = filled_tensor<std::uint8_t***>([](std::int64_t i) { return static_cast<std::uint8_t>(i % 3 == 0); }, 2, samples, patches);
  auto const loss = make_tensor<float>(Exec(), "loss");
  WorkspaceFor<Exec> workspace(
      Exec(), std::max(ssl::ibot_loss_workspace_size(Exec(), student, teacher, student_patch, teacher_patch, center, patch_center, mask, loss, none, none),
                       ssl::ibot_loss_backward_workspace_size(Exec(), student, teacher, student_patch, teacher_patch, center, patch_center, mask,
                                                              class_gradient, patch_gradient)));
  double const all = real(2 * samples * patches);
  Cost const cost  = ssl::ibot_loss_cost(real(views), real(samples), real(prototypes), all / 3, real(patch_prototypes), 4) +
                    ssl::ibot_loss_backward_cost(real(views), real(samples), real(prototypes), all / 3, all, real(patch_prototypes), 4);
  run(state, "float", cost, [&](Exec const& exec) {
    ssl::ibot_loss(exec, student, teacher, student_patch, teacher_patch, center, patch_center, mask, loss, none, none, {}, workspace);
    ssl::ibot_loss_backward(exec, student, teacher, student_patch, teacher_patch, center, patch_center, mask, class_gradient, patch_gradient, {}, workspace);
  });
}

OCELLUS_BENCHMARK("ssl::ibot_loss", "8x16x8192:196x2048:with_backward", "float", loss_and_gradient, 8, 16, 8192, 196, 2048);

}  // namespace
