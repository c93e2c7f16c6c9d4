// SPDX-License-Identifier: Apache-2.0

// Shapes are FRAMESxHEIGHTxWIDTH.

#include <ocellus/video/estimate_noise.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

template <class T>
void estimate(benchmark::State& state, std::int64_t frames, std::int64_t side) {
  auto const clip  = random_tensor_between<T***>(0, 4000, 1, frames, side, side);
  auto const sigma = make_tensor<double*>(Exec(), "sigma", frames);
  WorkspaceFor<Exec> workspace(Exec(), video::estimate_noise_workspace_size(Exec(), clip, sigma));
  run(state, "double", video::estimate_noise_cost(real(frames * side * side), sizeof(T)),
      [&](Exec const& exec) { video::estimate_noise(exec, clip, sigma, workspace); });
}

OCELLUS_BENCHMARK("video::estimate_noise", "20x512x512", "float", estimate<float>, 20, 512);
OCELLUS_BENCHMARK("video::estimate_noise", "20x512x512", "uint16", estimate<std::uint16_t>, 20, 512);

}  // namespace
