// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Sums in an order that is a function of the length alone: blocks of 256 terms at multiples of 256 are summed in order and combine in a binary tree by block
/// number. The same tree serves every statistic over rows.

#include <cstdint>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>

namespace ocellus {

/// Terms in a block of a long sum.
inline constexpr std::int64_t reduction_block = 256;

/// Combines partial sums, pushed in the order of their blocks, in a binary tree: a binary counter whose digits are the finished subtrees. Holds 2^24 blocks.
template <class Real>
class TreeSum {
 public:
  KOKKOS_INLINE_FUNCTION void push(Real partial) {
    int level = 0;
    for (std::int64_t n = count_; (n & 1) != 0; n >>= 1) partial = levels_[level++] + partial;
    levels_[level] = partial;
    ++count_;
  }

  /// The sum of what was pushed; 0 of nothing.
  [[nodiscard]] KOKKOS_INLINE_FUNCTION Real result() const {
    Real sum   = 0;
    bool first = true;
    int level  = 0;
    for (std::int64_t n = count_; n != 0; n >>= 1, ++level) {
      if ((n & 1) == 0) continue;
      sum   = first ? levels_[level] : levels_[level] + sum;
      first = false;
    }
    return sum;
  }

 private:
  Real levels_[24];
  std::int64_t count_ = 0;
};

/// Sums `term(i)` for i in [0, count) by one thread, in the order of this page.
template <class Real, class Term>
KOKKOS_INLINE_FUNCTION Real ordered_sum(std::int64_t count, Term const& term) {
  TreeSum<Real> tree;
  for (std::int64_t first = 0; first < count; first += reduction_block) {
    std::int64_t const last = first + reduction_block < count ? first + reduction_block : count;
    Real partial            = 0;
    for (std::int64_t i = first; i < last; ++i) partial += term(i);
    tree.push(partial);
  }
  return tree.result();
}

namespace detail {

template <class Member, class Values, class Partials>
struct SumBlocks {
  Values values;
  Partials partials;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t block) const {
    using Real               = typename Partials::non_const_value_type;
    std::int64_t const count = extent(values, 0), first = block * reduction_block;
    std::int64_t const last = first + reduction_block < count ? first + reduction_block : count;
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      Real sum = 0;
      for (std::int64_t i = first; i < last; ++i) sum += static_cast<Real>(values(i));
      partials(block) = sum;
    });
  }
};

template <class Member, class Partials, class Result>
struct CombineBlocks {
  Partials partials;
  Result result;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t) const {
    using Real = typename Partials::non_const_value_type;
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      TreeSum<Real> tree;
      for (std::int64_t block = 0; block < extent(partials, 0); ++block) tree.push(partials(block));
      result() = static_cast<element_t<Result>>(tree.result());
    });
  }
};

template <class Member, class Values, class Result>
struct SumColumns {
  Values values;
  Result result;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t group) const {
    using Real               = accumulate_of_t<Values>;
    std::int64_t const first = group * 16, width = extent(values, 1) - first < 16 ? extent(values, 1) - first : 16;
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, width), [&](std::int64_t const d) {
      auto const term   = [&](std::int64_t n) { return static_cast<Real>(values(n, first + d)); };
      result(first + d) = static_cast<element_t<Result>>(ordered_sum<Real>(extent(values, 0), term));
    });
  }
};

}  // namespace detail

/// Bytes of workspace that `sum` takes.
template <ExecutionSpace Exec, RealView<1> Values, RealView<0> Result>
[[nodiscard]] std::size_t sum_workspace_size(Exec const&, Values const& values, Result const&) {
  return workspace_bytes<accumulate_of_t<Values>>(static_cast<std::size_t>((extent(values, 0) + reduction_block - 1) / reduction_block));
}

/// values (N) -> result (): the sum, 0 of nothing, in the accumulation type of the values.
///
/// Determinism: the order of this page. Allocates: nothing. Synchronises: no.
template <ExecutionSpace Exec, RealView<1> Values, RealView<0> Result>
  requires AccessibleFrom<Exec, Values, Result>
void sum(Exec const& exec, Values const& values, Result const& result, WorkspaceFor<Exec>& workspace) {
  using Real = accumulate_of_t<Values>;
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  std::int64_t const blocks = (extent(values, 0) + reduction_block - 1) / reduction_block;
  auto const partials       = workspace.template take<Real*>("ocellus::sum", blocks);
  for_each_row(exec, "ocellus::sum::blocks", blocks, detail::SumBlocks<TeamMember<Exec>, Values, decltype(partials)>{values, partials});
  for_each_row(exec, "ocellus::sum::combine", 1, detail::CombineBlocks<TeamMember<Exec>, decltype(partials), Result>{partials, result});
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, RealView<1> Values, RealView<0> Result>
  requires AccessibleFrom<Exec, Values, Result>
void sum(Exec const& exec, Values const& values, Result const& result) {
  WorkspaceFor<Exec> workspace(exec, sum_workspace_size(exec, values, result));
  sum(exec, values, result, workspace);
  exec.fence("ocellus::sum");
}

/// values (N, D) -> result (D): the sum of each column.
///
/// Errors: `std::invalid_argument` when the result does not fit. Determinism: the order of this page. Allocates: nothing. Synchronises: no.
template <ExecutionSpace Exec, RealView<2> Values, RealView<1> Result>
  requires AccessibleFrom<Exec, Values, Result>
void sum_columns(Exec const& exec, Values const& values, Result const& result) {
  require_equal("ocellus::sum_columns", {"result.extent(0)", extent(result, 0)}, {"values.extent(1)", extent(values, 1)});
  for_each_row(exec, "ocellus::sum_columns", (extent(values, 1) + 15) / 16, detail::SumColumns<TeamMember<Exec>, Values, Result>{values, result});
}

}  // namespace ocellus
