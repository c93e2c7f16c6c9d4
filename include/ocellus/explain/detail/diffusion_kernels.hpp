// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include <ocellus/core/for_each_row.hpp>
#include <ocellus/explain/detail/arena.hpp>
#include <ocellus/explain/detail/flow_kernels.hpp>
#include <ocellus/explain/detail/volumes.hpp>

namespace ocellus::explain::detail {

/// The largest label of the image: integer maxima, whose order does not matter.
template <class Member, class Label>
struct LargestLabel {
  Volumes<Label> labels;
  std::int64_t* largest;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t row) const {
    std::int64_t most = 0;
    Kokkos::parallel_reduce(
        Kokkos::ThreadVectorRange(member, labels.width()),
        [&](std::int64_t const x, std::int64_t& high) {
          auto const label = static_cast<std::int64_t>(labels(0, 0, row, x));
          if (label > high) high = label;
        },
        Kokkos::Max<std::int64_t>(most));
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      if (most > 0) Kokkos::atomic_max(largest, most);
    });
  }
};

/// The bounding box of each object: {top, left, bottom, right}, the last two exclusive.
template <class Member, class Label>
struct ObjectBoxes {
  Volumes<Label> labels;
  int* boxes;
  std::int64_t count;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t row) const {
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, labels.width()), [&](std::int64_t const x) {
      auto const label = static_cast<std::int64_t>(labels(0, 0, row, x));
      if (label < 1 || label > count) return;
      int* const box = boxes + 4 * (label - 1);
      Kokkos::atomic_min(box, static_cast<int>(row));
      Kokkos::atomic_min(box + 1, static_cast<int>(x));
      Kokkos::atomic_max(box + 2, static_cast<int>(row + 1));
      Kokkos::atomic_max(box + 3, static_cast<int>(x + 1));
    });
  }
};

template <class Member>
struct EmptyBoxes {
  int* boxes;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t object) const {
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, 4), [&](std::int64_t const i) { boxes[4 * object + i] = i < 2 ? 2147483647 : 0; });
  }
};

/// Twice the largest height + width + 2.
template <class Member>
struct DiffusionSteps {
  int const* boxes;
  std::int64_t count;
  std::int64_t* steps;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t) const {
    std::int64_t most = 0;
    Kokkos::parallel_reduce(
        Kokkos::ThreadVectorRange(member, count),
        [&](std::int64_t const k, std::int64_t& high) {
          int const* const box = boxes + 4 * k;
          if (box[2] == 0) return;
          std::int64_t const size = static_cast<std::int64_t>(box[2] - box[0]) + (box[3] - box[1]) + 2;
          if (size > high) high = size;
        },
        Kokkos::Max<std::int64_t>(most));
    Kokkos::single(Kokkos::PerThread(member), [&]() { *steps = most > 0 ? 2 * most : 0; });  // no object: the reduction's least number
  }
};

/// Lets heat spread from the centre of one object, inside of it alone. Objects do not share pixels, so each goes its own way.
template <class Member, class Label>
struct DiffuseObject {
  Volumes<Label> labels;
  int const* boxes;
  std::int64_t const* steps;
  double *first, *second;  ///< (H, W) both, zero at the start

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t object) const {
    int const* const box = boxes + 4 * object;
    if (box[2] == 0) return;
    std::int64_t const width = labels.width(), box_width = box[3] - box[1], pixels = (box[2] - box[0]) * box_width, label = object + 1;
    std::int64_t const center = center_of(member, box, label);
    double *from = first, *to = second;
    for (std::int64_t step = 0; step < *steps; ++step) {
      Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, pixels), [&](std::int64_t const i) {
        std::int64_t const y = box[0] + i / box_width, x = box[1] + i % box_width;
        if (static_cast<std::int64_t>(labels(0, 0, y, x)) != label) return;
        // Itself, then the sides, then the corners. Where heats of two sides cancel, their rounding decides the direction: the order is that of the method's
        // own code.
        constexpr int down[9] = {0, -1, 1, 0, 0, -1, -1, 1, 1}, along[9] = {0, 0, 0, -1, 1, -1, 1, -1, 1};
        double sum = 0;
        for (int k = 0; k < 9; ++k) {
          std::int64_t const row = y + down[k], column = x + along[k];
          if (row < 0 || row >= labels.rows() || column < 0 || column >= width) continue;
          if (static_cast<std::int64_t>(labels(0, 0, row, column)) != label) continue;
          std::int64_t const at = row * width + column;
          sum += from[at] + (at == center ? 1.0 : 0.0);
        }
        to[y * width + x] = sum / 9;
      });
      double* const spare = from;
      from                = to;
      to                  = spare;
    }
  }

  /// The pixel that is nearest to the rounded mean of rows and columns within the box, as its index.
  KOKKOS_INLINE_FUNCTION std::int64_t center_of(Member const& member, int const* box, std::int64_t label) const {
    std::int64_t const box_width = box[3] - box[1], pixels = (box[2] - box[0]) * box_width;
    std::int64_t rows = 0, columns = 0, count = 0;
    auto const own = [&](std::int64_t i) { return static_cast<std::int64_t>(labels(0, 0, box[0] + i / box_width, box[1] + i % box_width)) == label; };
    Kokkos::parallel_reduce(
        Kokkos::ThreadVectorRange(member, pixels), [&](std::int64_t const i, std::int64_t& sum) { sum += own(i) ? i / box_width : 0; }, rows);
    Kokkos::parallel_reduce(
        Kokkos::ThreadVectorRange(member, pixels), [&](std::int64_t const i, std::int64_t& sum) { sum += own(i) ? i % box_width : 0; }, columns);
    Kokkos::parallel_reduce(
        Kokkos::ThreadVectorRange(member, pixels), [&](std::int64_t const i, std::int64_t& sum) { sum += own(i) ? 1 : 0; }, count);
    std::int64_t const y = half_to_even(rows, count), x = half_to_even(columns, count);
    std::int64_t const none = std::int64_t{1} << 62;
    std::int64_t nearest    = none;  // squared distance times the number of pixels, plus the index: the smallest is the first of the nearest
    Kokkos::parallel_reduce(
        Kokkos::ThreadVectorRange(member, pixels),
        [&](std::int64_t const i, std::int64_t& least) {
          if (!own(i)) return;
          std::int64_t const dy = i / box_width - y, dx = i % box_width - x, key = (dy * dy + dx * dx) * pixels + i;
          if (key < least) least = key;
        },
        Kokkos::Min<std::int64_t>(nearest));
    std::int64_t const i = nearest % pixels;
    return (box[0] + i / box_width) * labels.width() + box[1] + i % box_width;
  }

  /// sum / count, rounded to the nearest integer and from the middle to the even one.
  KOKKOS_INLINE_FUNCTION static std::int64_t half_to_even(std::int64_t sum, std::int64_t count) {
    std::int64_t const down = sum / count, twice = 2 * (sum % count);
    if (twice != count) return twice > count ? down + 1 : down;
    return down % 2 == 0 ? down : down + 1;
  }
};

/// The normalised gradient of the heat, one line a call.
template <class Member, class Label, class Flow>
struct HeatGradient {
  Volumes<Label> labels;
  double const *first, *second;
  std::int64_t const* steps;
  std::int64_t count;
  Volumes<Flow> flow;  ///< components along the batch axis

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t y) const {
    double const* const heat  = *steps % 2 == 0 ? first : second;
    std::int64_t const height = labels.rows(), width = labels.width();
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, width), [&](std::int64_t const x) {
      auto const label = static_cast<std::int64_t>(labels(0, 0, y, x));
      double down = 0, along = 0;
      if (label >= 1 && label <= count) {
        std::int64_t const at = y * width + x;
        down                  = (y + 1 < height ? heat[at + width] : 0.0) - (y > 0 ? heat[at - width] : 0.0);
        along                 = (x + 1 < width ? heat[at + 1] : 0.0) - (x > 0 ? heat[at - 1] : 0.0);
        double const norm     = 1e-60 + Kokkos::sqrt(down * down + along * along);
        down /= norm;
        along /= norm;
      }
      using Real       = accumulate_t<Flow>;
      flow(0, 0, y, x) = static_cast<Flow>(static_cast<Real>(down));
      flow(1, 0, y, x) = static_cast<Flow>(static_cast<Real>(along));
    });
  }
};

/// The mean over one object of |flows of its shape - flow / 5|^2.
template <class Member, class Label, class Flow, class Error>
struct ObjectError {
  Volumes<Label> labels;
  int const* boxes;
  std::int64_t boxes_count;
  Volumes<double> shape_flow;
  Volumes<Flow> flow;
  Error error;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t object) const {
    using Real    = accumulate_of_t<Error>;
    Real result   = Kokkos::Experimental::quiet_NaN_v<Real>;
    bool const is = object < boxes_count && boxes[4 * object + 2] != 0;
    if (is) {
      int const* const box = boxes + 4 * object;
      double sum = 0, pixels = 0;
      for (std::int64_t y = box[0]; y < box[2]; ++y) {
        auto const term = [&](std::int64_t i) {
          std::int64_t const x = box[1] + i;
          if (static_cast<std::int64_t>(labels(0, 0, y, x)) != object + 1) return TwoSums{0.0, 0.0};
          double const dy = shape_flow(0, 0, y, x) - static_cast<double>(flow(0, 0, y, x)) / 5;
          double const dx = shape_flow(1, 0, y, x) - static_cast<double>(flow(1, 0, y, x)) / 5;
          return TwoSums{dy * dy + dx * dx, 1.0};
        };
        TwoSums const line = two_sums(member, box[3] - box[1], term);
        sum += line.first;
        pixels += line.second;
      }
      result = static_cast<Real>(sum / pixels);
    }
    Kokkos::single(Kokkos::PerThread(member), [&]() { error(object) = static_cast<element_t<Error>>(result); });
  }
};

/// Scratch of `diffuse`.
template <ExecutionSpace Exec>
struct DiffusionBuffers {
  UnmanagedTensor<double*, typename Exec::memory_space> first, second;
  UnmanagedTensor<int*, typename Exec::memory_space> boxes;
  UnmanagedTensor<std::int64_t*, typename Exec::memory_space> numbers;  ///< the largest label, the number of steps

  DiffusionBuffers(Arena<Exec>& arena, std::int64_t pixels)
      : first(arena.template take<double*>(pixels)),
        second(arena.template take<double*>(pixels)),
        boxes(arena.template take<int*>(4 * pixels)),
        numbers(arena.template take<std::int64_t*>(2)) {}
};

/// Spreads the heat of all objects; `iterations` 0: by their size. Returns the number of labels; waits for `exec` once.
template <ExecutionSpace Exec, class Label>
std::int64_t diffuse(Exec const& exec, char const* function, Volumes<Label> const& labels, DiffusionBuffers<Exec> const& buffers, std::int64_t iterations) {
  using Member              = TeamMember<Exec>;
  std::string const label   = function;
  std::int64_t const pixels = labels.pixels(), rows = labels.rows();
  fill<std::int64_t>(exec, label, buffers.numbers.data(), 2, 0);
  for_each_row(exec, label + "::labels", rows, LargestLabel<Member, Label>{labels, buffers.numbers.data()});
  std::int64_t count = number_at(exec, function, buffers.numbers.data());
  if (count > pixels) count = pixels;  // labels without gaps are no more than pixels
  for_each_row(exec, label + "::boxes", count, EmptyBoxes<Member>{buffers.boxes.data()});
  for_each_row(exec, label + "::boxes", rows, ObjectBoxes<Member, Label>{labels, buffers.boxes.data(), count});
  if (iterations > 0)
    fill<std::int64_t>(exec, label, buffers.numbers.data() + 1, 1, iterations);
  else
    for_each_row(exec, label + "::steps", 1, DiffusionSteps<Member>{buffers.boxes.data(), count, buffers.numbers.data() + 1});
  fill<double>(exec, label, buffers.first.data(), pixels, 0.0);
  fill<double>(exec, label, buffers.second.data(), pixels, 0.0);
  for_each_row(exec, label + "::diffuse", count,
               DiffuseObject<Member, Label>{labels, buffers.boxes.data(), buffers.numbers.data() + 1, buffers.first.data(), buffers.second.data()});
  return count;
}

}  // namespace ocellus::explain::detail
