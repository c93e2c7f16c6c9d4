// SPDX-License-Identifier: Apache-2.0

#include "support/ceilings.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <vector>

#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/simd.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/linalg/detail/matmul_blocks.hpp>
#include <ocellus/linalg/detail/matmul_operations.hpp>

namespace ocellus::benchmarks {
namespace {

using Exec = Kokkos::DefaultHostExecutionSpace;

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

/// Chains enough to hide the latency, few enough for 16 registers or 32.
constexpr int chains         = host_vector_bytes == 64 ? 24 : 12;
constexpr std::int64_t steps = 20000;

/// Makes the compiler believe that a register changed, so that it keeps every step.
#if defined(__x86_64__)
#define OCELLUS_BENCHMARK_KEEP(value) asm volatile("" : "+v"(value))
#else
#define OCELLUS_BENCHMARK_KEEP(value) asm volatile("" : "+w"(value))
#endif

template <class T, bool Dot>
struct Chains {
  KOKKOS_FUNCTION void operator()(TeamMember<Exec> const&, std::int64_t) const {
    using V = Simd<T>;
    V sums[chains];
#pragma GCC unroll 24
    for (auto& sum : sums) sum = V(T(0));
    V a = V(T(0.5));
    OCELLUS_BENCHMARK_KEEP(a.raw);
    for (std::int64_t i = 0; i < steps; ++i) {
#pragma GCC unroll 24
      for (auto& sum : sums) {
#if OCELLUS_BFLOAT16_DOT
        if constexpr (Dot)
          sum = linalg::detail::bfloat16_dot(0x3f003f00u, bit_cast<std::int32_t>(a), sum);
        else
#endif
          sum = fma(a, a, sum);
      }
#pragma GCC unroll 24
      for (auto& sum : sums) OCELLUS_BENCHMARK_KEEP(sum.raw);
    }
  }
};

template <class T, bool Dot>
Rate measure_chains(double seconds) {
  Exec const exec;
  int const threads = exec.concurrency();
  Rate best         = 0;
  for (double const start = now(); best == 0 || now() - start < seconds;) {
    double const before = now();
    for_each_row(exec, "ocellus::benchmarks::multiply_add_ceiling", threads, Chains<T, Dot>{});
    exec.fence();
    best = std::max(best, static_cast<double>(threads) * steps * chains * Simd<T>::width * (Dot ? 4 : 2) / (now() - before));
  }
  return best;
}

/// Blocks of 32 x 32 sums on the matrix unit, from operands that stay in the nearest cache.
struct UnitBlocks {
  static constexpr std::int64_t terms = 16, repeats = 400;

  KOKKOS_FUNCTION void operator()(TeamMember<Exec> const&, std::int64_t) const {
    using namespace linalg::detail;
    alignas(64) bfloat16 a[2 * terms * unit_tile] = {}, b[terms * unit_panel] = {};
    alignas(64) float sums[2 * unit_rows * unit_sums_stride];
    MatrixUnit const unit;
    for (std::int64_t i = 0; i < repeats; ++i) unit.multiply({a, terms * unit_tile, b, terms, true, true, false, sums});
  }
};

Rate measure_unit(double seconds) {
  using namespace linalg::detail;
  Exec const exec;
  int const threads = exec.concurrency();
  double const work = static_cast<double>(threads) * UnitBlocks::repeats * UnitBlocks::terms * matrix_unit_terms * (2.0 * unit_rows) * panel_columns * 2;
  Rate best         = 0;
  for (double const start = now(); best == 0 || now() - start < seconds;) {
    double const before = now();
    for_each_row(exec, "ocellus::benchmarks::multiply_add_ceiling", threads, UnitBlocks{});
    exec.fence();
    best = std::max(best, work / (now() - before));
  }
  return best;
}

constexpr std::int64_t row_bytes = 1 << 16;

struct MoveRows {
  Traffic traffic;
  double const* from;
  double* to;

  KOKKOS_FUNCTION void operator()(TeamMember<Exec> const&, std::int64_t row) const {
    using V                      = Simd<double>;
    constexpr std::int64_t count = row_bytes / sizeof(double);
    double const* const source   = from + row * count;
    double* const target         = to + row * count;
    if (traffic == Traffic::copy) {
      for (std::int64_t i = 0; i < count; i += V::width) V::load(source + i).store(target + i);
    } else if (traffic == Traffic::read) {
      V sums[4] = {V(0.0), V(0.0), V(0.0), V(0.0)};
      for (std::int64_t i = 0; i < count; i += 4 * V::width) {
        for (int j = 0; j < 4; ++j) sums[j] += V::load(source + i + j * V::width);
      }
      (sums[0] + sums[1] + sums[2] + sums[3]).store(target);
    } else {
      for (std::int64_t i = 0; i < count; i += V::width) {
#if defined(__AVX512F__)
        _mm512_stream_pd(target + i, (__m512d)V::load(source + i).raw);
#elif defined(__AVX2__)
        _mm256_stream_pd(target + i, (__m256d)V::load(source + i).raw);
#elif defined(__SSE2__)
        _mm_stream_pd(target + i, (__m128d)V::load(source + i).raw);
#else
        V::load(source + i).store(target + i);
#endif
      }
    }
  }
};

}  // namespace

Rate multiply_add_ceiling(std::string_view type, double seconds) {
  if (type == "double") return measure_chains<double, false>(seconds);
  if (type == "bfloat16" && linalg::detail::has_matrix_unit) return measure_unit(seconds);
  if (type == "bfloat16") return measure_chains<float, linalg::detail::has_bfloat16_dot>(seconds);
  return measure_chains<float, false>(seconds);
}

Rate memory_ceiling(Traffic traffic, double seconds) {
  Exec const exec;
  constexpr std::int64_t rows = 2048;  // 128 MB
  constexpr std::size_t line  = 64;    // non-temporal stores want whole ones
  static std::vector<double> from(rows * row_bytes / 8 + line / 8, 1.0), to(rows * row_bytes / 8 + line / 8, 1.0);
  auto const aligned = [](std::vector<double>& numbers) {
    return numbers.data() + (line - reinterpret_cast<std::uintptr_t>(numbers.data()) % line) % line / 8;
  };
  Rate best = 0;
  for (double const start = now(); best == 0 || now() - start < seconds;) {
    double const before = now();
    for_each_row(exec, "ocellus::benchmarks::memory_ceiling", rows, MoveRows{traffic, aligned(from), aligned(to)});
    exec.fence();
    best = std::max(best, static_cast<double>(rows * row_bytes) * (traffic == Traffic::read ? 1 : 2) / (now() - before));
  }
  return best;
}

}  // namespace ocellus::benchmarks
