// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/reduce.hpp>
#include <ocellus/explain/detail/arena.hpp>
#include <ocellus/explain/detail/volumes.hpp>

namespace ocellus::explain::detail {

/// A field of flows and where it counts; arithmetic in Real. Components are the batch axis of `flow`, in the order of the image's axes.
template <class Real, class Flow, class Inside>
struct FlowField {
  Volumes<Flow> flow;
  Volumes<Inside> inside;
  int dimensions;

  [[nodiscard]] KOKKOS_INLINE_FUNCTION std::int64_t size(int component) const { return flow.extents[5 - dimensions + component]; }

  /// The components of flow * inside / 5, interpolated at `at`; corners outside the image count as 0.
  KOKKOS_INLINE_FUNCTION void sample(Real const (&at)[3], Real (&value)[3]) const {
    std::int64_t base[3] = {0, 0, 0};
    Real part[3]         = {0, 0, 0};
    for (int c = 0; c < dimensions; ++c) {
      value[c]         = 0;
      Real const floor = Kokkos::floor(at[c]);
      if (!(floor >= Real(-1) && floor <= static_cast<Real>(size(c)))) return;  // NaN too
      base[c] = static_cast<std::int64_t>(floor);
      part[c] = at[c] - floor;
    }
    for (int corner = 0; corner < (1 << dimensions); ++corner) {
      Real weight           = 1;
      bool within           = true;
      std::int64_t place[3] = {0, 0, 0};  // depth, row, column
      for (int c = 0; c < dimensions; ++c) {
        bool const upper     = ((corner >> c) & 1) != 0;
        std::int64_t const i = base[c] + (upper ? 1 : 0);
        weight *= upper ? part[c] : Real(1) - part[c];
        within                    = within && i >= 0 && i < size(c);
        place[3 - dimensions + c] = i;
      }
      if (!within) continue;
      std::int64_t const row = place[0] * flow.extents[3] + place[1];
      if (!inside(0, 0, row, place[2])) continue;
      for (int c = 0; c < dimensions; ++c) value[c] += weight * (static_cast<Real>(flow(c, 0, row, place[2])) / Real(5));
    }
  }

  /// The end of the pixel (row, x) after Euler steps in coordinates that run from -1 to 1 along each axis.
  KOKKOS_INLINE_FUNCTION void follow(std::int64_t row, std::int64_t x, std::int64_t iterations, Real (&end)[3]) const {
    std::int64_t const start[3] = {row / flow.extents[3], row % flow.extents[3], x};
    Real u[3] = {0, 0, 0}, step[3] = {0, 0, 0}, at[3], value[3];
    for (int c = 0; c < dimensions; ++c) {
      if (size(c) < 2) continue;  // one pixel: there is nowhere to go
      step[c] = Real(2) / static_cast<Real>(size(c) - 1);
      u[c]    = Real(2) * static_cast<Real>(start[3 - dimensions + c]) / static_cast<Real>(size(c) - 1) - Real(1);
    }
    for (std::int64_t iteration = 0; iteration < iterations; ++iteration) {
      for (int c = 0; c < dimensions; ++c) at[c] = ((u[c] + Real(1)) * static_cast<Real>(size(c)) - Real(1)) / Real(2);
      sample(at, value);
      for (int c = 0; c < dimensions; ++c) {
        Real const next = u[c] + step[c] * value[c];
        u[c]            = next < Real(-1) ? Real(-1) : next > Real(1) ? Real(1) : next;
      }
    }
    for (int c = 0; c < dimensions; ++c) end[c] = size(c) < 2 ? Real(0) : (u[c] + Real(1)) / Real(2) * static_cast<Real>(size(c) - 1);
  }
};

/// How many pixels of each line are inside.
template <class Member, class Inside>
struct CountLines {
  Volumes<Inside> inside;
  std::int64_t* counts;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t row) const {
    std::int64_t count = 0;
    Kokkos::parallel_reduce(
        Kokkos::ThreadVectorRange(member, inside.width()), [&](std::int64_t const x, std::int64_t& sum) { sum += inside(0, 0, row, x) ? 1 : 0; }, count);
    Kokkos::single(Kokkos::PerThread(member), [&]() { counts[row] = count; });
  }
};

/// counts become the number of those before; the last, number `lines`, the total.
template <class Member>
struct SumLines {
  std::int64_t* counts;
  std::int64_t lines;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t) const {
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      std::int64_t before = 0;
      for (std::int64_t row = 0; row < lines; ++row) {
        std::int64_t const own = counts[row];
        counts[row]            = before;
        before += own;
      }
      counts[lines] = before;
    });
  }
};

/// One number of device memory; waits for `exec`.
template <class T, ExecutionSpace Exec>
[[nodiscard]] T number_at(Exec const& exec, char const* label, T const* address) {
  T value{};
  Kokkos::View<T const, typename Exec::memory_space, Kokkos::MemoryTraits<Kokkos::Unmanaged>> const source(address);
  Kokkos::View<T, Kokkos::HostSpace, Kokkos::MemoryTraits<Kokkos::Unmanaged>> const target(&value);
  Kokkos::deep_copy(exec, target, source);
  exec.fence(label);
  return value;
}

/// Puts a value everywhere, 1024 elements a call.
template <class Member, class T>
struct FillLine {
  T* line;
  std::int64_t count;
  T value;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t chunk) const {
    std::int64_t const first = chunk * 1024, size = count - first < 1024 ? count - first : 1024;
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, size), [&](std::int64_t const i) { line[first + i] = value; });
  }
};

template <class T, ExecutionSpace Exec>
void fill(Exec const& exec, std::string const& label, T* line, std::int64_t count, T value) {
  for_each_row(exec, label + "::fill", (count + 1023) / 1024, FillLine<TeamMember<Exec>, T>{line, count, value});
}

}  // namespace ocellus::explain::detail
