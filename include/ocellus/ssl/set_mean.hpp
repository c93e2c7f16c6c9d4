// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>

namespace ocellus::ssl {

namespace detail {

/// One set a call: the rows that bear its number, in order.
template <class Member, class Embeddings, class Set, class Mean>
struct MeanOfSet {
  Embeddings embeddings;
  Set set;
  Mean mean;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t g) const {
    using Real               = accumulate_of_t<Mean>;
    std::int64_t const width = extent(mean, 1);
    std::int64_t count       = 0;
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, width), [&](std::int64_t const d) { mean(g, d) = static_cast<element_t<Mean>>(Real(0)); });
    for (std::int64_t i = 0; i < extent(set, 0); ++i) {
      if (static_cast<std::int64_t>(set(i)) != g) continue;
      ++count;
      Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, width), [&](std::int64_t const d) { mean(g, d) += static_cast<Real>(embeddings(i, d)); });
    }
    if (count > 1) Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, width), [&](std::int64_t const d) { mean(g, d) /= static_cast<Real>(count); });
  }
};

template <class Member, class Set>
struct CountSet {
  Set set;
  std::int64_t* counts;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t g) const {
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      std::int64_t count = 0;
      for (std::int64_t i = 0; i < extent(set, 0); ++i) count += static_cast<std::int64_t>(set(i)) == g ? 1 : 0;
      counts[g] = count;
    });
  }
};

template <class Member, class MeanGradient, class Set, class Gradient>
struct SpreadSet {
  MeanGradient mean_gradient;
  Set set;
  Gradient gradient;
  std::int64_t const* counts;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t i) const {
    using Real           = accumulate_of_t<Gradient>;
    std::int64_t const g = static_cast<std::int64_t>(set(i));
    bool const belongs   = g >= 0 && g < extent(mean_gradient, 0);
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(gradient, 1)), [&](std::int64_t const d) {
      gradient(i, d) = static_cast<element_t<Gradient>>(belongs ? static_cast<Real>(mean_gradient(g, d)) / static_cast<Real>(counts[g]) : Real(0));
    });
  }
};

}  // namespace detail

/// The mean embedding of each set of cells.
///
///     mean[g] = mean of embeddings[i] over set[i] = g
///
/// embeddings (n, D), set (n) in 0..G-1, in any order -> mean (G, D) of float or double; a set without rows has the mean 0. A number out of range belongs to no set.
///
/// Errors: `std::invalid_argument` when set is not as long as embeddings has rows, or the widths differ.
/// Error bound: 1 machine epsilon of the output a row of the set, relative to the mean of absolute values.
/// Determinism: a set's rows enter in their order. Allocates: nothing. Synchronises: no.
/// Source: set-level aggregation of Set-DINO, arXiv 2406.05308.
template <ExecutionSpace Exec, RealView<2> Embeddings, IndexView<1> Set, RealView<2> Mean>
  requires AccessibleFrom<Exec, Embeddings, Set, Mean> && RealScalar<element_t<Mean>>
void set_mean(Exec const& exec, Embeddings const& embeddings, Set const& set, Mean const& mean) {
  constexpr auto function = "ocellus::ssl::set_mean";
  require_equal(function, {"set.extent(0)", extent(set, 0)}, {"embeddings.extent(0)", extent(embeddings, 0)});
  require_equal(function, {"mean.extent(1)", extent(mean, 1)}, {"embeddings.extent(1)", extent(embeddings, 1)});
  for_each_row(exec, function, extent(mean, 0), detail::MeanOfSet<TeamMember<Exec>, Embeddings, Set, Mean>{embeddings, set, mean});
}

/// Bytes of workspace that `set_mean_backward` takes: the number of rows of each set.
template <ExecutionSpace Exec, RealView<2> MeanGradient, IndexView<1> Set, RealView<2> EmbeddingsGradient>
[[nodiscard]] std::size_t set_mean_backward_workspace_size(Exec const&, MeanGradient const& mean_gradient, Set const&, EmbeddingsGradient const&) {
  return workspace_bytes<std::int64_t>(mean_gradient.extent(0));
}

/// The gradient of `set_mean`: that of a row's set over the number of its rows.
///
/// mean_gradient (G, D), set (n) -> embeddings_gradient (n, D); zero where the number is out of range.
///
/// Errors: `std::invalid_argument` when the extents differ.
/// Error bound: 1 machine epsilon of the accumulation type, plus the rounding of the output.
/// Determinism: exact counts. Allocates: nothing. Synchronises: no.
template <ExecutionSpace Exec, RealView<2> MeanGradient, IndexView<1> Set, RealView<2> EmbeddingsGradient>
  requires AccessibleFrom<Exec, MeanGradient, Set, EmbeddingsGradient>
void set_mean_backward(Exec const& exec, MeanGradient const& mean_gradient, Set const& set, EmbeddingsGradient const& embeddings_gradient,
                       WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::ssl::set_mean_backward";
  require_equal(function, {"set.extent(0)", extent(set, 0)}, {"embeddings_gradient.extent(0)", extent(embeddings_gradient, 0)});
  require_equal(function, {"embeddings_gradient.extent(1)", extent(embeddings_gradient, 1)}, {"mean_gradient.extent(1)", extent(mean_gradient, 1)});
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  auto const counts = workspace.template take<std::int64_t*>(function, extent(mean_gradient, 0));
  for_each_row(exec, "ocellus::ssl::set_mean_backward::count", extent(mean_gradient, 0), detail::CountSet<TeamMember<Exec>, Set>{set, counts.data()});
  for_each_row(exec, function, extent(set, 0),
               detail::SpreadSet<TeamMember<Exec>, MeanGradient, Set, EmbeddingsGradient>{mean_gradient, set, embeddings_gradient, counts.data()});
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, RealView<2> MeanGradient, IndexView<1> Set, RealView<2> EmbeddingsGradient>
  requires AccessibleFrom<Exec, MeanGradient, Set, EmbeddingsGradient>
void set_mean_backward(Exec const& exec, MeanGradient const& mean_gradient, Set const& set, EmbeddingsGradient const& embeddings_gradient) {
  WorkspaceFor<Exec> workspace(exec, set_mean_backward_workspace_size(exec, mean_gradient, set, embeddings_gradient));
  set_mean_backward(exec, mean_gradient, set, embeddings_gradient, workspace);
  exec.fence("ocellus::ssl::set_mean_backward");
}

/// Work of `set_mean` on `rows` rows.
[[nodiscard]] constexpr Cost set_mean_cost(double rows, double sets, double width, double bytes_per_element) {
  return {
      .flops = 3 * rows * width, .special = rows, .bytes_read = rows * width * bytes_per_element + rows * 8, .bytes_written = sets * width * bytes_per_element};
}

}  // namespace ocellus::ssl
