// SPDX-License-Identifier: Apache-2.0

// Shapes are OLDxOLDxNEWxNEWxWIDTH of the grids of patches.

#include <ocellus/vit/resample_position_table.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void resample(benchmark::State& state, std::int64_t side, std::int64_t new_side, std::int64_t width) {
  auto const table = random_tensor<float**>(1, 1 + side * side, width), output = random_tensor<float**>(2, 1 + new_side * new_side, width);
  vit::ResamplePositionTableOptions const options{.rows = side, .columns = side, .new_rows = new_side, .new_columns = new_side};
  run(state, "double", vit::resample_position_table_cost(real(new_side * new_side), real(width), 4, 4),
      [&](Exec const& exec) { vit::resample_position_table(exec, table, output, options); });
}

OCELLUS_BENCHMARK("vit::resample_position_table", "14x14x64x64x384", "float", resample, 14, 64, 384);

}  // namespace
