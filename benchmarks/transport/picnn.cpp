// SPDX-License-Identifier: Apache-2.0

// Shapes are ROWSxWIDTHxLABELS, the default layers: value and gradient.

#include <ocellus/transport/picnn.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void forward(benchmark::State& state, std::int64_t rows, std::int64_t width, std::int64_t labels) {
  auto const table      = transport::picnn_parameter_table(width, labels, transport::default_icnn_hidden);
  auto const count      = static_cast<std::int64_t>(table.size());
  auto const parameters = random_tensor_between<float*>(0, 0.1, 1, count);
  auto const x = random_tensor<float**>(2, rows, width), label = random_tensor<float**>(3, rows, labels), gradient = random_tensor<float**>(4, rows, width);
  auto const value = random_tensor<float*>(5, rows);
  WorkspaceFor<Exec> workspace(Exec(), transport::picnn_workspace_size(Exec(), x, label, parameters));
  run(state, "float", transport::picnn_cost(real(rows), real(width), real(labels), real(count), 4),
      [&](Exec const& exec) { transport::picnn(exec, x, label, parameters, value, gradient, {}, workspace); });
}

OCELLUS_BENCHMARK("transport::picnn", "4096x50x10", "float", forward, 4096, 50, 10);

}  // namespace
