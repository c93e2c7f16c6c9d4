// SPDX-License-Identifier: Apache-2.0

// Shapes are ROWSxFEATURES:REPLICATES: each treatment has as many profiles, a plate each, and looks for them on the other plates among those of other treatments.

#include <array>
#include <span>

#include <ocellus/profiling/average_precision.hpp>
#include <ocellus/profiling/mean_average_precision.hpp>

#include "support/benchmark.hpp"

namespace {

using namespace ocellus;
using namespace ocellus::benchmarks;

/// Column 0: the treatment; column 1: the plate.
auto metadata_of(std::int64_t rows, std::int64_t replicates) {
  auto const metadata = make_tensor<std::int64_t**>(Exec(), "metadata", rows, 2);
  auto const host     = Kokkos::create_mirror_view(metadata);
  for (std::int64_t i = 0; i < rows; ++i) host(i, 0) = i / replicates, host(i, 1) = i % replicates;
  Kokkos::deep_copy(metadata, host);
  return metadata;
}

template <class T>
void average_precision(benchmark::State& state, std::int64_t rows, std::int64_t features, std::int64_t replicates) {
  auto const profiles  = random_tensor<T**>(1, rows, features);
  auto const metadata  = metadata_of(rows, replicates);
  auto const group     = Kokkos::subview(metadata, Kokkos::ALL, 0);
  auto const precision = random_tensor<T*>(2, rows), normalized = random_tensor<T*>(3, rows);
  auto const positives = make_tensor<std::int64_t*>(Exec(), "positives", rows), total = make_tensor<std::int64_t*>(Exec(), "total", rows);
  std::int64_t const treatments = (rows + replicates - 1) / replicates;
  auto const groups             = make_tensor<std::int64_t*>(Exec(), "groups", treatments);
  auto const mean = random_tensor<T*>(4, treatments), mean_normalized = random_tensor<T*>(5, treatments);
  std::array<std::int64_t, 1> const treatment{0}, plate{1};
  run(state, type_name<T>(), profiling::average_precision_cost(static_cast<double>(rows), static_cast<double>(features), sizeof(T)), [&](Exec const& exec) {
    profiling::average_precision(exec, profiles, metadata, precision, normalized, positives, total,
                                 {.pos_sameby = treatment, .pos_diffby = plate, .neg_diffby = treatment});
    profiling::mean_average_precision(exec, precision, positives, total, group, groups, mean, mean_normalized);
  });
}

OCELLUS_BENCHMARK("profiling::average_precision", "3000x500:10", "float", average_precision<float>, 3000, 500, 10);
OCELLUS_BENCHMARK("profiling::average_precision", "9216x500:4", "float", average_precision<float>, 9216, 500, 4);
OCELLUS_BENCHMARK("profiling::average_precision", "9216x500:384", "float", average_precision<float>, 9216, 500, 384);
OCELLUS_BENCHMARK("profiling::average_precision", "3000x500:1500", "float", average_precision<float>, 3000, 500, 1500);
OCELLUS_BENCHMARK("profiling::average_precision", "3000x500:10", "double", average_precision<double>, 3000, 500, 10);

}  // namespace
