// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <type_traits>

#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/precision.hpp>
#include <ocellus/linalg/detail/matmul_blocks.hpp>
#include <ocellus/linalg/detail/matmul_operations.hpp>
#include <ocellus/linalg/detail/matmul_panels.hpp>
#include <ocellus/linalg/detail/matmul_problem.hpp>
#include <ocellus/linalg/detail/matmul_team_tiles.hpp>
#include <ocellus/linalg/detail/matmul_tiles.hpp>

namespace ocellus::linalg::detail {
inline namespace OCELLUS_INSTRUCTION_SET {

/// The portable kernel: a thread owns an output row, a lane an element.
template <class Member, class Real, class Operation, class Problem>
struct MatmulRows {
  static constexpr SumOrder order = sum_order<typename Problem::Left, typename Problem::Stored, Operation>;

  Problem problem;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t item) const {
    std::int64_t const batch = item / problem.rows, row = item % problem.rows;
    auto const a        = problem.a.at_batch(batch);
    auto const b        = problem.b.at_batch(batch);
    auto const output   = problem.output.at_batch(batch);
    auto const epilogue = problem.epilogue.at_batch(batch);
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, problem.columns), [&](std::int64_t const column) {
      if (problem.symmetric && column > row) return;
      Real const sum = element_chain<Real, Operation, order>(
          problem.accumulate ? static_cast<Real>(output(row, column)) : Real(0), problem.inner, [&](std::int64_t k) { return a(row, k); },
          [&](std::int64_t k) { return b(k, column); });
      auto const value    = static_cast<std::remove_cvref_t<decltype(output(row, column))>>(epilogue(sum, row, column));
      output(row, column) = value;
      if (problem.symmetric) output(column, row) = value;
    });
  }
};

/// Launches the kernel that the tuning row asks for.
template <class Tuning, class Real, class Operation = MultiplyAdd, ExecutionSpace Exec, class Problem>
void launch_matmul(Exec const& exec, std::string const& label, Problem const& problem) {
  if (problem.rows == 0 || problem.columns == 0 || problem.batches == 0) return;
  if constexpr (Tuning::register_tiles && is_host_execution_v<Exec>) {
    // Blocks take unlike times, and threads are not always alone on their processors: whoever is free takes the next.
    using Policy = Kokkos::TeamPolicy<Exec, Kokkos::Schedule<Kokkos::Dynamic>, Kokkos::IndexType<std::int64_t>>;
    using Member = typename Policy::member_type;
    using Tiles  = MatmulTiles<Member, Real, Tuning, Operation, Problem>;
    using Blocks = MatmulBlocks<Member, Problem>;
    using Kernel = std::conditional_t<uses_matrix_unit<typename Problem::Left, typename Problem::Stored, Operation>, Blocks, Tiles>;
    Kernel const kernel(problem, exec.concurrency());
    Policy policy(exec, static_cast<int>(kernel.items()), 1, 1);
    policy.set_scratch_size(1, Kokkos::PerThread(static_cast<int>(kernel.plan.bytes() + 64)));
    Kokkos::parallel_for(label, policy, kernel);
  } else {
    if constexpr (!is_host_execution_v<Exec> && Tuning::team_tiles &&
                  sum_order<typename Problem::Left, typename Problem::Stored, Operation> == SumOrder::terms) {
      if (launch_team_tiles<Tuning, Real, Operation>(exec, label, problem)) return;
    }
    for_each_row(exec, label, problem.batches * problem.rows, MatmulRows<TeamMember<Exec>, Real, Operation, Problem>{problem});
  }
}

/// Packs a matrix into memory of panel_count(columns) panel_size(inner) numbers.
template <ExecutionSpace Exec, class Matrix, class Stored>
void launch_pack(Exec const& exec, std::string const& label, Matrix const& matrix, std::int64_t inner, std::int64_t columns, Stored* packed) {
  std::int64_t const rows = panel_size<Stored>(inner) / panel_columns;
  if constexpr (is_host_execution_v<Exec>) {
    for_each_row(exec, label, inner == 0 ? 0 : panel_count(columns), PackWholePanels<TeamMember<Exec>, Matrix, Stored>{matrix, packed, inner, columns});
  } else {
    for_each_row(exec, label, panel_count(columns) * rows, PackPanels<TeamMember<Exec>, Matrix, Stored>{matrix, packed, inner, columns});
  }
}

}  // namespace OCELLUS_INSTRUCTION_SET
}  // namespace ocellus::linalg::detail
