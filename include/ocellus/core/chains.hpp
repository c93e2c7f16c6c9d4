// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Sums inside a row, and sums over all rows column by column, in orders that do not depend on the launch.

#include <cstdint>
#include <string>

#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/tensor.hpp>

namespace ocellus {

/// The sum of `term(d)` for d in [0, width): on hosts 16 interleaved chains that combine in a tree, which a compiler keeps in vector registers. All lanes get
/// the result.
template <class Real, class Member, class Term>
KOKKOS_INLINE_FUNCTION Real lane_sum(Member const& member, std::int64_t width, Term const& term) {
  if constexpr (is_host_execution_v<typename Member::execution_space>) {
    constexpr int chains = 16;
    Real partial[chains];
    for (int c = 0; c < chains; ++c) partial[c] = 0;
    std::int64_t d = 0;
    for (; d + chains <= width; d += chains) {
      for (int c = 0; c < chains; ++c) partial[c] += term(d + c);
    }
    for (int c = 0; d + c < width; ++c) partial[c] += term(d + c);
    for (int half = chains / 2; half > 0; half /= 2) {
      for (int c = 0; c < half; ++c) partial[c] += partial[c + half];
    }
    return partial[0];
  } else {
    Real sum = 0;
    Kokkos::parallel_reduce(
        Kokkos::ThreadVectorRange(member, width), [&](std::int64_t const d, Real& partial) { partial += term(d); }, sum);
    return sum;
  }
}

namespace detail {

/// Columns that a thread owns.
inline constexpr std::int64_t chain_columns = 32;

/// Columns in groups of 32, a group a call.
template <class Member, class Real, class Body>
struct ColumnChains {
  Body body;
  std::int64_t rows, columns;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t group) const {
    std::int64_t const first = group * chain_columns, count = columns - first < chain_columns ? columns - first : chain_columns;
    if constexpr (is_host_execution_v<typename Member::execution_space>) {
      Real a[chain_columns], b[chain_columns];
      for (std::int64_t d = 0; d < count; ++d) body.begin(first + d, a[d], b[d]);
      for (std::int64_t n = 0; n < rows; ++n) {
        for (std::int64_t d = 0; d < count; ++d) body.add(n, first + d, a[d], b[d]);
      }
      for (std::int64_t d = 0; d < count; ++d) body.end(first + d, a[d], b[d]);
    } else {
      Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, count), [&](std::int64_t const d) {
        Real a, b;
        body.begin(first + d, a, b);
        for (std::int64_t n = 0; n < rows; ++n) body.add(n, first + d, a, b);
        body.end(first + d, a, b);
      });
    }
  }
};

}  // namespace detail

/// Runs `body.begin(d, a, b)`, then `body.add(n, d, a, b)` for each row n in ascending order, then `body.end(d, a, b)` for each column d: two chains a column,
/// owned by one thread. Where `begin` takes up what an earlier call stored, rows cut in two give the bits of the whole.
///
/// Determinism: the order of the rows. Allocates: nothing. Synchronises: no.
template <class Real, ExecutionSpace Exec, class Body>
void for_each_column(Exec const& exec, std::string const& label, std::int64_t rows, std::int64_t columns, Body const& body) {
  for_each_row(exec, label, (columns + detail::chain_columns - 1) / detail::chain_columns,
               detail::ColumnChains<TeamMember<Exec>, Real, Body>{body, rows, columns});
}

/// result(d) = sum over n of values(n, d) factors(n, d), from result(d) on when `accumulate`; factors may be None. A body for `for_each_column`.
template <class Real, class Values, class Factors, class Result>
struct ColumnSum {
  Values values;
  Factors factors;
  Result result;
  bool accumulate;

  KOKKOS_INLINE_FUNCTION void begin(std::int64_t d, Real& a, Real& b) const {
    a = accumulate ? static_cast<Real>(result(d)) : Real(0);
    b = 0;
  }
  KOKKOS_INLINE_FUNCTION void add(std::int64_t n, std::int64_t d, Real& a, Real&) const {
    if constexpr (std::is_same_v<Factors, None>)
      a += static_cast<Real>(values(n, d));
    else
      a += static_cast<Real>(values(n, d)) * static_cast<Real>(factors(n, d));
  }
  KOKKOS_INLINE_FUNCTION void end(std::int64_t d, Real a, Real) const { result(d) = static_cast<element_t<Result>>(a); }
};

}  // namespace ocellus
