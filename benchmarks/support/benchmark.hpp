// SPDX-License-Identifier: Apache-2.0
#pragma once

/// What benchmark programs share. A file benchmarks/<module>/<kernel>.cpp needs no more than this:
///
///     void softmax_rows(benchmark::State& state, std::int64_t rows, std::int64_t width) {
///       ... arrays ...
///       ocellus::benchmarks::run(state, "float", linalg::softmax_cost(rows, width, 4), [&](auto const& exec) { linalg::softmax(exec, x, y); });
///     }
///     OCELLUS_BENCHMARK("linalg::softmax", "12544x197", "float", softmax_rows, 12544, 197);

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <ocellus/core/cost.hpp>
#include <ocellus/core/random.hpp>
#include <ocellus/core/tensor.hpp>

#include "support/ceilings.hpp"

namespace ocellus::benchmarks {

using Exec = Kokkos::DefaultExecutionSpace;

template <class T>
[[nodiscard]] constexpr char const* type_name() {
  if constexpr (std::is_same_v<T, float16>) return "float16";
  if constexpr (std::is_same_v<T, bfloat16>) return "bfloat16";
  return std::is_same_v<T, double> ? "double" : "float";
}

/// A tensor of reproducible numbers between -1 and 1.
template <class DataType, class... Extents>
[[nodiscard]] auto random_tensor(std::uint32_t sample, Extents... extents) {
  Exec const exec;
  auto const tensor = make_tensor<DataType>(exec, "ocellus::benchmarks::tensor", extents...);
  auto const host   = Kokkos::create_mirror_view(tensor);
  using Value       = typename decltype(host)::non_const_value_type;
  RandomSequence const sequence{.seed = 1, .stream = RandomStream::test, .step = 0, .sample = sample};
  for (std::size_t i = 0; i < host.size(); ++i) host.data()[i] = static_cast<Value>(static_cast<float>(2.0 * sequence.uniform(i) - 1.0));
  Kokkos::deep_copy(tensor, host);
  return tensor;
}

/// Times `call(exec)`; counters say the rates, and the share of the ceiling that binds: operations where they would take longer than the bytes, measured between
/// the calls so that both see the same machine.
template <class Call>
void run(benchmark::State& state, std::string_view type, Cost const& cost, Call const& call) {
  Exec const exec;
  call(exec);  // grows scratch memory, faults pages in
  exec.fence();
  Rate operations = 0, bytes = memory_ceiling(Traffic::copy, 0.02);
  double total = 0, ceiling_age = 1;
  std::int64_t calls = 0;
  std::vector<double> seconds;
  for (auto _ : state) {
    if (ceiling_age > 0.05 && cost.flops > 0) {
      operations  = std::max(operations, multiply_add_ceiling(type, 0.002));
      ceiling_age = 0;
    }
    auto const start = std::chrono::steady_clock::now();
    call(exec);
    exec.fence();
    double const time = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    state.SetIterationTime(time);
    seconds.push_back(time);
    total += time, ceiling_age += time, ++calls;
  }
  std::nth_element(seconds.begin(), seconds.begin() + static_cast<std::ptrdiff_t>(seconds.size() / 2), seconds.end());
  double const median                = seconds[seconds.size() / 2];
  double const limit                 = std::max(operations > 0 ? cost.flops / operations : 0.0, bytes > 0 ? cost.bytes() / bytes : 0.0);
  state.counters["seconds"]          = median;
  state.counters["gflops"]           = cost.flops / median * 1e-9;
  state.counters["gbytes"]           = cost.bytes() / median * 1e-9;
  state.counters["share_of_ceiling"] = limit / median;
  state.counters["threads"]          = static_cast<double>(exec.concurrency());
}

}  // namespace ocellus::benchmarks

/// Registers `function(state, arguments...)` under "name|shape|type", which benchmarks/run takes apart.
#define OCELLUS_BENCHMARK_JOINED(a, b) a##b
#define OCELLUS_BENCHMARK_NAMED(a, b) OCELLUS_BENCHMARK_JOINED(a, b)
#define OCELLUS_BENCHMARK(name, shape, type, function, ...)                                                                \
  static auto* const OCELLUS_BENCHMARK_NAMED(ocellus_benchmark_, __COUNTER__) =                                            \
      benchmark::RegisterBenchmark(name "|" shape "|" type, [](benchmark::State& state) { function(state, __VA_ARGS__); }) \
          ->UseManualTime()                                                                                                \
          ->Unit(benchmark::kMillisecond)
