// SPDX-License-Identifier: Apache-2.0

// Shapes are IMAGESxCHANNELSxHEIGHTxWIDTH of the activations.

#include <ocellus/explain/grad_cam.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void map_of(benchmark::State& state, std::int64_t images, std::int64_t channels, std::int64_t side) {
  auto const activations = random_tensor<float****>(1, images, channels, side, side), gradients = random_tensor<float****>(2, images, channels, side, side);
  auto const map = random_tensor<float***>(3, images, side, side);
  WorkspaceFor<Exec> workspace(Exec(), explain::grad_cam_workspace_size(Exec(), activations, gradients, map));
  run(state, "float", explain::grad_cam_cost(static_cast<double>(images), static_cast<double>(channels), static_cast<double>(side * side), 4),
      [&](Exec const& exec) { explain::grad_cam(exec, activations, gradients, map, {}, workspace); });
}

OCELLUS_BENCHMARK("explain::grad_cam", "64x512x28x28", "float", map_of, 64, 512, 28);

}  // namespace
