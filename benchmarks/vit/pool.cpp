// SPDX-License-Identifier: Apache-2.0

// Shapes are IMAGESxTOKENSxWIDTH:POOL.

#include <ocellus/vit/pool.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void forward(benchmark::State& state, std::int64_t images, std::int64_t tokens, std::int64_t width, vit::PoolKind pool) {
  auto const input  = random_tensor<float***>(1, images, tokens, width);
  auto const output = random_tensor<float**>(2, images, width);
  run(state, "float", vit::pool_cost(real(images), real(tokens), real(width), 4), [&](Exec const& exec) { vit::pool(exec, input, output, {.pool = pool}); });
}

void backward(benchmark::State& state, std::int64_t images, std::int64_t tokens, std::int64_t width, vit::PoolKind pool) {
  auto const input = random_tensor<float***>(1, images, tokens, width), input_gradient = random_tensor<float***>(2, images, tokens, width);
  auto const output_gradient = random_tensor<float**>(3, images, width);
  run(state, "float", vit::pool_backward_cost(real(images), real(tokens), real(width), 4),
      [&](Exec const& exec) { vit::pool_backward(exec, output_gradient, input, input_gradient, {.pool = pool}); });
}

OCELLUS_BENCHMARK("vit::pool", "64x197x384:avg", "float", forward, 64, 197, 384, vit::PoolKind::avg);
OCELLUS_BENCHMARK("vit::pool", "64x197x384:avgmax", "float", forward, 64, 197, 384, vit::PoolKind::avgmax);
OCELLUS_BENCHMARK("vit::pool_backward", "64x197x384:avg", "float", backward, 64, 197, 384, vit::PoolKind::avg);
OCELLUS_BENCHMARK("vit::pool_backward", "64x197x384:max", "float", backward, 64, 197, 384, vit::PoolKind::max);

}  // namespace
