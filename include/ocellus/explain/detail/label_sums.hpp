// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <type_traits>

#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/instruction_set.hpp>
#include <ocellus/explain/detail/volumes.hpp>

namespace ocellus::explain::detail {

/// How the lines of an image are cut into blocks, each with a private sum for every label: by the shape alone, and such that all sums take no more than a byte a
/// pixel (or one block).
struct LabelBlocking {
  std::int64_t slots = 0;  ///< 0 background, 1..K labels, K + 1 every other label
  std::int64_t lines = 0, blocks = 0;

  LabelBlocking(std::int64_t label_count, std::int64_t rows, std::int64_t width, std::int64_t most) {
    slots                     = label_count + 2;
    std::int64_t const fitted = rows * width / (8 * slots);
    std::int64_t wanted       = fitted < most ? fitted : most;
    if (wanted < 1) wanted = 1;
    lines  = (rows + wanted - 1) / wanted;
    blocks = lines > 0 ? (rows + lines - 1) / lines : 0;
  }

  template <class Label>
  [[nodiscard]] KOKKOS_INLINE_FUNCTION std::int64_t slot(Label label) const {
    auto const k = static_cast<std::int64_t>(label);
    return k >= 0 && k < slots - 1 ? k : slots - 1;
  }
};

template <ExecutionSpace Exec>
inline constexpr std::int64_t most_label_blocks = is_host_execution_v<Exec> ? 64 : 1024;

/// Sums max(map, 0) by label over blocks of lines, on devices: a lane owns a block and adds runs of one label in a register.
template <class Member, class Map, class Label>
struct LabelBlockLanes {
  static constexpr std::int64_t team = 32;

  Volumes<Map> map;
  Volumes<Label> labels;
  double* sums;  ///< (blocks, slots)
  LabelBlocking blocking;

  [[nodiscard]] std::int64_t items() const { return (blocking.blocks + team - 1) / team; }

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t group) const {
    std::int64_t const first = group * team, count = blocking.blocks - first < team ? blocking.blocks - first : team;
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, count), [&](std::int64_t const i) {
      double* const own        = sums + (first + i) * blocking.slots;
      std::int64_t const begin = (first + i) * blocking.lines;
      std::int64_t const end   = begin + blocking.lines < map.rows() ? begin + blocking.lines : map.rows();
      for (std::int64_t slot = 0; slot < blocking.slots; ++slot) own[slot] = 0;
      std::int64_t slot = 0;
      double run        = 0;
      for (std::int64_t row = begin; row < end; ++row) {
        for (std::int64_t x = 0; x < map.width(); ++x) {
          std::int64_t const next = blocking.slot(labels(0, 0, row, x));
          if (next != slot) {
            own[slot] += run;
            run  = 0;
            slot = next;
          }
          run += positive_part(static_cast<double>(map(0, 0, row, x)));
        }
      }
      own[slot] += run;
    });
  }
};

inline namespace OCELLUS_INSTRUCTION_SET {

/// The same on hosts. Sixteen pixels at a time: while all have the label of the run before them they are added to sixteen running sums, which go to the label's
/// slot when the run ends.
template <class Member, class Map, class Label>
struct LabelBlockVectors {
  static constexpr int lanes = 16, width = host_vector_bytes / 8, parts = lanes / width;
  using Plain  = std::remove_const_t<Label>;
  using Values = typename HostVector<double, width>::type;
  using Mask   = typename HostVector<std::int64_t, width>::type;

  Volumes<Map> map;
  Volumes<Label> labels;
  double* sums;  ///< (blocks, slots)
  LabelBlocking blocking;

  [[nodiscard]] std::int64_t items() const { return blocking.blocks; }

  void operator()(Member const&, std::int64_t number) const {
    double* const own = sums + number * blocking.slots;
    for (std::int64_t i = 0; i < blocking.slots; ++i) own[i] = 0;
    std::int64_t const begin = number * blocking.lines, end = begin + blocking.lines < map.rows() ? begin + blocking.lines : map.rows();
    bool const dense = map.strides[4] == 1 && labels.strides[4] == 1;
    Plain current    = 0;
    Values run[parts];
    for (int p = 0; p < parts; ++p) run[p] = Values{};
    for (std::int64_t row = begin; row < end; ++row) {
      Map const* const values = map.row(0, 0, row);
      Label const* const keys = labels.row(0, 0, row);
      for (std::int64_t x = 0; x < map.width(); x += lanes) {
        alignas(64) std::remove_const_t<Map> value_buffer[lanes];
        alignas(64) Plain key_buffer[lanes];
        if (dense && x + lanes <= map.width()) {
          current = add(own, values + x, keys + x, run, current);
        } else {
          gather(values, keys, x, value_buffer, key_buffer);
          current = add(own, value_buffer, key_buffer, run, current);
        }
      }
    }
    flush(own, current, run);
  }

 private:
  /// Behind the end of the line stand zeros of its last label.
  void gather(Map const* values, Label const* keys, std::int64_t x, std::remove_const_t<Map>* value, Plain* key) const {
    std::int64_t const last = map.width() - 1;
    for (int i = 0; i < lanes; ++i) {
      value[i] = x + i <= last ? values[(x + i) * map.strides[4]] : static_cast<std::remove_const_t<Map>>(0.0F);
      key[i]   = keys[(x + i <= last ? x + i : last) * labels.strides[4]];
    }
  }

  static Values positive(std::remove_const_t<Map> const* values) {
    Values value;
    if constexpr (RealScalar<std::remove_const_t<Map>>) {
      value = __builtin_convertvector(*reinterpret_cast<typename HostVector<std::remove_const_t<Map>, width>::unaligned const*>(values), Values);
    } else {
      for (int i = 0; i < width; ++i) value[i] = static_cast<double>(values[i]);
    }
    return value < 0.0 ? Values{} : value;
  }

  static typename HostVector<Plain, width>::type load(Plain const* keys) {
    return *reinterpret_cast<typename HostVector<Plain, width>::unaligned const*>(keys);
  }

  /// Sixteen pixels; returns the label of the run that goes on behind them.
  Plain add(double* own, std::remove_const_t<Map> const* values, Plain const* keys, Values (&run)[parts], Plain current) const {
    Plain const behind    = keys[lanes - 1];
    std::uint64_t differs = 0;
    {
      Plain bits[lanes];
      for (int i = 0; i < lanes; ++i) bits[i] = static_cast<Plain>(keys[i] ^ current);
      std::uint64_t words[sizeof(bits) / 8];
      __builtin_memcpy(words, bits, sizeof(bits));
      for (std::uint64_t const word : words) differs |= word;
    }
    if (differs == 0) {
      for (int p = 0; p < parts; ++p) run[p] += positive(values + p * width);
      return current;
    }
    int strangers = 0;
    for (int i = 0; i < lanes; ++i) strangers |= static_cast<int>(keys[i] != current) & static_cast<int>(keys[i] != behind);
    if (strangers == 0) {  // a border: the run before it ends, the label behind it begins one
      Values mine[parts];
      for (int p = 0; p < parts; ++p) {
        Values const value = positive(values + p * width);
        Mask const before  = __builtin_convertvector(load(keys + p * width) == current, Mask);
        mine[p]            = run[p] + (before ? value : Values{});
        run[p]             = before ? Values{} : value;
      }
      flush(own, current, mine);
    } else {
      flush(own, current, run);
      for (int i = 0; i < lanes; ++i) own[blocking.slot(keys[i])] += positive_part(static_cast<double>(values[i]));
      for (int p = 0; p < parts; ++p) run[p] = Values{};
    }
    return behind;
  }

  void flush(double* own, Plain label, Values const (&run)[parts]) const {
    Values sum = run[0];
    for (int p = 1; p < parts; ++p) sum += run[p];
    double total[width];
    for (int i = 0; i < width; ++i) total[i] = sum[i];
    for (int half = width / 2; half > 0; half /= 2) {
      for (int i = 0; i < half; ++i) total[i] += total[i + half];
    }
    own[blocking.slot(label)] += total[0];
  }
};

}  // namespace OCELLUS_INSTRUCTION_SET

/// Adds the blocks in their order, 64 slots a call.
template <class Member>
struct CombineLabelBlocks {
  double const* sums;
  double* totals;  ///< (slots)
  LabelBlocking blocking;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t group) const {
    std::int64_t const first = group * 64, count = blocking.slots - first < 64 ? blocking.slots - first : 64;
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, count), [&](std::int64_t const i) { totals[first + i] = 0; });
    for (std::int64_t block = 0; block < blocking.blocks; ++block) {
      double const* const own = sums + block * blocking.slots + first;
      Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, count), [&](std::int64_t const i) { totals[first + i] += own[i]; });
    }
  }
};

/// The sums of all blocks.
template <ExecutionSpace Exec, class Map, class Label>
void sum_label_blocks(Exec const& exec, char const* label, Volumes<Map> const& map, Volumes<Label> const& labels, double* sums, LabelBlocking const& blocking) {
  using Member = TeamMember<Exec>;
  using Kernel = std::conditional_t<is_host_execution_v<Exec>, LabelBlockVectors<Member, Map, Label>, LabelBlockLanes<Member, Map, Label>>;
  Kernel const kernel{map, labels, sums, blocking};
  for_each_row(exec, label, kernel.items(), kernel);
}

}  // namespace ocellus::explain::detail
