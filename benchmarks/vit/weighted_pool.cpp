// SPDX-License-Identifier: Apache-2.0

// Shapes are IMAGESxTOKENSxWIDTH, a class token before the patches.

#include <ocellus/vit/weighted_pool.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void forward(benchmark::State& state, std::int64_t images, std::int64_t tokens, std::int64_t width) {
  auto const input  = random_tensor<float***>(1, images, tokens, width);
  auto const weight = random_tensor_between<float**>(0, 1, 2, images, tokens - 1), output = random_tensor<float**>(3, images, width);
  run(state, "float", vit::weighted_pool_cost(real(images), real(tokens), real(width), 4),
      [&](Exec const& exec) { vit::weighted_pool(exec, input, weight, output); });
}

OCELLUS_BENCHMARK("vit::weighted_pool", "64x197x384", "float", forward, 64, 197, 384);

}  // namespace
