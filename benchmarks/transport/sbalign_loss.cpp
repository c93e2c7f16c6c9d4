// SPDX-License-Identifier: Apache-2.0

// Shapes are ROWSxWIDTH.

#include <ocellus/transport/sbalign_loss.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void forward(benchmark::State& state, std::int64_t rows, std::int64_t width) {
  auto const drift = random_tensor<float**>(1, rows, width), doob = random_tensor<float**>(2, rows, width), end = random_tensor<float**>(3, rows, width),
             x_t = random_tensor<float**>(4, rows, width), x1 = random_tensor<float**>(5, rows, width);
  auto const t    = random_tensor_between<float*>(0.1, 0.9, 6, rows);
  auto const loss = make_tensor<float>(Exec(), "loss");
  WorkspaceFor<Exec> workspace(Exec(), transport::sbalign_loss_workspace_size(Exec(), drift));
  run(state, "double", transport::sbalign_loss_cost(real(rows), real(width), 4),
      [&](Exec const& exec) { transport::sbalign_loss(exec, drift, doob, end, x_t, x1, t, loss, {}, workspace); });
}

void backward(benchmark::State& state, std::int64_t rows, std::int64_t width) {
  auto const drift = random_tensor<float**>(1, rows, width), doob = random_tensor<float**>(2, rows, width), end = random_tensor<float**>(3, rows, width),
             x_t = random_tensor<float**>(4, rows, width), x1 = random_tensor<float**>(5, rows, width), drift_gradient = random_tensor<float**>(6, rows, width),
             doob_gradient = random_tensor<float**>(7, rows, width), end_gradient = random_tensor<float**>(8, rows, width);
  auto const t = random_tensor_between<float*>(0.1, 0.9, 9, rows);
  run(state, "double", transport::sbalign_loss_backward_cost(real(rows), real(width), 4),
      [&](Exec const& exec) { transport::sbalign_loss_backward(exec, drift, doob, end, x_t, x1, t, drift_gradient, doob_gradient, end_gradient); });
}

OCELLUS_BENCHMARK("transport::sbalign_loss", "20000x50", "float", forward, 20000, 50);
OCELLUS_BENCHMARK("transport::sbalign_loss_backward", "20000x50", "float", backward, 20000, 50);

}  // namespace
