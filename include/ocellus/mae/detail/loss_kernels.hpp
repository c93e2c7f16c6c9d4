// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/reduce.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>

namespace ocellus::mae::detail {

/// What a loss is divided by: a number given, or one that a kernel counted.
struct Divisor {
  double given          = 0;
  double const* counted = nullptr;

  [[nodiscard]] KOKKOS_INLINE_FUNCTION double value() const { return counted == nullptr ? given : *counted; }
};

template <class Member, class Mask, class Counts>
struct CountHidden {
  Mask mask;
  Counts counts;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t n) const {
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      std::int64_t count = 0;
      for (std::int64_t t = 0; t < extent(mask, 1); ++t) count += mask(n, t) != 0 ? 1 : 0;
      counts(n) = static_cast<double>(count);
    });
  }
};

template <class Member, class Counts>
struct TotalHidden {
  Counts counts;
  double* total;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t) const {
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      double sum = 0;
      for (std::int64_t n = 0; n < extent(counts, 0); ++n) sum += counts(n);
      *total = sum;
    });
  }
};

/// The sum of an image's terms, in the order of core/reduce.hpp.
template <class Member, class Terms, class Sums>
struct SumImage {
  Terms terms;
  Sums sums;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t n) const {
    Kokkos::single(Kokkos::PerThread(member), [&]() { sums(n) = ordered_sum<double>(extent(terms, 1), [&](std::int64_t t) { return terms(n, t); }); });
  }
};

/// loss (+)= the images' sums over the divisor, one chain in the order of the images. A second sum may be mixed in.
template <class Member, class Sums, class Loss>
struct ChainLoss {
  Sums sums, more;  ///< more: null, or as many
  Loss loss;
  Divisor divisor;
  double weight, more_weight;
  bool accumulate;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t) const {
    using Real = accumulate_of_t<Loss>;
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      Real total      = accumulate ? static_cast<Real>(loss()) : Real(0);
      double const by = divisor.value();
      for (std::int64_t n = 0; n < extent(sums, 0) && by > 0; ++n) {
        double image = weight * (sums(n) / by);
        if (is_present(more)) image += more_weight * (more(n) / by);
        total += static_cast<Real>(image);
      }
      loss() = static_cast<element_t<Loss>>(total);
    });
  }
};

/// The divisor: as given, or counted by kernels into the workspace.
template <ExecutionSpace Exec, class Mask>
[[nodiscard]] Divisor hidden_divisor(Exec const& exec, char const* function, Mask const& mask, double given, WorkspaceFor<Exec>& workspace) {
  auto const counts = workspace.template take<double*>(function, extent(mask, 0));
  auto const total  = workspace.template take<double*>(function, 1);
  using Line        = std::remove_const_t<decltype(counts)>;
  if (given > 0) return {given, nullptr};
  for_each_row(exec, "ocellus::mae::count_hidden", extent(mask, 0), CountHidden<TeamMember<Exec>, Mask, Line>{mask, counts});
  for_each_row(exec, "ocellus::mae::count_hidden::total", 1, TotalHidden<TeamMember<Exec>, Line>{counts, total.data()});
  return {0, total.data()};
}

[[nodiscard]] inline std::size_t divisor_bytes(std::size_t images) { return workspace_bytes<double>(images) + workspace_bytes<double>(1); }

/// terms (N, L) -> sums (N).
template <ExecutionSpace Exec, class Terms, class Sums>
void sum_images(Exec const& exec, Terms const& terms, Sums const& sums) {
  for_each_row(exec, "ocellus::mae::sum_images", extent(terms, 0), SumImage<TeamMember<Exec>, Terms, Sums>{terms, sums});
}

template <ExecutionSpace Exec, class Sums, class Loss>
void chain_loss(Exec const& exec, Sums const& sums, double weight, Sums const& more, double more_weight, Loss const& loss, Divisor const& divisor,
                bool accumulate) {
  for_each_row(exec, "ocellus::mae::chain_loss", 1, ChainLoss<TeamMember<Exec>, Sums, Loss>{sums, more, loss, divisor, weight, more_weight, accumulate});
}

}  // namespace ocellus::mae::detail
