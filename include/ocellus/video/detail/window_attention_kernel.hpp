// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <type_traits>

#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/tensor.hpp>

namespace ocellus::video::detail {

/// Windows along an axis of `size` tokens, padded to a multiple of the window and rolled by -shift.
struct WindowAxis {
  std::int64_t size = 1, window = 1, shift = 0, padded = 1, table = 1;  ///< table: the window before it was cut to the size

  [[nodiscard]] KOKKOS_INLINE_FUNCTION std::int64_t rolled(std::int64_t token) const { return token >= shift ? token - shift : token - shift + padded; }
  [[nodiscard]] KOKKOS_INLINE_FUNCTION std::int64_t token(std::int64_t rolled_at) const {
    std::int64_t const at = rolled_at + shift;
    return at < padded ? at : at - padded;
  }
  /// Whether a rolled place holds what was wrapped round.
  [[nodiscard]] KOKKOS_INLINE_FUNCTION bool wrapped(std::int64_t rolled_at) const { return rolled_at >= padded - shift; }
};

struct WindowGrid {
  WindowAxis axis[3];
};

template <class Member, class X, class Rows>
struct TokenRows {
  X x;
  Rows rows;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t row) const {
    std::int64_t const w = row % extent(x, 3), h = row / extent(x, 3) % extent(x, 2), t = row / extent(x, 3) / extent(x, 2) % extent(x, 1),
                       b = row / extent(x, 3) / extent(x, 2) / extent(x, 1);
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(x, 4)),
                         [&](std::int64_t const c) { rows(row, c) = static_cast<element_t<Rows>>(x(b, t, h, w, c)); });
  }
};

template <class Member, class Rows, class Output>
struct TokensBack {
  Rows rows;
  Output output;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t row) const {
    std::int64_t const w = row % extent(output, 3), h = row / extent(output, 3) % extent(output, 2),
                       t = row / extent(output, 3) / extent(output, 2) % extent(output, 1), b = row / extent(output, 3) / extent(output, 2) / extent(output, 1);
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(output, 4)),
                         [&](std::int64_t const c) { output(b, t, h, w, c) = static_cast<element_t<Output>>(rows(row, c)); });
  }
};

/// One query of one head a call: the scores of its window live in the thread's scratch.
template <class Member, class Rows, class Bias, class Table>
struct WindowAttentionRows {
  using Real = element_t<Rows>;

  Rows qkv;
  Bias bias;
  Table table;
  Rows merged;
  WindowGrid grid;
  std::int64_t volume;
  Real scale;

  /// Where a key stands: the row of its token, -1 for a token of the padding, -2 for one that this query does not see.
  struct Key {
    std::int64_t row, displacement;
  };

  [[nodiscard]] KOKKOS_INLINE_FUNCTION Key key_at(std::int64_t number, std::int64_t batch, std::int64_t const (&query)[3]) const {
    std::int64_t place[3];
    place[2] = number % grid.axis[2].window;
    place[1] = number / grid.axis[2].window % grid.axis[1].window;
    place[0] = number / grid.axis[2].window / grid.axis[1].window;
    Key key{batch, 0};
    bool padding = false, apart = false;
    for (int axis = 0; axis < 3; ++axis) {
      auto const& a         = grid.axis[axis];
      std::int64_t const at = query[axis] / a.window * a.window + place[axis], token = a.token(at);
      key.displacement = key.displacement * (2 * a.table - 1) + query[axis] - at + a.table - 1;
      key.row          = key.row * a.size + token;
      padding          = padding || token >= a.size;
      apart            = apart || a.wrapped(at) != a.wrapped(query[axis]);
    }
    if (padding) key.row = -1;
    if (apart) key.row = -2;
    return key;
  }

  [[nodiscard]] KOKKOS_INLINE_FUNCTION Real element(std::int64_t row, std::int64_t column) const {
    if (row >= 0) return qkv(row, column);
    if constexpr (!std::is_same_v<Bias, None>) {
      if (is_present(bias)) return static_cast<Real>(bias(column));
    }
    return Real(0);
  }

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t item) const {
    std::int64_t const heads = extent(table, 1), head = item % heads, row = item / heads, width = extent(merged, 1), size = width / heads, first = head * size;
    std::int64_t query[3], rest = row;
    for (int axis = 2; axis >= 0; --axis) {
      query[axis] = grid.axis[axis].rolled(rest % grid.axis[axis].size);
      rest /= grid.axis[axis].size;
    }
    std::int64_t const batch = rest;
    Real const lowest        = -Kokkos::Experimental::infinity_v<Real>;
    auto* const score        = static_cast<Real*>(member.thread_scratch(1).get_shmem_aligned(static_cast<std::size_t>(volume) * sizeof(Real), sizeof(Real)));
    Real largest             = lowest;
    Kokkos::parallel_reduce(
        Kokkos::ThreadVectorRange(member, volume),
        [&](std::int64_t const k, Real& most) {
          auto const key = key_at(k, batch, query);
          Real value     = lowest;
          if (key.row != -2) {
            Real sum = 0;
            for (std::int64_t d = 0; d < size; ++d) sum += qkv(row, first + d) * element(key.row, width + first + d);
            value = sum * scale + static_cast<Real>(table(key.displacement, head));
          }
          score[k] = value;
          if (value > most) most = value;
        },
        Kokkos::Max<Real>(largest));
    Real total = 0;
    Kokkos::parallel_reduce(
        Kokkos::ThreadVectorRange(member, volume),
        [&](std::int64_t const k, Real& partial) {
          score[k] = Kokkos::exp(score[k] - largest);
          partial += score[k];
        },
        total);
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, size), [&](std::int64_t const d) {
      Real sum = 0;
      for (std::int64_t k = 0; k < volume; ++k) {
        auto const key = key_at(k, batch, query);
        if (key.row != -2) sum += score[k] * element(key.row, 2 * width + first + d);
      }
      merged(row, first + d) = sum / total;
    });
  }
};

}  // namespace ocellus::video::detail
