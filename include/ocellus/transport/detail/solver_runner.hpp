// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Two ways to run a solver's row functions: launched one after the other on an instance, or called in order inside one kernel on the host, where a thread owns
/// a whole small problem. Both call the same functions in orders that give the same bits.

#include <cstdint>
#include <string>
#include <vector>

#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/transport/detail/masses.hpp>

namespace ocellus::transport::detail {

template <ExecutionSpace Exec>
struct LaunchRunner {
  using Member                  = TeamMember<Exec>;
  using Space                   = typename Exec::memory_space;
  static constexpr bool is_host = is_host_execution_v<Exec>;

  Exec const& exec;
  std::string function;

  template <class Row>
  void rows(char const* stage, std::int64_t count, Row const& row, std::size_t scratch_bytes = 0) const {
    for_each_row(exec, function + stage, count, row, scratch_bytes);
  }
  template <int Sums, int Largest, class Term>
  [[nodiscard]] Totals<Sums + Largest> totals(char const* stage, std::int64_t count, Term const& term, double* partials) const {
    return host_totals<Sums, Largest>(exec, function + stage, count, term, partials);
  }
  [[nodiscard]] std::vector<double> line(double const* data, std::int64_t count) const {
    UnmanagedTensor<double const*, Space> const device(data, static_cast<std::size_t>(count));
    std::vector<double> values(static_cast<std::size_t>(count));
    UnmanagedTensor<double*, Kokkos::HostSpace> const host(values.data(), values.size());
    Kokkos::deep_copy(exec, host, device);
    exec.fence(function + "::line");
    return values;
  }
};

template <class MemberType>
struct SequentialRunner {
  using Member                  = MemberType;
  using Space                   = Kokkos::HostSpace;
  static constexpr bool is_host = true;

  Member const& member;
  std::string const& function;

  template <class Row>
  void rows(char const*, std::int64_t count, Row const& row, std::size_t = 0) const {
    for (std::int64_t i = 0; i < count; ++i) row(member, i);
  }
  template <int Sums, int Largest, class Term>
  [[nodiscard]] Totals<Sums + Largest> totals(char const*, std::int64_t count, Term const& term, double*) const {
    auto totals = no_totals<Sums, Largest>();
    for (std::int64_t block = 0; block < reduction_blocks(count); ++block)
      combine_totals<Sums, Largest>(totals, block_totals<Sums, Largest>(block, count, term));
    return totals;
  }
  [[nodiscard]] std::vector<double> line(double const* data, std::int64_t count) const { return {data, data + count}; }
};

}  // namespace ocellus::transport::detail
