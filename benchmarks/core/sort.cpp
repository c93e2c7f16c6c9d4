// SPDX-License-Identifier: Apache-2.0

// Shapes are ROWSxKEYS, and :kK of top_k_rows.

#include <ocellus/core/sort.hpp>
#include <ocellus/core/top_k.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

// No operations are counted: keys once in, results once out.
void sort_rows(benchmark::State& state, std::int64_t rows, std::int64_t count) {
  auto const keys    = random_tensor<float**>(1, rows, count);
  auto const indices = make_tensor<std::int64_t**>(Exec(), "indices", rows, count);
  WorkspaceFor<Exec> workspace(Exec(), argsort_rows_workspace_size(Exec(), keys, indices));
  auto const n = static_cast<double>(rows * count);
  run(state, "float", {.bytes_read = 4 * n, .bytes_written = 8 * n}, [&](Exec const& exec) { argsort_rows(exec, keys, indices, {}, workspace); });
}

void best_of_rows(benchmark::State& state, std::int64_t rows, std::int64_t count, std::int64_t k) {
  auto const keys = random_tensor<float**>(1, rows, count), values = random_tensor<float**>(2, rows, k);
  auto const indices = make_tensor<std::int64_t**>(Exec(), "indices", rows, k);
  run(state, "float", {.bytes_read = 4 * static_cast<double>(rows * count), .bytes_written = 12 * static_cast<double>(rows * k)},
      [&](Exec const& exec) { top_k_rows(exec, keys, values, indices); });
}

OCELLUS_BENCHMARK("core::argsort_rows", "1000x10000", "float", sort_rows, 1000, 10000);
OCELLUS_BENCHMARK("core::top_k_rows", "1000x10000:k20", "float", best_of_rows, 1000, 10000, 20);

}  // namespace
