// SPDX-License-Identifier: Apache-2.0

// Shapes are ROWSxWIDTH: the hidden layer of the MLP of ViT-S, 16 images of 197 tokens.

#include <ocellus/nn/gelu.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

template <class T>
void forward(benchmark::State& state, std::int64_t rows, std::int64_t width, nn::GeluApproximation approximate) {
  auto const input = random_tensor<T**>(1, rows, width), output = random_tensor<T**>(2, rows, width);
  run(state, type_name<T>(), nn::gelu_cost(static_cast<double>(rows * width), sizeof(T)),
      [&](Exec const& exec) { nn::gelu(exec, input, output, {.approximate = approximate}); });
}

void backward(benchmark::State& state, std::int64_t rows, std::int64_t width, nn::GeluApproximation approximate) {
  auto const output_gradient = random_tensor<float**>(1, rows, width), input = random_tensor<float**>(2, rows, width),
             input_gradient = random_tensor<float**>(3, rows, width);
  run(state, "float", nn::gelu_backward_cost(real(rows * width), 4),
      [&](Exec const& exec) { nn::gelu_backward(exec, output_gradient, input, input_gradient, {.approximate = approximate}); });
}

OCELLUS_BENCHMARK("nn::gelu", "3152x1536", "float", forward<float>, 3152, 1536, nn::GeluApproximation::none);
OCELLUS_BENCHMARK("nn::gelu", "3152x1536:tanh", "float", forward<float>, 3152, 1536, nn::GeluApproximation::tanh);
OCELLUS_BENCHMARK("nn::gelu", "3152x1536", "bfloat16", forward<bfloat16>, 3152, 1536, nn::GeluApproximation::none);
OCELLUS_BENCHMARK("nn::gelu_backward", "3152x1536", "float", backward, 3152, 1536, nn::GeluApproximation::none);
OCELLUS_BENCHMARK("nn::gelu_backward", "3152x1536:tanh", "float", backward, 3152, 1536, nn::GeluApproximation::tanh);

}  // namespace
