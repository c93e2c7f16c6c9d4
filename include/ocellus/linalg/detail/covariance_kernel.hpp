// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>

#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/reduce.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/linalg/detail/matmul_micro_kernel.hpp>

namespace ocellus::linalg::detail {

/// Columns of the centred copy: whole vectors may be read at its end.
[[nodiscard]] constexpr std::int64_t covariance_padded(std::int64_t width) { return (width + panel_columns - 1) / panel_columns * panel_columns; }

/// A row's weight; 1 without weights.
template <class Real, class Weights>
KOKKOS_INLINE_FUNCTION Real weight_of(Weights const& weights, std::int64_t n) {
  if constexpr (std::is_same_v<Weights, None>)
    return Real(1);
  else
    return is_present(weights) ? static_cast<Real>(weights(n)) : Real(1);
}

/// sums(0) = sum of the weights, sums(1) = sum of their squares.
template <class Member, class Weights, class Sums>
struct WeightSums {
  Weights weights;
  Sums sums;
  std::int64_t rows;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t) const {
    using Real = typename Sums::non_const_value_type;
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      sums(0) = ordered_sum<Real>(rows, [&](std::int64_t n) { return weight_of<Real>(weights, n); });
      sums(1) = ordered_sum<Real>(rows, [&](std::int64_t n) { return weight_of<Real>(weights, n) * weight_of<Real>(weights, n); });
    });
  }
};

/// Sixteen columns of the weighted mean a call.
template <class Member, class Input, class Weights, class Sums, class Mean>
struct WeightedMean {
  Input input;
  Weights weights;
  Sums sums;
  Mean mean;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t group) const {
    using Real               = typename Sums::non_const_value_type;
    std::int64_t const first = group * 16, width = extent(input, 1) - first < 16 ? extent(input, 1) - first : 16;
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, width), [&](std::int64_t const d) {
      auto const term = [&](std::int64_t n) { return weight_of<Real>(weights, n) * static_cast<Real>(input(n, first + d)); };
      mean(first + d) = ordered_sum<Real>(extent(input, 0), term) / sums(0);
    });
  }
};

/// One centred row a call, padded with zeros.
template <class Member, class Input, class Mean, class Centred>
struct CentreRows {
  Input input;
  Mean mean;
  Centred centred;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t row) const {
    using Real = typename Centred::non_const_value_type;
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(centred, 1)),
                         [&](std::int64_t const d) { centred(row, d) = d < extent(input, 1) ? static_cast<Real>(input(row, d)) - mean(d) : Real(0); });
  }
};

/// The sum of w c_i c_j over a block of rows of the data is one chain of multiply-adds (w c_i) c_j; blocks combine as reduce.hpp says. Both kernels keep to that.
///
/// A strip of the lower triangle a call: row i, columns [first, first + strip). All columns of the strip walk the rows of the data together, so that reads are
/// contiguous.
template <class Member, class Centred, class Weights, class Sums, class Mean, class Covariance, class MeanOutput>
struct CovarianceStrips {
  static constexpr std::int64_t strip = 32;

  Centred centred;
  Weights weights;
  Sums sums;
  Mean mean;
  Covariance covariance;
  MeanOutput mean_output;
  double ddof;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t item) const {
    using Real               = typename Sums::non_const_value_type;
    std::int64_t const width = extent(covariance, 0), rows = extent(centred, 0), strips = (width + strip - 1) / strip;
    std::int64_t const i = item / strips, first = item % strips * strip;
    std::int64_t const count = i + 1 - first < strip ? i + 1 - first : strip;
    Real const divisor       = sums(0) - static_cast<Real>(ddof) * (sums(1) / sums(0));
    if (first > i) return;
    if (first == 0) Kokkos::single(Kokkos::PerThread(member), [&]() { mean_output(i) = static_cast<element_t<MeanOutput>>(mean(i)); });
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, count), [&](std::int64_t const j) {
      TreeSum<Real> tree;
      for (std::int64_t block = 0; block < rows; block += reduction_block) {
        std::int64_t const last = block + reduction_block < rows ? block + reduction_block : rows;
        Real partial            = 0;
        for (std::int64_t n = block; n < last; ++n) partial = multiply_add(weight_of<Real>(weights, n) * centred(n, i), centred(n, first + j), partial);
        tree.push(partial);
      }
      auto const value         = static_cast<element_t<Covariance>>(tree.result() / divisor);
      covariance(i, first + j) = value;
      covariance(first + j, i) = value;
    });
  }
};

inline namespace OCELLUS_INSTRUCTION_SET {

/// The host kernel: a thread owns a block of the lower triangle. For each block of rows of the data it packs the weighted left columns, runs the register tile
/// of matrix products over the block, and pushes the sums into a binary counter of blocks.
template <class Member, class Centred, class Weights, class Sums, class Mean, class Covariance, class MeanOutput>
struct CovarianceTiles {
  using Real                                  = typename Sums::non_const_value_type;
  using Format                                = MatmulFormat<Real, Real, MultiplyAdd, false>;
  static constexpr int lanes                  = simd_lanes<Real>;
  static constexpr int tile_rows              = host_vector_bytes == 64 ? 14 : 6;
  static constexpr int tile_columns           = 2 * lanes;
  static constexpr std::int64_t block_rows    = host_vector_bytes == 64 ? 112 : 96;
  static constexpr std::int64_t block_columns = 128;
  static constexpr std::int64_t block_size    = block_rows * block_columns;

  Centred centred;
  Weights weights;
  Sums sums;
  Mean mean;
  Covariance covariance;
  MeanOutput mean_output;
  double ddof;

  [[nodiscard]] std::int64_t width() const { return extent(covariance, 0); }
  [[nodiscard]] std::int64_t column_blocks() const { return (width() + block_columns - 1) / block_columns; }
  [[nodiscard]] std::int64_t items() const { return (width() + block_rows - 1) / block_rows * column_blocks(); }

  /// Subtrees of the counter, and one more for the newest block.
  [[nodiscard]] std::int64_t levels() const {
    std::int64_t count = 2;
    for (std::int64_t blocks = (extent(centred, 0) + reduction_block - 1) / reduction_block; blocks > 1; blocks /= 2) ++count;
    return count;
  }
  [[nodiscard]] std::size_t scratch_bytes() const {
    return static_cast<std::size_t>(block_rows * reduction_block + lanes + levels() * block_size) * sizeof(Real) + 64;
  }

  void operator()(Member const& member) const {
    auto const item              = static_cast<std::int64_t>(member.league_rank());
    std::int64_t const first_row = item / column_blocks() * block_rows, first_column = item % column_blocks() * block_columns;
    std::int64_t const high = std::min(block_rows, width() - first_row), wide = std::min(block_columns, width() - first_column);
    if (first_column >= first_row + high) return;
    auto* const left  = static_cast<Real*>(member.thread_scratch(1).get_shmem_aligned(scratch_bytes() - 64, 64));
    auto* const trees = left + block_rows * reduction_block + (lanes - (block_rows * reduction_block) % lanes) % lanes + lanes;
    Real* subtrees[40];
    for (std::int64_t level = 0; level < levels(); ++level) subtrees[level] = trees + level * block_size;
    Real*& newest           = subtrees[levels() - 1];
    std::int64_t const rows = extent(centred, 0), tiles = (high + tile_rows - 1) / tile_rows;

    std::int64_t blocks = 0;
    for (std::int64_t n = 0; n < rows; n += reduction_block, ++blocks) {
      std::int64_t const count = std::min(reduction_block, rows - n);
      for (std::int64_t t = 0; t < tiles; ++t)
        pack(first_row + t * tile_rows, std::min<std::int64_t>(tile_rows, high - t * tile_rows), n, count, left + t * tile_rows * count);
      for (std::int64_t column = 0; column < wide; column += tile_columns) {
        for (std::int64_t t = 0; t < tiles; ++t) {
          Real* const at = newest + t * tile_rows * block_columns + column;
          multiply_rows<Format, tile_rows, 2>(static_cast<int>(std::min<std::int64_t>(tile_rows, high - t * tile_rows)), left + t * tile_rows * count,
                                              &centred(n, first_column + column), static_cast<std::int64_t>(centred.stride(0)), count, at, block_columns, false,
                                              at);
        }
      }
      int level = 0;
      for (std::int64_t carry = blocks; (carry & 1) != 0; carry >>= 1, ++level) add(subtrees[level], newest, high);
      std::swap(subtrees[level], newest);
    }
    Real const* total = nullptr;
    int level         = 0;
    for (std::int64_t left_over = blocks; left_over != 0; left_over >>= 1, ++level) {
      if ((left_over & 1) == 0) continue;
      if (total != nullptr) add(total, subtrees[level], high);
      total = subtrees[level];
    }
    Real const divisor = sums(0) - static_cast<Real>(ddof) * (sums(1) / sums(0));
    for (std::int64_t i = 0; i < high; ++i) {
      std::int64_t const row = first_row + i;
      if (first_column == 0) mean_output(row) = static_cast<element_t<MeanOutput>>(mean(row));
      for (std::int64_t j = 0; j < wide && first_column + j <= row; ++j) {
        auto const value                  = static_cast<element_t<Covariance>>(total[i * block_columns + j] / divisor);
        covariance(row, first_column + j) = value;
        covariance(first_column + j, row) = value;
      }
    }
  }

 private:
  void pack(std::int64_t column, std::int64_t columns, std::int64_t first, std::int64_t count, Real* packed) const {
    for (std::int64_t n = 0; n < count; ++n) {
      Real const weight      = weight_of<Real>(weights, first + n);
      Real const* const from = &centred(first + n, column);
      for (std::int64_t i = 0; i < columns; ++i) packed[n * columns + i] = weight * from[i];
    }
  }

  static void add(Real const* __restrict terms, Real* __restrict to, std::int64_t high) {
    for (std::int64_t i = 0; i < high * block_columns; ++i) to[i] = terms[i] + to[i];
  }
};

}  // namespace OCELLUS_INSTRUCTION_SET

/// The kernel for the execution space.
template <ExecutionSpace Exec, class Centred, class Weights, class Sums, class Mean, class Covariance, class MeanOutput>
void launch_covariance(Exec const& exec, std::string const& label, Centred const& centred, Weights const& weights, Sums const& sums, Mean const& mean,
                       Covariance const& covariance, MeanOutput const& mean_output, double ddof) {
  if constexpr (is_host_execution_v<Exec>) {
    using Policy = Kokkos::TeamPolicy<Exec, Kokkos::Schedule<Kokkos::Dynamic>, Kokkos::IndexType<std::int64_t>>;
    using Tiles  = CovarianceTiles<typename Policy::member_type, Centred, Weights, Sums, Mean, Covariance, MeanOutput>;
    Tiles const kernel{centred, weights, sums, mean, covariance, mean_output, ddof};
    if (kernel.items() == 0) return;
    Policy policy(exec, static_cast<int>(kernel.items()), 1, 1);
    policy.set_scratch_size(1, Kokkos::PerThread(static_cast<int>(kernel.scratch_bytes())));
    Kokkos::parallel_for(label, policy, kernel);
  } else {
    using Strips              = CovarianceStrips<TeamMember<Exec>, Centred, Weights, Sums, Mean, Covariance, MeanOutput>;
    std::int64_t const width  = extent(covariance, 0);
    std::int64_t const strips = (width + Strips::strip - 1) / Strips::strip;
    for_each_row(exec, label, width * strips, Strips{centred, weights, sums, mean, covariance, mean_output, ddof});
  }
}

}  // namespace ocellus::linalg::detail
