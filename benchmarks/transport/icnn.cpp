// SPDX-License-Identifier: Apache-2.0

// Shapes are ROWSxWIDTH, the default layers: value and gradient.

#include <ocellus/transport/icnn.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void forward(benchmark::State& state, std::int64_t rows, std::int64_t width) {
  auto const table      = transport::icnn_parameter_table(width, transport::default_icnn_hidden);
  auto const count      = static_cast<std::int64_t>(table.size());
  auto const parameters = random_tensor_between<float*>(0, 0.1, 1, count);
  auto const x = random_tensor<float**>(2, rows, width), gradient = random_tensor<float**>(3, rows, width);
  auto const value = random_tensor<float*>(4, rows);
  WorkspaceFor<Exec> workspace(Exec(), transport::icnn_workspace_size(Exec(), x, parameters));
  run(state, "float", transport::icnn_cost(real(rows), real(width), real(count), 4),
      [&](Exec const& exec) { transport::icnn(exec, x, parameters, value, gradient, {}, workspace); });
}

OCELLUS_BENCHMARK("transport::icnn", "4096x50", "float", forward, 4096, 50);

}  // namespace
