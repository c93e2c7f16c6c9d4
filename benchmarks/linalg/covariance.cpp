// SPDX-License-Identifier: Apache-2.0

// Shapes are ROWSxFEATURES.

#include <ocellus/linalg/covariance.hpp>
#include <ocellus/linalg/gram.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void covariance(benchmark::State& state, std::int64_t rows, std::int64_t width) {
  auto const x = random_tensor<float**>(1, rows, width), c = random_tensor<float**>(2, width, width);
  auto const mean = random_tensor<float*>(3, width);
  WorkspaceFor<Exec> workspace(Exec(), linalg::covariance_workspace_size(Exec(), x, none, c, mean));
  run(state, "float", linalg::covariance_cost(static_cast<double>(rows), static_cast<double>(width), 4),
      [&](Exec const& exec) { linalg::covariance(exec, x, none, c, mean, {}, workspace); });
}

void gram(benchmark::State& state, std::int64_t rows, std::int64_t width) {
  auto const x = random_tensor<float**>(1, rows, width), c = random_tensor<float**>(2, width, width);
  run(state, "float", linalg::gram_cost(static_cast<double>(rows), static_cast<double>(width), 4), [&](Exec const& exec) { linalg::gram(exec, x, c); });
}

OCELLUS_BENCHMARK("linalg::covariance", "20000x768", "float", covariance, 20000, 768);
OCELLUS_BENCHMARK("linalg::gram", "20000x768", "float", gram, 20000, 768);

}  // namespace
