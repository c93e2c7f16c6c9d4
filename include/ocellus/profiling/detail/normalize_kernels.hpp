// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/reduce.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/profiling/detail/order_statistics.hpp>

namespace ocellus::profiling::detail {

/// Centre and scale of one feature of one group a call, by mean and deviation.
template <class Member, class Profiles, class Indices, class Fit>
struct FitMoments {
  Profiles profiles;
  Indices offsets, rows;
  Fit centre, scale;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t item) const {
    std::int64_t const features = extent(profiles, 1), g = item / features, d = item % features, first = offsets(g), count = offsets(g + 1) - first;
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      // Deviations from the first value: a constant column has a deviation of exactly zero.
      double origin      = 0;
      std::int64_t known = 0;
      for (std::int64_t i = 0; i < count; ++i) {
        double const x = static_cast<double>(profiles(rows(first + i), d));
        if (x == x && known++ == 0) origin = x;
      }
      auto const shifted = [&](std::int64_t i) {
        double const x = static_cast<double>(profiles(rows(first + i), d)) - origin;
        return x == x ? x : 0.0;
      };
      double const n = static_cast<double>(known), mean = ordered_sum<double>(count, shifted) / n;
      auto const square = [&](std::int64_t i) {
        double const x = static_cast<double>(profiles(rows(first + i), d)) - origin - mean;
        return x == x ? x * x : 0.0;
      };
      double const deviation = Kokkos::sqrt(ordered_sum<double>(count, square) / n);
      centre(g, d)           = origin + mean;
      scale(g, d)            = deviation == 0 ? 1.0 : deviation;
    });
  }
};

/// The same by median and a range: quartiles, or the median absolute deviation.
template <class Member, class Profiles, class Indices, class Fit, class Scratch>
struct FitRanks {
  Profiles profiles;
  Indices offsets, rows;
  Fit centre, scale;
  Scratch scratch;  ///< (features, rows): the values of a group, sorted
  bool mad, guarded;
  double epsilon;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t item) const {
    std::int64_t const features = extent(profiles, 1), g = item / features, d = item % features, first = offsets(g), count = offsets(g + 1) - first;
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      auto const line    = Kokkos::subview(scratch, d, Kokkos::ALL);
      std::int64_t known = 0;
      for (std::int64_t i = 0; i < count; ++i) {
        double const x = static_cast<double>(profiles(rows(first + i), d));
        if (x == x) line(first + known++) = x;
      }
      heap_sort(line, first, known, Ascending{});
      double const median = sorted_quantile(line, first, known, 1, 2);
      double range;
      if (mad) {
        for (std::int64_t i = 0; i < known; ++i) line(first + i) = Kokkos::fabs(line(first + i) - median);
        heap_sort(line, first, known, Ascending{});
        range = 1.4826 * sorted_quantile(line, first, known, 1, 2);
        range = guarded ? (range == 0 ? 1.0 : range) : range + epsilon;
      } else {
        range = sorted_quantile(line, first, known, 3, 4) - sorted_quantile(line, first, known, 1, 4);
        range = range == 0 ? 1.0 : range;
      }
      centre(g, d) = median;
      scale(g, d)  = range;
    });
  }
};

/// The landmarks of one feature of one group: quantiles k / (q - 1).
template <class Member, class Profiles, class Indices, class Landmarks, class Scratch>
struct FitLandmarks {
  Profiles profiles;
  Indices offsets, rows;
  Landmarks landmarks;  ///< (groups, features, most)
  Scratch scratch;
  std::int64_t quantiles;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t item) const {
    std::int64_t const features = extent(profiles, 1), g = item / features, d = item % features, first = offsets(g), count = offsets(g + 1) - first;
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      auto const line    = Kokkos::subview(scratch, d, Kokkos::ALL);
      std::int64_t known = 0;
      for (std::int64_t i = 0; i < count; ++i) {
        double const x = static_cast<double>(profiles(rows(first + i), d));
        if (x == x) line(first + known++) = x;
      }
      heap_sort(line, first, known, Ascending{});
      std::int64_t const q = count < quantiles ? count : quantiles;
      for (std::int64_t k = 0; k < q; ++k)
        landmarks(g, d, k) = q > 1 ? sorted_quantile(line, first, known, k, q - 1) : sorted_quantile(line, first, known, 0, 1);
    });
  }
};

/// output = (x - centre) / scale of the row's group; NaN where the group is unknown (-1).
template <class Member, class Profiles, class Indices, class Fit, class Output>
struct ApplyScale {
  Profiles profiles;
  Indices group_of;
  Fit centre, scale;
  Output output;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t row) const {
    std::int64_t const g = group_of(row);
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(profiles, 1)), [&](std::int64_t const d) {
      double const value = g < 0 ? Kokkos::Experimental::quiet_NaN_v<double> : (static_cast<double>(profiles(row, d)) - centre(g, d)) / scale(g, d);
      output(row, d)     = static_cast<element_t<Output>>(value);
    });
  }
};

/// output = inverse normal of the mean of the two readings of the map landmark -> k / (q - 1).
template <class Member, class Profiles, class Indices, class Landmarks, class Output>
struct ApplyLandmarks {
  Profiles profiles;
  Indices group_of, counts;  ///< counts: landmarks of each group
  Landmarks landmarks;
  Output output;

  KOKKOS_INLINE_FUNCTION double reading(std::int64_t g, std::int64_t d, std::int64_t q, double x) const {
    double const last = landmarks(g, d, q - 1), first = landmarks(g, d, 0);
    double u = 0;
    if (q > 1 && x > first && x < last) {
      std::int64_t high = 0, low = q - 1;  // last landmark <= x, first landmark >= x
      for (std::int64_t left = 0, right = q - 1; left <= right;) {
        std::int64_t const middle = (left + right) / 2;
        if (landmarks(g, d, middle) <= x)
          high = middle, left = middle + 1;
        else
          right = middle - 1;
      }
      for (std::int64_t left = 0, right = q - 1; left <= right;) {
        std::int64_t const middle = (left + right) / 2;
        if (landmarks(g, d, middle) >= x)
          low = middle, right = middle - 1;
        else
          left = middle + 1;
      }
      double const step = 1.0 / static_cast<double>(q - 1);
      if (low <= high) {
        u = 0.5 * (static_cast<double>(low) + static_cast<double>(high)) * step;
      } else {
        double const a = landmarks(g, d, high), b = landmarks(g, d, low);
        u = (static_cast<double>(high) + (x - a) / (b - a)) * step;
      }
    } else if (q > 1 && x >= last) {
      u = 1;
    }
    if (x + 1e-7 > last) u = 1;
    if (x - 1e-7 < first) u = 0;
    return u;
  }

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t row) const {
    constexpr double limit = 5.199337582605575;
    std::int64_t const g   = group_of(row);
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(profiles, 1)), [&](std::int64_t const d) {
      double const x       = static_cast<double>(profiles(row, d));
      std::int64_t const q = g < 0 ? 0 : counts(g);
      double value         = Kokkos::Experimental::quiet_NaN_v<double>;
      if (x == x && q > 0 && landmarks(g, d, 0) == landmarks(g, d, 0)) {
        double const u = reading(g, d, q, x);
        value          = u <= 0 ? -limit : u >= 1 ? limit : inverse_normal(u);
        value          = value < -limit ? -limit : value > limit ? limit : value;
      }
      output(row, d) = static_cast<element_t<Output>>(value);
    });
  }
};

}  // namespace ocellus::profiling::detail
