// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/strided.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/nn/detail/attention_backward_kernel.hpp>
#include <ocellus/nn/detail/attention_tiles.hpp>
#include <ocellus/nn/detail/vector_tiles.hpp>

namespace ocellus::nn::detail {
inline namespace OCELLUS_INSTRUCTION_SET {

/// Queries that a tile of keys meets at a time; no result depends on it.
inline constexpr std::int64_t attention_block_queries = 64;

/// sums(r, c) += sum_m slopes(r, m) block(m, c) for `rows` rows and `Vectors` vectors of columns, the chains going on over ascending m. With `kept`, terms whose
/// entry there is zero are left out.
template <int Vectors, class Real>
void add_row_products(Real const* slopes, Real const* kept, std::int64_t rows, std::int64_t count, Real const* block, std::int64_t stride, Real* sums,
                      std::int64_t sums_stride) {
  using V = Simd<Real>;
  for (std::int64_t r0 = 0; r0 < rows; r0 += tile_rows) {
    std::int64_t at[tile_rows];
    for (int r = 0; r < tile_rows; ++r) at[r] = r0 + r < rows ? r0 + r : rows - 1;  // a row that is there twice is stored twice
    V sum[tile_rows][Vectors];
#pragma GCC unroll 16
    for (int r = 0; r < tile_rows; ++r) {
#pragma GCC unroll 4
      for (int v = 0; v < Vectors; ++v) sum[r][v] = V::load(sums + at[r] * sums_stride + v * V::width);
    }
    Real const* row[tile_rows];
    for (int r = 0; r < tile_rows; ++r) row[r] = slopes + at[r] * tile_width<Real>;
    if (kept == nullptr) {
      for (std::int64_t m = 0; m < count; ++m) {
        V x[Vectors];
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; ++v) x[v] = V::load(block + m * stride + v * V::width);
#pragma GCC unroll 16
        for (int r = 0; r < tile_rows; ++r) {
          V const factor = V(row[r][m]);
#pragma GCC unroll 4
          for (int v = 0; v < Vectors; ++v) sum[r][v] = fma(factor, x[v], sum[r][v]);
        }
      }
    } else {
      for (std::int64_t m = 0; m < count; ++m) {
        for (int r = 0; r < tile_rows; ++r) {
          if (kept[at[r] * tile_width<Real> + m] == Real(0)) continue;
          for (int v = 0; v < Vectors; ++v) sum[r][v] = fma(V(row[r][m]), V::load(block + m * stride + v * V::width), sum[r][v]);
        }
      }
    }
#pragma GCC unroll 16
    for (int r = 0; r < tile_rows; ++r) {
#pragma GCC unroll 4
      for (int v = 0; v < Vectors; ++v) sum[r][v].store(sums + at[r] * sums_stride + v * V::width);
    }
  }
}

/// The host kernel of the backward pass: a thread owns a head. Keys stand in vector lanes; for each tile of them all queries pass by once, in ascending order,
/// and scores, weights and all three gradients are formed on the way: five products, none of them twice.
template <class Member, class Backward>
struct AttentionBackwardTiles {
  using Inputs                        = typename Backward::Inputs;
  using Real                          = typename Backward::Real;
  using V                             = Simd<Real>;
  static constexpr std::int64_t width = tile_width<Real>, block = attention_block_queries;

  Backward backward;

  /// Numbers of scratch, piece by piece.
  struct Scratch {
    std::int64_t key, value, key_sums, value_sums, weights, slopes, masks, kept, ones, key_rows, queries, gradients, query_sums, padded, total;
  };
  [[nodiscard]] KOKKOS_INLINE_FUNCTION Scratch scratch() const {
    auto const& inputs   = backward.inputs;
    std::int64_t const d = inputs.query.extents[3], e = inputs.value.extents[3];
    Scratch s;
    s.padded     = (d + V::width - 1) / V::width * V::width;
    s.key        = 0;
    s.value      = s.key + d * width;
    s.key_sums   = s.value + e * width;
    s.value_sums = s.key_sums + d * width;
    s.weights    = s.value_sums + e * width;
    s.slopes     = s.weights + (block + tile_rows) * width;
    s.masks      = s.slopes + (block + tile_rows) * width;
    s.kept       = s.masks + block * width;
    s.ones       = s.kept + block * width;
    s.key_rows   = s.ones + 2 * width;
    s.query_sums = s.key_rows + width * s.padded;
    s.queries    = s.query_sums + (backward.query_gradient.data == nullptr ? 0 : inputs.query.extents[2] * s.padded);
    s.gradients  = s.queries + block * d;
    s.total      = s.gradients + block * e;
    return s;
  }
  [[nodiscard]] std::size_t scratch_bytes() const { return static_cast<std::size_t>(scratch().total) * sizeof(Real) + 2 * host_vector_bytes; }

  void operator()(Member const& member, std::int64_t item) const {
    auto const& inputs   = backward.inputs;
    std::int64_t const h = item % inputs.query.extents[1], b = item / inputs.query.extents[1];
    Scratch const s      = scratch();
    Real* const memory   = static_cast<Real*>(member.thread_scratch(1).get_shmem_aligned(static_cast<std::size_t>(s.total) * sizeof(Real), host_vector_bytes));
    std::int64_t const d = inputs.query.extents[3], e = inputs.value.extents[3], queries = inputs.query.extents[2], keys = inputs.key.extents[2];
    bool const wants_query = backward.query_gradient.data != nullptr;
    for (std::int64_t i = 0; wants_query && i < queries * s.padded; ++i) memory[s.query_sums + i] = 0;
    for (std::int64_t i = 0; i < width; ++i) {
      memory[s.ones + i]         = 1;
      memory[s.ones + width + i] = inputs.scale;
    }
    for (std::int64_t m0 = 0; m0 < keys; m0 += width) {
      Tile tile{b, h, m0, keys - m0 < width ? keys - m0 : width, memory, s, {}, true};
      load_transposed(inputs.key_row(b, h, m0), inputs.key.strides[2], inputs.key.strides[3], tile.count, d, inputs.scale, memory + s.key);
      load_transposed(inputs.value_row(b, h, m0), inputs.value.strides[2], inputs.value.strides[3], tile.count, e, Real(1), memory + s.value);
      for (std::int64_t i = 0; i < d * width; ++i) memory[s.key_sums + i] = 0;
      for (std::int64_t i = 0; i < e * width; ++i) memory[s.value_sums + i] = 0;
      bool const masks = inputs.mask.data != nullptr || inputs.causal || has_key_mask();
      if (wants_query) {
        tile.key_rows = padded_rows(inputs.key_row(b, h, m0), tile.count, d, s.padded, memory + s.key_rows);
        tile.finite   = !masks || all_finite(tile.key_rows, tile.count, d);
      }
      for (std::int64_t n0 = inputs.first_query(m0); n0 < queries; n0 += block) {
        std::int64_t const rows = queries - n0 < block ? queries - n0 : block;
        if (tile.count > 2 * V::width)
          meet<3>(tile, n0, rows, masks);
        else if (tile.count > V::width)
          meet<2>(tile, n0, rows, masks);
        else
          meet<1>(tile, n0, rows, masks);
      }
      if (backward.key_gradient.data != nullptr) store(backward.key_gradient, b, h, m0, tile.count, d, memory + s.key_sums, memory + s.ones + width);
      if (backward.value_gradient.data != nullptr) store(backward.value_gradient, b, h, m0, tile.count, e, memory + s.value_sums, memory + s.ones);
    }
    for (std::int64_t n = 0; wants_query && n < queries; ++n) {
      for (std::int64_t c = 0; c < d; ++c)
        backward.store(backward.query_gradient, b, h, n, c, inputs.scale * memory[s.query_sums + n * s.padded + c] + Real(0));
    }
  }

 private:
  struct Tile {
    std::int64_t b, h, m0, count;
    Real* memory;
    Scratch s;
    RowBlock<Real> key_rows;
    bool finite;
  };

  [[nodiscard]] bool has_key_mask() const {
    if constexpr (!std::is_same_v<std::remove_cvref_t<decltype(backward.inputs.key_mask)>, None>)
      return is_present(backward.inputs.key_mask);
    else
      return false;
  }

  template <class T>
  void store(Strided4<T> const& to, std::int64_t b, std::int64_t h, std::int64_t m0, std::int64_t count, std::int64_t columns, Real const* sums,
             Real const* factor) const {
    store_transposed(sums, factor, to.data + b * to.strides[0] + h * to.strides[1] + m0 * to.strides[2], to.strides[2], to.strides[3], count, columns,
                     backward.accumulate);
  }

  /// Rows whose length is a multiple of a vector's: as they lie, or copied with zeros behind.
  template <class T>
  [[nodiscard]] RowBlock<Real> padded_rows(T const* from, std::int64_t rows, std::int64_t columns, std::int64_t padded, Real* copy) const {
    auto const& key = backward.inputs.key;
    if constexpr (std::is_same_v<std::remove_const_t<T>, Real>) {
      if (key.strides[3] == 1 && padded == columns) return {from, key.strides[2]};
    }
    for (std::int64_t r = 0; r < rows; ++r) {
      for (std::int64_t c = 0; c < padded; ++c) copy[r * padded + c] = c < columns ? static_cast<Real>(from[r * key.strides[2] + c * key.strides[3]]) : Real(0);
    }
    return {copy, padded};
  }

  /// What masks add to the scores of a tile of keys; -infinity masks. Lanes behind the last key are masked.
  void fill_masks(Tile const& tile, std::int64_t n0, std::int64_t rows) const {
    auto const& inputs  = backward.inputs;
    Real const infinity = Kokkos::Experimental::infinity_v<Real>;
    for (std::int64_t r = 0; r < rows; ++r) {
      Real* const at          = tile.memory + tile.s.masks + r * width;
      std::int64_t const last = inputs.last_key(n0 + r) - tile.m0;
      for (std::int64_t m = 0; m < width; ++m) {
        Real added = 0;
        at[m]      = m < tile.count && m < last && inputs.keeps(tile.b, tile.h, n0 + r, tile.m0 + m, added) ? added : -infinity;
      }
    }
  }

  template <int Vectors>
  void products(RowBlock<Real> const& rows_of, std::int64_t rows, std::int64_t columns, Real const* tile, Real* to) const {
    for (std::int64_t r0 = 0; r0 < rows; r0 += tile_rows) {
      Real const* row[tile_rows];
      for (int r = 0; r < tile_rows; ++r) row[r] = rows_of.data + (r0 + r < rows ? r0 + r : rows - 1) * rows_of.stride;
      V product[tile_rows][Vectors];
      multiply_rows<Vectors, tile_rows>(row, columns, tile, product);
#pragma GCC unroll 16
      for (int r = 0; r < tile_rows; ++r) {
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; ++v) product[r][v].store(to + (r0 + r) * width + v * V::width);
      }
    }
  }

  /// A tile of keys and a block of queries.
  template <int Vectors>
  void meet(Tile const& tile, std::int64_t n0, std::int64_t rows, bool masks) const {
    auto const& inputs   = backward.inputs;
    auto const& outer    = backward.output_gradient;
    Scratch const& s     = tile.s;
    Real* const memory   = tile.memory;
    std::int64_t const d = inputs.query.extents[3], e = inputs.value.extents[3];
    V const infinity    = V(Kokkos::Experimental::infinity_v<Real>);
    auto const query    = row_block(inputs.query_row(tile.b, tile.h, n0), inputs.query.strides[2], inputs.query.strides[3], rows, d, memory + s.queries);
    auto const gradient = row_block(backward.gradient_row(tile.b, tile.h, n0), outer.strides[2], outer.strides[3], rows, e, memory + s.gradients);
    Real *const weights = memory + s.weights, *const slopes = memory + s.slopes, *const kept = memory + s.kept;
    products<Vectors>(query, rows, d, memory + s.key, weights);
    products<Vectors>(gradient, rows, e, memory + s.value, slopes);
    bool const masked = masks && (inputs.mask.data != nullptr || has_key_mask() || inputs.last_key(n0) < tile.m0 + tile.count);
    if (masked) fill_masks(tile, n0, rows);
    for (std::int64_t r = 0; r < rows; ++r) {
      V const normalizer = V(static_cast<Real>(backward.log_sum_exp(tile.b, tile.h, n0 + r))), delta = V(backward.delta(tile.b, tile.h, n0 + r));
#pragma GCC unroll 4
      for (int v = 0; v < Vectors; ++v) {
        std::int64_t const at = r * width + v * V::width;
        V score = V::load(weights + at), slope = V::load(slopes + at) - delta;
        if (masked) {
          V const added = V::load(memory + s.masks + at);
          auto const is = added == -infinity;
          score         = select(is, -infinity, score + added);
          slope         = select(is, V(Real(0)), slope);
          select(is, V(Real(0)), V(Real(1))).store(kept + at);
        }
        // A query that keeps nothing has no weights.
        V const weight = select(score == -infinity, V(Real(0)), normal_exp(score - normalizer));
        weight.store(weights + at);
        (weight * slope).store(slopes + at);
      }
    }
    // Terms that are zero because they are masked must not meet what is not finite.
    bool const leave_out      = masked && !(all_finite(query, rows, d) && all_finite(gradient, rows, e));
    Real const* const nothing = nullptr;
    if (leave_out) {
      if (backward.value_gradient.data != nullptr) add_block_products<Vectors, true>(gradient, rows, e, weights, kept, memory + s.value_sums);
      if (backward.key_gradient.data != nullptr) add_block_products<Vectors, true>(query, rows, d, slopes, kept, memory + s.key_sums);
    } else {
      if (backward.value_gradient.data != nullptr) add_block_products<Vectors, false>(gradient, rows, e, weights, nothing, memory + s.value_sums);
      if (backward.key_gradient.data != nullptr) add_block_products<Vectors, false>(query, rows, d, slopes, nothing, memory + s.key_sums);
    }
    if (backward.query_gradient.data != nullptr) {
      Real const* const only = masked && !tile.finite ? kept : nothing;
      Real* const sums       = memory + s.query_sums + n0 * s.padded;
      std::int64_t c         = 0;
      for (; c + 3 * V::width <= s.padded; c += 3 * V::width)
        add_row_products<3>(slopes, only, rows, tile.count, tile.key_rows.data + c, tile.key_rows.stride, sums + c, s.padded);
      if (c + 2 * V::width <= s.padded) {
        add_row_products<2>(slopes, only, rows, tile.count, tile.key_rows.data + c, tile.key_rows.stride, sums + c, s.padded);
        c += 2 * V::width;
      }
      if (c < s.padded) add_row_products<1>(slopes, only, rows, tile.count, tile.key_rows.data + c, tile.key_rows.stride, sums + c, s.padded);
    }
  }
};

}  // namespace OCELLUS_INSTRUCTION_SET

template <ExecutionSpace Exec, class Backward>
void launch_attention_backward_tiles(Exec const& exec, Backward const& backward) {
  auto const& inputs       = backward.inputs;
  std::int64_t const heads = inputs.query.extents[0] * inputs.query.extents[1];
  for_each_row(exec, "ocellus::nn::multi_head_attention_backward::delta", heads * inputs.query.extents[2],
               AttentionDeltas<TeamMember<Exec>, Backward>{backward});
  AttentionBackwardTiles<TeamMember<Exec>, Backward> const kernel{backward};
  for_each_row(exec, "ocellus::nn::multi_head_attention_backward", heads, kernel, kernel.scratch_bytes());
}

/// The kernels for the execution space: tiles on hosts, rows elsewhere.
template <ExecutionSpace Exec, class Backward>
void launch_attention_backward(Exec const& exec, Backward const& backward) {
  if constexpr (is_host_execution_v<Exec>)
    launch_attention_backward_tiles(exec, backward);
  else
    launch_attention_backward_rows(exec, backward);
}

}  // namespace ocellus::nn::detail
