// SPDX-License-Identifier: Apache-2.0

// Shapes are LAYERSxIMAGESxHEADSxTOKENSxTOKENS.

#include <ocellus/explain/attention_rollout.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void roll(benchmark::State& state, std::int64_t layers, std::int64_t images, std::int64_t heads, std::int64_t tokens) {
  auto const attention = random_tensor_between<float*****>(0.0, 2.0 / static_cast<double>(tokens), 1, layers, images, heads, tokens, tokens);
  auto const rollout   = random_tensor<float***>(2, images, tokens, tokens);
  WorkspaceFor<Exec> workspace(Exec(), explain::attention_rollout_workspace_size(Exec(), attention, rollout));
  run(state, "float",
      explain::attention_rollout_cost(static_cast<double>(layers), static_cast<double>(images), static_cast<double>(heads), static_cast<double>(tokens), 4),
      [&](Exec const& exec) { explain::attention_rollout(exec, attention, rollout, {}, workspace); });
}

OCELLUS_BENCHMARK("explain::attention_rollout", "12x8x6x197x197", "float", roll, 12, 8, 6, 197);

}  // namespace
