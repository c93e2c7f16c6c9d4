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

namespace detail {

/// log(1 + exp(x)) without overflow.
KOKKOS_INLINE_FUNCTION double soft_plus(double x) { return (x > 0 ? x : 0.0) + Kokkos::log1p(Kokkos::exp(x > 0 ? -x : x)); }

template <class Member, class Logits, class Label>
struct TimeOrderRows {
  Logits logits;
  Label label;
  double* terms;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t n) const {
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      std::int64_t const right = static_cast<std::int64_t>(label(n));
      double const margin      = right == 0 || right == 1 ? static_cast<double>(logits(n, 1 - right)) - static_cast<double>(logits(n, right))
                                                          : Kokkos::Experimental::quiet_NaN_v<double>;
      terms[n]                 = (margin == margin ? soft_plus(margin) : margin) / static_cast<double>(extent(logits, 0));
    });
  }
};

template <class Member, class Logits, class Label, class Gradient>
struct TimeOrderGradient {
  Logits logits;
  Label label;
  Gradient gradient;

  KOKKOS_FUNCTION void operator()(Member const& member, std::int64_t n) const {
    using Real = accumulate_of_t<Gradient>;
    Kokkos::single(Kokkos::PerThread(member), [&]() {
      std::int64_t const right = static_cast<std::int64_t>(label(n));
      bool const is_label      = right == 0 || right == 1;
      double const margin =
          is_label ? static_cast<double>(logits(n, 1 - right)) - static_cast<double>(logits(n, right)) : Kokkos::Experimental::quiet_NaN_v<double>;
      double const wrong = 1.0 / (1.0 + Kokkos::exp(-margin)) / static_cast<double>(extent(logits, 0));
      for (std::int64_t k = 0; k < 2; ++k) gradient(n, k) = static_cast<element_t<Gradient>>(static_cast<Real>(k == right ? -wrong : wrong));
    });
  }
};

template <class Logits, class Label>
void check_time_order(char const* function, Logits const& logits, Label const& label) {
  require(extent(logits, 1) == 2, function, "logits.extent(1) is ", extent(logits, 1), " but must be 2: in order, swapped");
  require_equal(function, {"label.extent(0)", extent(label, 0)}, {"logits.extent(0)", extent(logits, 0)});
}

}  // namespace detail

/// Bytes of workspace that `time_order_loss` takes.
template <ExecutionSpace Exec, RealView<2> Logits, IndexView<1> Label, RealView<0> Loss>
[[nodiscard]] std::size_t time_order_loss_workspace_size(Exec const&, Logits const& logits, Label const&, Loss const&) {
  return workspace_bytes<double>(logits.extent(0)) + workspace_bytes<double>((logits.extent(0) + reduction_block - 1) / reduction_block);
}

/// Are two frames in order or swapped?
///
///     loss = mean_n -log softmax(logits[n])[label[n]]
///
/// logits (N, 2), label (N), 0: in order, 1: swapped -> loss (). No rows: 0. Another label gives NaN.
///
/// Errors: `std::invalid_argument` when the logits have not two columns, or the lengths differ.
/// Error bound: 4 machine epsilons of double, relative to the sum of absolute terms, plus the rounding of the loss.
/// Determinism: rows are summed by the tree of core/reduce.hpp. Allocates: nothing. Synchronises: no.
/// Source: I. Misra, C. L. Zitnick, M. Hebert, "Shuffle and learn", arXiv 1603.08561.
template <ExecutionSpace Exec, RealView<2> Logits, IndexView<1> Label, RealView<0> Loss>
  requires AccessibleFrom<Exec, Logits, Label, Loss>
void time_order_loss(Exec const& exec, Logits const& logits, Label const& label, Loss const& loss, WorkspaceFor<Exec>& workspace) {
  constexpr auto function = "ocellus::ssl::time_order_loss";
  detail::check_time_order(function, logits, label);
  typename WorkspaceFor<Exec>::Scope const scope(workspace);
  auto const terms = workspace.template take<double*>(function, extent(logits, 0));
  for_each_row(exec, function, extent(logits, 0), detail::TimeOrderRows<TeamMember<Exec>, Logits, Label>{logits, label, terms.data()});
  sum(exec, terms, loss, workspace);
}

/// The same; allocates its workspace and fences `exec` before it returns.
template <ExecutionSpace Exec, RealView<2> Logits, IndexView<1> Label, RealView<0> Loss>
  requires AccessibleFrom<Exec, Logits, Label, Loss>
void time_order_loss(Exec const& exec, Logits const& logits, Label const& label, Loss const& loss) {
  WorkspaceFor<Exec> workspace(exec, time_order_loss_workspace_size(exec, logits, label, loss));
  time_order_loss(exec, logits, label, loss, workspace);
  exec.fence("ocellus::ssl::time_order_loss");
}

/// The gradient of `time_order_loss`: (softmax(logits[n]) - [k = label[n]]) / N.
///
/// logits (N, 2), label (N) -> logits_gradient (N, 2). A label that is neither 0 nor 1 gives NaN.
///
/// Errors: as `time_order_loss`; when the gradient does not fit.
/// Error bound: 4 machine epsilons of double, plus the rounding of the output.
/// Determinism: a row's bits depend on that row alone. Allocates: nothing. Synchronises: no.
template <ExecutionSpace Exec, RealView<2> Logits, IndexView<1> Label, RealView<2> LogitsGradient>
  requires AccessibleFrom<Exec, Logits, Label, LogitsGradient>
void time_order_loss_backward(Exec const& exec, Logits const& logits, Label const& label, LogitsGradient const& logits_gradient) {
  constexpr auto function = "ocellus::ssl::time_order_loss_backward";
  detail::check_time_order(function, logits, label);
  require_equal(function, {"logits_gradient.extent(0)", extent(logits_gradient, 0)}, {"logits.extent(0)", extent(logits, 0)});
  require_equal(function, {"logits_gradient.extent(1)", extent(logits_gradient, 1)}, {"logits.extent(1)", extent(logits, 1)});
  for_each_row(exec, function, extent(logits, 0), detail::TimeOrderGradient<TeamMember<Exec>, Logits, Label, LogitsGradient>{logits, label, logits_gradient});
}

/// Work of `time_order_loss` and its gradient on `rows` rows.
[[nodiscard]] constexpr Cost time_order_loss_cost(double rows, double bytes_per_element) {
  return {.flops = 4 * rows, .special = 2 * rows, .bytes_read = rows * (2 * bytes_per_element + 8), .bytes_written = bytes_per_element};
}

}  // namespace ocellus::ssl
