// SPDX-License-Identifier: Apache-2.0

// Shapes are MEMBERSxIMAGESxHEIGHTxWIDTH, all four results.

#include <ocellus/mae/ensemble_uncertainty.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void uncertainty(benchmark::State& state, std::int64_t members, std::int64_t images, std::int64_t side) {
  auto const probability = random_tensor_between<float****>(0, 1, 1, members, images, side, side);
  auto const mean = random_tensor<float***>(2, images, side, side), entropy = random_tensor<float***>(3, images, side, side),
             information = random_tensor<float***>(4, images, side, side), variance = random_tensor<float***>(5, images, side, side);
  run(state, "float", mae::ensemble_uncertainty_cost(real(members), real(images * side * side), 4),
      [&](Exec const& exec) { mae::ensemble_uncertainty(exec, probability, mean, entropy, information, variance); });
}

OCELLUS_BENCHMARK("mae::ensemble_uncertainty", "5x16x224x224", "float", uncertainty, 5, 16, 224);

}  // namespace
