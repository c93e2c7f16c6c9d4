// SPDX-License-Identifier: Apache-2.0

// Shapes are ROWSxWIDTH; `gated` is SwiGLU, with a multiplier.

#include <ocellus/nn/silu.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

template <class T>
void forward(benchmark::State& state, std::int64_t rows, std::int64_t width) {
  auto const input = random_tensor<T**>(1, rows, width), output = random_tensor<T**>(2, rows, width);
  run(state, type_name<T>(), nn::silu_cost(real(rows * width), sizeof(T)), [&](Exec const& exec) { nn::silu(exec, input, none, output); });
}

void gated(benchmark::State& state, std::int64_t rows, std::int64_t width) {
  auto const input = random_tensor<float**>(1, rows, width), multiplier = random_tensor<float**>(2, rows, width),
             output = random_tensor<float**>(3, rows, width);
  Cost const cost   = nn::silu_cost(real(rows * width), 4) + Cost{.flops = real(rows * width), .bytes_read = 4 * real(rows * width)};
  run(state, "float", cost, [&](Exec const& exec) { nn::silu(exec, input, multiplier, output); });
}

void backward(benchmark::State& state, std::int64_t rows, std::int64_t width) {
  auto const output_gradient = random_tensor<float**>(1, rows, width), input = random_tensor<float**>(2, rows, width),
             input_gradient = random_tensor<float**>(3, rows, width);
  run(state, "float", nn::silu_backward_cost(real(rows * width), 4),
      [&](Exec const& exec) { nn::silu_backward(exec, output_gradient, input, none, input_gradient, none); });
}

OCELLUS_BENCHMARK("nn::silu", "12608x1536", "float", forward<float>, 12608, 1536);
OCELLUS_BENCHMARK("nn::silu", "12608x1536", "bfloat16", forward<bfloat16>, 12608, 1536);
OCELLUS_BENCHMARK("nn::silu", "12608x1536:gated", "float", gated, 12608, 1536);
OCELLUS_BENCHMARK("nn::silu_backward", "12608x1536", "float", backward, 12608, 1536);

}  // namespace
