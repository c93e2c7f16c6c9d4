// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/simd.hpp>
#include <ocellus/explain/detail/volumes.hpp>

namespace ocellus::explain::detail {

/// Two neighbours and the weight of the second.
struct LinearTaps {
  std::int64_t first, second;
  double weight;
};

KOKKOS_INLINE_FUNCTION LinearTaps linear_taps(std::int64_t i, std::int64_t n, std::int64_t size) {
  double at         = (static_cast<double>(i) + 0.5) * static_cast<double>(n) / static_cast<double>(size) - 0.5;
  double const last = static_cast<double>(n - 1);
  if (at < 0) at = 0;
  if (at > last) at = last;
  std::int64_t const first = static_cast<std::int64_t>(at);
  return {first, first + 1 < n ? first + 1 : first, at - static_cast<double>(first)};
}

/// Four neighbours under mirrored ends and their cubic B-spline weights.
struct CubicTaps {
  std::int64_t at[4];
  double weight[4];
};

KOKKOS_INLINE_FUNCTION std::int64_t mirrored(std::int64_t i, std::int64_t n) {
  if (n == 1) return 0;
  std::int64_t const period = 2 * (n - 1);
  i %= period;
  if (i < 0) i += period;
  return i < n ? i : period - i;
}

KOKKOS_INLINE_FUNCTION CubicTaps cubic_taps(std::int64_t i, std::int64_t n, std::int64_t size) {
  double const at          = size > 1 ? static_cast<double>(i) * static_cast<double>(n - 1) / static_cast<double>(size - 1) : 0.0;
  std::int64_t const floor = static_cast<std::int64_t>(at);
  double const f = at - static_cast<double>(floor), g = 1 - f;
  CubicTaps taps;
  for (int k = 0; k < 4; ++k) taps.at[k] = mirrored(floor - 1 + k, n);
  taps.weight[0] = g * g * g / 6;
  taps.weight[1] = (4 - 6 * f * f + 3 * f * f * f) / 6;
  taps.weight[2] = (4 - 6 * g * g + 3 * g * g * g) / 6;
  taps.weight[3] = f * f * f / 6;
  return taps;
}

/// One line of a bilinear output.
template <class Member, class In, class Out>
struct BilinearRows {
  Volumes<In> input;
  Volumes<Out> output;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t item) const {
    std::int64_t const batch = item / output.rows(), y = item % output.rows();
    LinearTaps const down = linear_taps(y, input.rows(), output.rows());
    In* const above       = input.row(batch, 0, down.first);
    In* const below       = input.row(batch, 0, down.second);
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, output.width()), [&](std::int64_t const x) {
      LinearTaps const along   = linear_taps(x, input.width(), output.width());
      std::int64_t const left  = along.first * input.strides[4];
      std::int64_t const right = along.second * input.strides[4];
      // A neighbour without weight is left out, so that what it holds does not matter.
      double const top       = between(static_cast<double>(above[left]), static_cast<double>(above[right]), along.weight);
      double const bottom    = between(static_cast<double>(below[left]), static_cast<double>(below[right]), along.weight);
      using Plain            = std::remove_const_t<Out>;
      output(batch, 0, y, x) = static_cast<Plain>(static_cast<accumulate_t<Plain>>(between(top, bottom, down.weight)));
    });
  }

  KOKKOS_INLINE_FUNCTION static double between(double first, double second, double weight) {
    return weight == 0 ? first : (1 - weight) * first + weight * second;
  }
};

inline namespace OCELLUS_INSTRUCTION_SET {

/// Up to 32 lines of a bilinear output on hosts. Where to sample along a line is found once; a line of the input that several outputs share is stretched once.
template <class Member, class In, class Out>
struct BilinearBlocks {
  using Plain                          = std::remove_const_t<Out>;
  using V                              = Simd<double>;
  static constexpr std::int64_t height = 32;

  Volumes<In> input;
  Volumes<Out> output;  ///< contiguous along the last axis

  [[nodiscard]] std::int64_t blocks() const { return (output.rows() + height - 1) / height; }
  [[nodiscard]] std::int64_t padded() const { return (output.width() + V::width - 1) / V::width * V::width; }
  [[nodiscard]] std::size_t scratch_bytes() const { return static_cast<std::size_t>(padded()) * (3 * sizeof(double) + 2 * sizeof(std::int64_t)) + 64; }

  void operator()(Member const& member, std::int64_t item) const {
    std::int64_t const batch = item / blocks(), first_row = item % blocks() * height, width = output.width();
    std::int64_t const last_row = first_row + height < output.rows() ? first_row + height : output.rows();
    auto* const weights         = static_cast<double*>(member.thread_scratch(1).get_shmem_aligned(scratch_bytes() - 64, 64));
    double* lines[2]            = {weights + padded(), weights + 2 * padded()};
    auto* const left            = reinterpret_cast<std::int64_t*>(weights + 3 * padded());
    auto* const right           = left + padded();
    for (std::int64_t x = 0; x < width; ++x) {
      LinearTaps const along = linear_taps(x, input.width(), width);
      weights[x]             = along.weight;
      left[x]                = along.first * input.strides[4];
      right[x]               = along.second * input.strides[4];
    }
    std::int64_t held[2] = {-1, -1};
    auto const stretch   = [&](std::int64_t row, int line) {
      In* const from = input.row(batch, 0, row);
      for (std::int64_t x = 0; x < width; ++x)
        lines[line][x] = BilinearRows<Member, In, Out>::between(static_cast<double>(from[left[x]]), static_cast<double>(from[right[x]]), weights[x]);
      held[line] = row;
    };
    for (std::int64_t y = first_row; y < last_row; ++y) {
      LinearTaps const down = linear_taps(y, input.rows(), output.rows());
      if (held[1] == down.first) {
        std::swap(lines[0], lines[1]);
        std::swap(held[0], held[1]);
      }
      if (held[0] != down.first) stretch(down.first, 0);
      bool const one = down.weight == 0;
      if (!one && held[1] != down.second) stretch(down.second, 1);
      blend(lines[0], one ? lines[0] : lines[1], one ? 0.0 : down.weight, &output(batch, 0, y, 0));
    }
  }

 private:
  void blend(double const* above, double const* below, double weight, Plain* to) const {
    using Real               = accumulate_t<Plain>;
    using Narrow             = Simd<Real, V::width>;
    std::int64_t const width = output.width();
    V const first(1 - weight), second(weight);
    for (std::int64_t x = 0; x < width; x += V::width) {
      V value = V::load(above + x);
      if (weight != 0) value = fma(second, V::load(below + x), first * value);
      Narrow narrow;
      if constexpr (std::is_same_v<Real, double>)
        narrow = value;
      else
        narrow = Narrow(__builtin_convertvector(value.raw, typename Narrow::Raw));
      if (width - x < V::width)
        narrow.store(to + x, width - x);
      else
        narrow.store(to + x);
    }
  }
};

}  // namespace OCELLUS_INSTRUCTION_SET

/// Copies one line into the row-major transform.
template <class Member, class In>
struct CopyLines {
  Volumes<In> input;
  Volumes<double> transform;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t item) const {
    std::int64_t const batch = item / input.rows(), row = item % input.rows();
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, input.width()),
                         [&](std::int64_t const x) { transform(batch, 0, row, x) = static_cast<double>(input(batch, 0, row, x)); });
  }
};

/// Turns one line along `axis` into the coefficients of its cubic B-spline, in place, under mirrored ends: a causal and an anticausal recursion.
template <class Member>
struct SplineLines {
  Volumes<double> transform;
  int axis;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t line) const {
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      std::int64_t offset = 0, rest = line;
      for (int other = 4; other >= 0; --other) {
        if (other == axis) continue;
        offset += rest % transform.extents[other] * transform.strides[other];
        rest /= transform.extents[other];
      }
      double* const c           = transform.data + offset;
      std::int64_t const stride = transform.strides[axis], n = transform.extents[axis];
      double const z = -0.26794919243112270647;  // sqrt(3) - 2
      for (std::int64_t i = 0; i < n; ++i) c[i * stride] *= 6;
      double const far = Kokkos::pow(z, static_cast<double>(n - 1));
      double power = z, first = c[0] + far * c[(n - 1) * stride];
      for (std::int64_t i = 1; i < n - 1; ++i) {
        first += power * (c[i * stride] + far * c[(n - 1 - i) * stride]);
        power *= z;
      }
      c[0] = first / (1 - far * far);
      for (std::int64_t i = 1; i < n; ++i) c[i * stride] += z * c[(i - 1) * stride];
      c[(n - 1) * stride] = z / (z * z - 1) * (z * c[(n - 2) * stride] + c[(n - 1) * stride]);
      for (std::int64_t i = n - 2; i >= 0; --i) c[i * stride] = z * (c[(i + 1) * stride] - c[i * stride]);
    });
  }
};

/// One line of a cubic output.
template <class Member, class Out>
struct CubicRows {
  Volumes<double> transform;
  Volumes<Out> output;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t item) const {
    std::int64_t const batch = item / output.rows(), row = item % output.rows();
    CubicTaps const deep = cubic_taps(row / output.extents[3], transform.extents[2], output.extents[2]);
    CubicTaps const down = cubic_taps(row % output.extents[3], transform.extents[3], output.extents[3]);
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, output.width()), [&](std::int64_t const x) {
      CubicTaps const along = cubic_taps(x, transform.extents[4], output.width());
      double value          = 0;
      for (int k = 0; k < 4; ++k) {
        double plane = 0;
        for (int j = 0; j < 4; ++j) {
          double const* const line = transform.row(batch, 0, deep.at[k] * transform.extents[3] + down.at[j]);
          double sum               = 0;
          for (int i = 0; i < 4; ++i) sum += along.weight[i] * line[along.at[i]];
          plane += down.weight[j] * sum;
        }
        value += deep.weight[k] * plane;
      }
      output(batch, 0, row, x) = static_cast<Out>(static_cast<accumulate_t<Out>>(value));
    });
  }
};

/// `transform`: as many numbers as the input has, for cubic interpolation. Neither array is empty.
template <ExecutionSpace Exec, class In, class Out>
void upsample(Exec const& exec, std::string const& label, Volumes<In> const& input, Volumes<Out> const& output, bool cubic, double* transform) {
  using Member = TeamMember<Exec>;
  if (!cubic) {
    if constexpr (is_host_execution_v<Exec>) {
      if (output.strides[4] == 1 || output.width() == 1) {
        BilinearBlocks<Member, In, Out> const blocks{input, output};
        for_each_row(exec, label, output.extents[0] * blocks.blocks(), blocks, blocks.scratch_bytes());
        return;
      }
    }
    for_each_row(exec, label, output.extents[0] * output.rows(), BilinearRows<Member, In, Out>{input, output});
    return;
  }
  auto const coefficients = packed_volumes(transform, input.extents[0], input.extents + 2);
  for_each_row(exec, label + "::copy", input.extents[0] * input.rows(), CopyLines<Member, In>{input, coefficients});
  std::int64_t const count = input.extents[0] * input.pixels();
  for (int axis = 2; axis < 5; ++axis) {
    if (input.extents[axis] > 1) for_each_row(exec, label + "::spline", count / input.extents[axis], SplineLines<Member>{coefficients, axis});
  }
  for_each_row(exec, label, output.extents[0] * output.rows(), CubicRows<Member, Out>{coefficients, output});
}

}  // namespace ocellus::explain::detail
