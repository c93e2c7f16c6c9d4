// SPDX-License-Identifier: Apache-2.0

// Shapes are PAIRSxWIDTH, with the backward pass.

#include <ocellus/ssl/simclr_loss.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void loss_and_gradient(benchmark::State& state, std::int64_t pairs, std::int64_t width) {
  auto const first = random_tensor<float**>(1, pairs, width), second = random_tensor<float**>(2, pairs, width);
  auto const first_gradient = random_tensor<float**>(3, pairs, width), second_gradient = random_tensor<float**>(4, pairs, width);
  auto const loss = make_tensor<float>(Exec(), "loss");
  WorkspaceFor<Exec> workspace(Exec(), std::max(ssl::simclr_loss_workspace_size(Exec(), first, second, loss),
                                                ssl::simclr_loss_backward_workspace_size(Exec(), first, second, first_gradient, second_gradient)));
  auto const n = static_cast<double>(pairs), d = static_cast<double>(width);
  run(state, "float", ssl::simclr_loss_cost(n, d, 4) + ssl::simclr_loss_backward_cost(n, d, 4), [&](Exec const& exec) {
    ssl::simclr_loss(exec, first, second, loss, {}, workspace);
    ssl::simclr_loss_backward(exec, first, second, first_gradient, second_gradient, {}, workspace);
  });
}

OCELLUS_BENCHMARK("ssl::simclr_loss", "1024x128:with_backward", "float", loss_and_gradient, 1024, 128);

}  // namespace
