// SPDX-License-Identifier: Apache-2.0

// Shapes are ROWSx2, with the backward pass, which reads and writes as much again.

#include <ocellus/ssl/time_order_loss.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void loss_and_gradient(benchmark::State& state, std::int64_t rows) {
  auto const logits = random_tensor<float**>(1, rows, 2), gradient = random_tensor<float**>(2, rows, 2);
  auto const label = filled_tensor<std::int64_t*>([](std::int64_t i) { return i % 2; }, rows);
  auto const loss  = make_tensor<float>(Exec(), "loss");
  WorkspaceFor<Exec> workspace(Exec(), ssl::time_order_loss_workspace_size(Exec(), logits, label, loss));
  run(state, "float", 2.0 * ssl::time_order_loss_cost(real(rows), 4), [&](Exec const& exec) {
    ssl::time_order_loss(exec, logits, label, loss, workspace);
    ssl::time_order_loss_backward(exec, logits, label, gradient);
  });
}

OCELLUS_BENCHMARK("ssl::time_order_loss", "65536x2:with_backward", "float", loss_and_gradient, 65536);

}  // namespace
