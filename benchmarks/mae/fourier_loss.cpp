// SPDX-License-Identifier: Apache-2.0

// Shapes are IMAGESxCHANNELSxHEIGHTxWIDTH.

#include <ocellus/mae/fourier_loss.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void forward(benchmark::State& state, std::int64_t images, std::int64_t channels, std::int64_t side) {
  auto const prediction = random_tensor<float****>(1, images, channels, side, side), target = random_tensor<float****>(2, images, channels, side, side);
  auto const loss = make_tensor<float>(Exec(), "loss");
  WorkspaceFor<Exec> workspace(Exec(), mae::fourier_loss_workspace_size(Exec(), prediction, target, none, loss));
  auto const n = static_cast<double>(side);
  run(state, "float", mae::fourier_loss_cost(static_cast<double>(images * channels), n, n, 4),
      [&](Exec const& exec) { mae::fourier_loss(exec, prediction, target, none, loss, {}, workspace); });
}

void backward(benchmark::State& state, std::int64_t images, std::int64_t channels, std::int64_t side) {
  auto const prediction = random_tensor<float****>(1, images, channels, side, side), target = random_tensor<float****>(2, images, channels, side, side),
             gradient = random_tensor<float****>(3, images, channels, side, side);
  WorkspaceFor<Exec> workspace(Exec(), mae::fourier_loss_backward_workspace_size(Exec(), prediction, target, none, gradient));
  run(state, "float", mae::fourier_loss_backward_cost(real(images * channels), real(side), real(side), 4),
      [&](Exec const& exec) { mae::fourier_loss_backward(exec, prediction, target, none, gradient, {}, workspace); });
}

OCELLUS_BENCHMARK("mae::fourier_loss", "16x6x256x256", "float", forward, 16, 6, 256);
OCELLUS_BENCHMARK("mae::fourier_loss", "16x3x224x224", "float", forward, 16, 3, 224);
OCELLUS_BENCHMARK("mae::fourier_loss_backward", "16x6x256x256", "float", backward, 16, 6, 256);

}  // namespace
