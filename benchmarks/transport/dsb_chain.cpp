// SPDX-License-Identifier: Apache-2.0

// Shapes are CHAINSxWIDTH:sSTEPS, with an affine network.

#include <ocellus/transport/dsb_chain.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void chain(benchmark::State& state, std::int64_t chains, std::int64_t width, std::int64_t steps) {
  auto const x0 = random_tensor<float**>(1, chains, width), matrix = random_tensor_between<float**>(-0.1, 0.1, 2, width, width);
  auto const noise = random_tensor<float***>(3, steps, chains, width), positions = random_tensor<float***>(4, chains, steps, width),
             targets = random_tensor<float***>(5, chains, steps, width);
  auto const gammas = random_tensor_between<float*>(0.01, 0.02, 6, steps), offset = random_tensor<float*>(7, width), slope = random_tensor<float*>(8, width),
             times = random_tensor<float*>(9, steps);
  run(state, "float", transport::dsb_chain_cost(real(chains), real(width), real(steps), 4),
      [&](Exec const& exec) { transport::dsb_chain(exec, x0, gammas, noise, none, none, matrix, offset, slope, positions, targets, times); });
}

OCELLUS_BENCHMARK("transport::dsb_chain", "2000x50:s20", "float", chain, 2000, 50, 20);

}  // namespace
