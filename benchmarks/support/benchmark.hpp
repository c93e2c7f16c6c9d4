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
  if constexpr (std::is_same_v<T, std::uint16_t>) return "uint16";
  return std::is_same_v<T, double> ? "double" : "float";
}

/// A count as costs take it.
[[nodiscard]] constexpr double real(std::int64_t count) { return static_cast<double>(count); }

/// A tensor of reproducible numbers from `low` to `high`; whole ones where its elements are integers.
template <class DataType, class... Extents>
[[nodiscard]] auto random_tensor_between(double low, double high, std::uint32_t sample, Extents... extents) {
  Exec const exec;
  auto const tensor = make_tensor<DataType>(exec, "ocellus::benchmarks::tensor", extents...);
  auto const host   = Kokkos::create_mirror_view(tensor);
  using Value       = typename decltype(host)::non_const_value_type;
  RandomSequence const sequence{.seed = 1, .stream = RandomStream::test, .step = 0, .sample = sample};
  Value* const values = host.data();
  Kokkos::parallel_for("ocellus::benchmarks::numbers", Kokkos::RangePolicy<Kokkos::DefaultHostExecutionSpace>(0, host.size()),
                       [=](std::size_t i) { values[i] = static_cast<Value>(static_cast<float>(low + (high - low) * sequence.uniform(i))); });
  Kokkos::DefaultHostExecutionSpace().fence();
  Kokkos::deep_copy(tensor, host);
  return tensor;
}

/// A tensor of reproducible numbers between -1 and 1.
template <class DataType, class... Extents>
[[nodiscard]] auto random_tensor(std::uint32_t sample, Extents... extents) {
  return random_tensor_between<DataType>(-1.0, 1.0, sample, extents...);
}

/// A tensor whose element at flat place i is `value(i)`.
template <class DataType, class Value, class... Extents>
[[nodiscard]] auto filled_tensor(Value const& value, Extents... extents) {
  auto const tensor = make_tensor<DataType>(Exec(), "ocellus::benchmarks::tensor", extents...);
  auto const host   = Kokkos::create_mirror_view(tensor);
  for (std::size_t i = 0; i < host.size(); ++i) host.data()[i] = value(static_cast<std::int64_t>(i));
  Kokkos::deep_copy(tensor, host);
  return tensor;
}

/// The best way that this machine moves such bytes: reading alone where hardly anything is written, else a copy, with non-temporal stores or without.
[[nodiscard]] inline Rate best_memory_ceiling(Cost const& cost) {
  if (cost.bytes_written < 0.1 * cost.bytes_read) return memory_ceiling(Traffic::read, 0.03);
  return std::max(memory_ceiling(Traffic::copy, 0.03), memory_ceiling(Traffic::non_temporal_copy, 0.03));
}

/// Times `call(exec)` for half a second and three times at least; counters say the median, the rates, and the share of the ceiling that binds: operations where
/// they would take longer than the bytes. Ceilings are measured before, after and (operations) between the calls, so that both see the same machine.
template <class Call>
void run(benchmark::State& state, std::string_view type, Cost const& cost, Call const& call) {
  constexpr std::size_t fewest = 3, most = 500;
  Exec const exec;
  call(exec);  // grows scratch memory, faults pages in
  exec.fence();
  constexpr double long_look = 0.03, short_look = 0.005;  // seconds: a disturbed machine shows its best only now and then
  Rate operations = cost.flops > 0 ? multiply_add_ceiling(type, long_look) : 0, bytes = best_memory_ceiling(cost);
  double total = 0, ceiling_age = 0;
  std::vector<double> seconds;
  while (seconds.size() < fewest || (total < 0.5 && seconds.size() < most)) {
    if (ceiling_age > 0.1 && cost.flops > 0) {
      operations  = std::max(operations, multiply_add_ceiling(type, short_look));
      ceiling_age = 0;
    }
    auto const start = std::chrono::steady_clock::now();
    call(exec);
    exec.fence();
    seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    total += seconds.back(), ceiling_age += seconds.back();
  }
  bytes = std::max(bytes, best_memory_ceiling(cost));
  if (cost.flops > 0) operations = std::max(operations, multiply_add_ceiling(type, long_look));
  std::nth_element(seconds.begin(), seconds.begin() + static_cast<std::ptrdiff_t>(seconds.size() / 2), seconds.end());
  double const median = seconds[seconds.size() / 2];
  double const limit  = std::max(operations > 0 ? cost.flops / operations : 0.0, bytes > 0 ? cost.bytes() / bytes : 0.0);
  for (auto _ : state) state.SetIterationTime(median);
  state.counters["seconds"]          = median;
  state.counters["gflops"]           = cost.flops / median * 1e-9;
  state.counters["gbytes"]           = cost.bytes() / median * 1e-9;
  state.counters["share_of_ceiling"] = limit / median;
  state.counters["threads"]          = static_cast<double>(exec.concurrency());
}

}  // namespace ocellus::benchmarks

/// Registers `function(state, arguments...)` under "name|shape|type", which benchmarks/run takes apart. It is called once: `run` repeats.
#define OCELLUS_BENCHMARK_JOINED(a, b) a##b
#define OCELLUS_BENCHMARK_NAMED(a, b) OCELLUS_BENCHMARK_JOINED(a, b)
#define OCELLUS_BENCHMARK(name, shape, type, function, ...)                                                                \
  static auto* const OCELLUS_BENCHMARK_NAMED(ocellus_benchmark_, __COUNTER__) =                                            \
      benchmark::RegisterBenchmark(name "|" shape "|" type, [](benchmark::State& state) { function(state, __VA_ARGS__); }) \
          ->UseManualTime()                                                                                                \
          ->Iterations(1)                                                                                                  \
          ->Unit(benchmark::kMillisecond)
