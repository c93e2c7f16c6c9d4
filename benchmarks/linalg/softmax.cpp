// SPDX-License-Identifier: Apache-2.0

// Shapes are ROWSxWIDTH: the scores of 8 images with 6 heads of 197 tokens, the logits of 2048 samples on 8192 prototypes.

#include <ocellus/linalg/softmax.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

template <class T>
void softmax(benchmark::State& state, std::int64_t rows, std::int64_t width) {
  auto const input = random_tensor<T**>(1, rows, width), output = random_tensor<T**>(2, rows, width);
  run(state, type_name<T>(), linalg::softmax_cost(real(rows), real(width), sizeof(T)), [&](Exec const& exec) { linalg::softmax(exec, input, none, output); });
}

OCELLUS_BENCHMARK("linalg::softmax", "9456x197", "float", softmax<float>, 9456, 197);
OCELLUS_BENCHMARK("linalg::softmax", "2048x8192", "float", softmax<float>, 2048, 8192);
OCELLUS_BENCHMARK("linalg::softmax", "2048x8192", "bfloat16", softmax<bfloat16>, 2048, 8192);

}  // namespace
