// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The best few of each row.

#include <cstdint>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/sort.hpp>
#include <ocellus/core/tensor.hpp>

namespace ocellus {

struct TopKOptions {
  bool largest = true;  ///< else the smallest
};

namespace detail {

template <class Member, class Keys, class Values, class Indices>
struct TopKRows {
  Keys keys;
  Values values;
  Indices indices;
  bool largest;

  /// Insertion into the list of the best so far, which the outputs hold: nearly all keys fail the first comparison.
  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t row) const {
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      std::int64_t const k = extent(values, 1);
      std::int64_t held    = 0;
      for (std::int64_t i = 0; i < extent(keys, 1); ++i) {
        auto const key = keys(row, i);
        if (held == k && (k == 0 || !key_before(key, keys(row, static_cast<std::int64_t>(indices(row, k - 1))), largest))) continue;
        std::int64_t at = held < k ? held : k - 1;
        for (; at > 0 && key_before(key, keys(row, static_cast<std::int64_t>(indices(row, at - 1))), largest); --at) indices(row, at) = indices(row, at - 1);
        indices(row, at) = static_cast<typename Indices::non_const_value_type>(i);
        if (held < k) ++held;
      }
      for (std::int64_t at = 0; at < k; ++at)
        values(row, at) = static_cast<typename Values::non_const_value_type>(keys(row, static_cast<std::int64_t>(indices(row, at))));
    });
  }
};

}  // namespace detail

/// keys (R, N) -> values (R, K), indices (R, K): the K best keys of each row, best first; ties to the smaller index, NaN last.
///
/// Errors: `std::invalid_argument` when the outputs do not fit or K exceeds N. Determinism: exact. Allocates: nothing. Synchronises: no.
template <ExecutionSpace Exec, ViewOfRank<2> Keys, ViewOfRank<2> Values, IndexView<2> Indices>
  requires AccessibleFrom<Exec, Keys, Values, Indices>
void top_k_rows(Exec const& exec, Keys const& keys, Values const& values, Indices const& indices, TopKOptions const& options = {}) {
  constexpr auto function = "ocellus::top_k_rows";
  require_equal(function, {"values.extent(0)", extent(values, 0)}, {"keys.extent(0)", extent(keys, 0)});
  require_equal(function, {"indices.extent(0)", extent(indices, 0)}, {"keys.extent(0)", extent(keys, 0)});
  require_equal(function, {"indices.extent(1)", extent(indices, 1)}, {"values.extent(1)", extent(values, 1)});
  require(extent(values, 1) <= extent(keys, 1), function, "values.extent(1) is ", extent(values, 1), " but keys.extent(1) is only ", extent(keys, 1));
  for_each_row(exec, "ocellus::top_k_rows", extent(keys, 0), detail::TopKRows<TeamMember<Exec>, Keys, Values, Indices>{keys, values, indices, options.largest});
}

}  // namespace ocellus
