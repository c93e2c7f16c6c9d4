// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Attention where a team's threads share memory (devices): a team owns 64 queries of a head and takes 64 keys at a time, each of its 64 threads 8 x 8 scores and
/// 8 x 8 numbers of the output in registers. The queries stay in the team's scratch memory; a block's keys, then its weights, and slabs of its values pass through it.

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <ocellus/core/team_tiles.hpp>
#include <ocellus/nn/detail/attention_kernel.hpp>

namespace ocellus::nn::detail {

template <class Member, class Inputs, class Output, class LogSumExp>
struct AttentionTeamTiles {
  using Real = typename Inputs::Real;
  using Scratch =
      Kokkos::View<Quad<Real>*, Kokkos::LayoutRight, typename Member::execution_space::scratch_memory_space, Kokkos::MemoryTraits<Kokkos::Unmanaged>>;
  static constexpr int tile = static_cast<int>(attention_key_block), mine = 8, across = tile / mine, threads = across * across;
  static constexpr int slab = 32, pitch = tile + 4;  ///< keys of a slab of values; numbers from one term to the next

  Inputs inputs;
  Strided4<Output> output;
  LogSumExp log_sum_exp;  ///< rank 3 or None
  std::int64_t query_tiles;

  [[nodiscard]] std::int64_t teams() const { return inputs.query.extents[0] * inputs.query.extents[1] * query_tiles; }
  [[nodiscard]] static std::size_t scratch_bytes() {
    return 2 * Scratch::shmem_size(tile * pitch / 4) + Scratch::shmem_size(slab * pitch / 4) + Scratch::shmem_size(tile * across / 4);
  }

  KOKKOS_FUNCTION void operator()(Member const& member) const {
    std::int64_t const number = member.league_rank(), heads = inputs.query.extents[1], queries = inputs.query.extents[2];
    std::int64_t const first_query = number % query_tiles * tile, h = number / query_tiles % heads, b = number / query_tiles / heads;
    int const in_tile = static_cast<int>(queries - first_query < tile ? queries - first_query : tile);
    int const rank = member.team_rank(), my_query = rank / across * mine, my_column = rank % across * 4;
    Scratch const scaled(member.team_scratch(0), tile * pitch / 4), keys(member.team_scratch(0), tile * pitch / 4);
    Scratch const values(member.team_scratch(0), slab * pitch / 4), partial(member.team_scratch(0), tile * across / 4);
    auto const weights  = keys;  // a block's weights take the place of its keys
    Real const infinity = Kokkos::Experimental::infinity_v<Real>;

    Real sum[mine][mine], maximum[mine], total[mine];
    OCELLUS_UNROLL
    for (int i = 0; i < mine; ++i) {
      maximum[i] = -infinity;
      total[i]   = 0;
      OCELLUS_UNROLL
      for (int j = 0; j < mine; ++j) sum[i][j] = 0;
    }
    auto const* const query = inputs.query_row(b, h, first_query);
    take(rank, in_tile, inputs.query.extents[3], scaled,
         [&](int row, int d) { return inputs.scale * static_cast<Real>(query[row * inputs.query.strides[2] + d * inputs.query.strides[3]]); });
    std::int64_t const last = inputs.last_key(first_query + in_tile - 1);
    for (std::int64_t first = 0; first < last; first += tile) {
      int const count = static_cast<int>(last - first < tile ? last - first : tile);
      Real score[mine][mine];
      auto const* const key = inputs.key_row(b, h, first);
      take(rank, count, inputs.key.extents[3], keys,
           [&](int row, int d) { return static_cast<Real>(key[row * inputs.key.strides[2] + d * inputs.key.strides[3]]); });
      member.team_barrier();
      multiply(scaled, keys, my_query, my_column, score);
      Real most[mine];
      OCELLUS_UNROLL
      for (int i = 0; i < mine; ++i) {
        std::int64_t const n = first_query + my_query + i;
        most[i]              = -infinity;
        OCELLUS_UNROLL
        for (int j = 0; j < mine; ++j) {
          int const column = tile_column<across>(my_column, j);
          Real added       = 0;
          bool const kept  = my_query + i < in_tile && column < count && first + column < inputs.last_key(n) && inputs.keeps(b, h, n, first + column, added);
          score[i][j]      = kept ? score[i][j] + added : -infinity;
          if (score[i][j] > most[i]) most[i] = score[i][j];
        }
      }
      share(partial, rank, most);
      member.team_barrier();
      Real added_total[mine];
      OCELLUS_UNROLL
      for (int i = 0; i < mine; ++i) {
        OCELLUS_UNROLL
        for (int t = 0; t < across; ++t) {
          Real const other = number_of(partial, (my_query + i) * across + t);
          if (other > most[i]) most[i] = other;
        }
        Real const next       = most[i] > maximum[i] ? most[i] : maximum[i];
        Real const correction = maximum[i] == -infinity ? Real(0) : Kokkos::exp(maximum[i] - next);
        maximum[i]            = next;
        total[i] *= correction;
        added_total[i] = 0;
        OCELLUS_UNROLL
        for (int j = 0; j < mine; ++j) {
          // A key that is masked has no weight, whatever the maximum; NaN stays NaN.
          bool const masked = score[i][j] == -infinity;
          Real const weight = masked ? Real(0) : Kokkos::exp(next == -infinity ? score[i][j] : score[i][j] - next);
          score[i][j]       = masked ? Real(-1) : weight;
          added_total[i] += weight;
          sum[i][j] *= correction;
        }
      }
      OCELLUS_UNROLL
      for (int j = 0; j < mine; ++j) {
        OCELLUS_UNROLL
        for (int q = 0; q < mine / 4; ++q) {
          Quad<Real> four;
          OCELLUS_UNROLL
          for (int i = 0; i < 4; ++i) four.number[i] = score[4 * q + i][j];
          weights.data()[(tile_column<across>(my_column, j) * pitch + my_query) / 4 + q] = four;
        }
      }
      member.team_barrier();  // all have read the maxima
      share(partial, rank, added_total);
      for (int begin = 0; begin < count; begin += slab) {
        int const terms = count - begin < slab ? count - begin : slab;
        member.team_barrier();  // the slab before has been read; weights and sums are there
        auto const* const value = inputs.value_row(b, h, first + begin);
        SlabShare<Real, slab * tile / threads> share_of_values(rank, threads, tile, slab, false);
        share_of_values.fetch(inputs.value.extents[3], terms, [&](int e, int k) { return value[k * inputs.value.strides[2] + e * inputs.value.strides[3]]; });
        share_of_values.leave(values.data(), pitch);
        member.team_barrier();
        for (int k = 0; k < terms; ++k) {
          // What stands behind a mask must not leak through 0 * NaN.
          add_term<across>(weights.data() + ((begin + k) * pitch + my_query) / 4, values.data() + (k * pitch + my_column) / 4, sum,
                           [](Real weight, Real of_value, Real& to) { to = weight < Real(0) ? to : Kokkos::fma(weight, of_value, to); });
        }
      }
      OCELLUS_UNROLL
      for (int i = 0; i < mine; ++i) {
        Real block_total = 0;
        OCELLUS_UNROLL
        for (int t = 0; t < across; ++t) block_total += number_of(partial, (my_query + i) * across + t);
        total[i] += block_total;
      }
      member.team_barrier();  // before the next block's maxima overwrite the sums
    }
    OCELLUS_UNROLL
    for (int i = 0; i < mine; ++i) {
      if (my_query + i >= in_tile) continue;
      std::int64_t const n = first_query + my_query + i;
      Real const factor    = total[i] == Real(0) ? Real(0) : Real(1) / total[i];
      auto* const to       = output.data + b * output.strides[0] + h * output.strides[1] + n * output.strides[2];
      OCELLUS_UNROLL
      for (int j = 0; j < mine; ++j) {
        int const e = tile_column<across>(my_column, j);
        if (e < inputs.value.extents[3]) to[e * output.strides[3]] = static_cast<Output>(sum[i][j] * factor);
      }
      if constexpr (!std::is_same_v<LogSumExp, None>) {
        if (is_present(log_sum_exp) && rank % across == 0)
          log_sum_exp(b, h, n) = static_cast<element_t<LogSumExp>>(total[i] == Real(0) ? -infinity : maximum[i] + Kokkos::log(total[i]));
      }
    }
  }

 private:
  KOKKOS_FUNCTION static Real& number_of(Scratch const& scratch, int i) { return scratch.data()[i / 4].number[i % 4]; }

  /// A thread's numbers for its queries, where the other threads of these queries find them.
  KOKKOS_FUNCTION static void share(Scratch const& partial, int rank, Real const (&numbers)[mine]) {
    OCELLUS_UNROLL
    for (int i = 0; i < mine; ++i) number_of(partial, (rank / across * mine + i) * across + rank % across) = numbers[i];
  }

  /// The rows of queries or keys of a tile, whole: 16 features at a time, zeros behind them.
  template <class At>
  KOKKOS_FUNCTION static void take(int rank, std::int64_t rows, std::int64_t width, Scratch const& to, At const& at) {
    constexpr int features = 16;
    for (int d = 0; d < width; d += features) {
      SlabShare<Real, features * tile / threads> mine_of_them(rank, threads, tile, features, true);
      mine_of_them.fetch(rows, width - d, [&](int row, int k) { return at(row, d + k); });
      mine_of_them.leave(to.data() + d * pitch / 4, pitch);
    }
  }

  /// Scores of the thread's queries and keys.
  KOKKOS_FUNCTION void multiply(Scratch const& scaled, Scratch const& keys, int my_query, int my_column, Real (&score)[mine][mine]) const {
    OCELLUS_UNROLL
    for (int i = 0; i < mine; ++i) {
      OCELLUS_UNROLL
      for (int j = 0; j < mine; ++j) score[i][j] = 0;
    }
    int const width = static_cast<int>(inputs.query.extents[3]);
    for (int k = 0; k < width; ++k) {
      add_term<across>(scaled.data() + (k * pitch + my_query) / 4, keys.data() + (k * pitch + my_column) / 4, score,
                       [](Real a, Real b, Real& to) { to = Kokkos::fma(a, b, to); });
    }
  }
};

/// Launches tiles where they pay and the device has such teams; false where it is for another kernel to do.
template <ExecutionSpace Exec, class Inputs, class Output, class LogSumExp>
[[nodiscard]] bool launch_attention_team_tiles(Exec const& exec, Inputs const& inputs, Strided4<Output> const& output, LogSumExp const& log_sum_exp) {
  using Kernel = AttentionTeamTiles<TeamMember<Exec>, Inputs, Output, LogSumExp>;
  if (inputs.query.extents[3] > Kernel::tile || inputs.value.extents[3] > Kernel::tile) return false;
  return launch_teams(exec, "ocellus::nn::multi_head_attention",
                      Kernel{inputs, output, log_sum_exp, (inputs.query.extents[2] + Kernel::tile - 1) / Kernel::tile});
}

}  // namespace ocellus::nn::detail
