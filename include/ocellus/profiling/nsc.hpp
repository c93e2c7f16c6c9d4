// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/profiling/detail/neighbour_search.hpp>

namespace ocellus::profiling {
namespace detail {

template <class Member, class Indices, class Label, class Predicted>
struct TakeLabels {
  Indices indices;
  Label label;
  Predicted predicted;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t row) const {
    Kokkos::single(Kokkos::PerThread(member),
                   [&]() { predicted(row) = static_cast<element_t<Predicted>>(indices(row, 0) < 0 ? -1 : static_cast<std::int64_t>(label(indices(row, 0)))); });
  }
};

template <class Member, class Indices, class Label, class Predicted, class Accuracy>
struct ShareRight {
  Indices indices;
  Label label;
  Predicted predicted;
  Accuracy accuracy;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t) const {
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      std::int64_t candidates = 0, right = 0;
      for (std::int64_t i = 0; i < extent(predicted, 0); ++i) {
        if (indices(i, 0) < 0) continue;
        ++candidates;
        right += static_cast<std::int64_t>(predicted(i)) == static_cast<std::int64_t>(label(i)) ? 1 : 0;
      }
      accuracy() = static_cast<element_t<Accuracy>>(static_cast<double>(right) / static_cast<double>(candidates));
    });
  }
};

}  // namespace detail

/// Not-same-compound matching: does the nearest profile of another compound share the label (a mechanism, say)?
///
///     predicted[i] = label of the most cosine-similar row of another compound (and, with batch, of another batch as well);   accuracy = share of
///     predicted = label
///
/// profiles (n, d), label (n), compound (n), batch (n) or none -> predicted (n), -1 where there is no candidate, accuracy () over the rows with one (NaN if
/// there is none).
///
/// Errors: `std::invalid_argument` when label, compound, batch or predicted does not fit.
/// Error bound: exact, but for ties of similarities within d + 4 machine epsilons.
/// Determinism: does not depend on the number of threads; equal similarities go to the smaller row.
/// Allocates: as `knn`. Synchronises: fences `exec`.
/// Source: D. M. Ando, C. Y. McLean, M. Berndl, "Improving phenotypic measurements in high-content imaging screens", 2017.
template <ExecutionSpace Exec, RealView<2> Profiles, IndexView<1> Label, IndexView<1> Compound, OptionalIndexView<1> Batch, IndexView<1> Predicted,
          RealView<0> Accuracy>
  requires AccessibleFrom<Exec, Profiles, Label, Compound, Batch, Predicted, Accuracy>
void nsc(Exec const& exec, Profiles const& profiles, Label const& label, Compound const& compound, Batch const& batch, Predicted const& predicted,
         Accuracy const& accuracy) {
  constexpr auto function = "ocellus::profiling::nsc";
  std::int64_t const rows = extent(profiles, 0);
  require_equal(function, {"label.extent(0)", extent(label, 0)}, {"profiles.extent(0)", rows});
  require_equal(function, {"compound.extent(0)", extent(compound, 0)}, {"profiles.extent(0)", rows});
  if constexpr (!std::is_same_v<Batch, None>) {
    if (is_present(batch)) require_equal(function, {"batch.extent(0)", extent(batch, 0)}, {"profiles.extent(0)", rows});
  }
  require_equal(function, {"predicted.extent(0)", extent(predicted, 0)}, {"profiles.extent(0)", rows});
  auto const indices   = make_tensor<std::int64_t**>(exec, "ocellus::profiling::nsc::indices", rows, 1);
  auto const distances = make_tensor<accumulate_of_t<Profiles>**>(exec, "ocellus::profiling::nsc::distances", rows, 1);
  // Both keys of a pair travel under one type.
  using Keys       = Kokkos::View<typename Compound::const_value_type*, typename Compound::array_layout, typename Compound::memory_space>;
  Keys const first = compound;
  Keys second;
  if constexpr (!std::is_same_v<Batch, None>) {
    if (is_present(batch)) {
      auto const copy = make_tensor<element_t<Compound>*>(exec, "ocellus::profiling::nsc::batch", rows);
      Kokkos::deep_copy(exec, copy, batch);
      second = copy;
    }
  }
  detail::nearest(exec, function, profiles, profiles, first, first, second, second, indices, distances, SimilarityMetric::cosine, true);
  using Indices = std::remove_const_t<decltype(indices)>;
  for_each_row(exec, "ocellus::profiling::nsc::labels", rows, detail::TakeLabels<TeamMember<Exec>, Indices, Label, Predicted>{indices, label, predicted});
  for_each_row(exec, "ocellus::profiling::nsc::accuracy", 1,
               detail::ShareRight<TeamMember<Exec>, Indices, Label, Predicted, Accuracy>{indices, label, predicted, accuracy});
  exec.fence(function);
}

/// Work on `rows` profiles of `features`.
[[nodiscard]] constexpr Cost nsc_cost(double rows, double features, double bytes_per_element) {
  return {.flops = 2 * rows * rows * features, .special = 0, .bytes_read = rows * features * bytes_per_element, .bytes_written = 8 * rows};
}

}  // namespace ocellus::profiling
