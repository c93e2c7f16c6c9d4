// SPDX-License-Identifier: Apache-2.0

// The measured limits that the other programs' shares refer to.

#include "support/benchmark.hpp"

namespace {

using namespace ocellus::benchmarks;

void arithmetic(benchmark::State& state, char const* type) {
  Rate best = 0;
  for (auto _ : state) {
    best = std::max(best, multiply_add_ceiling(type, 0.3));
    state.SetIterationTime(0.3);
  }
  state.counters["gflops"]  = best * 1e-9;
  state.counters["threads"] = static_cast<double>(Exec().concurrency());
}

void memory(benchmark::State& state, Traffic traffic) {
  Rate best = 0;
  for (auto _ : state) {
    best = std::max(best, memory_ceiling(traffic, 0.5));
    state.SetIterationTime(0.5);
  }
  state.counters["gbytes"]  = best * 1e-9;
  state.counters["threads"] = static_cast<double>(Exec().concurrency());
}

OCELLUS_BENCHMARK("machine::multiply_add", "registers", "float", arithmetic, "float");
OCELLUS_BENCHMARK("machine::multiply_add", "registers", "double", arithmetic, "double");
OCELLUS_BENCHMARK("machine::multiply_add", "registers", "bfloat16", arithmetic, "bfloat16");
OCELLUS_BENCHMARK("machine::copy", "128MB", "bytes", memory, Traffic::copy);
OCELLUS_BENCHMARK("machine::non_temporal_copy", "128MB", "bytes", memory, Traffic::non_temporal_copy);
OCELLUS_BENCHMARK("machine::read", "128MB", "bytes", memory, Traffic::read);

}  // namespace
