// SPDX-License-Identifier: Apache-2.0

// Shapes are HEIGHTxWIDTH:sSIGMA.

#include <ocellus/image/gaussian_smooth.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void smooth(benchmark::State& state, std::int64_t side, double sigma) {
  auto const input = random_tensor<float**>(1, side, side), output = random_tensor<float**>(2, side, side);
  image::GaussianSmoothOptions const options{.sigma = sigma};
  WorkspaceFor<Exec> workspace(Exec(), image::gaussian_smooth_workspace_size(Exec(), input, output, options));
  run(state, "float", image::gaussian_smooth_cost(static_cast<double>(side * side), sigma, 4),
      [&](Exec const& exec) { image::gaussian_smooth(exec, input, output, options, workspace); });
}

OCELLUS_BENCHMARK("image::gaussian_smooth", "2048x2048:s2", "float", smooth, 2048, 2.0);
OCELLUS_BENCHMARK("image::gaussian_smooth", "2048x2048:s10", "float", smooth, 2048, 10.0);

}  // namespace
