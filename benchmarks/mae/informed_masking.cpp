// SPDX-License-Identifier: Apache-2.0

// Shapes are IMAGESxTOKENS, a quarter kept.

#include <ocellus/mae/informed_masking.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void masking(benchmark::State& state, std::int64_t images, std::int64_t tokens) {
  auto const score = random_tensor<float**>(1, images, tokens);
  auto const keep = make_tensor<std::int64_t**>(Exec(), "keep", images, tokens / 4), restore = make_tensor<std::int64_t**>(Exec(), "restore", images, tokens);
  auto const mask = make_tensor<std::uint8_t**>(Exec(), "mask", images, tokens);
  WorkspaceFor<Exec> workspace(Exec(), mae::informed_masking_workspace_size(Exec(), score, keep, restore, mask));
  run(state, "float", mae::informed_masking_cost(real(images), real(tokens), real(tokens / 4), 4),
      [&](Exec const& exec) { mae::informed_masking(exec, score, keep, restore, mask, workspace); });
}

OCELLUS_BENCHMARK("mae::informed_masking", "256x196", "float", masking, 256, 196);

}  // namespace
