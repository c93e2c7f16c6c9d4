// SPDX-License-Identifier: Apache-2.0

#include <benchmark/benchmark.h>

#include <ocellus/core/kokkos.hpp>

int main(int count, char** arguments) {
  Kokkos::ScopeGuard const kokkos(count, arguments);
  benchmark::Initialize(&count, arguments);
  if (benchmark::ReportUnrecognizedArguments(count, arguments)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
