// SPDX-License-Identifier: Apache-2.0

// Shapes are ROWSxCOLUMNSxWIDTH of the grid of patches.

#include <ocellus/vit/position_table.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void table(benchmark::State& state, std::int64_t rows, std::int64_t columns, std::int64_t width) {
  auto const output = random_tensor<float**>(1, 1 + rows * columns, width);
  run(state, "float", vit::position_table_cost(real(1 + rows * columns), real(width), 4),
      [&](Exec const& exec) { vit::position_table(exec, output, {.rows = rows, .columns = columns}); });
}

OCELLUS_BENCHMARK("vit::position_table", "64x64x384", "float", table, 64, 64, 384);

}  // namespace
