// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>

namespace ocellus::vit {

/// Which coordinate fills the first half of a row. The two conventions in use are equal with the halves swapped.
enum class PositionConvention {
  row_first,     ///< [sin h, cos h, sin w, cos w], Recursion's models
  column_first,  ///< [sin w, cos w, sin h, cos h], facebookresearch/mae
};

struct PositionTableOptions {
  std::int64_t rows = 0, columns = 0;  ///< of the grid of patches
  PositionConvention convention = PositionConvention::row_first;
  bool class_token              = true;  ///< a row of zeros comes first
  double temperature            = 10000.0;
};

namespace detail {

template <class Member, class Table>
struct PositionRows {
  Table table;
  PositionTableOptions options;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t row) const {
    std::int64_t const width = extent(table, 1), quarter = width / 4, prefix = options.class_token ? 1 : 0;
    std::int64_t const position = (row - prefix) % (options.rows * options.columns);
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, width), [&](std::int64_t const d) {
      double value = 0;
      if (row >= prefix) {
        bool const first_half   = d < 2 * quarter;
        bool const of_row       = first_half == (options.convention == PositionConvention::row_first);
        double const coordinate = static_cast<double>(of_row ? position / options.columns : position % options.columns);
        double const frequency  = Kokkos::pow(options.temperature, -static_cast<double>(d % quarter) / static_cast<double>(quarter));
        value                   = d / quarter % 2 == 0 ? Kokkos::sin(coordinate * frequency) : Kokkos::cos(coordinate * frequency);
      }
      table(row, d) = static_cast<element_t<Table>>(value);
    });
  }
};

}  // namespace detail

/// The fixed sine and cosine position table of a grid of patches.
///
///     om_k = temperature^(-k/q), q = D/4;   row of position (h, w) = [sin(h om), cos(h om), sin(w om), cos(w om)], or with `column_first` w before h
///
/// -> table (class + C rows columns, D): positions row-major, repeated for each of C channels (C follows from the extent), after a row of zeros for the class
/// token.
///
/// Errors: `std::invalid_argument` when D is not a multiple of 4, when rows or columns is not positive, or when the number of rows fits no number of channels.
/// Error bound: 2 machine epsilons of the output type, absolute: computed in double.
/// Determinism: an element's bits depend on its place alone.
/// Allocates: nothing. Synchronises: no.
/// Source: recursionpharma/maes_microscopy and facebookresearch/mae (the conventions).
template <ExecutionSpace Exec, RealView<2> Table>
  requires AccessibleFrom<Exec, Table>
void position_table(Exec const& exec, Table const& table, PositionTableOptions const& options) {
  constexpr auto function = "ocellus::vit::position_table";
  require(extent(table, 1) % 4 == 0 && extent(table, 1) > 0, function, "table.extent(1) is ", extent(table, 1), ", not a positive multiple of 4");
  require(options.rows > 0 && options.columns > 0, function, "rows is ", options.rows, " and columns is ", options.columns, ": both must be positive");
  require(options.temperature > 0, function, "temperature is ", options.temperature, " but must be positive");
  std::int64_t const prefix = options.class_token ? 1 : 0, grid = options.rows * options.columns;
  require(extent(table, 0) >= prefix + grid && (extent(table, 0) - prefix) % grid == 0, function, "table.extent(0) is ", extent(table, 0), ", not ", prefix,
          " + a multiple of rows x columns, which is ", grid);
  for_each_row(exec, function, extent(table, 0), detail::PositionRows<TeamMember<Exec>, Table>{table, options});
}

/// Work of a table of `rows` x `width`.
[[nodiscard]] constexpr Cost position_table_cost(double rows, double width, double bytes_per_element) {
  return {.flops = rows * width, .special = 2 * rows * width, .bytes_read = 0, .bytes_written = rows * width * bytes_per_element};
}

}  // namespace ocellus::vit
