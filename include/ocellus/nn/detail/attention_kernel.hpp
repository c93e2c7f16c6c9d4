// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/strided.hpp>
#include <ocellus/core/tensor.hpp>

namespace ocellus::nn::detail {

/// Keys that enter the running softmax together. Part of the algorithm, not of its tuning: it decides in which order terms combine.
inline constexpr std::int64_t attention_key_block = 64;

/// Partial sums of a dot product: independent chains that a compiler can keep in vector registers. Part of the algorithm too.
inline constexpr int attention_partials = 16;

/// sum_d query(d) key(d), in 16 interleaved chains that combine in a tree; the query is contiguous.
template <class Real, class Key>
KOKKOS_INLINE_FUNCTION Real attention_dot(Real const* query, Key const* key, std::int64_t stride, std::int64_t width) {
  Real partial[attention_partials];
  for (int c = 0; c < attention_partials; ++c) partial[c] = 0;
  std::int64_t d = 0;
  if (stride == 1) {
    for (; d + attention_partials <= width; d += attention_partials) {
      for (int c = 0; c < attention_partials; ++c) partial[c] += query[d + c] * static_cast<Real>(key[d + c]);
    }
  } else {
    for (; d + attention_partials <= width; d += attention_partials) {
      for (int c = 0; c < attention_partials; ++c) partial[c] += query[d + c] * static_cast<Real>(key[(d + c) * stride]);
    }
  }
  for (int c = 0; d + c < width; ++c) partial[c] += query[d + c] * static_cast<Real>(key[(d + c) * stride]);
  for (int half = attention_partials / 2; half > 0; half /= 2) {
    for (int c = 0; c < half; ++c) partial[c] += partial[c + half];
  }
  return partial[0];
}

/// What attention reads: arrays, masks and scale. The mask's element type is bool or real, its data null when there is none.
template <class RealType, class Query, class Key, class Value, class Mask, class KeyMask>
struct AttentionInputs {
  using Real = RealType;

  Strided4<Query> query;
  Strided4<Key> key;
  Strided4<Value> value;
  Strided4<Mask> mask;
  KeyMask key_mask;  ///< rank 2 or None
  Real scale;
  bool causal;
  std::int64_t causal_offset;

  /// Keys [0, last) may take part for query n; those behind are masked.
  [[nodiscard]] KOKKOS_INLINE_FUNCTION std::int64_t last_key(std::int64_t n) const {
    std::int64_t const keys = key.extents[2];
    if (!causal) return keys;
    std::int64_t const last = n + causal_offset + 1;
    return last < 0 ? 0 : last < keys ? last : keys;
  }

  /// Queries [first, N) may take part for key m.
  [[nodiscard]] KOKKOS_INLINE_FUNCTION std::int64_t first_query(std::int64_t m) const {
    if (!causal) return 0;
    std::int64_t const first = m - causal_offset;
    return first < 0 ? 0 : first < query.extents[2] ? first : query.extents[2];
  }

  /// Whether query n keeps key m by mask and key_mask; `added` is what the mask adds to the score.
  [[nodiscard]] KOKKOS_INLINE_FUNCTION bool keeps(std::int64_t b, std::int64_t h, std::int64_t n, std::int64_t m, Real& added) const {
    added = 0;
    if constexpr (!std::is_same_v<KeyMask, None>) {
      if (is_present(key_mask) && !key_mask(b, m)) return false;
    }
    if (mask.data == nullptr) return true;
    auto const entry = mask.data[b * mask.strides[0] + h * mask.strides[1] + n * mask.strides[2] + m * mask.strides[3]];
    if constexpr (std::is_same_v<std::remove_const_t<Mask>, bool>) {
      return entry;
    } else {
      added = static_cast<Real>(entry);
      return added != -Kokkos::Experimental::infinity_v<Real>;
    }
  }

  KOKKOS_INLINE_FUNCTION Query* query_row(std::int64_t b, std::int64_t h, std::int64_t n) const {
    return query.data + b * query.strides[0] + h * query.strides[1] + n * query.strides[2];
  }
  KOKKOS_INLINE_FUNCTION Key* key_row(std::int64_t b, std::int64_t h, std::int64_t m) const {
    return key.data + b * key.strides[0] + h * key.strides[1] + m * key.strides[2];
  }
  KOKKOS_INLINE_FUNCTION Value* value_row(std::int64_t b, std::int64_t h, std::int64_t m) const {
    return value.data + b * value.strides[0] + h * value.strides[1] + m * value.strides[2];
  }
};

/// One query of one head of one batch item a call: scores of 64 keys at a time, a running maximum, sum and output (online softmax).
template <class Member, class Inputs, class Output, class LogSumExp>
struct AttentionQueries {
  using Real = typename Inputs::Real;

  Inputs inputs;
  Strided4<Output> output;
  LogSumExp log_sum_exp;  ///< rank 3 or None

  /// Bytes of thread scratch: the scaled query, the scores of a block, the running output.
  [[nodiscard]] std::size_t scratch_bytes() const {
    return static_cast<std::size_t>(inputs.query.extents[3] + attention_key_block + inputs.value.extents[3]) * sizeof(Real) + 3 * 64;
  }

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t row) const {
    using Scratch = Kokkos::View<Real*, Kokkos::LayoutRight, typename Member::execution_space::scratch_memory_space, Kokkos::MemoryTraits<Kokkos::Unmanaged>>;
    auto const& query          = inputs.query;
    auto const& value          = inputs.value;
    std::int64_t const queries = query.extents[2], heads = query.extents[1], width = query.extents[3], value_width = value.extents[3];
    std::int64_t const n = row % queries, h = row / queries % heads, b = row / queries / heads;
    Scratch const scaled(member.thread_scratch(1), width), score(member.thread_scratch(1), attention_key_block), sum(member.thread_scratch(1), value_width);
    Real const infinity        = Kokkos::Experimental::infinity_v<Real>;
    auto const* const my_query = inputs.query_row(b, h, n);
    auto const* const my_value = inputs.value_row(b, h, 0);
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, width),
                         [&](std::int64_t const d) { scaled(d) = inputs.scale * static_cast<Real>(my_query[d * query.strides[3]]); });
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, value_width), [&](std::int64_t const e) { sum(e) = 0; });

    Real maximum = -infinity, total = 0;
    std::int64_t const last = inputs.last_key(n);
    for (std::int64_t first = 0; first < last; first += attention_key_block) {
      std::int64_t const count = first + attention_key_block < last ? attention_key_block : last - first;
      Real block_maximum       = -infinity;
      Kokkos::parallel_reduce(
          Kokkos::ThreadVectorRange(member, count),
          [&](std::int64_t const j, Real& most) {
            Real added;
            Real const s = !inputs.keeps(b, h, n, first + j, added)
                               ? -infinity
                               : attention_dot(scaled.data(), inputs.key_row(b, h, first + j), inputs.key.strides[3], width) + added;
            score(j)     = s;
            if (s > most) most = s;
          },
          Kokkos::Max<Real>(block_maximum));
      Real const next       = block_maximum > maximum ? block_maximum : maximum;
      Real const correction = maximum == -infinity ? Real(0) : Kokkos::exp(maximum - next);
      Real block_total      = 0;
      Kokkos::parallel_reduce(
          Kokkos::ThreadVectorRange(member, count),
          [&](std::int64_t const j, Real& partial) {
            // A key that is masked has no weight, whatever the maximum; NaN stays NaN.
            bool const masked = score(j) == -infinity;
            Real const weight = masked ? Real(0) : Kokkos::exp(next == -infinity ? score(j) : score(j) - next);
            score(j)          = masked ? Real(-1) : weight;
            partial += weight;
          },
          block_total);
      total   = total * correction + block_total;
      maximum = next;
      Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, value_width), [&](std::int64_t const e) { sum(e) *= correction; });
      for (std::int64_t j = 0; j < count; ++j) {
        Real const weight      = score(j);
        bool const keeps       = !(weight < Real(0));  // what stands behind a mask must not leak through 0 * NaN
        auto const* const from = my_value + (first + j) * value.strides[2];
        // All lanes go through the loop, where they wait for each other: none may write the next block's scores while another still reads this one's.
        Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, value_width), [&](std::int64_t const e) {
          if (keeps) sum(e) += weight * static_cast<Real>(from[e * value.strides[3]]);
        });
      }
    }
    Real const factor = total == Real(0) ? Real(0) : Real(1) / total;
    auto* const to    = output.data + b * output.strides[0] + h * output.strides[1] + n * output.strides[2];
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, value_width),
                         [&](std::int64_t const e) { to[e * output.strides[3]] = static_cast<Output>(sum(e) * factor); });
    if constexpr (!std::is_same_v<LogSumExp, None>) {
      if (is_present(log_sum_exp)) {
        Kokkos::single(Kokkos::PerThread(member),
                       [&]() { log_sum_exp(b, h, n) = static_cast<element_t<LogSumExp>>(total == Real(0) ? -infinity : maximum + Kokkos::log(total)); });
      }
    }
  }
};

/// A View as the kernels read it.
template <AnyView View>
[[nodiscard]] auto const_strided4(View const& view) {
  auto const array = strided4(view);
  Strided4<element_t<View> const> result;
  result.data = array.data;
  for (int axis = 0; axis < 4; ++axis) {
    result.extents[axis] = array.extents[axis];
    result.strides[axis] = array.strides[axis];
  }
  return result;
}

/// The portable kernel: a thread owns a query.
template <ExecutionSpace Exec, class Inputs, class Output, class LogSumExp>
void launch_attention_rows(Exec const& exec, Inputs const& inputs, Strided4<Output> const& output, LogSumExp const& log_sum_exp) {
  AttentionQueries<TeamMember<Exec>, Inputs, Output, LogSumExp> const kernel{inputs, output, log_sum_exp};
  for_each_row(exec, "ocellus::nn::multi_head_attention", inputs.query.extents[0] * inputs.query.extents[1] * inputs.query.extents[2], kernel,
               kernel.scratch_bytes());
}

}  // namespace ocellus::nn::detail
