// SPDX-License-Identifier: Apache-2.0

// Shapes are ROWSxWIDTH.

#include <ocellus/transport/flow_matching_target.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void flow_matching_target(benchmark::State& state, std::int64_t rows, std::int64_t width) {
  auto const x0 = random_tensor<float**>(1, rows, width), x1 = random_tensor<float**>(2, rows, width), noise = random_tensor<float**>(3, rows, width),
             u_t = random_tensor<float**>(6, rows, width), x_t = random_tensor<float**>(4, rows, width);
  auto const t = random_tensor_between<float*>(0.1, 0.9, 5, rows);
  run(state, "float", transport::flow_matching_target_cost(real(rows), real(width), 4),
      [&](Exec const& exec) { transport::flow_matching_target(exec, x0, x1, noise, t, x_t, u_t); });
}

OCELLUS_BENCHMARK("transport::flow_matching_target", "100000x50", "float", flow_matching_target, 100000, 50);

}  // namespace
