// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>

namespace ocellus::vit {

enum class Interpolation { bicubic, bilinear };

struct ResamplePositionTableOptions {
  std::int64_t rows = 0, columns = 0;          ///< of the old grid
  std::int64_t new_rows = 0, new_columns = 0;  ///< of the new one
  std::int64_t prefix_tokens  = 1;             ///< rows copied as they are
  Interpolation interpolation = Interpolation::bicubic;
  bool antialias              = true;  ///< widen the kernel where the grid shrinks
};

namespace detail {

/// Which old positions enter a new one on an axis, and with which weights.
struct ResampleAxis {
  std::int64_t old_size, new_size;
  bool cubic, antialias;

  /// Keys' kernel; a = -0.5 with antialiasing, -0.75 without.
  KOKKOS_INLINE_FUNCTION double kernel(double x) const {
    x = x < 0 ? -x : x;
    if (!cubic) return x < 1 ? 1 - x : 0;
    double const a = antialias ? -0.5 : -0.75;
    if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    if (x < 2) return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
    return 0;
  }

  [[nodiscard]] KOKKOS_INLINE_FUNCTION double ratio() const { return static_cast<double>(old_size) / static_cast<double>(new_size); }
  [[nodiscard]] KOKKOS_INLINE_FUNCTION double widening() const { return antialias && ratio() > 1 ? ratio() : 1; }
  [[nodiscard]] KOKKOS_INLINE_FUNCTION double centre(std::int64_t at) const {
    double const x = ratio() * (static_cast<double>(at) + 0.5) - 0.5;
    return !cubic && !antialias && x < 0 ? 0 : x;  // the plain bilinear kernel clamps its coordinate
  }

  /// First tap, not clamped; there are `taps()` of them.
  [[nodiscard]] KOKKOS_INLINE_FUNCTION std::int64_t first(std::int64_t at) const {
    return static_cast<std::int64_t>(Kokkos::floor(centre(at) - (cubic ? 2 : 1) * widening())) + 1;
  }
  [[nodiscard]] KOKKOS_INLINE_FUNCTION std::int64_t taps() const { return static_cast<std::int64_t>(Kokkos::ceil(2 * (cubic ? 2 : 1) * widening())) + 1; }
  /// Weight of old position `tap`, not normalised: outside the grid 0 with antialiasing (the rest is renormalised), else it counts for the border.
  [[nodiscard]] KOKKOS_INLINE_FUNCTION double weight(std::int64_t at, std::int64_t tap) const {
    if (antialias && (tap < 0 || tap >= old_size)) return 0;
    return kernel((static_cast<double>(tap) - centre(at)) / widening());
  }
  [[nodiscard]] KOKKOS_INLINE_FUNCTION double total(std::int64_t at) const {
    double sum = 0;
    for (std::int64_t t = 0; t < taps(); ++t) sum += weight(at, first(at) + t);
    return sum;
  }
  [[nodiscard]] KOKKOS_INLINE_FUNCTION std::int64_t clamped(std::int64_t tap) const { return tap < 0 ? 0 : tap >= old_size ? old_size - 1 : tap; }
};

template <class Member, class Table, class Output>
struct ResampleRows {
  Table table;
  Output output;
  ResampleAxis vertical, horizontal;
  std::int64_t prefix;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t row) const {
    std::int64_t const width = extent(table, 1);
    bool const same          = vertical.old_size == vertical.new_size && horizontal.old_size == horizontal.new_size;
    if (row < prefix || same) {
      Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, width),
                           [&](std::int64_t const d) { output(row, d) = static_cast<element_t<Output>>(table(row, d)); });
      return;
    }
    std::int64_t const i = (row - prefix) / horizontal.new_size, j = (row - prefix) % horizontal.new_size;
    double const total = vertical.total(i) * horizontal.total(j);
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, width), [&](std::int64_t const d) {
      double sum = 0;
      for (std::int64_t u = vertical.first(i); u < vertical.first(i) + vertical.taps(); ++u) {
        double const vertical_weight = vertical.weight(i, u);
        if (vertical_weight == 0) continue;
        double line = 0;
        for (std::int64_t v = horizontal.first(j); v < horizontal.first(j) + horizontal.taps(); ++v) {
          double const weight = horizontal.weight(j, v);
          if (weight != 0) line += weight * static_cast<double>(table(prefix + vertical.clamped(u) * horizontal.old_size + horizontal.clamped(v), d));
        }
        sum += vertical_weight * line;
      }
      output(row, d) = static_cast<element_t<Output>>(sum / total);
    });
  }
};

}  // namespace detail

/// Fits a learned position table to another grid, as timm's resample_abs_pos_embed does.
///
///     output[prefix + (i, j)] = sum_u sum_v w_i(u) w_j(v) table[prefix + (u, v)], half-pixel centres, rows and columns apart
///
/// table (prefix + rows columns, D) -> output (prefix + new_rows new_columns, D). With antialias the kernel widens by max(1, old/new), taps outside the grid
/// are dropped and the rest renormalised, and the cubic has a = -0.5; without it taps outside are clamped to the border and a = -0.75. Equal grids: a copy.
///
/// Errors: `std::invalid_argument` when an extent of the table or the output does not fit the grids.
/// Error bound: 4 machine epsilons of the output type, relative to the sum of absolute terms: computed in double.
/// Determinism: an element's bits depend on the table alone.
/// Allocates: nothing. Synchronises: no.
/// Source: huggingface/pytorch-image-models (behaviour); R. G. Keys, "Cubic convolution interpolation for digital image processing", 1981.
template <ExecutionSpace Exec, RealView<2> Table, RealView<2> Output>
  requires AccessibleFrom<Exec, Table, Output>
void resample_position_table(Exec const& exec, Table const& table, Output const& output, ResamplePositionTableOptions const& options) {
  constexpr auto function = "ocellus::vit::resample_position_table";
  require(options.rows > 0 && options.columns > 0 && options.new_rows > 0 && options.new_columns > 0 && options.prefix_tokens >= 0, function, "the grids are ",
          options.rows, " x ", options.columns, " and ", options.new_rows, " x ", options.new_columns, " with ", options.prefix_tokens,
          " prefix_tokens: extents must be positive");
  require_equal(function, {"table.extent(0)", extent(table, 0)}, {"prefix_tokens + rows columns", options.prefix_tokens + options.rows * options.columns});
  require_equal(function, {"output.extent(0)", extent(output, 0)},
                {"prefix_tokens + new_rows new_columns", options.prefix_tokens + options.new_rows * options.new_columns});
  require_equal(function, {"output.extent(1)", extent(output, 1)}, {"table.extent(1)", extent(table, 1)});
  bool const cubic = options.interpolation == Interpolation::bicubic;
  detail::ResampleAxis const vertical{options.rows, options.new_rows, cubic, options.antialias},
      horizontal{options.columns, options.new_columns, cubic, options.antialias};
  for_each_row(exec, function, extent(output, 0),
               detail::ResampleRows<TeamMember<Exec>, Table, Output>{table, output, vertical, horizontal, options.prefix_tokens});
}

/// Work for `positions` new positions of `width` features with `taps` taps on each axis (4 for an enlarging cubic).
[[nodiscard]] constexpr Cost resample_position_table_cost(double positions, double width, double taps, double bytes_per_element) {
  return {.flops         = 2 * positions * width * taps * taps,
          .special       = 0,
          .bytes_read    = positions * width * bytes_per_element,
          .bytes_written = positions * width * bytes_per_element};
}

}  // namespace ocellus::vit
