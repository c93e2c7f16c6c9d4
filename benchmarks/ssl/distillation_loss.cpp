// SPDX-License-Identifier: Apache-2.0

// Shapes are ROWSxCLASSES, with the backward pass.

#include <ocellus/ssl/distillation_loss.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void loss_and_gradient(benchmark::State& state, std::int64_t rows, std::int64_t classes) {
  auto const student = random_tensor<float**>(1, rows, classes), teacher = random_tensor<float**>(2, rows, classes),
             gradient = random_tensor<float**>(3, rows, classes);
  auto const loss     = make_tensor<float>(Exec(), "loss");
  WorkspaceFor<Exec> workspace(Exec(), std::max(ssl::distillation_loss_workspace_size(Exec(), student, teacher, loss),
                                                ssl::distillation_loss_backward_workspace_size(Exec(), student, teacher, gradient)));
  run(state, "float", ssl::distillation_loss_cost(real(rows), real(classes), 4) + ssl::distillation_loss_backward_cost(real(rows), real(classes), 4),
      [&](Exec const& exec) {
        ssl::distillation_loss(exec, student, teacher, loss, {}, workspace);
        ssl::distillation_loss_backward(exec, student, teacher, gradient, {}, workspace);
      });
}

OCELLUS_BENCHMARK("ssl::distillation_loss", "512x8192:with_backward", "float", loss_and_gradient, 512, 8192);

}  // namespace
