// SPDX-License-Identifier: Apache-2.0

// Shapes are TIMES:sSTEPS. Computed in double.

#include <ocellus/transport/diffusivity_schedule.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void schedule(benchmark::State& state, std::int64_t count, std::int64_t steps) {
  auto const times = random_tensor_between<float*>(0, 1, 1, count), g = random_tensor<float*>(2, count), beta = random_tensor<float*>(3, count);
  run(state, "double", transport::diffusivity_schedule_cost(real(count), real(steps), 4),
      [&](Exec const& exec) { transport::diffusivity_schedule(exec, times, g, beta, {.schedule = transport::Diffusivity::triangular, .steps = steps}); });
}

OCELLUS_BENCHMARK("transport::diffusivity_schedule", "10000:s100", "float", schedule, 10000, 100);

}  // namespace
