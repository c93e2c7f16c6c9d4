// SPDX-License-Identifier: Apache-2.0

// Shapes are ROWSxINPUTSxOUTPUTS: the MLP of ViT-S on 8 images.

#include <ocellus/nn/linear.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

template <class T>
void forward(benchmark::State& state, std::int64_t rows, std::int64_t inputs, std::int64_t outputs) {
  auto const input = random_tensor<T**>(1, rows, inputs), weight = random_tensor<T**>(2, outputs, inputs), output = random_tensor<T**>(3, rows, outputs);
  auto const bias = random_tensor<T*>(4, outputs);
  run(state, type_name<T>(), nn::linear_cost(real(rows), real(inputs), real(outputs), sizeof(T)),
      [&](Exec const& exec) { nn::linear(exec, input, weight, bias, output); });
}

void backward(benchmark::State& state, std::int64_t rows, std::int64_t inputs, std::int64_t outputs) {
  auto const output_gradient = random_tensor<float**>(1, rows, outputs), input = random_tensor<float**>(2, rows, inputs),
             weight = random_tensor<float**>(3, outputs, inputs), input_gradient = random_tensor<float**>(4, rows, inputs),
             weight_gradient = random_tensor<float**>(5, outputs, inputs);
  auto const bias_gradient   = random_tensor<float*>(6, outputs);
  run(state, "float", nn::linear_backward_cost(real(rows), real(inputs), real(outputs), 4),
      [&](Exec const& exec) { nn::linear_backward(exec, output_gradient, input, weight, input_gradient, weight_gradient, bias_gradient); });
}

OCELLUS_BENCHMARK("nn::linear", "1576x384x1536", "float", forward<float>, 1576, 384, 1536);
OCELLUS_BENCHMARK("nn::linear", "1576x384x1536", "bfloat16", forward<bfloat16>, 1576, 384, 1536);
OCELLUS_BENCHMARK("nn::linear_backward", "1576x384x1536", "float", backward, 1576, 384, 1536);
OCELLUS_BENCHMARK("nn::linear_backward", "1576x1536x384", "float", backward, 1576, 1536, 384);

}  // namespace
