// SPDX-License-Identifier: Apache-2.0

// Shapes are QUERIESxBASExFEATURES:METRIC:kK; of knn_classify, PROFILES in place of BASE.

#include <ocellus/profiling/knn.hpp>
#include <ocellus/profiling/knn_classify.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

void knn(benchmark::State& state, std::int64_t queries, std::int64_t base, std::int64_t features, std::int64_t k, profiling::KnnMetric metric) {
  auto const x = random_tensor<float**>(1, queries, features), y = random_tensor<float**>(2, base, features), distances = random_tensor<float**>(3, queries, k);
  auto const indices = make_tensor<std::int64_t**>(Exec(), "indices", queries, k);
  run(state, "float", profiling::knn_cost(static_cast<double>(queries), static_cast<double>(base), static_cast<double>(features), 4),
      [&](Exec const& exec) { profiling::knn(exec, x, y, none, none, indices, distances, {.metric = metric}); });
}

void knn_classify(benchmark::State& state, std::int64_t queries, std::int64_t rows, std::int64_t features, std::int64_t k) {
  constexpr std::int64_t classes = 10;
  auto const x = random_tensor<float**>(1, queries, features), y = random_tensor<float**>(2, rows, features),
             probability = random_tensor<float**>(3, queries, classes);
  auto const predicted = make_tensor<std::int64_t*>(Exec(), "predicted", queries), label = make_tensor<std::int64_t*>(Exec(), "label", rows);
  auto const host = Kokkos::create_mirror_view(label);
  for (std::int64_t i = 0; i < rows; ++i) host(i) = i % classes;
  Kokkos::deep_copy(label, host);
  run(state, "float", profiling::knn_classify_cost(static_cast<double>(queries), static_cast<double>(rows), static_cast<double>(features), 4),
      [&](Exec const& exec) { profiling::knn_classify(exec, y, label, x, predicted, probability, {.k = k}); });
}

OCELLUS_BENCHMARK("profiling::knn", "10000x10000x500:cosine:k10", "float", knn, 10000, 10000, 500, 10, profiling::KnnMetric::cosine);
OCELLUS_BENCHMARK("profiling::knn", "10000x10000x500:euclidean:k10", "float", knn, 10000, 10000, 500, 10, profiling::KnnMetric::euclidean);
OCELLUS_BENCHMARK("profiling::knn", "1000x100000x384:cosine:k100", "float", knn, 1000, 100000, 384, 100, profiling::KnnMetric::cosine);
OCELLUS_BENCHMARK("profiling::knn_classify", "10000x10000x500:k20", "float", knn_classify, 10000, 10000, 500, 20);

}  // namespace
