// SPDX-License-Identifier: Apache-2.0

// Shapes are ROWSxWIDTH.

#include <ocellus/linalg/log_sum_exp.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

template <class T>
void log_sum_exp(benchmark::State& state, std::int64_t rows, std::int64_t width) {
  auto const input  = random_tensor<T**>(1, rows, width);
  auto const output = random_tensor<T*>(2, rows);
  run(state, type_name<T>(), linalg::log_sum_exp_cost(real(rows), real(width), sizeof(T)), [&](Exec const& exec) { linalg::log_sum_exp(exec, input, output); });
}

OCELLUS_BENCHMARK("linalg::log_sum_exp", "9456x197", "float", log_sum_exp<float>, 9456, 197);
OCELLUS_BENCHMARK("linalg::log_sum_exp", "2048x8192", "float", log_sum_exp<float>, 2048, 8192);
OCELLUS_BENCHMARK("linalg::log_sum_exp", "2048x8192", "bfloat16", log_sum_exp<bfloat16>, 2048, 8192);

}  // namespace
