// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/strided.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/nn/detail/attention_kernel.hpp>
#include <ocellus/nn/detail/attention_team_tiles.hpp>
#include <ocellus/nn/detail/vector_tiles.hpp>
#include <ocellus/nn/tuning/attention_tuning.hpp>

namespace ocellus::nn::detail {
inline namespace OCELLUS_INSTRUCTION_SET {

/// Keys that enter the running softmax together on hosts. Part of the algorithm: it decides where the running sums are rescaled.
inline constexpr std::int64_t attention_tile_keys = 96;

/// What the masks add to the scores of keys [first, first + count): -infinity masks.
template <class Inputs>
struct AttentionMasks {
  using Real = typename Inputs::Real;
  using V    = Simd<Real>;

  enum class Rows { absent, present, all_masked };

  /// Whether any mask can matter to a tile that begins at query n0.
  static bool matter(Inputs const& inputs, std::int64_t n0, std::int64_t first, std::int64_t count) {
    if (inputs.mask.data != nullptr) return true;
    if constexpr (!std::is_same_v<std::remove_cvref_t<decltype(inputs.key_mask)>, None>) {
      if (is_present(inputs.key_mask)) return true;
    }
    return inputs.causal && inputs.last_key(n0) < first + count;
  }

  /// What is the same for all queries: the key mask, and a mask that repeats along the queries.
  static Rows fill_rows(Inputs const& inputs, std::int64_t b, std::int64_t h, std::int64_t first, std::int64_t count, Real* rows) {
    Real const infinity = Kokkos::Experimental::infinity_v<Real>;
    auto const& mask    = inputs.mask;
    bool const repeats  = mask.data != nullptr && mask.strides[2] == 0;
    bool keys           = false;
    if constexpr (!std::is_same_v<std::remove_cvref_t<decltype(inputs.key_mask)>, None>) keys = is_present(inputs.key_mask);
    if (!repeats && !keys) return Rows::absent;
    bool all_masked = true;
    for (std::int64_t j = 0; j < count; ++j) {
      rows[j] = repeats ? entry(mask.data[b * mask.strides[0] + h * mask.strides[1] + (first + j) * mask.strides[3]]) : Real(0);
      if constexpr (!std::is_same_v<std::remove_cvref_t<decltype(inputs.key_mask)>, None>) {
        if (keys && !inputs.key_mask(b, first + j)) rows[j] = -infinity;
      }
      all_masked = all_masked && rows[j] == -infinity;
    }
    return all_masked ? Rows::all_masked : Rows::present;
  }

  /// What differs between the queries of a tile, transposed; false when there is nothing of the kind. Lanes behind `rows` are not masked.
  static bool fill_tile(Inputs const& inputs, std::int64_t b, std::int64_t h, std::int64_t n0, std::int64_t rows, std::int64_t first, std::int64_t count,
                        Real* tile) {
    constexpr std::int64_t width = tile_width<Real>;
    bool const masked            = inputs.mask.data != nullptr && inputs.mask.strides[2] != 0;
    std::int64_t const own       = inputs.last_key(n0) < first ? 0 : inputs.last_key(n0) - first;  // keys from here on are not there for each query
    if (!masked && own >= count) return false;
    if (masked)
      fill_mask(inputs, b, h, n0, rows, first, count, tile);
    else
      for (std::int64_t i = 0; i < own * width; ++i) tile[i] = 0;
    Real lanes[V::width];
    for (int i = 0; i < V::width; ++i) lanes[i] = static_cast<Real>(i);
    for (std::int64_t j = own; j < count; ++j) {
      // Key first + j takes part from this query of the tile on.
      Real const from = static_cast<Real>(first + j - inputs.causal_offset - n0);
      for (int part = 0; part < tile_vectors; ++part) {
        Real* const at = tile + j * width + part * V::width;
        V const query  = V::load(lanes) + V(static_cast<Real>(part * V::width));
        select(query < V(from), V(-Kokkos::Experimental::infinity_v<Real>), masked ? V::load(at) : V(Real(0))).store(at);
      }
    }
    return true;
  }

 private:
  template <class T>
  static Real entry(T const& stored) {
    if constexpr (std::is_same_v<T, bool>)
      return stored ? Real(0) : -Kokkos::Experimental::infinity_v<Real>;
    else
      return static_cast<Real>(stored);
  }

  /// Bytes as integers of the size of Real. GCC 12 converts them one by one when left alone.
  [[gnu::always_inline]] static auto widened(bool const* from) {
    using Integers = typename HostVector<typename V::Integer, V::width>::type;
#if defined(__AVX512F__)
    if constexpr (sizeof(Real) == 4) return (Integers)_mm512_maskz_cvtepu8_epi32(0xffff, _mm_loadu_si128(reinterpret_cast<__m128i const*>(from)));
    if constexpr (sizeof(Real) == 8) return (Integers)_mm512_maskz_cvtepu8_epi64(0xff, _mm_loadl_epi64(reinterpret_cast<__m128i const*>(from)));
#elif defined(__AVX2__)
    if constexpr (sizeof(Real) == 4) return (Integers)_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<__m128i const*>(from)));
#endif
    Integers result{};
    for (int i = 0; i < V::width; ++i) result[i] = from[i] ? 1 : 0;
    return result;
  }

  template <class T>
  [[gnu::always_inline]] static V entries(T const* from) {
    if constexpr (std::is_same_v<T, bool>) {
      V const infinity = V(-Kokkos::Experimental::infinity_v<Real>);
      auto const x     = widened(from) - 1;  // 0, or all bits
      return bit_cast<Real>(Simd<typename V::Integer, V::width>(x & bit_cast<typename V::Integer>(infinity).raw));
    } else {
      return V::load(from);
    }
  }

  static void fill_mask(Inputs const& inputs, std::int64_t b, std::int64_t h, std::int64_t n0, std::int64_t rows, std::int64_t first, std::int64_t count,
                        Real* tile) {
    constexpr std::int64_t width = tile_width<Real>;
    constexpr int lanes          = V::width;
    auto const& mask             = inputs.mask;
    std::int64_t const sn = mask.strides[2], sm = mask.strides[3];
    auto const* const from = mask.data + b * mask.strides[0] + h * mask.strides[1] + n0 * sn + first * sm;
    for (int part = 0; part < tile_vectors; ++part) {
      std::int64_t const lane0 = part * lanes, queries = rows - lane0 < lanes ? rows - lane0 : lanes;
      if (queries <= 0) break;
      std::int64_t j = 0;
      if (sm == 1) {
        for (; j + lanes <= count; j += lanes) {
          V block[lanes];
          if (queries == lanes)
            unrolled<lanes>([&](auto i) { block[i] = entries(from + (lane0 + i) * sn + j); });
          else
            unrolled<lanes>([&](auto i) { block[i] = i < queries ? entries(from + (lane0 + i) * sn + j) : V(Real(0)); });
          transpose<Real>(block);
          unrolled<lanes>([&](auto i) { block[i].store(tile + (j + i) * width + lane0); });
        }
      }
      for (; j < count; ++j) {
        for (int i = 0; i < lanes; ++i) tile[j * width + lane0 + i] = i < queries ? entry(from[(lane0 + i) * sn + j * sm]) : Real(0);
      }
    }
  }
};

/// Scores of `count` keys against a tile of scaled queries, with what masks add, each null when there is none; -infinity masks, whatever the score. Raises
/// `most` to the largest that is not NaN.
template <int Vectors, class Real>
void score_tile(RowBlock<Real> const& key, std::int64_t count, std::int64_t width, Real const* queries, Real const* row_masks, Real const* tile_masks,
                Real* scores, Simd<Real> (&most)[Vectors]) {
  using V          = Simd<Real>;
  V const infinity = V(Kokkos::Experimental::infinity_v<Real>);
  V largest[Vectors];
  for (int v = 0; v < Vectors; ++v) largest[v] = most[v];
  for (std::int64_t j = 0; j < count; j += tile_rows) {
    Real const* row[tile_rows];
    for (int r = 0; r < tile_rows; ++r) row[r] = key.data + (j + r < count ? j + r : count - 1) * key.stride;
    V product[tile_rows][Vectors];
    multiply_rows<Vectors, tile_rows>(row, width, queries, product);
    if (row_masks != nullptr || tile_masks != nullptr) {
#pragma GCC unroll 16
      for (int r = 0; r < tile_rows; ++r) {
        std::int64_t const at = j + r < count ? j + r : count - 1;
        V const same          = V(row_masks == nullptr ? Real(0) : row_masks[at]);
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; ++v) {
          V added = same;
          if (tile_masks != nullptr) added += V::load(tile_masks + at * tile_width<Real> + v * V::width);
          product[r][v] = select(added == -infinity, -infinity, product[r][v] + added);
        }
      }
    }
#pragma GCC unroll 16
    for (int r = 0; r < tile_rows; ++r) {
#pragma GCC unroll 4
      for (int v = 0; v < Vectors; ++v) {
        largest[v] = max(product[r][v], largest[v]);
        product[r][v].store(scores + (j + r) * tile_width<Real> + v * V::width);
      }
    }
  }
  for (int v = 0; v < Vectors; ++v) most[v] = largest[v];
}

/// e^x for x that are not positive, or NaN; 0 where it would be subnormal, since arithmetic that gives or takes such numbers is very slow. Off by machine epsilon
/// times |x| e^x and 2 units in the last place: a share of one that matters in a sum of weights of which the largest is 1.
template <class Real>
[[gnu::always_inline]] inline Simd<Real> normal_exp(Simd<Real> const& x) {
  using V = Simd<Real>;
  if constexpr (sizeof(Real) == 4) {
    return exp2_flushed(x * V(static_cast<Real>(::ocellus::detail::log2_of_e)));
  } else {
    V const lowest = V(Real(-708));
    return select(x < lowest, V(Real(0)), exp(max(lowest, x)));
  }
}

/// Weights exp(score - shift) in place of scores; their sums over the keys, in four interleaved chains, are added to `total`.
template <int Vectors, class Real>
void weight_tile(std::int64_t count, Real* scores, Simd<Real> const (&shift)[Vectors], Simd<Real> (&total)[Vectors]) {
  using V = Simd<Real>;
  V partial[4][Vectors];
  for (int c = 0; c < 4; ++c) {
    for (int v = 0; v < Vectors; ++v) partial[c][v] = V(Real(0));
  }
  std::int64_t j = 0;
  for (; j + 4 <= count; j += 4) {
#pragma GCC unroll 4
    for (int c = 0; c < 4; ++c) {
#pragma GCC unroll 4
      for (int v = 0; v < Vectors; ++v) {
        Real* const at = scores + (j + c) * tile_width<Real> + v * V::width;
        V const weight = normal_exp(V::load(at) - shift[v]);
        weight.store(at);
        partial[c][v] += weight;
      }
    }
  }
  for (int c = 0; j + c < count; ++c) {
    for (int v = 0; v < Vectors; ++v) {
      Real* const at = scores + (j + c) * tile_width<Real> + v * V::width;
      V const weight = normal_exp(V::load(at) - shift[v]);
      weight.store(at);
      partial[c][v] += weight;
    }
  }
  for (int v = 0; v < Vectors; ++v) total[v] += (partial[0][v] + partial[1][v]) + (partial[2][v] + partial[3][v]);
}

/// The host kernel: a thread owns the queries of a chunk of tiles. Queries stand in vector lanes, so that keys and values are read as they lie, one number for
/// all lanes; blocks of 96 keys, from the first on, enter the running maximum, sum and output of each tile.
template <class Member, class Inputs, class Output, class LogSumExp>
struct AttentionTiles {
  using Real                          = typename Inputs::Real;
  using V                             = Simd<Real>;
  static constexpr std::int64_t width = tile_width<Real>;

  Inputs inputs;
  Strided4<Output> output;
  LogSumExp log_sum_exp;     ///< rank 3 or None
  std::int64_t chunk_tiles;  ///< of an item; no result depends on it

  [[nodiscard]] std::int64_t tiles() const { return (inputs.query.extents[2] + width - 1) / width; }
  [[nodiscard]] std::int64_t chunks() const { return (tiles() + chunk_tiles - 1) / chunk_tiles; }

  /// Numbers of scratch, piece by piece.
  struct Scratch {
    std::int64_t queries, sums, maxima, totals, scores, masks, kept, row_masks, keys, values, total;
  };
  [[nodiscard]] KOKKOS_INLINE_FUNCTION Scratch scratch() const {
    std::int64_t const d = inputs.query.extents[3], e = inputs.value.extents[3], keys = attention_tile_keys;
    Scratch s;
    s.queries   = 0;
    s.sums      = s.queries + chunk_tiles * d * width;
    s.maxima    = s.sums + chunk_tiles * e * width;
    s.totals    = s.maxima + chunk_tiles * width;
    s.scores    = s.totals + chunk_tiles * width;
    s.masks     = s.scores + (keys + tile_rows) * width;
    s.kept      = s.masks + keys * width;
    s.row_masks = s.kept + keys * width;
    s.keys      = s.row_masks + keys;
    s.values    = s.keys + keys * d;
    s.total     = s.values + keys * e;
    return s;
  }
  [[nodiscard]] std::size_t scratch_bytes() const { return static_cast<std::size_t>(scratch().total) * sizeof(Real) + 2 * host_vector_bytes; }

  void operator()(Member const& member, std::int64_t item) const {
    std::int64_t const chunk = item % chunks(), h = item / chunks() % inputs.query.extents[1], b = item / chunks() / inputs.query.extents[1];
    Scratch const s      = scratch();
    auto const bytes     = static_cast<std::size_t>(s.total) * sizeof(Real);
    Real* const memory   = static_cast<Real*>(member.thread_scratch(1).get_shmem_aligned(bytes, host_vector_bytes));
    Real const infinity  = Kokkos::Experimental::infinity_v<Real>;
    std::int64_t const d = inputs.query.extents[3], e = inputs.value.extents[3], queries = inputs.query.extents[2], keys = inputs.key.extents[2];
    std::int64_t const first_tile = chunk * chunk_tiles, count_tiles = tiles() - first_tile < chunk_tiles ? tiles() - first_tile : chunk_tiles;
    auto const rows_of = [&](std::int64_t tile) { return queries - (first_tile + tile) * width < width ? queries - (first_tile + tile) * width : width; };

    for (std::int64_t t = 0; t < count_tiles; ++t)
      load_transposed(inputs.query_row(b, h, (first_tile + t) * width), inputs.query.strides[2], inputs.query.strides[3], rows_of(t), d, inputs.scale,
                      memory + s.queries + t * d * width);
    for (std::int64_t i = 0; i < count_tiles * e * width; ++i) memory[s.sums + i] = 0;
    for (std::int64_t i = 0; i < count_tiles * width; ++i) {
      memory[s.maxima + i] = -infinity;
      memory[s.totals + i] = 0;
    }
    std::int64_t const last_query = (first_tile + count_tiles) * width < queries ? (first_tile + count_tiles) * width - 1 : queries - 1;
    std::int64_t const last       = inputs.last_key(last_query);
    for (std::int64_t first = 0; first < last; first += attention_tile_keys) {
      std::int64_t const count = keys - first < attention_tile_keys ? keys - first : attention_tile_keys;
      auto const key           = row_block(inputs.key_row(b, h, first), inputs.key.strides[2], inputs.key.strides[3], count, d, memory + s.keys);
      auto const value         = row_block(inputs.value_row(b, h, first), inputs.value.strides[2], inputs.value.strides[3], count, e, memory + s.values);
      using Masks              = AttentionMasks<Inputs>;
      auto const rows          = Masks::fill_rows(inputs, b, h, first, count, memory + s.row_masks);
      if (rows == Masks::Rows::all_masked) continue;
      // A product of a weight that is zero because it is masked and a value that is not finite must not appear.
      bool const finite = !Masks::matter(inputs, first_tile * width, first, count) || all_finite(value, count, e);
      for (std::int64_t t = 0; t < count_tiles; ++t) {
        std::int64_t const n0 = (first_tile + t) * width, count_rows = rows_of(t), visible = inputs.last_key(n0 + count_rows - 1) - first;
        if (visible <= 0) continue;
        Tile const tile{b,
                        h,
                        n0,
                        count_rows,
                        first,
                        visible < count ? visible : count,
                        memory + s.queries + t * d * width,
                        memory + s.sums + t * e * width,
                        memory + s.maxima + t * width,
                        memory + s.totals + t * width,
                        memory + s.scores,
                        memory + s.masks,
                        rows == Masks::Rows::present ? memory + s.row_masks : nullptr,
                        finite ? nullptr : memory + s.kept};
        if (count_rows > 2 * V::width)
          attend<3>(tile, key, value);
        else if (count_rows > V::width)
          attend<2>(tile, key, value);
        else
          attend<1>(tile, key, value);
      }
    }
    for (std::int64_t t = 0; t < count_tiles; ++t)
      finish(b, h, (first_tile + t) * width, rows_of(t), memory + s.sums + t * e * width, memory + s.maxima + t * width, memory + s.totals + t * width);
  }

 private:
  struct Tile {
    std::int64_t b, h, n0, rows, first, count;
    Real const* queries;
    Real *sums, *maxima, *totals, *scores, *masks;
    Real const* row_masks;
    Real* kept;
  };

  template <int Vectors>
  void attend(Tile const& tile, RowBlock<Real> const& key, RowBlock<Real> const& value) const {
    std::int64_t const d = inputs.query.extents[3], e = inputs.value.extents[3];
    V const infinity = V(Kokkos::Experimental::infinity_v<Real>);
    V most[Vectors], shift[Vectors], total[Vectors], correction[Vectors];
    for (int v = 0; v < Vectors; ++v) most[v] = -infinity;
    bool const masked = AttentionMasks<Inputs>::fill_tile(inputs, tile.b, tile.h, tile.n0, tile.rows, tile.first, tile.count, tile.masks);
    score_tile<Vectors>(key, tile.count, d, tile.queries, tile.row_masks, masked ? tile.masks : nullptr, tile.scores, most);
    if (tile.kept != nullptr) {
      for (std::int64_t i = 0; i < tile.count * width; ++i) tile.kept[i] = tile.scores[i] == -Kokkos::Experimental::infinity_v<Real> ? Real(0) : Real(1);
    }
    bool rescale = false;
    for (int v = 0; v < Vectors; ++v) {
      V const before = V::load(tile.maxima + v * V::width);
      most[v]        = max(most[v], before);
      // Where nothing was kept so far, any finite shift does.
      shift[v]      = select(most[v] == -infinity, V(Real(0)), most[v]);
      correction[v] = normal_exp(before - shift[v]);
      rescale       = rescale || any(before != most[v]);
      most[v].store(tile.maxima + v * V::width);
      total[v] = V::load(tile.totals + v * V::width) * correction[v];
    }
    weight_tile<Vectors>(tile.count, tile.scores, shift, total);
    for (int v = 0; v < Vectors; ++v) total[v].store(tile.totals + v * V::width);
    if (rescale && tile.first > 0) {
      for (std::int64_t c = 0; c < e; ++c) {
        for (int v = 0; v < Vectors; ++v) {
          Real* const at = tile.sums + c * width + v * V::width;
          (V::load(at) * correction[v]).store(at);
        }
      }
    }
    if (tile.kept == nullptr)
      add_block_products<Vectors, false>(value, tile.count, e, tile.scores, tile.kept, tile.sums);
    else
      add_block_products<Vectors, true>(value, tile.count, e, tile.scores, tile.kept, tile.sums);
  }

  void finish(std::int64_t b, std::int64_t h, std::int64_t n0, std::int64_t rows, Real const* sums, Real const* maxima, Real const* totals) const {
    alignas(host_vector_bytes) Real factor[width];
    for (int i = 0; i < width; ++i) factor[i] = totals[i] == Real(0) ? Real(0) : Real(1) / totals[i];
    store_transposed(sums, factor, output.data + b * output.strides[0] + h * output.strides[1] + n0 * output.strides[2], output.strides[2], output.strides[3],
                     rows, inputs.value.extents[3], false);
    if constexpr (!std::is_same_v<LogSumExp, None>) {
      if (is_present(log_sum_exp)) {
        for (std::int64_t i = 0; i < rows; ++i)
          log_sum_exp(b, h, n0 + i) =
              static_cast<element_t<LogSumExp>>(totals[i] == Real(0) ? -Kokkos::Experimental::infinity_v<Real> : maxima[i] + Kokkos::log(totals[i]));
      }
    }
  }
};

}  // namespace OCELLUS_INSTRUCTION_SET

/// Tiles that a thread takes at once: few enough for all threads to have work, and for its sums to stay in its cache.
template <class Real, ExecutionSpace Exec>
[[nodiscard]] std::int64_t attention_chunk_tiles(Exec const& exec, std::int64_t heads, std::int64_t tiles, std::int64_t features) {
  std::int64_t most = 8;
  while (most > 1 && most * features * tile_width<Real> * static_cast<std::int64_t>(sizeof(Real)) > 256 * 1024) most /= 2;
  std::int64_t const wanted = 4 * static_cast<std::int64_t>(exec.concurrency());
  while (most > 1 && heads * ((tiles + most - 1) / most) < wanted) most /= 2;
  if (tiles == 0) return 1;
  std::int64_t const chunks = (tiles + most - 1) / most;
  return (tiles + chunks - 1) / chunks;
}

template <ExecutionSpace Exec, class Inputs, class Output, class LogSumExp>
void launch_attention_tiles(Exec const& exec, Inputs const& inputs, Strided4<Output> const& output, LogSumExp const& log_sum_exp) {
  using Real               = typename Inputs::Real;
  std::int64_t const heads = inputs.query.extents[0] * inputs.query.extents[1], tiles = (inputs.query.extents[2] + tile_width<Real> - 1) / tile_width<Real>;
  AttentionTiles<TeamMember<Exec>, Inputs, Output, LogSumExp> const kernel{
      inputs, output, log_sum_exp, attention_chunk_tiles<Real>(exec, heads, tiles, inputs.query.extents[3] + inputs.value.extents[3])};
  for_each_row(exec, "ocellus::nn::multi_head_attention", heads * kernel.chunks(), kernel, kernel.scratch_bytes());
}

/// The kernel for the execution space: tiles on hosts, tiles of teams elsewhere, or rows.
template <ExecutionSpace Exec, class Inputs, class Output, class LogSumExp>
void launch_attention(Exec const& exec, Inputs const& inputs, Strided4<Output> const& output, LogSumExp const& log_sum_exp) {
  if constexpr (is_host_execution_v<Exec>) {
    launch_attention_tiles(exec, inputs, output, log_sum_exp);
  } else {
    using Tuning = AttentionTuning<Exec, typename Inputs::Real>;
    if constexpr (Tuning::team_tiles) {
      if (launch_attention_team_tiles(exec, inputs, output, log_sum_exp)) return;
    }
    launch_attention_rows(exec, inputs, output, log_sum_exp);
  }
}

}  // namespace ocellus::nn::detail
