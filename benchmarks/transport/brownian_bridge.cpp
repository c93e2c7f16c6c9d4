// SPDX-License-Identifier: Apache-2.0

// Shapes are ROWSxWIDTH.

#include <ocellus/transport/brownian_bridge.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void brownian_bridge(benchmark::State& state, std::int64_t rows, std::int64_t width) {
  auto const x0 = random_tensor<float**>(1, rows, width), x1 = random_tensor<float**>(2, rows, width), noise = random_tensor<float**>(3, rows, width),
             x_t = random_tensor<float**>(4, rows, width);
  auto const t   = random_tensor_between<float*>(0.1, 0.9, 5, rows);
  run(state, "float", transport::brownian_bridge_cost(real(rows), real(width), 4),
      [&](Exec const& exec) { transport::brownian_bridge(exec, x0, x1, noise, t, x_t); });
}

OCELLUS_BENCHMARK("transport::brownian_bridge", "100000x50", "float", brownian_bridge, 100000, 50);

}  // namespace
