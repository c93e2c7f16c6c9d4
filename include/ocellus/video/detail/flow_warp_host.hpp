// SPDX-License-Identifier: Apache-2.0
#pragma once

/// flow_warp on hosts: as many pixels of a row together as a register holds doubles.

#include <cstdint>
#include <type_traits>

#include <ocellus/core/precision.hpp>
#include <ocellus/core/simd.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/video/detail/bilinear_sample.hpp>

namespace ocellus::video::detail {
inline namespace OCELLUS_INSTRUCTION_SET {

/// The largest whole number not above, for |a| below 2^31.
template <class V>
[[gnu::always_inline]] inline V floor_of(V const& a) {
  V const near = round_to_even(a);
  return near - select(near > a, V(1.0), V(0.0));
}

/// One row of the output a call. Flow and output are contiguous along a row, and a plane of x spans less than 2^31 numbers.
template <class Member, class X, class Flow, class Output, bool Nearest>
struct FlowWarpLines {
  using Real                 = accumulate_of_t<X>;
  using D                    = Simd<double>;
  static constexpr int lanes = D::width;
  using V                    = Simd<Real, lanes>;
  using I                    = Simd<std::int32_t, lanes>;

  X x;
  Flow flow;
  Output output;
  WarpEdge edge;

  void operator()(Member const&, std::int64_t row) const {
    std::int64_t const rows = extent(x, 2), columns = extent(x, 3), whole = columns / lanes * lanes, n = row / rows, i = row % rows;
    if (columns == 0) return;
    Row at;
    at.along          = &flow(n, 0, i, 0);
    at.down           = &flow(n, 1, i, 0);
    at.planes         = x.data() + n * static_cast<std::int64_t>(x.stride(0));
    at.to             = output.data() + n * static_cast<std::int64_t>(output.stride(0)) + i * static_cast<std::int64_t>(output.stride(2));
    at.channels       = extent(x, 1);
    at.plane          = static_cast<std::int64_t>(x.stride(1));
    at.output_plane   = static_cast<std::int64_t>(output.stride(1));
    at.pairs          = has_pairs && x.stride(3) == 1;
    at.row            = static_cast<double>(i);
    at.rows           = static_cast<double>(rows);
    at.columns        = static_cast<double>(columns);
    at.row_stride     = static_cast<double>(x.stride(2));
    at.column_stride  = static_cast<double>(x.stride(3));
    WarpEdge const by = edge;
    for (std::int64_t j = 0; j < whole; j += lanes) pixels(at, by, j, std::integral_constant<int, lanes>());
    if (whole < columns) pixels(at, by, whole, columns - whole);
  }

 private:
  /// What a row's pixels share; in registers, since what is stored could alias nothing of it.
  struct Row {
    element_t<Flow> const *along, *down;
    element_t<X> const* planes;
    element_t<Output>* to;
    std::int64_t channels, plane, output_plane;
    bool pairs;
    double row, rows, columns, row_stride, column_stride;
  };

  /// Four pixels of the input with their weights: offsets in a plane.
  struct Corners {
    I offset[4];
    V weight[4];
    V start;
    bool in_pairs;  ///< both columns of every pixel are in the image
  };

  template <class Count>
  [[gnu::always_inline]] static D position(element_t<Flow> const* displacement, D const& at, double size, WarpEdge edge, Count count) {
    D p;
    if constexpr (std::is_same_v<Count, std::int64_t>)
      p = at + D::load(displacement, count);
    else
      p = at + D::load(displacement);
    if (edge == WarpEdge::zeros) return p;
    if (edge == WarpEdge::border) {
      D const last(size - 1);
      return select(p <= D(0.0), D(0.0), select(p >= last, last, p));
    }
    double one[lanes];
    p.store(one);
    for (int lane = 0; lane < lanes; ++lane) one[lane] = sample_position(one[lane], static_cast<std::int64_t>(size), edge).at;
    return D::load(one);
  }

  [[gnu::always_inline]] static I whole_numbers(D const& a) { return I(__builtin_convertvector(a.raw, typename I::Raw)); }
  [[gnu::always_inline]] static V narrowed(D const& a) {
    if constexpr (std::is_same_v<Real, double>)
      return a;
    else
      return V(__builtin_convertvector(a.raw, typename V::Raw));
  }

  [[gnu::always_inline]] static Corners corners(Row const& at, D y, D x_at) {
    Corners c;
    c.in_pairs        = false;
    c.start           = narrowed(select((y == y) & (x_at == x_at), D(0.0), D(__builtin_nan(""))));
    auto const inside = (y > D(-1.0)) & (y < D(at.rows)) & (x_at > D(-1.0)) & (x_at < D(at.columns));
    // A position outside has no weight anywhere; it must not be made an index.
    y             = select(inside, y, D(0.0));
    x_at          = select(inside, x_at, D(0.0));
    D const share = select(inside, D(1.0), D(0.0)), zero(0.0), lowest(at.rows - 1), rightmost(at.columns - 1), down_step(at.row_stride),
            right_step(at.column_stride);
    if constexpr (Nearest) {
      D const i = round_to_even(y), j = round_to_even(x_at);
      auto const there = (i >= zero) & (i <= lowest) & (j >= zero) & (j <= rightmost);
      c.weight[0]      = narrowed(select(there, share, zero));
      c.offset[0]      = whole_numbers(select(there, i * down_step + j * right_step, zero));
    } else {
      D const top = floor_of(y), left = floor_of(x_at), down = y - top, right = x_at - left;
      auto const has_top = top >= zero, has_bottom = top < lowest, has_left = left >= zero, has_right = left < rightmost;
      D const above = select(has_top, share - share * down, zero), below = select(has_bottom, share * down, zero);
      D const before = select(has_left, D(1.0) - right, zero), behind = select(has_right, right, zero);
      c.in_pairs  = all(has_left & has_right);
      c.weight[0] = narrowed(above * before);
      c.weight[1] = narrowed(above * behind);
      c.weight[2] = narrowed(below * before);
      c.weight[3] = narrowed(below * behind);
      D const i = max(top, zero) * down_step, j = max(left, zero) * right_step;
      D const next_i = min(top + D(1.0), lowest) * down_step, next_j = min(left + D(1.0), rightmost) * right_step;
      c.offset[0] = whole_numbers(i + j);
      c.offset[1] = whole_numbers(i + next_j);
      c.offset[2] = whole_numbers(next_i + j);
      c.offset[3] = whole_numbers(next_i + next_j);
    }
    return c;
  }

#if defined(__AVX512F__)
  static constexpr bool has_pairs = std::is_same_v<element_t<X>, float> && lanes == 8;
#else
  static constexpr bool has_pairs = false;
#endif

  /// Two neighbours at each index by one load.
  template <class T>
  [[gnu::always_inline]] static void gather_pairs(T const* from, I const& index, V& left, V& right) {
#if defined(__AVX512F__)
    if constexpr (has_pairs) {
      __m512i const pairs = _mm512_mask_i32gather_epi64(_mm512_setzero_si512(), 0xff, (__m256i)index.raw, from, 4);
      left                = V((typename V::Raw)_mm512_maskz_cvtepi64_epi32(0xff, pairs));
      right               = V((typename V::Raw)_mm512_maskz_cvtepi64_epi32(0xff, _mm512_maskz_srli_epi64(0xff, pairs, 32)));
      return;
    }
#endif
    left  = gather<Real>(from, index);
    right = gather<Real>(from + 1, index);
  }

  template <class Count>
  [[gnu::always_inline]] static void pixels(Row const& at, WarpEdge edge, std::int64_t first, Count count) {
    double steps[lanes];
    for (int lane = 0; lane < lanes; ++lane) steps[lane] = lane;
    Corners const c   = corners(at, position(at.down + first, D(at.row), at.rows, edge, count),
                                position(at.along + first, D(static_cast<double>(first)) + D::load(steps), at.columns, edge, count));
    auto const* plane = at.planes;
    auto* to          = at.to + first;
    for (std::int64_t channel = 0; channel < at.channels; ++channel, plane += at.plane, to += at.output_plane) {
      V sum = c.start;
      if (c.in_pairs && at.pairs) {
        for (int k = 0; k < 4; k += 2) {
          V left, right;
          gather_pairs(plane, c.offset[k], left, right);
          sum = select(c.weight[k] == V(Real(0)), sum, fma(c.weight[k], left, sum));
          sum = select(c.weight[k + 1] == V(Real(0)), sum, fma(c.weight[k + 1], right, sum));
        }
      } else {
#pragma GCC unroll 4
        for (int k = 0; k < (Nearest ? 1 : 4); ++k) {
          // A pixel without weight is left out, whatever it holds.
          sum = select(c.weight[k] == V(Real(0)), sum, fma(c.weight[k], gather<Real>(plane, c.offset[k]), sum));
        }
      }
      if constexpr (std::is_same_v<Count, std::int64_t>)
        sum.store(to, count);
      else
        sum.store(to);
    }
  }
};

/// Whether FlowWarpLines can do it.
template <class X, class Flow, class Output>
[[nodiscard]] bool fits_flow_warp_lines(X const& x, Flow const& flow, Output const& output) {
  std::int64_t const span = (extent(x, 2) - 1) * static_cast<std::int64_t>(x.stride(2)) + (extent(x, 3) - 1) * static_cast<std::int64_t>(x.stride(3));
  return flow.stride(3) == 1 && output.stride(3) == 1 && span < (std::int64_t{1} << 31);
}

}  // namespace OCELLUS_INSTRUCTION_SET
}  // namespace ocellus::video::detail
