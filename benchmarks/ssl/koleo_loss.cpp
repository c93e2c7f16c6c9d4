// SPDX-License-Identifier: Apache-2.0

// Shapes are ROWSxWIDTH.

#include <ocellus/ssl/koleo_loss.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void forward(benchmark::State& state, std::int64_t rows, std::int64_t width) {
  auto const input = random_tensor<float**>(1, rows, width);
  auto const loss  = make_tensor<float>(Exec(), "loss");
  WorkspaceFor<Exec> workspace(Exec(), ssl::koleo_loss_workspace_size(Exec(), input, loss));
  run(state, "float", ssl::koleo_loss_cost(static_cast<double>(rows), static_cast<double>(width), 4),
      [&](Exec const& exec) { ssl::koleo_loss(exec, input, loss, workspace); });
}

void backward(benchmark::State& state, std::int64_t rows, std::int64_t width) {
  auto const input = random_tensor<float**>(1, rows, width), gradient = random_tensor<float**>(2, rows, width);
  WorkspaceFor<Exec> workspace(Exec(), ssl::koleo_loss_backward_workspace_size(Exec(), input, gradient));
  run(state, "float", ssl::koleo_loss_backward_cost(real(rows), real(width), 4),
      [&](Exec const& exec) { ssl::koleo_loss_backward(exec, input, gradient, workspace); });
}

OCELLUS_BENCHMARK("ssl::koleo_loss", "2048x384", "float", forward, 2048, 384);
OCELLUS_BENCHMARK("ssl::koleo_loss_backward", "2048x384", "float", backward, 2048, 384);

}  // namespace
