// SPDX-License-Identifier: Apache-2.0

// Shapes are IMAGESxTOKENS; three tokens in four are hidden.

#include <ocellus/mae/random_masking.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void draw(benchmark::State& state, std::int64_t images, std::int64_t tokens) {
  std::int64_t const kept = mae::kept_tokens(tokens, 0.75);
  auto const keep = make_tensor<std::int64_t**>(Exec(), "keep", images, kept), restore = make_tensor<std::int64_t**>(Exec(), "restore", images, tokens);
  auto const mask = make_tensor<std::uint8_t**>(Exec(), "mask", images, tokens);
  WorkspaceFor<Exec> workspace(Exec(), mae::random_masking_workspace_size(Exec(), keep, restore, mask));
  run(state, "float", mae::random_masking_cost(static_cast<double>(images), static_cast<double>(tokens), static_cast<double>(kept), 4),
      [&](Exec const& exec) { mae::random_masking(exec, keep, restore, mask, {}, workspace); });
}

OCELLUS_BENCHMARK("mae::random_masking", "256x196", "float", draw, 256, 196);

}  // namespace
