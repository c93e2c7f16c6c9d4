// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Connected components on hosts: the runs of true pixels of each row are linked, not the pixels. A thread links the runs of a strip of rows, one the strips.
/// A tree's root is its first run in row-major order, so labels do not depend on the strips.

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>

namespace ocellus::image::detail {

/// Run k of row y has the number y * most + k, and goes from `starts` to before `ends`.
struct LabelRuns {
  int *starts, *ends, *parents;
  int *counts, *roots;  ///< runs of each row, roots of each strip
  std::int64_t height, width, most, strips;

  [[nodiscard]] std::int64_t first_row(std::int64_t strip) const { return height * strip / strips; }

  [[nodiscard]] int root(int run) const {
    while (parents[run] != run) run = parents[run] = parents[parents[run]];
    return run;
  }
  void link(int a, int b) const {
    a          = root(a);
    b          = root(b);
    int& later = parents[std::max(a, b)];
    later      = std::min(a, b);
  }

  /// Links the runs of two neighbouring rows that touch.
  void link_rows(std::int64_t y, bool eight) const {
    int const reach = eight ? 1 : 0;
    int above = static_cast<int>((y - 1) * most), below = static_cast<int>(y * most);
    int const last_above = above + counts[y - 1], last_below = below + counts[y];
    while (above < last_above && below < last_below) {
      if (starts[above] < ends[below] + reach && starts[below] < ends[above] + reach) link(above, below);
      if (ends[above] < ends[below])
        ++above;
      else
        ++below;
    }
  }
};

/// 64 pixels of a contiguous row as bits, the first lowest; 0 behind its end.
[[nodiscard]] inline std::uint64_t mask_bits(bool const* from, std::int64_t count) {
  std::uint64_t bits = 0;
  if (std::endian::native == std::endian::little && count >= 64) {
    for (int byte = 0; byte < 8; ++byte) {
      std::uint64_t word;
      std::memcpy(&word, from + 8 * byte, 8);
      bits |= (word * std::uint64_t{0x0102040810204080} >> 56) << (8 * byte);
    }
  } else {
    for (std::int64_t i = 0; i < std::min<std::int64_t>(count, 64); ++i) bits |= std::uint64_t{from[i]} << i;
  }
  return bits;
}

/// The runs of a strip's rows, linked among themselves; each run's parent is its root.
template <class Member, class Mask>
struct LinkStrips {
  Mask mask;
  LabelRuns runs;
  bool eight;

  void operator()(Member const&, std::int64_t strip) const {
    std::int64_t const first = runs.first_row(strip), last = runs.first_row(strip + 1);
    for (std::int64_t y = first; y < last; ++y) {
      find_runs(y);
      if (y > first) runs.link_rows(y, eight);
    }
    for (std::int64_t y = first; y < last; ++y) {
      int* const parents = runs.parents + y * runs.most;
      for (int k = 0; k < runs.counts[y]; ++k) parents[k] = runs.parents[parents[k]];
    }
  }

 private:
  void find_runs(std::int64_t y) const {
    std::int64_t const at = y * runs.most, width = runs.width;
    int *const starts = runs.starts + at, *const ends = runs.ends + at;
    int begun = 0, ended = 0;
    bool inside = false;
    for (std::int64_t x = 0; x < width; x += 64) {
      std::uint64_t bits = 0;
      if (mask.stride(1) == 1) {
        bits = mask_bits(&mask(y, x), width - x);
      } else {
        for (std::int64_t i = 0; i < std::min<std::int64_t>(width - x, 64); ++i) bits |= std::uint64_t{mask(y, x + i)} << i;
      }
      // Where a pixel differs from the one before it, a run begins or ends.
      for (std::uint64_t changes = bits ^ (bits << 1 | (inside ? 1 : 0)); changes != 0; changes &= changes - 1) {
        auto const place = static_cast<int>(x + std::countr_zero(changes));
        if (begun == ended)
          starts[begun++] = place;
        else
          ends[ended++] = place;
      }
      inside = bits >> 63 != 0;
    }
    if (begun != ended) ends[ended] = static_cast<int>(width);
    runs.counts[y] = begun;
    for (int k = 0; k < begun; ++k) runs.parents[at + k] = static_cast<int>(at) + k;
  }
};

template <class Member>
struct LinkSeams {
  LabelRuns runs;
  bool eight;

  void operator()(Member const&, std::int64_t) const {
    for (std::int64_t strip = 1; strip < runs.strips; ++strip) runs.link_rows(runs.first_row(strip), eight);
  }
};

template <class Member>
struct CountRoots {
  LabelRuns runs;

  void operator()(Member const&, std::int64_t strip) const {
    int count = 0;
    for (std::int64_t y = runs.first_row(strip); y < runs.first_row(strip + 1); ++y) {
      for (std::int64_t run = y * runs.most; run < y * runs.most + runs.counts[y]; ++run) count += runs.parents[run] == static_cast<int>(run) ? 1 : 0;
    }
    runs.roots[strip] = count;
  }
};

/// A root's parent becomes minus its label.
template <class Member>
struct NumberRoots {
  LabelRuns runs;

  void operator()(Member const&, std::int64_t strip) const {
    int label = 0;
    for (std::int64_t before = 0; before < strip; ++before) label += runs.roots[before];
    for (std::int64_t y = runs.first_row(strip); y < runs.first_row(strip + 1); ++y) {
      for (std::int64_t run = y * runs.most; run < y * runs.most + runs.counts[y]; ++run) {
        if (runs.parents[run] == static_cast<int>(run)) runs.parents[run] = -++label;
      }
    }
  }
};

template <class Member, class Labels>
struct WriteRuns {
  LabelRuns runs;
  Labels labels;

  void operator()(Member const&, std::int64_t y) const {
    using Label        = typename Labels::non_const_value_type;
    std::int64_t place = 0;
    auto const fill    = [&](std::int64_t end, Label label) {
      if (labels.stride(1) == 1)
        std::fill(labels.data() + y * static_cast<std::int64_t>(labels.stride(0)) + place,
                     labels.data() + y * static_cast<std::int64_t>(labels.stride(0)) + end, label);
      else
        for (std::int64_t x = place; x < end; ++x) labels(y, x) = label;
      place = end;
    };
    for (std::int64_t run = y * runs.most; run < y * runs.most + runs.counts[y]; ++run) {
      int parent = runs.parents[run];
      while (parent >= 0) parent = runs.parents[parent];
      fill(runs.starts[run], Label(0));
      fill(runs.ends[run], static_cast<Label>(-parent));
    }
    fill(runs.width, Label(0));
  }
};

[[nodiscard]] inline std::int64_t most_runs(std::int64_t width) { return (width + 1) / 2; }

template <ExecutionSpace Exec>
[[nodiscard]] std::int64_t label_strips(Exec const& exec, std::int64_t height) {
  return std::max<std::int64_t>(1, std::min<std::int64_t>(height, static_cast<std::int64_t>(exec.concurrency())));
}

template <ExecutionSpace Exec>
[[nodiscard]] std::size_t label_runs_bytes(Exec const& exec, std::int64_t height, std::int64_t width) {
  return 3 * workspace_bytes<int>(static_cast<std::size_t>(height * most_runs(width))) + workspace_bytes<int>(static_cast<std::size_t>(height)) +
         workspace_bytes<int>(static_cast<std::size_t>(label_strips(exec, height)));
}

/// Neither side of the mask is empty. Fences `exec`.
template <ExecutionSpace Exec, class Mask, class Labels>
[[nodiscard]] std::int64_t label_by_runs(Exec const& exec, char const* function, Mask const& mask, Labels const& labels, bool eight,
                                         WorkspaceFor<Exec>& workspace) {
  using Member             = TeamMember<Exec>;
  std::int64_t const total = extent(mask, 0) * most_runs(extent(mask, 1));
  LabelRuns runs;
  runs.height  = extent(mask, 0);
  runs.width   = extent(mask, 1);
  runs.most    = most_runs(runs.width);
  runs.strips  = label_strips(exec, runs.height);
  runs.starts  = workspace.template take<int*>(function, total).data();
  runs.ends    = workspace.template take<int*>(function, total).data();
  runs.parents = workspace.template take<int*>(function, total).data();
  runs.counts  = workspace.template take<int*>(function, runs.height).data();
  runs.roots   = workspace.template take<int*>(function, runs.strips).data();
  for_each_row(exec, "ocellus::image::connected_components::link", runs.strips, LinkStrips<Member, Mask>{mask, runs, eight});
  for_each_row(exec, "ocellus::image::connected_components::seams", 1, LinkSeams<Member>{runs, eight});
  for_each_row(exec, "ocellus::image::connected_components::roots", runs.strips, CountRoots<Member>{runs});
  for_each_row(exec, "ocellus::image::connected_components::rank", runs.strips, NumberRoots<Member>{runs});
  for_each_row(exec, "ocellus::image::connected_components::number", runs.height, WriteRuns<Member, Labels>{runs, labels});
  exec.fence(function);
  std::int64_t count = 0;
  for (std::int64_t strip = 0; strip < runs.strips; ++strip) count += runs.roots[strip];
  return count;
}

}  // namespace ocellus::image::detail
