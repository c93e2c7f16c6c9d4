// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ocellus/core/for_each_row.hpp>
#include <ocellus/explain/detail/arena.hpp>
#include <ocellus/explain/detail/flow_kernels.hpp>
#include <ocellus/explain/detail/volumes.hpp>

namespace ocellus::explain::detail {

inline constexpr std::int64_t bin_padding = 20;
inline constexpr std::int64_t seed_points = 10;  ///< a seed's bin holds more
inline constexpr std::int64_t no_pixel    = std::int64_t{1} << 62;

/// The grid of bins: the image, padded by 20 along its axes.
struct BinGrid {
  std::int64_t extents[3] = {1, 1, 1};  ///< depth, height, width
  int dimensions          = 2;

  BinGrid(std::int64_t const* spatial, int axes) : dimensions(axes) {
    for (int axis = 3 - axes; axis < 3; ++axis) extents[axis] = spatial[axis] + 2 * bin_padding;
  }
  [[nodiscard]] KOKKOS_INLINE_FUNCTION std::int64_t size() const { return extents[0] * extents[1] * extents[2]; }
  [[nodiscard]] KOKKOS_INLINE_FUNCTION std::int64_t lines() const { return extents[0] * extents[1]; }
  /// The bin of an end, -1 for NaN.
  KOKKOS_INLINE_FUNCTION std::int64_t bin_of(double const (&end)[3]) const {
    std::int64_t bin = 0;
    for (int c = 0; c < dimensions; ++c) {
      if (end[c] != end[c]) return -1;
      bin = bin * extents[3 - dimensions + c] + static_cast<std::int64_t>(end[c]) + bin_padding;
    }
    return bin;
  }
};

template <class Member, class Probability>
struct InsideLines {
  Volumes<Probability> probability;
  Volumes<bool> inside;
  double threshold;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t row) const {
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, probability.width()),
                         [&](std::int64_t const x) { inside(0, 0, row, x) = static_cast<double>(probability(0, 0, row, x)) > threshold; });
  }
};

/// The bin in which each pixel of a line ends (-1 outside), counted.
template <class Member, class Field>
struct EndBins {
  Field field;
  BinGrid grid;
  int* ends;
  int* bins;
  std::int64_t iterations;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t row) const {
    std::int64_t const width = field.inside.width();
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, width), [&](std::int64_t const x) {
      int bin = -1;
      if (field.inside(0, 0, row, x)) {
        double end[3];
        field.follow(row, x, iterations, end);
        bin = static_cast<int>(grid.bin_of(end));
        if (bin >= 0) Kokkos::atomic_add(bins + bin, 1);
      }
      ends[row * width + x] = bin;
    });
  }
};

/// Seeds of one line of bins: counted, and listed behind those of the lines before it where `seeds` is given.
template <class Member>
struct SeedLines {
  BinGrid grid;
  int const* bins;
  std::int64_t* lines;
  std::int64_t* seeds;
  std::int64_t* counts;

  KOKKOS_INLINE_FUNCTION bool is_seed(std::int64_t line, std::int64_t x) const {
    int const own = bins[line * grid.extents[2] + x];
    if (own <= seed_points) return false;
    std::int64_t const z = line / grid.extents[1], y = line % grid.extents[1], deep = grid.dimensions == 3 ? 2 : 0;
    // A bin with points is at least bin_padding from the border.
    for (std::int64_t k = z - deep; k <= z + deep; ++k) {
      for (std::int64_t j = y - 2; j <= y + 2; ++j) {
        for (std::int64_t i = x - 2; i <= x + 2; ++i) {
          if (bins[(k * grid.extents[1] + j) * grid.extents[2] + i] > own) return false;
        }
      }
    }
    return true;
  }

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t line) const {
    if (seeds == nullptr) {
      std::int64_t count = 0;
      Kokkos::parallel_reduce(
          Kokkos::ThreadVectorRange(member, grid.extents[2]), [&](std::int64_t const x, std::int64_t& sum) { sum += is_seed(line, x) ? 1 : 0; }, count);
      Kokkos::single(Kokkos::PerThread(member), [&]() { lines[line] = count; });
      return;
    }
    if (lines[line] == lines[line + 1]) return;
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      std::int64_t place = lines[line];
      for (std::int64_t x = 0; x < grid.extents[2]; ++x) {
        if (!is_seed(line, x)) continue;
        seeds[place]  = line * grid.extents[2] + x;
        counts[place] = bins[seeds[place]];
        ++place;
      }
    });
  }
};

/// Grows one seed and claims its bins for its place in the ascending order; the highest place wins.
template <class Member>
struct GrowSeeds {
  BinGrid grid;
  int const* bins;
  std::int64_t const* seeds;
  std::int64_t const* order;
  int* owners;  ///< 0: none, else the place + 1

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t place) const {
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      constexpr int side = 11, half = 5;
      bool const stack       = grid.dimensions == 3;
      int const layers       = stack ? side : 1;
      std::int64_t const bin = seeds[order[place]], x = bin % grid.extents[2] - half, line = bin / grid.extents[2];
      std::int64_t const y = line % grid.extents[1] - half, z = line / grid.extents[1] - (stack ? half : 0);
      // Bit 0: grown; bit 1: grown in this step; bit 2: may be grown over.
      std::uint8_t region[side * side * side];
      for (int k = 0; k < layers; ++k) {
        for (int j = 0; j < side; ++j) {
          for (int i = 0; i < side; ++i) region[(k * side + j) * side + i] = bins[((z + k) * grid.extents[1] + y + j) * grid.extents[2] + x + i] > 2 ? 4 : 0;
        }
      }
      region[((stack ? half : 0) * side + half) * side + half] |= 1;
      for (int step = 0; step < 5; ++step) {
        for (int k = 0; k < layers; ++k) {
          for (int j = 0; j < side; ++j) {
            for (int i = 0; i < side; ++i) {
              std::uint8_t& cell = region[(k * side + j) * side + i];
              if (cell == 4 && touches(region, layers, k, j, i)) cell = 6;
            }
          }
        }
        for (int cell = 0; cell < layers * side * side; ++cell) {
          if (region[cell] == 6) region[cell] = 5;
        }
      }
      for (int k = 0; k < layers; ++k) {
        for (int j = 0; j < side; ++j) {
          for (int i = 0; i < side; ++i) {
            if ((region[(k * side + j) * side + i] & 1) != 0)
              Kokkos::atomic_max(owners + ((z + k) * grid.extents[1] + y + j) * grid.extents[2] + x + i, static_cast<int>(place + 1));
          }
        }
      }
    });
  }

  /// Whether one of the neighbours was grown before this step.
  KOKKOS_INLINE_FUNCTION static bool touches(std::uint8_t const* region, int layers, int k, int j, int i) {
    for (int c = k > 0 ? k - 1 : 0; c <= k + 1 && c < layers; ++c) {
      for (int b = j > 0 ? j - 1 : 0; b <= j + 1 && b < 11; ++b) {
        for (int a = i > 0 ? i - 1 : 0; a <= i + 1 && a < 11; ++a) {
          if ((region[(c * 11 + b) * 11 + a] & 1) != 0) return true;
        }
      }
    }
    return false;
  }
};

/// What is known of each object, by its label before numbering.
struct ObjectTable {
  int* sizes;
  std::int64_t* first;  ///< its first pixel
  double* errors;
  std::int64_t count;
};

/// Labels the pixels of a line and measures the objects.
template <class Member, class Label>
struct LabelLines {
  Volumes<Label> labels;
  int const *ends, *owners;
  ObjectTable table;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t row) const {
    std::int64_t const width = labels.width();
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, width), [&](std::int64_t const x) {
      std::int64_t const at = row * width + x;
      int const owner       = ends[at] >= 0 ? owners[ends[at]] : 0;
      labels(0, 0, row, x)  = static_cast<Label>(owner);
      if (owner == 0) return;
      Kokkos::atomic_add(table.sizes + owner - 1, 1);
      Kokkos::atomic_min(table.first + owner - 1, at);
    });
  }
};

/// Takes the pixels of objects that are too large away, before flows are checked.
template <class Member, class Label>
struct DropLines {
  Volumes<Label> labels;
  ObjectTable table;
  double most;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t row) const {
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, labels.width()), [&](std::int64_t const x) {
      Label& label = labels(0, 0, row, x);
      if (label > 0 && static_cast<double>(table.sizes[static_cast<std::int64_t>(label) - 1]) > most) label = 0;
    });
  }
};

/// keys = the first pixel of an object that stays, else no_pixel. `threshold` below 0: flows are not checked.
template <class Member>
struct KeepObjects {
  ObjectTable table;
  std::int64_t* keys;
  double most, threshold;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t object) const {
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      bool const drop = table.sizes[object] == 0 || static_cast<double>(table.sizes[object]) > most || (threshold >= 0 && table.errors[object] > threshold);
      keys[object]    = drop ? no_pixel : table.first[object];
    });
  }
};

/// numbers[object] = its place in the order of first pixels, 0 when dropped.
template <class Member>
struct NumberObjects {
  std::int64_t const *keys, *order;
  std::int64_t* numbers;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t place) const {
    Kokkos::single(Kokkos::PerThread(member), [&]() { numbers[order[place]] = keys[order[place]] == no_pixel ? 0 : place + 1; });
  }
};

template <class Member, class Label>
struct WriteLines {
  Volumes<Label> labels;
  std::int64_t const* numbers;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t row) const {
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, labels.width()), [&](std::int64_t const x) {
      Label& label = labels(0, 0, row, x);
      if (label > 0) label = static_cast<Label>(numbers[static_cast<std::int64_t>(label) - 1]);
    });
  }
};

template <class Member>
struct CountObjects {
  std::int64_t const* keys;
  std::int64_t count;
  std::int64_t* kept;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t) const {
    std::int64_t sum = 0;
    Kokkos::parallel_reduce(
        Kokkos::ThreadVectorRange(member, count), [&](std::int64_t const k, std::int64_t& partial) { partial += keys[k] == no_pixel ? 0 : 1; }, sum);
    Kokkos::single(Kokkos::PerThread(member), [&]() { *kept = sum; });
  }
};

/// Scratch by pixel and by bin.
template <ExecutionSpace Exec>
struct FlowMaskBuffers {
  using Space = typename Exec::memory_space;
  UnmanagedTensor<bool*, Space> inside;
  UnmanagedTensor<int*, Space> ends, bins, owners;
  UnmanagedTensor<std::int64_t*, Space> lines;

  FlowMaskBuffers(Arena<Exec>& arena, std::int64_t const* spatial, int dimensions) {
    BinGrid const grid(spatial, dimensions);
    std::int64_t const pixels = spatial[0] * spatial[1] * spatial[2];
    inside                    = arena.template take<bool*>(pixels);
    ends                      = arena.template take<int*>(pixels);
    bins                      = arena.template take<int*>(grid.size());
    owners                    = arena.template take<int*>(grid.size());
    lines                     = arena.template take<std::int64_t*>(grid.lines() + 1);
  }
};

/// Scratch by seed.
template <ExecutionSpace Exec>
struct SeedBuffers {
  using Space = typename Exec::memory_space;
  UnmanagedTensor<std::int64_t*, Space> bins, first;
  UnmanagedTensor<std::int64_t**, Space> keys, order;
  UnmanagedTensor<int*, Space> sizes;
  UnmanagedTensor<double*, Space> errors;

  SeedBuffers(Arena<Exec>& arena, std::int64_t seeds)
      : bins(arena.template take<std::int64_t*>(seeds)),
        first(arena.template take<std::int64_t*>(seeds)),
        keys(arena.template take<std::int64_t**>(1, seeds)),
        order(arena.template take<std::int64_t**>(1, seeds)),
        sizes(arena.template take<int*>(seeds)),
        errors(arena.template take<double*>(seeds)) {}
};

}  // namespace ocellus::explain::detail
