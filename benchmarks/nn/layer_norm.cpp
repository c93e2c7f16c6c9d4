// SPDX-License-Identifier: Apache-2.0

// Shapes are ROWSxWIDTH: 64 images of 197 tokens.

#include <ocellus/nn/layer_norm.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

template <class T>
void forward(benchmark::State& state, std::int64_t rows, std::int64_t width) {
  auto const input = random_tensor<T**>(1, rows, width), output = random_tensor<T**>(2, rows, width);
  auto const weight = random_tensor<float*>(3, width), bias = random_tensor<float*>(4, width);
  run(state, type_name<T>(), nn::layer_norm_cost(static_cast<double>(rows), static_cast<double>(width), sizeof(T)),
      [&](Exec const& exec) { nn::layer_norm(exec, input, weight, bias, output); });
}

void backward(benchmark::State& state, std::int64_t rows, std::int64_t width) {
  auto const output_gradient = random_tensor<float**>(1, rows, width), input = random_tensor<float**>(2, rows, width),
             input_gradient = random_tensor<float**>(3, rows, width);
  auto const weight = random_tensor<float*>(4, width), weight_gradient = random_tensor<float*>(5, width), bias_gradient = random_tensor<float*>(6, width);
  WorkspaceFor<Exec> workspace(Exec(),
                               nn::layer_norm_backward_workspace_size(Exec(), output_gradient, input, weight, input_gradient, weight_gradient, bias_gradient));
  run(state, "float", nn::layer_norm_backward_cost(real(rows), real(width), 4),
      [&](Exec const& exec) { nn::layer_norm_backward(exec, output_gradient, input, weight, input_gradient, weight_gradient, bias_gradient, {}, workspace); });
}

OCELLUS_BENCHMARK("nn::layer_norm", "12608x384", "float", forward<float>, 12608, 384);
OCELLUS_BENCHMARK("nn::layer_norm", "12608x384", "bfloat16", forward<bfloat16>, 12608, 384);
OCELLUS_BENCHMARK("nn::layer_norm_backward", "12608x384", "float", backward, 12608, 384);

}  // namespace
