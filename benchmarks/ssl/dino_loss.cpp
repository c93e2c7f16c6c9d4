// SPDX-License-Identifier: Apache-2.0

// Shapes are VIEWSxSAMPLESxPROTOTYPES, two of the views global, with the backward pass.

#include <ocellus/ssl/dino_loss.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void loss_and_gradient(benchmark::State& state, std::int64_t views, std::int64_t samples, std::int64_t prototypes) {
  auto const student = random_tensor<float***>(1, views, samples, prototypes), teacher = random_tensor<float***>(2, 2, samples, prototypes),
             gradient = random_tensor<float***>(3, views, samples, prototypes);
  auto const center   = random_tensor<float*>(4, prototypes);
  auto const loss     = make_tensor<float>(Exec(), "loss");
  WorkspaceFor<Exec> workspace(Exec(), std::max(ssl::dino_loss_workspace_size(Exec(), student, teacher, center, loss),
                                                ssl::dino_loss_backward_workspace_size(Exec(), student, teacher, center, gradient)));
  auto const s = static_cast<double>(views), n = static_cast<double>(samples), k = static_cast<double>(prototypes);
  run(state, "float", ssl::dino_loss_cost(s, n, k, 4) + ssl::dino_loss_backward_cost(s, n, k, 4), [&](Exec const& exec) {
    ssl::dino_loss(exec, student, teacher, center, loss, {}, workspace);
    ssl::dino_loss_backward(exec, student, teacher, center, gradient, {}, workspace);
  });
}

OCELLUS_BENCHMARK("ssl::dino_loss", "8x32x8192:with_backward", "float", loss_and_gradient, 8, 32, 8192);

}  // namespace
