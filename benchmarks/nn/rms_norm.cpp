// SPDX-License-Identifier: Apache-2.0

// Shapes are ROWSxWIDTH: 64 images of 197 tokens.

#include <ocellus/nn/rms_norm.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

template <class T>
void forward(benchmark::State& state, std::int64_t rows, std::int64_t width) {
  auto const input = random_tensor<T**>(1, rows, width), output = random_tensor<T**>(2, rows, width);
  auto const weight = random_tensor<float*>(3, width);
  run(state, type_name<T>(), nn::rms_norm_cost(static_cast<double>(rows), static_cast<double>(width), sizeof(T)),
      [&](Exec const& exec) { nn::rms_norm(exec, input, weight, output); });
}

OCELLUS_BENCHMARK("nn::rms_norm", "12608x384", "float", forward<float>, 12608, 384);
OCELLUS_BENCHMARK("nn::rms_norm", "12608x384", "bfloat16", forward<bfloat16>, 12608, 384);

}  // namespace
