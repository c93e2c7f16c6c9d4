// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Average precision on hosts: the similarities of a block of rows to all rows are a product with the packed profiles; then a thread takes a row at a time and
/// counts, vector by vector, the negatives ahead of each positive.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/simd.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/linalg/pack_matrix.hpp>
#include <ocellus/profiling/detail/average_precision_kernel.hpp>
#include <ocellus/profiling/detail/similarity_blocks.hpp>
#include <ocellus/profiling/similarity.hpp>

namespace ocellus::profiling::detail {
inline namespace OCELLUS_INSTRUCTION_SET {

/// The columns of a rule as lines of numbers, padded to whole vectors: the first for all columns that must be equal (rows equal in all of them have equal
/// numbers), one more for each column that must differ.
template <class Integer>
struct PairLines {
  HostTensor<Integer**> lines;
  bool has_same = false;

  /// Whether the rule holds between row i and rows j ... j + Width - 1.
  template <int Width>
  [[gnu::always_inline]] SimdMask<Integer, Width> holds(std::int64_t i, std::int64_t j) const {
    using I                  = Simd<Integer, Width>;
    auto all                 = I(Integer(0)) == I(Integer(0));
    std::int64_t const count = extent(lines, 0);
    for (std::int64_t c = 0; c < count; ++c) {
      Integer const* const line = &lines(c, 0);
      auto const equal          = I::load(line + j) == I(line[i]);
      all                       = all & (c == 0 && has_same ? equal : !equal);
    }
    return all;
  }
};

/// Numbers for the rows of some columns, equal where the rows are equal in all of them.
template <class Integer, class Metadata>
void number_rows(Metadata const& metadata, std::vector<std::int64_t> const& columns, Integer* line) {
  std::int64_t const rows = extent(metadata, 0);
  if (columns.size() == 1) {
    bool fits = true;
    for (std::int64_t i = 0; i < rows; ++i) {
      auto const key = static_cast<std::int64_t>(metadata(i, columns[0]));
      line[i]        = static_cast<Integer>(key);
      fits           = fits && static_cast<std::int64_t>(line[i]) == key;
    }
    if (fits) return;
  }
  std::vector<std::int64_t> order(static_cast<std::size_t>(rows));
  for (std::int64_t i = 0; i < rows; ++i) order[static_cast<std::size_t>(i)] = i;
  auto const before = [&](std::int64_t a, std::int64_t b) {
    for (auto const c : columns) {
      if (metadata(a, c) != metadata(b, c)) return metadata(a, c) < metadata(b, c);
    }
    return false;
  };
  std::sort(order.begin(), order.end(), before);
  Integer number = 0;
  for (std::size_t n = 0; n < order.size(); ++n) {
    if (n > 0 && before(order[n - 1], order[n])) ++number;
    line[order[n]] = number;
  }
}

/// The lines of a rule; `metadata` is in host memory.
template <class Integer, class Metadata>
[[nodiscard]] PairLines<Integer> pair_lines(Metadata const& metadata, PairRule const& rule) {
  constexpr std::int64_t lanes = host_vector_bytes / static_cast<int>(sizeof(Integer));
  std::int64_t const rows = extent(metadata, 0), padded = (rows + lanes - 1) / lanes * lanes;
  std::vector<std::int64_t> same, different;
  for (std::int64_t c = 0; c < extent(metadata, 1); ++c) {
    if ((rule.same >> c & 1) != 0) same.push_back(c);
    if ((rule.different >> c & 1) != 0) different.push_back(c);
  }
  PairLines<Integer> result;
  result.has_same          = !same.empty();
  std::int64_t const count = static_cast<std::int64_t>(different.size()) + (same.empty() ? 0 : 1);
  result.lines             = make_host_tensor<Integer**>("ocellus::profiling::average_precision::keys", count, padded);
  for (std::int64_t c = 0; c < count; ++c) {
    for (std::int64_t i = rows; i < padded; ++i) result.lines(c, i) = 0;
  }
  std::int64_t at = 0;
  if (result.has_same) number_rows(metadata, same, &result.lines(at++, 0));
  for (auto const c : different) number_rows(metadata, {c}, &result.lines(at++, 0));
  return result;
}

/// Average precision of one row a call. The row of similarities is overwritten: what is no negative becomes -infinity, and so does NaN, which ranks last.
template <class Member, class Similarities, class Output, class Counts>
struct HostAveragePrecisionRows {
  using Real                        = element_t<Similarities>;
  using V                           = Simd<Real>;
  using Integer                     = typename V::Integer;
  static constexpr int lanes        = V::width;
  using I                           = Simd<Integer, lanes>;
  using Mask                        = SimdMask<Integer, lanes>;
  static constexpr int group        = host_vector_bytes == 64 ? 8 : 4;  ///< positives whose negatives are counted together
  static constexpr std::int64_t few = 48;                               ///< with more positives, each negative is searched for among them

  Similarities similarities;  ///< (rows of this block, n padded to whole vectors)
  PairLines<Integer> positive, negative;
  Output average_precision, normalized;
  Counts positive_pairs, total_pairs;
  std::int64_t first, rows;

  /// Numbers of each scratch array of a thread.
  [[nodiscard]] static std::int64_t scratch_size(std::int64_t rows) { return rows + group + 2 * lanes; }

  /// Of each thread: the positives' similarities, the negatives ahead of each, and counts.
  [[nodiscard]] static std::size_t scratch_bytes(std::int64_t rows) {
    return static_cast<std::size_t>(scratch_size(rows)) * (sizeof(Real) + sizeof(std::int64_t) + 2 * sizeof(Integer)) + 128;
  }

  void operator()(Member const& member, std::int64_t row) const {
    std::int64_t const i = first + row, size = scratch_size(rows);
    Real* const line       = &similarities(row, 0);
    auto* const before     = static_cast<std::int64_t*>(member.thread_scratch(1).get_shmem_aligned(scratch_bytes(rows) - 64, 64));
    auto* const found      = reinterpret_cast<Real*>(before + size);
    auto* const counts     = reinterpret_cast<Integer*>(found + size);
    std::int64_t negatives = 0;
    std::int64_t const m   = split(i, line, found, negatives);
    std::sort(found, found + m, std::greater<Real>());
    if (m > 0 && m <= few)
      count_ahead(line, found, m, before);
    else if (m > 0)
      search_ahead(line, found, m, before, counts);
    double sum = 0;
    for (std::int64_t k = 0; k < m; ++k) sum += static_cast<double>(k + 1) / static_cast<double>(k + 1 + before[k]);
    write_average_precision(i, sum, m, negatives, average_precision, normalized, positive_pairs, total_pairs);
  }

 private:
  /// Gathers the positives' similarities, counts the negatives and leaves only theirs in the line.
  std::int64_t split(std::int64_t i, Real* line, Real* found, std::int64_t& negatives) const {
    Integer steps[lanes];
    for (int l = 0; l < lanes; ++l) steps[l] = static_cast<Integer>(l);
    I const step = I::load(steps), self(static_cast<Integer>(i)), end(static_cast<Integer>(rows));
    V const lowest(-std::numeric_limits<Real>::infinity());
    I counted(Integer(0));
    std::int64_t m = 0;
    for (std::int64_t j = 0; j < rows; j += lanes) {
      V const raw      = V::load(line + j);
      V const s        = select(raw == raw, raw, lowest);
      I const at       = I(static_cast<Integer>(j)) + step;
      Mask const other = (at != self) & (at < end);
      Mask const likes = other & positive.template holds<lanes>(i, j), unlike = other & negative.template holds<lanes>(i, j);
      if (any(likes)) {
        Real values[lanes];
        s.store(values);
        for (int l = 0; l < lanes; ++l) {
          found[m] = values[l];
          m += likes[l] ? 1 : 0;
        }
      }
      counted -= I(unlike.raw);
      select(SimdMask<Real, lanes>(unlike.raw), s, lowest).store(line + j);
    }
    negatives = static_cast<std::int64_t>(sum_of_lanes(counted));
    return m;
  }

  /// before[k] = negatives above found[k], by comparing all with all.
  void count_ahead(Real const* line, Real* found, std::int64_t m, std::int64_t* before) const {
    for (std::int64_t k = m; k < m + group; ++k) found[k] = std::numeric_limits<Real>::infinity();
    for (std::int64_t k = 0; k < m; k += group) {
      V limits[group];
      I counted[group];
      for (int g = 0; g < group; ++g) limits[g] = V(found[k + g]), counted[g] = I(Integer(0));
      for (std::int64_t j = 0; j < rows; j += lanes) {
        V const s = V::load(line + j);
        for (int g = 0; g < group; ++g) counted[g] -= I((limits[g] < s).raw);
      }
      for (int g = 0; g < group; ++g) before[k + g] = static_cast<std::int64_t>(sum_of_lanes(counted[g]));
    }
  }

  /// The same for many positives, which are sorted: in blocks of a vector's length. A negative below the last of c blocks is above all of the blocks behind the
  /// c-th, and is compared with that one's positives.
  void search_ahead(Real const* line, Real* found, std::int64_t m, std::int64_t* before, Integer* inside) const {
    std::int64_t const blocks = (m + lanes - 1) / lanes;
    for (std::int64_t k = m; k < blocks * lanes; ++k) found[k] = -std::numeric_limits<Real>::infinity();
    for (std::int64_t k = 0; k < (blocks + 1) * lanes; ++k) inside[k] = 0;
    auto* const behind = inside + (blocks + 1) * lanes;  // negatives whose block is the c-th
    for (std::int64_t c = 0; c <= blocks; ++c) behind[c] = 0;
    for (std::int64_t j = 0; j < rows; j += lanes) {
      V const s = V::load(line + j);
      I block(Integer(0));
      for (std::int64_t c = 0; c < blocks; ++c) block -= I((s <= V(found[c * lanes + lanes - 1])).raw);
      Integer at[lanes];
      block.store(at);
      for (int l = 0; l < lanes; ++l) {
        std::int64_t const c  = at[l];
        Integer* const counts = inside + c * lanes;
        (I::load(counts) - I((V::load(found + c * lanes) < V(line[j + l])).raw)).store(counts);
        ++behind[c];
      }
    }
    std::int64_t ahead = 0;
    for (std::int64_t k = 0; k < m; ++k) {
      if (k % lanes == 0 && k > 0) ahead += static_cast<std::int64_t>(behind[k / lanes - 1]);
      before[k] = ahead + static_cast<std::int64_t>(inside[k]);
    }
  }
};

/// All rows, block by block. Fences `exec`.
template <ExecutionSpace Exec, class Profiles, class Metadata, class Output, class Counts>
void average_precision_on_host(Exec const& exec, char const* function, Profiles const& profiles, Metadata const& metadata, PairRule const& positive,
                               PairRule const& negative, Output const& average_precision, Output const& normalized, Counts const& positive_pairs,
                               Counts const& total_pairs, SimilarityMetric metric) {
  using Real                   = accumulate_of_t<Profiles>;
  using Integer                = typename Simd<Real>::Integer;
  constexpr std::int64_t lanes = Simd<Real>::width;
  std::int64_t const rows = extent(profiles, 0), padded = (rows + lanes - 1) / lanes * lanes, block = host_similarity_rows(exec, rows, extent(profiles, 1));
  if (rows == 0) return;
  bool const product      = is_product_metric(metric);
  auto const similarities = make_tensor<Real**>(exec, "ocellus::profiling::average_precision::similarities", block, padded);
  auto const prepared     = make_tensor<Real**>(exec, "ocellus::profiling::average_precision::prepared", product ? rows : 0, extent(profiles, 1));
  auto const order =
      make_tensor<std::int64_t**>(exec, "ocellus::profiling::average_precision::order", metric == SimilarityMetric::spearman ? rows : 0, extent(profiles, 1));
  if (product) prepare_rows(exec, profiles, prepared, order, metric);
  auto const packed = linalg::pack_matrix(exec, prepared, {.transpose = true});
  exec.fence(function);  // the metadata may still be on their way
  auto const likes = pair_lines<Integer>(metadata, positive), others = pair_lines<Integer>(metadata, negative);
  using Kernel = HostAveragePrecisionRows<TeamMember<Exec>, std::remove_const_t<decltype(similarities)>, Output, Counts>;
  for (std::int64_t first = 0; first < rows; first += block) {
    std::int64_t const count = std::min(block, rows - first);
    auto const range         = Kokkos::make_pair(static_cast<std::size_t>(first), static_cast<std::size_t>(first + count));
    auto const part          = Kokkos::subview(similarities, Kokkos::make_pair(std::size_t{0}, static_cast<std::size_t>(count)),
                                               Kokkos::make_pair(std::size_t{0}, static_cast<std::size_t>(rows)));
    if (product)
      prepared_similarity(exec, Kokkos::subview(prepared, range, Kokkos::ALL), packed, part, metric, false);
    else
      prepared_similarity(exec, Kokkos::subview(profiles, range, Kokkos::ALL), profiles, part, metric, false);
    for_each_row(exec, function, count, Kernel{similarities, likes, others, average_precision, normalized, positive_pairs, total_pairs, first, rows},
                 Kernel::scratch_bytes(rows));
  }
  exec.fence(function);
}

}  // namespace OCELLUS_INSTRUCTION_SET
}  // namespace ocellus::profiling::detail
