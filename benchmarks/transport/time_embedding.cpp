// SPDX-License-Identifier: Apache-2.0

// Shapes are TIMESxDIMENSION. Computed in double.

#include <ocellus/transport/time_embedding.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void embed(benchmark::State& state, std::int64_t count, std::int64_t dimension) {
  auto const times     = random_tensor_between<float*>(0, 1, 1, count);
  auto const embedding = random_tensor<float**>(2, count, dimension);
  run(state, "double", transport::time_embedding_cost(real(count), real(dimension), 4),
      [&](Exec const& exec) { transport::time_embedding(exec, times, embedding); });
}

OCELLUS_BENCHMARK("transport::time_embedding", "10000x128", "float", embed, 10000, 128);

}  // namespace
