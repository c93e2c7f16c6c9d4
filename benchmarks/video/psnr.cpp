// SPDX-License-Identifier: Apache-2.0

// Shapes are CHANNELSxHEIGHTxWIDTH.

#include <ocellus/video/psnr.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void compare(benchmark::State& state, std::int64_t channels, std::int64_t side) {
  auto const truth = random_tensor<float***>(1, channels, side, side), test = random_tensor<float***>(2, channels, side, side);
  auto const result = make_tensor<double>(Exec(), "ocellus::benchmarks::result");
  WorkspaceFor<Exec> workspace(Exec(), video::psnr_workspace_size(Exec(), truth, test, result));
  run(state, "float", video::psnr_cost(static_cast<double>(truth.size()), 4), [&](Exec const& exec) { video::psnr(exec, truth, test, result, {}, workspace); });
}

OCELLUS_BENCHMARK("video::psnr", "16x1024x1024", "float", compare, 16, 1024);

}  // namespace
