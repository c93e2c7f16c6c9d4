// SPDX-License-Identifier: Apache-2.0

// Shapes are PARAMETERS: those of ViT-S.

#include <ocellus/ssl/ema_update.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void update(benchmark::State& state, std::int64_t count) {
  auto const teacher = random_tensor<float*>(1, count), student = random_tensor<float*>(2, count);
  run(state, "float", ssl::ema_update_cost(real(count), 4), [&](Exec const& exec) { ssl::ema_update(exec, teacher, student); });
}

OCELLUS_BENCHMARK("ssl::ema_update", "21665664", "float", update, 21665664);

}  // namespace
