// SPDX-License-Identifier: Apache-2.0

// Shapes are ROWSxROWSxFEATURES:METRIC.

#include <ocellus/profiling/similarity.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void similarity(benchmark::State& state, std::int64_t rows, std::int64_t others, std::int64_t features, profiling::SimilarityMetric metric) {
  auto const x = random_tensor<float**>(1, rows, features), y = random_tensor<float**>(2, others, features), output = random_tensor<float**>(3, rows, others);
  profiling::SimilarityOptions const options{.metric = metric};
  WorkspaceFor<Exec> workspace(Exec(), profiling::similarity_workspace_size(Exec(), x, y, output, options));
  run(state, "float", profiling::similarity_cost(real(rows), real(others), real(features), 4),
      [&](Exec const& exec) { profiling::similarity(exec, x, y, output, options, workspace); });
}

using enum profiling::SimilarityMetric;
OCELLUS_BENCHMARK("profiling::similarity", "2000x5000x500:cosine", "float", similarity, 2000, 5000, 500, cosine);
OCELLUS_BENCHMARK("profiling::similarity", "2000x5000x500:pearson", "float", similarity, 2000, 5000, 500, pearson);
OCELLUS_BENCHMARK("profiling::similarity", "2000x5000x500:spearman", "float", similarity, 2000, 5000, 500, spearman);
OCELLUS_BENCHMARK("profiling::similarity", "2000x5000x500:euclidean", "float", similarity, 2000, 5000, 500, euclidean);
OCELLUS_BENCHMARK("profiling::similarity", "2000x5000x500:manhattan", "float", similarity, 2000, 5000, 500, manhattan);

}  // namespace
