// SPDX-License-Identifier: Apache-2.0

// Shapes are PARAMETERS: those of ViT-S, in 12 arrays.

#include <span>
#include <vector>

#include <ocellus/nn/clip_grad_norm.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void clip(benchmark::State& state, std::int64_t count) {
  constexpr std::size_t arrays = 12;
  using Gradient               = decltype(random_tensor<float*>(1, count));
  std::vector<Gradient> gradients;
  for (std::size_t i = 0; i < arrays; ++i) gradients.push_back(random_tensor<float*>(static_cast<std::uint32_t>(i), count / static_cast<std::int64_t>(arrays)));
  std::span<Gradient const> const all(gradients);
  auto const norm = make_tensor<float>(Exec(), "norm");
  WorkspaceFor<Exec> workspace(Exec(), nn::clip_grad_norm_workspace_size(Exec(), all, norm));
  run(state, "float", nn::clip_grad_norm_cost(real(count), 4), [&](Exec const& exec) { nn::clip_grad_norm(exec, all, norm, {}, workspace); });
}

OCELLUS_BENCHMARK("nn::clip_grad_norm", "21665664", "float", clip, 21665664);

}  // namespace
