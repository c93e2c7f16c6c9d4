// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include <ocellus/core/chains.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/strided.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/nn/detail/attention_kernel.hpp>

namespace ocellus::nn::detail {

/// What the backward pass reads beside the inputs, and where it writes; gradients that are not wanted are null.
template <class InputsType, class OutputGradient, class Output, class LogSumExp, class Delta, class QueryGradient, class KeyGradient, class ValueGradient>
struct AttentionBackward {
  using Inputs = InputsType;
  using Real   = typename Inputs::Real;

  Inputs inputs;
  Strided4<OutputGradient> output_gradient;
  Strided4<Output> output;
  LogSumExp log_sum_exp;  ///< (B, H, N)
  Delta delta;            ///< (B, H, N): sum_e output_gradient output
  Strided4<QueryGradient> query_gradient;
  Strided4<KeyGradient> key_gradient;
  Strided4<ValueGradient> value_gradient;
  bool accumulate;

  KOKKOS_INLINE_FUNCTION OutputGradient* gradient_row(std::int64_t b, std::int64_t h, std::int64_t n) const {
    return output_gradient.data + b * output_gradient.strides[0] + h * output_gradient.strides[1] + n * output_gradient.strides[2];
  }

  template <class T>
  KOKKOS_INLINE_FUNCTION void store(Strided4<T> const& gradient, std::int64_t b, std::int64_t h, std::int64_t row, std::int64_t d, Real value) const {
    auto& to = gradient.data[b * gradient.strides[0] + h * gradient.strides[1] + row * gradient.strides[2] + d * gradient.strides[3]];
    if (accumulate) value += static_cast<Real>(to);
    to = static_cast<T>(value);
  }
};

/// delta of one query a call.
template <class Member, class Backward>
struct AttentionDeltas {
  Backward backward;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t row) const {
    using Real                 = typename Backward::Real;
    auto const& output         = backward.output;
    std::int64_t const queries = output.extents[2], heads = output.extents[1], n = row % queries, h = row / queries % heads, b = row / queries / heads;
    auto const* const gradient = backward.gradient_row(b, h, n);
    auto const* const from     = output.data + b * output.strides[0] + h * output.strides[1] + n * output.strides[2];
    Real const sum             = lane_sum<Real>(member, output.extents[3], [&](std::int64_t const e) {
      return static_cast<Real>(gradient[e * backward.output_gradient.strides[3]]) * static_cast<Real>(from[e * output.strides[3]]);
    });
    Kokkos::single(Kokkos::PerThread(member), [&]() { backward.delta(b, h, n) = sum; });
  }
};

/// The gradient of one query a call: keys in blocks of 64 from the first on.
template <class Member, class Backward>
struct AttentionQueryGradients {
  using Real = typename Backward::Real;

  Backward backward;

  /// Bytes of thread scratch: the scaled query, the gradient of the output, the sum, and the score gradients of a block with their marks.
  [[nodiscard]] std::size_t scratch_bytes() const {
    return static_cast<std::size_t>(2 * backward.inputs.query.extents[3] + backward.inputs.value.extents[3] + 2 * attention_key_block) * sizeof(Real) + 5 * 64;
  }

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t row) const {
    using Scratch = Kokkos::View<Real*, Kokkos::LayoutRight, typename Member::execution_space::scratch_memory_space, Kokkos::MemoryTraits<Kokkos::Unmanaged>>;
    auto const& inputs         = backward.inputs;
    auto const& query          = inputs.query;
    std::int64_t const queries = query.extents[2], heads = query.extents[1], width = query.extents[3], value_width = inputs.value.extents[3];
    std::int64_t const n = row % queries, h = row / queries % heads, b = row / queries / heads;
    Scratch const scaled(member.thread_scratch(1), width), gradient(member.thread_scratch(1), value_width), sum(member.thread_scratch(1), width),
        slope(member.thread_scratch(1), attention_key_block), kept(member.thread_scratch(1), attention_key_block);
    auto const* const my_query    = inputs.query_row(b, h, n);
    auto const* const my_gradient = backward.gradient_row(b, h, n);
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, width), [&](std::int64_t const d) {
      scaled(d) = inputs.scale * static_cast<Real>(my_query[d * query.strides[3]]);
      sum(d)    = 0;
    });
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, value_width),
                         [&](std::int64_t const e) { gradient(e) = static_cast<Real>(my_gradient[e * backward.output_gradient.strides[3]]); });
    Real const normalizer = static_cast<Real>(backward.log_sum_exp(b, h, n)), delta = backward.delta(b, h, n);
    std::int64_t const last = inputs.last_key(n);
    for (std::int64_t first = 0; first < last; first += attention_key_block) {
      std::int64_t const count = first + attention_key_block < last ? attention_key_block : last - first;
      Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, count), [&](std::int64_t const j) {
        Real added;
        bool const keeps = inputs.keeps(b, h, n, first + j, added);
        kept(j)          = keeps ? Real(1) : Real(0);
        if (keeps) {
          Real const score = attention_dot(scaled.data(), inputs.key_row(b, h, first + j), inputs.key.strides[3], width) + added;
          slope(j)         = Kokkos::exp(score - normalizer) *
                     (attention_dot(gradient.data(), inputs.value_row(b, h, first + j), inputs.value.strides[3], value_width) - delta);
        }
      });
      for (std::int64_t j = 0; j < count; ++j) {
        // No lane passes by what is masked: the end of the loop below is where lanes wait for each other before the next block's marks are written.
        bool const keeps       = kept(j) != Real(0);
        Real const factor      = keeps ? slope(j) : Real(0);
        auto const* const from = inputs.key_row(b, h, first + j);
        Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, width), [&](std::int64_t const d) {
          if (keeps) sum(d) += factor * static_cast<Real>(from[d * inputs.key.strides[3]]);
        });
      }
    }
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, width),
                         [&](std::int64_t const d) { backward.store(backward.query_gradient, b, h, n, d, inputs.scale * sum(d)); });
  }
};

/// The gradients of one key and its value a call: queries in blocks of 64 from the first on.
template <class Member, class Backward>
struct AttentionKeyGradients {
  using Real = typename Backward::Real;

  Backward backward;

  /// Bytes of thread scratch: the scaled key, the value, the two sums, and the weights and score gradients of a block with their marks.
  [[nodiscard]] std::size_t scratch_bytes() const {
    return static_cast<std::size_t>(2 * backward.inputs.query.extents[3] + 2 * backward.inputs.value.extents[3] + 3 * attention_key_block) * sizeof(Real) +
           7 * 64;
  }

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t row) const {
    using Scratch = Kokkos::View<Real*, Kokkos::LayoutRight, typename Member::execution_space::scratch_memory_space, Kokkos::MemoryTraits<Kokkos::Unmanaged>>;
    auto const& inputs      = backward.inputs;
    std::int64_t const keys = inputs.key.extents[2], heads = inputs.key.extents[1], queries = inputs.query.extents[2], width = inputs.key.extents[3],
                       value_width = inputs.value.extents[3];
    std::int64_t const m = row % keys, h = row / keys % heads, b = row / keys / heads;
    Scratch const scaled(member.thread_scratch(1), width), value(member.thread_scratch(1), value_width), sum(member.thread_scratch(1), width),
        value_sum(member.thread_scratch(1), value_width), weight(member.thread_scratch(1), attention_key_block),
        slope(member.thread_scratch(1), attention_key_block), kept(member.thread_scratch(1), attention_key_block);
    auto const* const my_key   = inputs.key_row(b, h, m);
    auto const* const my_value = inputs.value_row(b, h, m);
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, width), [&](std::int64_t const d) {
      scaled(d) = inputs.scale * static_cast<Real>(my_key[d * inputs.key.strides[3]]);
      sum(d)    = 0;
    });
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, value_width), [&](std::int64_t const e) {
      value(e)     = static_cast<Real>(my_value[e * inputs.value.strides[3]]);
      value_sum(e) = 0;
    });
    for (std::int64_t first = inputs.first_query(m) / attention_key_block * attention_key_block; first < queries; first += attention_key_block) {
      std::int64_t const count = first + attention_key_block < queries ? attention_key_block : queries - first;
      Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, count), [&](std::int64_t const i) {
        std::int64_t const n = first + i;
        Real added           = 0;
        bool const keeps     = m < inputs.last_key(n) && inputs.keeps(b, h, n, m, added);
        kept(i)              = keeps ? Real(1) : Real(0);
        if (keeps) {
          Real const score = attention_dot(scaled.data(), inputs.query_row(b, h, n), inputs.query.strides[3], width) + added;
          weight(i)        = Kokkos::exp(score - static_cast<Real>(backward.log_sum_exp(b, h, n)));
          slope(i)         = weight(i) *
                     (attention_dot(value.data(), backward.gradient_row(b, h, n), backward.output_gradient.strides[3], value_width) - backward.delta(b, h, n));
        }
      });
      for (std::int64_t i = 0; i < count; ++i) {
        bool const keeps = kept(i) != Real(0);  // as above
        Real const p = keeps ? weight(i) : Real(0), factor = keeps ? slope(i) : Real(0);
        auto const* const from          = inputs.query_row(b, h, first + i);
        auto const* const from_gradient = backward.gradient_row(b, h, first + i);
        Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, width), [&](std::int64_t const d) {
          if (keeps) sum(d) += factor * static_cast<Real>(from[d * inputs.query.strides[3]]);
        });
        Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, value_width), [&](std::int64_t const e) {
          if (keeps) value_sum(e) += p * static_cast<Real>(from_gradient[e * backward.output_gradient.strides[3]]);
        });
      }
    }
    if (backward.key_gradient.data != nullptr)
      Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, width),
                           [&](std::int64_t const d) { backward.store(backward.key_gradient, b, h, m, d, inputs.scale * sum(d)); });
    if (backward.value_gradient.data != nullptr)
      Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, value_width),
                           [&](std::int64_t const e) { backward.store(backward.value_gradient, b, h, m, e, value_sum(e)); });
  }
};

/// The portable kernels: a thread owns a query, then a key.
template <ExecutionSpace Exec, class Backward>
void launch_attention_backward_rows(Exec const& exec, Backward const& backward) {
  auto const& inputs       = backward.inputs;
  std::int64_t const heads = inputs.query.extents[0] * inputs.query.extents[1];
  for_each_row(exec, "ocellus::nn::multi_head_attention_backward::delta", heads * inputs.query.extents[2],
               AttentionDeltas<TeamMember<Exec>, Backward>{backward});
  if (backward.query_gradient.data != nullptr) {
    AttentionQueryGradients<TeamMember<Exec>, Backward> const kernel{backward};
    for_each_row(exec, "ocellus::nn::multi_head_attention_backward::query", heads * inputs.query.extents[2], kernel, kernel.scratch_bytes());
  }
  if (backward.key_gradient.data != nullptr || backward.value_gradient.data != nullptr) {
    AttentionKeyGradients<TeamMember<Exec>, Backward> const kernel{backward};
    for_each_row(exec, "ocellus::nn::multi_head_attention_backward::key", heads * inputs.key.extents[2], kernel, kernel.scratch_bytes());
  }
}

}  // namespace ocellus::nn::detail
