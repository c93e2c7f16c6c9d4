// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/reduce.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/profiling/group_rows.hpp>

namespace ocellus::profiling::detail {

/// output[r, d] = (profiles[rows[r], d] - centre[d]) / scale[d] in double; no rows: all rows; no centre or scale: left out.
template <class Member, class Profiles, class Indices, class Line, class Output>
struct TakeRows {
  Profiles profiles;
  Indices rows;
  Line centre, scale;
  Output output;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t r) const {
    std::int64_t const row = is_present(rows) ? rows(r) : r;
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(profiles, 1)), [&](std::int64_t const d) {
      double x = static_cast<double>(profiles(row, d));
      if (is_present(centre)) x -= centre(d);
      if (is_present(scale)) x /= scale(d);
      output(r, d) = x;
    });
  }
};

/// output[rows[r], d] = input[r, d]; no rows: row by row.
template <class Member, class Input, class Indices, class Output>
struct PutRows {
  Input input;
  Indices rows;
  Output output;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t r) const {
    std::int64_t const row = is_present(rows) ? rows(r) : r;
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(input, 1)),
                         [&](std::int64_t const d) { output(row, d) = static_cast<element_t<Output>>(input(r, d)); });
  }
};

/// output[r, :] = value.
template <class Member, class Output>
struct FillRows {
  double value;
  Output output;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t r) const {
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(output, 1)), [&](std::int64_t const d) { output(r, d) = value; });
  }
};

template <class Exec>
using DoubleMatrix = Tensor<double**, typename Exec::memory_space>;
template <class Exec>
using DoubleLine = Tensor<double*, typename Exec::memory_space>;
template <class Exec>
using IndexLine = Tensor<std::int64_t*, typename Exec::memory_space>;

template <ExecutionSpace Exec, class Profiles>
[[nodiscard]] DoubleMatrix<Exec> take_rows(Exec const& exec, Profiles const& profiles, IndexLine<Exec> const& rows, DoubleLine<Exec> const& centre,
                                           DoubleLine<Exec> const& scale) {
  std::int64_t const count = is_present(rows) ? extent(rows, 0) : extent(profiles, 0);
  auto const output        = make_tensor<double**>(exec, "ocellus::profiling::rows", count, extent(profiles, 1));
  for_each_row(exec, "ocellus::profiling::take_rows", count,
               TakeRows<TeamMember<Exec>, Profiles, IndexLine<Exec>, DoubleLine<Exec>, DoubleMatrix<Exec>>{profiles, rows, centre, scale, output});
  return output;
}

template <ExecutionSpace Exec, class Output>
void put_rows(Exec const& exec, DoubleMatrix<Exec> const& input, IndexLine<Exec> const& rows, Output const& output) {
  for_each_row(exec, "ocellus::profiling::put_rows", extent(input, 0),
               PutRows<TeamMember<Exec>, DoubleMatrix<Exec>, IndexLine<Exec>, Output>{input, rows, output});
}

template <ExecutionSpace Exec>
void fill_rows(Exec const& exec, DoubleMatrix<Exec> const& output, double value) {
  for_each_row(exec, "ocellus::profiling::fill_rows", extent(output, 0), FillRows<TeamMember<Exec>, DoubleMatrix<Exec>>{value, output});
}

/// Numbers of the rows that a mask marks, as a (never null) device array.
template <ExecutionSpace Exec, class Mask>
[[nodiscard]] std::vector<std::int64_t> marked_rows(Exec const& exec, Mask const& mask, std::int64_t rows) {
  auto const host = mask_on_host(exec, mask, rows);
  std::vector<std::int64_t> marked;
  for (std::size_t i = 0; i < host.size(); ++i) {
    if (host[i] != 0) marked.push_back(static_cast<std::int64_t>(i));
  }
  return marked;
}

/// A device matrix in host memory, and back.
template <ExecutionSpace Exec>
[[nodiscard]] auto to_host(Exec const& exec, DoubleMatrix<Exec> const& device) {
  auto const host = make_host_tensor<double**>("ocellus::profiling::host", device.extent(0), device.extent(1));
  Kokkos::deep_copy(exec, host, device);
  exec.fence("ocellus::profiling::to_host");
  return host;
}

template <ExecutionSpace Exec>
[[nodiscard]] DoubleMatrix<Exec> to_device(Exec const& exec, HostTensor<double**> const& host) {
  auto const device = make_tensor<double**>(exec, "ocellus::profiling::device", host.extent(0), host.extent(1));
  Kokkos::deep_copy(exec, device, host);
  exec.fence("ocellus::profiling::to_device");
  return device;
}

template <ExecutionSpace Exec>
[[nodiscard]] DoubleLine<Exec> to_device(Exec const& exec, HostTensor<double*> const& host) {
  auto const device = make_tensor<double*>(exec, "ocellus::profiling::device", host.extent(0));
  Kokkos::deep_copy(exec, device, host);
  exec.fence("ocellus::profiling::to_device");
  return device;
}

/// Mean and deviation (ddof 0, 0 for a constant column exactly) of the columns.
struct ColumnMoments {
  HostTensor<double*> mean, deviation;
};

/// Columns whose moments are summed together, so that a row's numbers are read side by side; each in the order of `ordered_sum`.
struct ColumnSums {
  static constexpr std::int64_t most = 16;

  TreeSum<double> trees[most];
  double partial[most] = {};

  /// Sums rows[i, first + c] - origin[c], less the shift and squared where asked for, c < count.
  void run(HostTensor<double**> const& rows, std::int64_t first, std::int64_t count, double const* origin, double const* shift, bool squared) {
    for (std::int64_t c = 0; c < most; ++c) trees[c] = {};
    for (std::int64_t block = 0; block < extent(rows, 0); block += reduction_block) {
      std::int64_t const last = std::min(block + reduction_block, extent(rows, 0));
      for (double& sum : partial) sum = 0;
      for (std::int64_t i = block; i < last; ++i) {
        double const* const row = &rows(i, first);
        for (std::int64_t c = 0; c < count; ++c) {
          double const term = row[c] - origin[c] - shift[c];
          partial[c] += squared ? term * term : term;
        }
      }
      for (std::int64_t c = 0; c < count; ++c) trees[c].push(partial[c]);
    }
  }
};

[[nodiscard]] inline ColumnMoments column_moments(HostTensor<double**> const& rows) {
  ColumnMoments const moments{make_host_tensor<double*>("ocellus::profiling::mean", rows.extent(1)),
                              make_host_tensor<double*>("ocellus::profiling::deviation", rows.extent(1))};
  std::int64_t const count = extent(rows, 0);
  ColumnSums sums;
  for (std::int64_t first = 0; first < extent(rows, 1); first += ColumnSums::most) {
    std::int64_t const some         = std::min(ColumnSums::most, extent(rows, 1) - first);
    double origin[ColumnSums::most] = {}, shift[ColumnSums::most] = {};
    for (std::int64_t c = 0; c < some && count > 0; ++c) origin[c] = rows(0, first + c);
    sums.run(rows, first, some, origin, shift, false);
    for (std::int64_t c = 0; c < some; ++c) {
      shift[c]                = sums.trees[c].result() / static_cast<double>(count);
      moments.mean(first + c) = origin[c] + shift[c];
    }
    sums.run(rows, first, some, origin, shift, true);
    for (std::int64_t c = 0; c < some; ++c) moments.deviation(first + c) = std::sqrt(sums.trees[c].result() / static_cast<double>(count));
  }
  return moments;
}

}  // namespace ocellus::profiling::detail
