// SPDX-License-Identifier: Apache-2.0

// Shapes are PARTICLESxWIDTH:sSTEPS, half of the particles alive at the start.

#include <ocellus/transport/udsb_trajectory.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void trajectory(benchmark::State& state, std::int64_t particles, std::int64_t width, std::int64_t steps) {
  auto const x0 = random_tensor<float**>(1, particles, width), matrix = random_tensor_between<float**>(-0.1, 0.1, 2, width, width);
  auto const noise = random_tensor<float***>(3, steps, particles, width), positions = random_tensor<float***>(4, steps + 1, particles, width);
  auto const uniforms = [=](std::uint32_t sample) { return random_tensor_between<float**>(0, 1, sample, steps, particles); };
  auto const death = uniforms(5), birth = uniforms(6), type = uniforms(7), killing = random_tensor_between<float**>(-0.1, 0.1, 8, steps, particles),
             probability = uniforms(9);
  auto const initial = random_tensor_between<float*>(0, 1, 10, particles), ferryman = random_tensor_between<float*>(0, 1, 11, steps),
             offset = random_tensor<float*>(12, width), score = random_tensor<float*>(13, width);
  auto const alive = make_tensor<bool**>(Exec(), "alive", steps + 1, particles);
  run(state, "float", transport::udsb_trajectory_cost(real(particles), real(width), real(steps), 4), [&](Exec const& exec) {
    transport::udsb_trajectory(exec, x0, noise, initial, death, birth, type, killing, ferryman, matrix, offset, score, positions, alive, probability,
                               {.initial_mass = 0.5});
  });
}

OCELLUS_BENCHMARK("transport::udsb_trajectory", "1000x10:s20", "float", trajectory, 1000, 10, 20);

}  // namespace
