// SPDX-License-Identifier: Apache-2.0

// Shapes are HEIGHTxWIDTH.

#include <ocellus/image/otsu_threshold.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void threshold_of(benchmark::State& state, std::int64_t side) {
  auto const input     = random_tensor<float**>(1, side, side);
  auto const threshold = make_tensor<float>(Exec(), "threshold");
  WorkspaceFor<Exec> workspace(Exec(), image::otsu_threshold_workspace_size(Exec(), input, threshold));
  run(state, "float", image::otsu_threshold_cost(static_cast<double>(side * side), 4),
      [&](Exec const& exec) { image::otsu_threshold(exec, input, threshold, {}, workspace); });
}

OCELLUS_BENCHMARK("image::otsu_threshold", "2048x2048", "float", threshold_of, 2048);

}  // namespace
