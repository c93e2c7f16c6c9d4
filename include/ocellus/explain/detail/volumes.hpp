// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/reduce.hpp>
#include <ocellus/core/tensor.hpp>

namespace ocellus::explain {

/// Maps (B, H, W) or (B, D, H, W).
template <class V>
concept MapView = RealView<V, 3> || RealView<V, 4>;

/// One map (H, W) or (D, H, W).
template <class V>
concept SingleMapView = RealView<V, 2> || RealView<V, 3>;

/// Activations (B, K, H, W) or (B, K, D, H, W).
template <class V>
concept ActivationView = RealView<V, 4> || RealView<V, 5>;

template <class V>
concept OptionalActivationView = std::same_as<V, None> || ActivationView<V>;

namespace detail {

/// Images and stacks of any strides under one type (batch, channel, depth, height, width): a 2-D image has depth 1, a missing leading axis extent 1. Kernels are
/// instantiated once for all ranks and layouts.
template <class T>
struct Volumes {
  T* data                 = nullptr;
  std::int64_t extents[5] = {1, 1, 1, 1, 1};
  std::int64_t strides[5] = {0, 0, 0, 0, 0};

  [[nodiscard]] KOKKOS_INLINE_FUNCTION std::int64_t rows() const { return extents[2] * extents[3]; }
  [[nodiscard]] KOKKOS_INLINE_FUNCTION std::int64_t width() const { return extents[4]; }
  [[nodiscard]] KOKKOS_INLINE_FUNCTION std::int64_t pixels() const { return extents[2] * extents[3] * extents[4]; }
  /// The first element of a line along x; the next ones are strides[4] apart.
  [[nodiscard]] KOKKOS_INLINE_FUNCTION T* row(std::int64_t batch, std::int64_t channel, std::int64_t row) const {
    return data + batch * strides[0] + channel * strides[1] + row / extents[3] * strides[2] + row % extents[3] * strides[3];
  }
  [[nodiscard]] KOKKOS_INLINE_FUNCTION T& operator()(std::int64_t batch, std::int64_t channel, std::int64_t row, std::int64_t x) const {
    return this->row(batch, channel, row)[x * strides[4]];
  }
};

/// A View whose first `leading` axes are channel (1 of 2) or batch (the first): 0 for (S...), 1 for (B, S...), 2 for (B, K, S...).
template <class T, AnyView V>
[[nodiscard]] Volumes<T> volumes(V const& view, int leading) {
  constexpr int rank = static_cast<int>(V::rank());
  Volumes<T> result;
  result.data = view.data();
  for (int axis = 0; axis < rank; ++axis) {
    int const to       = axis < leading ? axis : 5 - rank + axis;
    result.extents[to] = extent(view, axis);
    result.strides[to] = static_cast<std::int64_t>(view.stride(static_cast<std::size_t>(axis)));
  }
  return result;
}

/// Row-major volumes over one buffer: (batch, 1, depth, height, width).
template <class T>
[[nodiscard]] Volumes<T> packed_volumes(T* data, std::int64_t batch, std::int64_t const* spatial) {
  Volumes<T> result;
  result.data                 = data;
  std::int64_t const sizes[5] = {batch, 1, spatial[0], spatial[1], spatial[2]};
  std::int64_t stride         = 1;
  for (int axis = 4; axis >= 0; --axis) {
    result.extents[axis] = sizes[axis];
    result.strides[axis] = stride;
    stride *= sizes[axis];
  }
  return result;
}

inline std::string axis_name(char const* array, int axis) { return std::string(array) + ".extent(" + std::to_string(axis) + ")"; }

/// Refuses unless both have the same extents along all axes.
template <AnyView A, AnyView B>
void require_same_shape(char const* function, char const* name_a, A const& a, char const* name_b, B const& b) {
  static_assert(A::rank() == B::rank(), "ocellus::explain: arrays that belong together must have the same rank");
  for (int axis = 0; axis < static_cast<int>(A::rank()); ++axis)
    require_equal(function, {axis_name(name_a, axis), extent(a, axis)}, {axis_name(name_b, axis), extent(b, axis)});
}

struct TwoSums {
  double first = 0, second = 0;
};

/// Sums two terms over [0, count): eight running sums on a host thread, the lanes of a vector elsewhere. The order depends on `count` alone.
template <class Member, class Term>
KOKKOS_INLINE_FUNCTION TwoSums two_sums(Member const& member, std::int64_t count, Term const& term) {
  TwoSums result;
  if constexpr (is_host_execution_v<typename Member::execution_space>) {
    double first[8] = {0, 0, 0, 0, 0, 0, 0, 0}, second[8] = {0, 0, 0, 0, 0, 0, 0, 0};
    std::int64_t const whole = count / 8 * 8;
    for (std::int64_t i = 0; i < whole; i += 8) {
      for (int lane = 0; lane < 8; ++lane) {
        TwoSums const one = term(i + lane);
        first[lane] += one.first;
        second[lane] += one.second;
      }
    }
    for (std::int64_t i = whole; i < count; ++i) {
      TwoSums const one = term(i);
      first[i - whole] += one.first;
      second[i - whole] += one.second;
    }
    for (int width = 4; width > 0; width /= 2) {
      for (int lane = 0; lane < width; ++lane) {
        first[lane] += first[lane + width];
        second[lane] += second[lane + width];
      }
    }
    result = {first[0], second[0]};
  } else {
    Kokkos::parallel_reduce(
        Kokkos::ThreadVectorRange(member, count), [&](std::int64_t const i, double& sum) { sum += term(i).first; }, result.first);
    Kokkos::parallel_reduce(
        Kokkos::ThreadVectorRange(member, count), [&](std::int64_t const i, double& sum) { sum += term(i).second; }, result.second);
  }
  return result;
}

/// max(x, 0), and NaN for NaN.
template <class Real>
KOKKOS_INLINE_FUNCTION Real positive_part(Real x) {
  return x < Real(0) ? Real(0) : x;
}

/// The smallest and the largest value of each image, NaN when it holds one: a partial range a row, then one an image.
template <class Member, class T>
struct RowRanges {
  Volumes<T> map;
  double* ranges;  ///< (batch, rows, 2)

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t item) const {
    std::int64_t const batch = item / map.rows(), row = item % map.rows();
    T* const line = map.row(batch, 0, row);
    double low = Kokkos::Experimental::infinity_v<double>, high = -low, spoilt = 0;
    Kokkos::parallel_reduce(
        Kokkos::ThreadVectorRange(member, map.width()),
        [&](std::int64_t const x, double& least) {
          double const value = static_cast<double>(line[x * map.strides[4]]);
          if (value < least) least = value;
        },
        Kokkos::Min<double>(low));
    Kokkos::parallel_reduce(
        Kokkos::ThreadVectorRange(member, map.width()),
        [&](std::int64_t const x, double& most) {
          double const value = static_cast<double>(line[x * map.strides[4]]);
          if (value > most) most = value;
        },
        Kokkos::Max<double>(high));
    Kokkos::parallel_reduce(
        Kokkos::ThreadVectorRange(member, map.width()),
        [&](std::int64_t const x, double& count) {
          double const value = static_cast<double>(line[x * map.strides[4]]);
          if (value != value) count += 1;
        },
        spoilt);
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      double const nan     = Kokkos::Experimental::quiet_NaN_v<double>;
      ranges[2 * item]     = spoilt > 0 ? nan : low;
      ranges[2 * item + 1] = spoilt > 0 ? nan : high;
    });
  }
};

template <class Member>
struct ImageRanges {
  double const* rows;
  double* ranges;  ///< (batch, 2)
  std::int64_t count;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t batch) const {
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      double low = Kokkos::Experimental::infinity_v<double>, high = -low;
      for (std::int64_t row = 0; row < count; ++row) {
        double const least = rows[2 * (batch * count + row)], most = rows[2 * (batch * count + row) + 1];
        if (least < low || least != least) low = least;
        if (most > high || most != most) high = most;
        if (least != least) break;
      }
      ranges[2 * batch]     = low;
      ranges[2 * batch + 1] = high;
    });
  }
};

/// ranges (batch, 2) of `map`; `rows` holds 2 batch rows() numbers of scratch.
template <ExecutionSpace Exec, class T>
void image_ranges(Exec const& exec, std::string const& label, Volumes<T> const& map, double* rows, double* ranges) {
  for_each_row(exec, label + "::row_ranges", map.extents[0] * map.rows(), RowRanges<TeamMember<Exec>, T>{map, rows});
  for_each_row(exec, label + "::ranges", map.extents[0], ImageRanges<TeamMember<Exec>>{rows, ranges, map.rows()});
}

}  // namespace detail
}  // namespace ocellus::explain
