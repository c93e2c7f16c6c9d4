// SPDX-License-Identifier: Apache-2.0

// Shapes are IMAGESxHEIGHTxWIDTH.

#include <ocellus/explain/grad_camo.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void forward(benchmark::State& state, std::int64_t images, std::int64_t side) {
  auto const map = random_tensor<float***>(1, images, side, side), mask = random_tensor_between<float***>(0, 1, 2, images, side, side);
  auto const score = random_tensor<float*>(3, images);
  auto const valid = make_tensor<bool*>(Exec(), "valid", images);
  WorkspaceFor<Exec> workspace(Exec(), explain::grad_camo_workspace_size(Exec(), map, mask, score, valid));
  run(state, "float", explain::grad_camo_cost(real(images * side * side), 4),
      [&](Exec const& exec) { explain::grad_camo(exec, map, mask, score, valid, {}, workspace); });
}

void backward(benchmark::State& state, std::int64_t images, std::int64_t side) {
  auto const map = random_tensor<float***>(1, images, side, side), mask = random_tensor_between<float***>(0, 1, 2, images, side, side),
             map_gradient   = random_tensor<float***>(3, images, side, side);
  auto const score_gradient = random_tensor<float*>(4, images);
  WorkspaceFor<Exec> workspace(Exec(), explain::grad_camo_backward_workspace_size(Exec(), map, mask, score_gradient, map_gradient));
  run(state, "float", explain::grad_camo_backward_cost(real(images * side * side), 4),
      [&](Exec const& exec) { explain::grad_camo_backward(exec, map, mask, score_gradient, map_gradient, {}, workspace); });
}

OCELLUS_BENCHMARK("explain::grad_camo", "256x224x224", "float", forward, 256, 224);
OCELLUS_BENCHMARK("explain::grad_camo_backward", "256x224x224", "float", backward, 256, 224);

}  // namespace
