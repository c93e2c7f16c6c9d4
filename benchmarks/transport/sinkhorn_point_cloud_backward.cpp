// SPDX-License-Identifier: Apache-2.0

// Shapes are ROWSxCOLUMNSxWIDTH.

#include <ocellus/transport/sinkhorn_point_cloud_backward.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void backward(benchmark::State& state, std::int64_t rows, std::int64_t columns, std::int64_t width) {
  auto const x = random_tensor_between<float**>(0.0, 1.0, 1, rows, width), y = random_tensor_between<float**>(0.0, 1.0, 2, columns, width);
  auto const x_gradient = random_tensor<float**>(3, rows, width), y_gradient = random_tensor<float**>(4, columns, width);
  auto const f = random_tensor<float*>(5, rows), g = random_tensor<float*>(6, columns), a_gradient = random_tensor<float*>(7, rows),
             b_gradient = random_tensor<float*>(8, columns);
  transport::SinkhornPointCloudOptions const options{.epsilon = 0.05 * real(width) / 6};
  WorkspaceFor<Exec> workspace(Exec(), transport::sinkhorn_point_cloud_backward_workspace_size(Exec(), x, y));
  run(state, "float", transport::sinkhorn_point_cloud_backward_cost(real(rows), real(columns), real(width), 4), [&](Exec const& exec) {
    transport::sinkhorn_point_cloud_backward(exec, x, y, none, none, f, g, x_gradient, y_gradient, a_gradient, b_gradient, options, workspace);
  });
}

OCELLUS_BENCHMARK("transport::sinkhorn_point_cloud_backward", "3000x3000x50", "float", backward, 3000, 3000, 50);

}  // namespace
