// SPDX-License-Identifier: Apache-2.0

// Shapes are PARAMETERS: those of ViT-S.

#include <ocellus/nn/adamw_step.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void step(benchmark::State& state, std::int64_t count) {
  auto const parameter = random_tensor<float*>(1, count), gradient = random_tensor<float*>(2, count), first_moment = random_tensor<float*>(3, count);
  auto const second_moment = random_tensor_between<float*>(0, 1, 4, count);
  run(state, "float", nn::adamw_step_cost(real(count), 4), [&](Exec const& exec) { nn::adamw_step(exec, parameter, gradient, first_moment, second_moment); });
}

OCELLUS_BENCHMARK("nn::adamw_step", "21665664", "float", step, 21665664);

}  // namespace
