// SPDX-License-Identifier: Apache-2.0

// Shapes are ROWSxWIDTH. Solved on the host, in double.

#include <ocellus/transport/minibatch_coupling.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void couple(benchmark::State& state, std::int64_t rows, std::int64_t width) {
  auto const x0 = random_tensor<float**>(1, rows, width), x1 = random_tensor<float**>(2, rows, width);
  auto const chosen = make_tensor<std::int64_t*>(Exec(), "chosen", rows);
  run(state, "double", transport::minibatch_coupling_cost(real(rows), real(width), 4),
      [&](Exec const& exec) { benchmark::DoNotOptimize(transport::minibatch_coupling(exec, x0, x1, none, chosen, none, none)); });
}

OCELLUS_BENCHMARK("transport::minibatch_coupling", "512x50", "float", couple, 512, 50);

}  // namespace
