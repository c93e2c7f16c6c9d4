// SPDX-License-Identifier: Apache-2.0

// Shapes are PATHSxWIDTH:sSTEPS.

#include <ocellus/transport/sbalign_sample.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void sample(benchmark::State& state, std::int64_t paths, std::int64_t width, std::int64_t steps) {
  auto const x0 = random_tensor<float**>(1, paths, width), matrix = random_tensor_between<float**>(-0.1, 0.1, 2, width, width);
  auto const noise = random_tensor<float***>(3, steps, paths, width), path = random_tensor<float***>(4, steps + 1, paths, width);
  auto const offset = random_tensor<float*>(5, width), slope = random_tensor<float*>(6, width);
  run(state, "float", transport::sbalign_sample_cost(real(paths), real(width), real(steps), 4),
      [&](Exec const& exec) { transport::sbalign_sample(exec, x0, noise, matrix, offset, slope, path); });
}

OCELLUS_BENCHMARK("transport::sbalign_sample", "2000x50:s50", "float", sample, 2000, 50, 50);

}  // namespace
