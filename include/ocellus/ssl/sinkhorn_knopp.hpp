// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/reduce.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/workspace.hpp>

namespace ocellus::ssl {

struct SinkhornKnoppOptions {
  double temperature      = 0.05;
  std::int64_t iterations = 3;
};

namespace detail {

/// exp((logits - largest) / temperature) in double, computed where it is needed; scales of rows and columns stand beside it.
template <class Logits>
struct KnoppMatrix {
  Logits logits;
  double* largest;  ///< (1)
  double *row_scale, *column_scale;
  double temperature;

  [[nodiscard]] KOKKOS_INLINE_FUNCTION double value(std::int64_t n, std::int64_t k) const {
    return Kokkos::exp((static_cast<double>(static_cast<accumulate_of_t<Logits>>(logits(n, k))) - *largest) / temperature);
  }
};

template <class Member, class Logits>
struct KnoppRowMaximum {
  KnoppMatrix<Logits> q;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t n) const {
    double most = -Kokkos::Experimental::infinity_v<double>;
    Kokkos::parallel_reduce(
        Kokkos::ThreadVectorRange(member, extent(q.logits, 1)),
        [&](std::int64_t const k, double& largest) {
          auto const x = static_cast<double>(static_cast<accumulate_of_t<Logits>>(q.logits(n, k)));
          largest      = x > largest || x != x ? x : largest;
        },
        Kokkos::Max<double>(most));
    Kokkos::single(Kokkos::PerThread(member), [&]() { q.row_scale[n] = most; });
  }
};

/// The largest of all, then scales of 1.
template <class Member, class Logits>
struct KnoppStart {
  KnoppMatrix<Logits> q;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t) const {
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      double most = -Kokkos::Experimental::infinity_v<double>;
      for (std::int64_t n = 0; n < extent(q.logits, 0); ++n) {
        double const x = q.row_scale[n];
        most           = x > most || x != x ? x : most;
        q.row_scale[n] = 1;
      }
      *q.largest = most;
    });
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(q.logits, 1)), [&](std::int64_t const k) { q.column_scale[k] = 1; });
  }
};

/// Each prototype to the sum 1/K; 16 a call.
template <class Member, class Logits>
struct KnoppColumns {
  KnoppMatrix<Logits> q;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t group) const {
    std::int64_t const first = group * 16, left = extent(q.logits, 1) - first;
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, left < 16 ? left : 16), [&](std::int64_t const offset) {
      std::int64_t const k = first + offset;
      auto const term      = [&](std::int64_t n) { return q.value(n, k) * q.row_scale[n]; };
      q.column_scale[k]    = 1.0 / (static_cast<double>(extent(q.logits, 1)) * ordered_sum<double>(extent(q.logits, 0), term));
    });
  }
};

/// Each sample to the sum 1/N, or the sums alone.
template <class Member, class Logits>
struct KnoppRows {
  KnoppMatrix<Logits> q;
  bool sums_alone;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t n) const {
    double sum = 0;
    Kokkos::parallel_reduce(
        Kokkos::ThreadVectorRange(member, extent(q.logits, 1)), [&](std::int64_t const k, double& total) { total += q.value(n, k) * q.column_scale[k]; }, sum);
    Kokkos::single(Kokkos::PerThread(member), [&]() { q.row_scale[n] = sums_alone ? sum : 1.0 / (static_cast<double>(extent(q.logits, 0)) * sum); });
  }
};

/// Without an iteration all that happens is the division by the sum.
template <class Member, class Logits>
struct KnoppWhole {
  KnoppMatrix<Logits> q;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t) const {
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      double const sum = ordered_sum<double>(extent(q.logits, 0), [&](std::int64_t n) { return q.row_scale[n]; });
      for (std::int64_t n = 0; n < extent(q.logits, 0); ++n) q.row_scale[n] = 1.0 / sum;
    });
  }
};

template <class Member, class Logits, class Assignment>
struct KnoppAssign {
  KnoppMatrix<Logits> q;
  Assignment assignment;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t n) const {
    double const scale = q.row_scale[n] * static_cast<double>(extent(q.logits, 0));
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, extent(q.logits, 1)), [&](std::int64_t const k) {
      assignment(n, k) = static_cast<element_t<Assignment>>(static_cast<accumulate_of_t<Assignment>>(q.value(n, k) * q.column_scale[k] * scale));
    });
  }
};

}  // namespace detail

/// Bytes of workspace that `sinkhorn_knopp` takes: one number a sample and a prototype.
template <ExecutionSpace Exec, RealView<2> Logits, RealView<2> Assignment>
[[nodiscard]] std::size_t sinkhorn_knopp_workspace_size(Exec const&, Logits const& logits, Assignment const&, SinkhornKnoppOptions const& = {}) {
  return workspace_bytes<double>(1) + workspace_bytes<double>(logits.extent(0)) + workspace_bytes<double>(logits.extent(1));
}

/// Soft assignments of samples to prototypes that use all prototypes alike: the teacher of DINOv2 and SwAV.
///
///     Q = exp((logits - max logits) / temperature) over its sum;   iterations times: columns to the sum 1/K, rows to the sum 1/N;   assignment = N Q
///
/// logits (N, K) -> assignment (N, K), whose rows sum to 1 after an iteration. The exponentials are computed again where they are needed, in double, and never
/// stored. A sample all of whose logits lie 745 temperatures or more below the largest of all gives NaN.
///
/// Errors: `std::invalid_argument` when the output does not fit, the temperature is not positive, or iterations is negative.
/// Error bound: 4 + 8 iterations machine epsilons of double times 1 + (max - logit) / temperature, plus the rounding of the output.
/// Determinism: a function of the logits: rows are summed in the order of core/reduce.hpp, prototypes in order (on devices in a fixed tree).
/// Allocates: nothing. Synchronises: no.
/// Source: M. Cuturi, arXiv 1306.0895; M. Caron et al., "Unsupervised learning of visual features by contrasting cluster assignments", arXiv 2006.09882.
template <ExecutionSpace Exec, RealView<2> Logits, RealView<2> Assignment>
  requires AccessibleFrom<Exec, Logits, Assignment>
void sinkhorn_knopp(Exec const& exec, Logits const& logits, Assignment const& assignment, SinkhornKnoppOptions const& options, WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::ssl::sinkhorn_knopp";
  require_equal(function, {"assignment.extent(0)", extent(assignment, 0)}, {"logits.extent(0)", extent(logits, 0)});
  require_equal(function, {"assignment.extent(1)", extent(assignment, 1)}, {"logits.extent(1)", extent(logits, 1)});
  require(options.temperature > 0, function, "temperature is ", options.temperature, " but must be positive");
  require(options.iterations >= 0, function, "iterations is ", options.iterations, " but must not be negative");
  if (logits.size() == 0) return;
  using Member            = TeamMember<Exec>;
  std::int64_t const rows = extent(logits, 0), columns = extent(logits, 1);
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  auto const take = [&](std::int64_t count) { return workspace.template take<double*>(function, count).data(); };
  detail::KnoppMatrix<Logits> const q{logits, take(1), take(rows), take(columns), options.temperature};
  for_each_row(exec, "ocellus::ssl::sinkhorn_knopp::maximum", rows, detail::KnoppRowMaximum<Member, Logits>{q});
  for_each_row(exec, "ocellus::ssl::sinkhorn_knopp::start", 1, detail::KnoppStart<Member, Logits>{q});
  for (std::int64_t i = 0; i < options.iterations; ++i) {
    for_each_row(exec, "ocellus::ssl::sinkhorn_knopp::columns", (columns + 15) / 16, detail::KnoppColumns<Member, Logits>{q});
    for_each_row(exec, "ocellus::ssl::sinkhorn_knopp::rows", rows, detail::KnoppRows<Member, Logits>{q, false});
  }
  if (options.iterations == 0) {
    for_each_row(exec, "ocellus::ssl::sinkhorn_knopp::rows", rows, detail::KnoppRows<Member, Logits>{q, true});
    for_each_row(exec, "ocellus::ssl::sinkhorn_knopp::whole", 1, detail::KnoppWhole<Member, Logits>{q});
  }
  for_each_row(exec, function, rows, detail::KnoppAssign<Member, Logits, Assignment>{q, assignment});
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, RealView<2> Logits, RealView<2> Assignment>
  requires AccessibleFrom<Exec, Logits, Assignment>
void sinkhorn_knopp(Exec const& exec, Logits const& logits, Assignment const& assignment, SinkhornKnoppOptions const& options) {
  WorkspaceFor<Exec> workspace(exec, sinkhorn_knopp_workspace_size(exec, logits, assignment, options));
  sinkhorn_knopp(exec, logits, assignment, options, workspace);
  exec.fence("ocellus::ssl::sinkhorn_knopp");
}

/// Work of `iterations` iterations on `samples` x `prototypes`.
[[nodiscard]] constexpr Cost sinkhorn_knopp_cost(double samples, double prototypes, double iterations, double bytes_per_element) {
  double const all = samples * prototypes;
  return {.flops         = (4 * iterations + 3) * all,
          .special       = (2 * iterations + 1) * all,
          .bytes_read    = all * bytes_per_element,
          .bytes_written = all * bytes_per_element};
}

}  // namespace ocellus::ssl
