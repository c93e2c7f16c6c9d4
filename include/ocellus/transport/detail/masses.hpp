// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Reading of masses and other arrays before a solver starts: sums and extremes in a fixed order, brought to the host.

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/reduce.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>

namespace ocellus::transport::detail {

/// Masses of one side: an array, or one number for all.
template <class Real>
struct MassArray {
  Real const* data    = nullptr;
  std::int64_t stride = 0;
  Real uniform        = 0;

  KOKKOS_INLINE_FUNCTION Real operator()(std::int64_t i) const { return data == nullptr ? uniform : data[i * stride]; }
};

template <class Real, class V>
[[nodiscard]] MassArray<Real> mass_array(V const& view, std::int64_t count) {
  MassArray<Real> masses;
  masses.uniform = count > 0 ? Real(1) / static_cast<Real>(count) : Real(0);
  if constexpr (!std::is_same_v<V, None>) {
    static_assert(std::is_same_v<element_t<V>, Real>, "ocellus::transport: masses and costs must have one scalar type");
    if (is_present(view)) {
      masses.data   = view.data();
      masses.stride = static_cast<std::int64_t>(view.stride(0));
    }
  }
  return masses;
}

/// Numbers that a reduction over one index yields at once: the first `Sums` add, the rest take their largest. A NaN makes a largest NaN.
template <int Count>
struct Totals {
  double value[Count];
};

template <int Sums, int Largest>
KOKKOS_INLINE_FUNCTION void combine_totals(Totals<Sums + Largest>& into, Totals<Sums + Largest> const& from) {
  for (int c = 0; c < Sums; ++c) into.value[c] += from.value[c];
  for (int c = Sums; c < Sums + Largest; ++c) {
    if (from.value[c] > into.value[c] || from.value[c] != from.value[c]) into.value[c] = into.value[c] != into.value[c] ? into.value[c] : from.value[c];
  }
}

template <int Sums, int Largest>
KOKKOS_INLINE_FUNCTION Totals<Sums + Largest> no_totals() {
  Totals<Sums + Largest> totals;
  for (int c = 0; c < Sums; ++c) totals.value[c] = 0;
  for (int c = Sums; c < Sums + Largest; ++c) totals.value[c] = -Kokkos::Experimental::infinity_v<double>;
  return totals;
}

/// `term(i)` for i in one block of 256, in order.
template <int Sums, int Largest, class Term>
KOKKOS_INLINE_FUNCTION Totals<Sums + Largest> block_totals(std::int64_t block, std::int64_t count, Term const& term) {
  std::int64_t const first = block * reduction_block, last = first + reduction_block < count ? first + reduction_block : count;
  auto totals = no_totals<Sums, Largest>();
  for (std::int64_t i = first; i < last; ++i) combine_totals<Sums, Largest>(totals, term(i));
  return totals;
}

template <class Member, int Sums, int Largest, class Term>
struct TotalBlocks {
  Term term;
  std::int64_t count;
  double* partials;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t block) const {
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      auto const totals = block_totals<Sums, Largest>(block, count, term);
      for (int c = 0; c < Sums + Largest; ++c) partials[block * (Sums + Largest) + c] = totals.value[c];
    });
  }
};

[[nodiscard]] inline std::int64_t reduction_blocks(std::int64_t count) { return (count + reduction_block - 1) / reduction_block; }

/// All blocks' totals on the host, combined in the order of their numbers; waits for `exec`. `partials` holds Sums + Largest numbers a block.
template <int Sums, int Largest, ExecutionSpace Exec, class Term>
[[nodiscard]] Totals<Sums + Largest> host_totals(Exec const& exec, std::string const& label, std::int64_t count, Term const& term, double* partials) {
  std::int64_t const blocks = reduction_blocks(count);
  for_each_row(exec, label, blocks, TotalBlocks<TeamMember<Exec>, Sums, Largest, Term>{term, count, partials});
  UnmanagedTensor<double*, typename Exec::memory_space> const device(partials, static_cast<std::size_t>(blocks * (Sums + Largest)));
  auto const host = Kokkos::create_mirror_view(Kokkos::view_alloc(Kokkos::HostSpace(), Kokkos::WithoutInitializing), device);
  if constexpr (!is_host_execution_v<Exec>) Kokkos::deep_copy(exec, host, device);
  exec.fence(label);
  auto totals = no_totals<Sums, Largest>();
  for (std::int64_t block = 0; block < blocks; ++block) {
    Totals<Sums + Largest> part;
    for (int c = 0; c < Sums + Largest; ++c) part.value[c] = host(block * (Sums + Largest) + c);
    combine_totals<Sums, Largest>(totals, part);
  }
  return totals;
}

template <class Real>
struct MassTerm {
  MassArray<Real> masses;

  KOKKOS_INLINE_FUNCTION Totals<2> operator()(std::int64_t i) const {
    double const mass = static_cast<double>(masses(i));
    return {{mass, -mass}};
  }
};

/// The sum of one side's masses. Waits unless they are uniform.
///
/// Errors: `std::invalid_argument` naming the array when it is empty, holds a negative, NaN or infinite mass, or has a total of zero.
template <class Real, class Runner, class V>
[[nodiscard]] double read_masses(Runner const& run, std::string const& name, V const& view, std::int64_t count, double* partials) {
  std::string const& function = run.function;
  require(count > 0, function, name == "a" ? "x" : "y", " (the side of ", name, ") is empty");
  auto const masses = mass_array<Real>(view, count);
  if (masses.data == nullptr) return 1.0;
  auto const totals = run.template totals<1, 1>("::masses", count, MassTerm<Real>{masses}, partials);
  require(!(totals.value[1] > 0.0), function, name, " holds a negative mass, ", -totals.value[1]);
  require(std::isfinite(totals.value[0]) && std::isfinite(totals.value[1]), function, name, " holds a mass that is NaN or infinite");
  require(totals.value[0] > 0.0, function, "the total mass of ", name, " is zero");
  return totals.value[0];
}

inline void require_equal_totals(std::string const& function, double total_a, double total_b) {
  double const larger = total_a > total_b ? total_a : total_b;
  require(std::abs(total_a - total_b) <= 1e-5 * larger, function, "the total mass of a is ", total_a, " but that of b is ", total_b);
}

/// Checks the extent of an optional array of masses.
template <class V>
void require_masses(std::string const& function, char const* name, V const& view, NamedExtent side) {
  if constexpr (!std::is_same_v<V, None>) {
    if (is_present(view)) require_equal(function, {name, extent(view, 0)}, side);
  }
}

}  // namespace ocellus::transport::detail
